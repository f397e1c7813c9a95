// Validation of rules without running them.
#include "alerting/rule_manager.h"
#include "alerting/template.h"

static int check_templates(const struct rule_group_config *g, const struct rule_config *r,
                           const struct template_set *set, struct labels texts, const char *what,
                           struct error *err)
{
    for (size_t i = 0; i < texts.count; i++) {
        struct error inner;
        if (template_check(set, texts.items[i].value, "__alert", &inner) == OK)
            continue;
        return error_set_at(err, ERR_INVALID, r->line, 1,
                            "%.*s:%d:1: group \"%.*s\", rule \"%.*s\": %s \"%.*s\": %s",
                            STR_ARG(g->file), r->line, STR_ARG(g->name), STR_ARG(r->name), what,
                            STR_ARG(texts.items[i].name), inner.text);
    }
    return OK;
}

// Where in the file a position of the expression is. One of another type than a rule can use is sound
// all the same, as in Prometheus: the rule fails when it is evaluated, the others of the file don't.
static int check_expr(const struct rule_group_config *g, const struct rule_config *r,
                      unsigned features, struct arena *arena, struct error *err)
{
    struct promql_expr *e;
    struct error inner;
    if (promql_parse(&e, r->expr, features, arena, &inner) == OK) {
        promql_expr_free(e);
        return OK;
    }
    int line = r->expr_line + inner.line - 1;
    int column = inner.line == 1 ? r->expr_column + inner.column - 1 : inner.column;
    return error_set_at(err, ERR_INVALID, line, column,
                        "%.*s:%d:%d: group \"%.*s\", rule \"%.*s\": could not parse expression: %s",
                        STR_ARG(g->file), line, column, STR_ARG(g->name), STR_ARG(r->name),
                        inner.text);
}

int rules_check(const struct rules_config *rules, unsigned features, struct error *err)
{
    struct template_set *set = template_set_new(TEMPLATE_RULE);
    struct arena arena;
    int rc = OK;
    arena_init(&arena, 0);
    for (size_t i = 0; i < rules->group_count && rc == OK; i++) {
        const struct rule_group_config *g = &rules->groups[i];
        for (size_t r = 0; r < g->rule_count && rc == OK; r++) {
            const struct rule_config *rule = &g->rules[r];
            rc = check_expr(g, rule, features, &arena, err);
            if (rc == OK && rule->is_alert)
                rc = check_templates(g, rule, set, rule->labels, "label", err);
            if (rc == OK && rule->is_alert)
                rc = check_templates(g, rule, set, rule->annotations, "annotation", err);
            arena_reset(&arena);
        }
    }
    arena_release(&arena);
    template_set_free(set);
    return rc;
}
