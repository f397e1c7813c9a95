#include "cli/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/options.h"
#include "cli/rule_test.h"
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

// promtool takes --junit before the word `rules`, too: it is moved behind it.
static int test_rules(int argc, char **argv, int word)
{
    for (int i = word; i > 0; i--)
        argv[i] = argv[i - 1];
    return cli_test_rules(argc - 1, argv + 1);
}

static int usage(FILE *out)
{
    fputs("usage: lapwing test promql FILE...\n", out);
    cli_test_rules_usage(out);
    return 2;
}

int cli_test(int argc, char **argv)
{
    if (cli_help_wanted(argc, argv))
        return usage(stdout), 0;
    if (argc > 1 && strcmp(argv[0], "promql") == 0)
        return test_promql(argc - 1, argv + 1);
    for (int i = 0; i < argc && (i == 0 || str_has_prefix(str_from(argv[0]), STR("--junit"))); i++)
        if (strcmp(argv[i], "rules") == 0)
            return test_rules(argc, argv, i);
    return usage(stderr);
}
