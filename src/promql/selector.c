#include "promql/selector.h"

#include "base/mem.h"
#include "parse.h"

int promql_parse_selector(struct str text, struct matcher **out, size_t *count, struct error *err)
{
    struct arena arena;
    struct promql_expr *e;
    arena_init(&arena, 0);
    int rc = promql_parse(&e, text, 0, &arena, err);
    if (rc == OK && (e->kind != EXPR_SELECTOR || e->selector.modifiers.offset ||
                     e->selector.modifiers.at != AT_NONE)) {
        promql_expr_free(e);
        rc = syntax_error(err, text, 0, "expected a series selector such as up{job=\"x\"}");
    }
    if (rc == OK) {
        // The matchers' own texts are on the heap: they move over to the caller.
        *count = e->selector.matcher_count;
        *out = mem_calloc(*count, sizeof(**out));
        memcpy(*out, e->selector.matchers, *count * sizeof(**out));
    }
    arena_release(&arena);
    return rc;
}
