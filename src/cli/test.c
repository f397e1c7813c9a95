#include "cli/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/script.h"

#define SCRIPT_SIZE_MAX ((size_t)64 << 20)

static int test_promql(int count, char **files)
{
    struct script_counts counts = {0};
    for (int i = 0; i < count; i++) {
        struct buf text = BUF_INIT;
        struct error err;
        if (file_read(files[i], SCRIPT_SIZE_MAX, &text, &err)) {
            printf("%s\n", err.text);
            counts.failed++;
        } else {
            script_run(files[i], buf_view(&text), &counts);
        }
        buf_release(&text);
    }
    printf("%" PRIu64 " passed, %" PRIu64 " failed\n", counts.passed, counts.failed);
    return counts.failed > 0;
}

int cli_test(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[0], "promql") == 0)
        return test_promql(argc - 1, argv + 1);
    fputs("usage: lapwing test promql FILE...\n", stderr);
    return 2;
}
