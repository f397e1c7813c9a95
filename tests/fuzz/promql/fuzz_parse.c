// What is printed of an expression parses again, and prints as the same text.
//
// The input is the text itself, parsed with every feature on; what doesn't parse only must not
// crash or leak.
#include <assert.h>
#include <stdio.h>

#include "base/buf.h"
#include "promql/promql.h"

static int print_parsed(struct str text, struct buf *out, struct error *err)
{
    struct arena arena;
    struct promql_expr *e;
    arena_init(&arena, 0);
    int rc = promql_parse(&e, text, ~0U, &arena, err);
    if (rc == 0) {
        promql_print(out, e);
        promql_expr_free(e);
    }
    arena_release(&arena);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf first = BUF_INIT, second = BUF_INIT;
    struct error err = {0};
    if (print_parsed((struct str){(const char *)data, size}, &first, &err) == 0) {
        int rc = print_parsed(buf_view(&first), &second, &err);
        bool same = rc == 0 && str_eq(buf_view(&first), buf_view(&second));
        if (!same)
            fprintf(stderr, "printed: %s\nagain:   %s\n", buf_text(&first),
                    rc ? err.text : buf_text(&second));
        assert(same);
    }
    buf_release(&first);
    buf_release(&second);
    return 0;
}
