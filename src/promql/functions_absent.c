// absent() and absent_over_time(): 1 where there is nothing, with the labels that are known.
#include "eval.h"
#include "families.h"

struct seen {
    uint8_t *steps;
    size_t count;
};

static int see_row(void *context, struct row *row)
{
    struct seen *seen = context;
    for (size_t i = 0; i < seen->count; i++)
        seen->steps[i] |= row->present[i];
    return 0;
}

// The labels that a selector matches by equality, each once: one that has two matchers is unknown.
static struct labels known_labels(struct arena *a, const struct promql_expr *arg)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    if (arg->kind != EXPR_SELECTOR && arg->kind != EXPR_MATRIX)
        return labels_builder_finish(&b);
    const struct selector *s = &arg->selector;
    for (size_t i = 0; i < s->matcher_count; i++) {
        const struct matcher *m = &s->matchers[i];
        if (str_is(m->name, LABEL_METRIC_NAME))
            continue;
        bool again = false;
        for (size_t j = 0; j < i && !again; j++)
            again = s->matchers[j].type == MATCH_EQUAL && str_eq(s->matchers[j].name, m->name);
        if (m->type == MATCH_EQUAL && !again)
            labels_builder_set(&b, m->name, m->value);
        else
            labels_builder_del(&b, m->name);
    }
    return labels_builder_finish(&b);
}

static int push_unseen(struct eval *ev, const struct plan_node *node, const struct seen *seen,
                       struct value *out)
{
    struct row row;
    struct labels labels = known_labels(ev->arena, expr_unwrap(node->expr->call.args[0]));
    int rc = row_init(ev, &row, labels, seen->count);
    if (rc)
        return rc;
    for (size_t i = 0; i < seen->count; i++) {
        row.values[i] = 1;
        row.present[i] = !seen->steps[i];
    }
    if (!row_is_empty(&row, seen->count))
        vector_push(ev, &out->vector, &row);
    return eval_hold(ev, row_point_count(&row, seen->count));
}

int absent_absent(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct seen seen = {arena_calloc(ev->arena, node->grid->count, 1), node->grid->count};
    int rc = eval_stream(ev, node->call.args[0], see_row, &seen);
    return rc ? rc : push_unseen(ev, node, &seen, out);
}

int absent_over_time(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct seen seen = {arena_calloc(ev->arena, node->grid->count, 1), node->grid->count};
    int rc = stream_windows(ev, node, range_present, see_row, &seen);
    return rc ? rc : push_unseen(ev, node, &seen, out);
}
