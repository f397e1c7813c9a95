// quantile and count_values: aggregations that need all values of a step.
#include <math.h>

#include "aggregate.h"
#include "base/float_text.h"
#include "base/mem.h"
#include "operators.h"
#include "window.h"

void grouping_init(struct grouping *g, struct eval *ev, const struct plan_node *n,
                   const struct vector *v)
{
    label_index_init(&g->groups);
    g->of = arena_array(ev->arena, v->count, sizeof(*g->of));
    g->sizes = arena_calloc(ev->arena, v->count, sizeof(*g->sizes));
    for (size_t i = 0; i < v->count; i++) {
        g->of[i] =
            label_index_filtered(&g->groups, ev->arena, &n->aggregate.filter, v->rows[i].labels);
        g->sizes[g->of[i]]++;
    }
    size_t *next = arena_array(ev->arena, v->count + 1, sizeof(*next));
    g->starts = arena_array(ev->arena, v->count + 1, sizeof(*g->starts));
    g->members = arena_array(ev->arena, v->count, sizeof(*g->members));
    size_t start = 0;
    for (size_t i = 0; i < g->groups.count; i++) {
        next[i] = g->starts[i] = start;
        start += g->sizes[i];
    }
    for (size_t i = 0; i < v->count; i++)
        g->members[next[g->of[i]]++] = (uint32_t)i;
}

void grouping_release(struct grouping *g)
{
    label_index_release(&g->groups);
}

struct param_range param_range(const struct value *param, size_t step_count)
{
    struct param_range r = {.min = INFINITY, .max = -INFINITY};
    for (size_t i = 0; i < step_count; i++) {
        double value = scalar_at(param, i);
        r.has_nan = r.has_nan || isnan(value);
        r.min = float_min(r.min, value);
        r.max = float_max(r.max, value);
    }
    return r;
}

// The values of some series, gathered step by step.
static void quantile_steps(const struct vector *v, const uint32_t *members, size_t member_count,
                           const struct value *q, double *values, size_t step_count,
                           struct row *row)
{
    for (size_t i = 0; i < step_count; i++) {
        size_t count = 0;
        for (size_t m = 0; m < member_count; m++)
            if (v->rows[members[m]].present[i])
                values[count++] = v->rows[members[m]].values[i];
        row->present[i] = count > 0;
        if (count)
            row->values[i] = quantile_of(scalar_at(q, i), values, count);
    }
    for (size_t m = 0; m < member_count; m++)
        row->drop_name = row->drop_name || v->rows[members[m]].drop_name;
}

static int quantile_groups(struct eval *ev, const struct plan_node *n, const struct vector *v,
                           const struct value *q, struct vector *out)
{
    struct grouping g;
    grouping_init(&g, ev, n, v);
    double *values = mem_alloc((v->count + 1) * sizeof(*values));
    int rc = 0;
    for (size_t group = 0; group < g.groups.count && rc == 0; group++) {
        struct row row;
        if ((rc = eval_check(ev)) ||
            (rc = row_init(ev, &row, g.groups.sets[group], n->grid->count)))
            break;
        quantile_steps(v, g.members + g.starts[group], g.sizes[group], q, values, n->grid->count,
                       &row);
        vector_push(ev, out, &row);
        rc = eval_hold(ev, row_point_count(&row, n->grid->count));
    }
    mem_free(values);
    grouping_release(&g);
    return rc;
}

int aggregate_quantile(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct value q;
    struct vector v;
    int rc = eval_scalar(ev, n->aggregate.param, &q);
    if (rc || (rc = eval_vector(ev, n->aggregate.inner, &v)))
        return rc;
    struct position position = n->aggregate.param->position;
    struct param_range r = param_range(&q, n->grid->count);
    if (r.has_nan)
        annotate_quantile(&ev->annotations, NAN, position);
    if (r.max > 1)
        annotate_quantile(&ev->annotations, r.max, position);
    if (r.min < 0)
        annotate_quantile(&ev->annotations, r.min, position);
    return quantile_groups(ev, n, &v, &q, out);
}

struct counting {
    struct eval *ev;
    const struct plan_node *node;
    struct label_filter filter; // the node's, with the new label
    struct label_index index;
    struct vector *out;
};

// The row that counts `value` in the group of `labels`.
static int count_row(struct counting *c, struct labels labels, double value, uint32_t *out)
{
    char text[FLOAT_TEXT_SIZE];
    size_t len = float_format(value, FLOAT_F, text);
    struct labels_builder b;
    labels_builder_init(&b, c->ev->arena, labels);
    labels_builder_set(&b, c->node->aggregate.param->string,
                       arena_copy(c->ev->arena, str_make(text, len)));
    *out = label_index_filtered(&c->index, c->ev->arena, &c->filter, labels_builder_finish(&b));
    if (*out < c->out->count)
        return 0;
    struct row row;
    int rc = row_init(c->ev, &row, c->index.sets[*out], c->node->grid->count);
    if (rc == 0)
        vector_push(c->ev, c->out, &row);
    return rc;
}

static int count_series(void *context, struct row *row)
{
    struct counting *c = context;
    uint32_t at = 0;
    uint64_t last = 0;
    bool any = false;
    for (size_t i = 0; i < c->node->grid->count; i++) {
        if (!row->present[i])
            continue;
        if (!any || double_bits(row->values[i]) != last) {
            int rc = count_row(c, row->labels, row->values[i], &at);
            if (rc)
                return rc;
            last = double_bits(row->values[i]);
            any = true;
        }
        struct row *counts = &c->out->rows[at];
        counts->values[i] = counts->present[i] ? counts->values[i] + 1 : 1;
        counts->present[i] = 1;
    }
    return 0;
}

// The labels to keep, with the new one in its place.
static struct label_filter with_label(struct eval *ev, const struct label_filter *f,
                                      struct str name)
{
    struct label_filter wider = *f;
    if (!f->keep)
        return wider;
    struct str *names = arena_array(ev->arena, f->name_count + 1, sizeof(*names));
    size_t at = 0, count = 0;
    while (at < f->name_count && str_cmp(f->names[at], name) < 0)
        names[count++] = f->names[at++];
    names[count++] = name;
    while (at < f->name_count)
        names[count++] = f->names[at++];
    wider.names = names;
    wider.name_count = count;
    return wider;
}

int aggregate_count_values(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct str name = n->aggregate.param->string;
    if (!label_name_is_valid(name)) {
        struct buf quoted = BUF_INIT;
        str_quote(&quoted, name);
        int rc = eval_fail(ev, "invalid label name %s", buf_text(&quoted));
        buf_release(&quoted);
        return rc;
    }
    struct counting c = {
        .ev = ev, .node = n, .filter = with_label(ev, &n->aggregate.filter, name), .out = out};
    label_index_init(&c.index);
    int rc = eval_stream(ev, n->aggregate.inner, count_series, &c);
    label_index_release(&c.index);
    uint64_t points = 0;
    for (size_t i = 0; i < out->count; i++)
        points += row_point_count(&out->rows[i], n->grid->count);
    return rc ? rc : eval_hold(ev, points);
}
