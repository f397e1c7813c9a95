// Runs a fuzz driver over the files of its corpus, without libFuzzer: what plain ctest does.
//
//     driver [-runs=0] FILE|FOLDER...
#include <assert.h>

#include "base/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs_run;

static int run_file(const char *path)
{
    struct buf bytes = BUF_INIT;
    struct error err;
    int rc = file_read(path, (size_t)64 << 20, &bytes, &err);
    if (rc == 0) {
        // An exact copy, so that a sanitizer sees the first byte read past the end.
        uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
        assert(copy);
        if (bytes.len)
            memcpy(copy, bytes.ptr, bytes.len);
        LLVMFuzzerTestOneInput(copy, bytes.len);
        free(copy);
        inputs_run++;
    }
    buf_release(&bytes);
    return rc;
}

static int run_entry(void *folder, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", (const char *)folder, name);
    int rc = run_file(buf_text(&path));
    buf_release(&path);
    return rc;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct error err;
        if (argv[i][0] == '-')
            continue;
        if (dir_each(argv[i], run_entry, argv[i], &err) != 0 && run_file(argv[i]) != 0) {
            fprintf(stderr, "%s: cannot be read\n", argv[i]);
            return 1;
        }
    }
    if (inputs_run == 0) {
        fprintf(stderr, "no input was run\n");
        return 1;
    }
    printf("%zu inputs\n", inputs_run);
    return 0;
}
