// What is printed of an expression parses again, as the same tree (but for the order of matchers,
// which are printed sorted) that prints as the same text.
//
// The input is the text itself, parsed with every feature on; what doesn't parse only must not
// crash or leak.
#include <assert.h>
#include <stdio.h>

#include "base/buf.h"
#include "promql/promql.h"

static int print_parsed(struct str text, struct buf *out, struct buf *tree, struct error *err)
{
    struct arena arena;
    struct promql_expr *e;
    arena_init(&arena, 0);
    int rc = promql_parse(&e, text, ~0U, &arena, err);
    if (rc == 0) {
        promql_print(out, e);
        promql_print_tree(tree, e);
        promql_expr_free(e);
    }
    arena_release(&arena);
    return rc;
}

// The same bytes in any order.
static bool are_permutations(struct str a, struct str b)
{
    size_t counts[256] = {0};
    for (size_t i = 0; i < a.len; i++)
        counts[(uint8_t)a.ptr[i]]++;
    for (size_t i = 0; i < b.len; i++)
        counts[(uint8_t)b.ptr[i]]--;
    for (size_t i = 0; i < 256; i++)
        if (counts[i])
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf text[2] = {BUF_INIT, BUF_INIT}, tree[2] = {BUF_INIT, BUF_INIT};
    struct error err = {0};
    if (print_parsed((struct str){(const char *)data, size}, &text[0], &tree[0], &err) == 0) {
        int rc = print_parsed(buf_view(&text[0]), &text[1], &tree[1], &err);
        bool same = rc == 0 && str_eq(buf_view(&text[0]), buf_view(&text[1])) &&
                    are_permutations(buf_view(&tree[0]), buf_view(&tree[1]));
        if (!same)
            fprintf(stderr, "printed: %s\nagain:   %s\n%s\n%s\n", buf_text(&text[0]),
                    rc ? err.text : buf_text(&text[1]), buf_text(&tree[0]), buf_text(&tree[1]));
        assert(same);
    }
    for (int i = 0; i < 2; i++) {
        buf_release(&text[i]);
        buf_release(&tree[i]);
    }
    return 0;
}
