// Aggregations that fold: sum, avg, count, min, max, group, stddev and stdvar.
//
// A group has a few columns of state, one place a step. Series come as a stream, in order, and each
// is folded into its group's columns and forgotten; the first column becomes the group's values.
// The order of additions is that of the series, and sums are compensated, so that results do not
// depend on anything else.
#include "aggregate.h"

#include <math.h>

#include "base/lanes.h"
#include "operators.h"

struct group {
    struct labels labels;
    bool drop_name;
    uint8_t *seen;
    uint8_t *overflowed; // avg: the sum did, and the mean is kept instead
    double *a, *b, *n;   // what they are is up to the aggregation
};

struct fold {
    size_t columns; // of a, b, n
    void (*row)(struct group *g, const struct row *row, size_t step_count);
    double (*finish)(const struct group *g, size_t i); // NULL: a
};

static inline void step_sum(struct group *g, size_t i, double value, bool first)
{
    if (first) {
        g->a[i] = value;
        g->b[i] = 0;
    } else {
        kahan_add(value, &g->a[i], &g->b[i]);
    }
}

static double finish_sum(const struct group *g, size_t i)
{
    return g->a[i] + g->b[i];
}

static inline void step_avg(struct group *g, size_t i, double value, bool first)
{
    g->n[i] = first ? 1 : g->n[i] + 1;
    if (first) {
        g->a[i] = value;
        g->b[i] = 0;
        return;
    }
    double n = g->n[i];
    if (!g->overflowed[i]) {
        double sum = g->a[i], c = g->b[i];
        kahan_add(value, &sum, &c);
        if (!isinf(sum)) {
            g->a[i] = sum;
            g->b[i] = c;
            return;
        }
        g->overflowed[i] = 1;
        g->a[i] /= n - 1;
        g->b[i] /= n - 1;
    }
    double q = (n - 1) / n;
    g->a[i] *= q;
    g->b[i] *= q;
    kahan_add(value / n, &g->a[i], &g->b[i]);
}

static double finish_avg(const struct group *g, size_t i)
{
    if (g->overflowed[i])
        return g->a[i] + g->b[i];
    return g->a[i] / g->n[i] + g->b[i] / g->n[i];
}

static inline void step_count_one(struct group *g, size_t i, double value, bool first)
{
    (void)value;
    g->a[i] = first ? 1 : g->a[i] + 1;
}

static inline void step_group(struct group *g, size_t i, double value, bool first)
{
    (void)value;
    (void)first;
    g->a[i] = 1;
}

static inline void step_min(struct group *g, size_t i, double value, bool first)
{
    if (first || g->a[i] > value || isnan(g->a[i]))
        g->a[i] = value;
}

static inline void step_max(struct group *g, size_t i, double value, bool first)
{
    if (first || g->a[i] < value || isnan(g->a[i]))
        g->a[i] = value;
}

// a: squared distances from the mean b (Welford).
static inline void step_variance(struct group *g, size_t i, double value, bool first)
{
    if (first) {
        g->a[i] = isfinite(value) ? 0 : NAN;
        g->b[i] = value;
        g->n[i] = 1;
        return;
    }
    g->n[i]++;
    double delta = value - g->b[i];
    g->b[i] += delta / g->n[i];
    g->a[i] += delta * (value - g->b[i]);
}

static double finish_stdvar(const struct group *g, size_t i)
{
    return g->a[i] / g->n[i];
}

static double finish_stddev(const struct group *g, size_t i)
{
    return sqrt(g->a[i] / g->n[i]);
}

// A row through a step function, which the compiler puts into the loop.
#define FOLD_ROW(name, step)                                                                       \
    static void name(struct group *g, const struct row *row, size_t step_count)                    \
    {                                                                                              \
        for (size_t i = 0; i < step_count; i++) {                                                  \
            if (!row->present[i])                                                                  \
                continue;                                                                          \
            step(g, i, row->values[i], !g->seen[i]);                                               \
            g->seen[i] = 1;                                                                        \
        }                                                                                          \
    }

FOLD_ROW(fold_sum_sparse, step_sum)
FOLD_ROW(fold_avg_sparse, step_avg)
FOLD_ROW(fold_count, step_count_one)
FOLD_ROW(fold_group, step_group)
FOLD_ROW(fold_min, step_min)
FOLD_ROW(fold_max, step_max)
FOLD_ROW(fold_variance, step_variance)

// kahan_add(), LANES at a time; says where the sum is infinite.
static inline lane_mask kahan_add_lanes(lanes x, lanes *sum, lanes *c)
{
    lanes t = *sum + x;
    lane_mask sum_is_larger = lanes_abs(*sum) >= lanes_abs(x);
    lanes larger = lanes_choose(sum_is_larger, *sum, x);
    lanes smaller = lanes_choose(sum_is_larger, x, *sum);
    lane_mask is_infinite = lanes_abs(t) == __builtin_inf();
    *c = lanes_choose(is_infinite, (lanes){0}, *c + ((larger - t) + smaller));
    *sum = t;
    return is_infinite;
}

static bool is_full(const uint8_t *present, size_t step_count)
{
    return !memchr(present, 0, step_count);
}

// Values at all steps, for a group that has had some at all steps.
static bool is_dense(const struct group *g, const struct row *row, size_t step_count)
{
    return is_full(row->present, step_count) && is_full(g->seen, step_count);
}

static void fold_sum(struct group *g, const struct row *row, size_t step_count)
{
    if (!is_dense(g, row, step_count)) {
        fold_sum_sparse(g, row, step_count);
        return;
    }
    size_t i = 0;
    for (; i + LANES <= step_count; i += LANES) {
        lanes sum = lanes_get(g->a + i), c = lanes_get(g->b + i);
        kahan_add_lanes(lanes_get(row->values + i), &sum, &c);
        lanes_put(g->a + i, sum);
        lanes_put(g->b + i, c);
    }
    for (; i < step_count; i++)
        kahan_add(row->values[i], &g->a[i], &g->b[i]);
}

// As step_avg() where nothing overflows: false where something does.
static inline bool step_avg_lanes(struct group *g, size_t i, lanes x)
{
    lanes sum = lanes_get(g->a + i), c = lanes_get(g->b + i);
    if (lanes_any(kahan_add_lanes(x, &sum, &c)))
        return false;
    lanes_put(g->a + i, sum);
    lanes_put(g->b + i, c);
    lanes_put(g->n + i, lanes_get(g->n + i) + 1);
    return true;
}

static void fold_avg(struct group *g, const struct row *row, size_t step_count)
{
    if (!is_dense(g, row, step_count)) {
        fold_avg_sparse(g, row, step_count);
        return;
    }
    bool overflowed = memchr(g->overflowed, 1, step_count);
    size_t i = 0;
    while (i < step_count) {
        if (!overflowed && i + LANES <= step_count &&
            step_avg_lanes(g, i, lanes_get(row->values + i))) {
            i += LANES;
            continue;
        }
        step_avg(g, i, row->values[i], false);
        i++;
    }
}

static const struct fold folds[AGG_COUNT_OF] = {
    [AGG_SUM] = {2, fold_sum, finish_sum},
    [AGG_AVG] = {3, fold_avg, finish_avg},
    [AGG_COUNT] = {1, fold_count, NULL},
    [AGG_MIN] = {1, fold_min, NULL},
    [AGG_MAX] = {1, fold_max, NULL},
    [AGG_GROUP] = {1, fold_group, NULL},
    [AGG_STDDEV] = {3, fold_variance, finish_stddev},
    [AGG_STDVAR] = {3, fold_variance, finish_stdvar},
};

struct folding {
    struct eval *ev;
    const struct plan_node *node;
    const struct fold *fold;
    struct label_index index;
    struct group *groups;
    size_t count;
    size_t capacity;
};

static int add_group(struct folding *f, struct labels labels)
{
    size_t steps = f->node->grid->count;
    size_t size = steps * (f->fold->columns * sizeof(double) + 2);
    if (!arena_fits(f->ev->arena, size)) {
        f->ev->arena->exceeded = true;
        return eval_check(f->ev);
    }
    ARENA_GROW(f->ev->arena, f->groups, f->count, f->capacity);
    struct group *g = &f->groups[f->count++];
    *g = (struct group){.labels = labels, .a = arena_alloc(f->ev->arena, size)};
    g->b = g->a + steps;
    g->n = g->b + steps;
    g->seen = (uint8_t *)(g->a + f->fold->columns * steps);
    g->overflowed = g->seen + steps;
    memset(g->seen, 0, 2 * steps);
    return 0;
}

static int fold_row(void *context, struct row *row)
{
    struct folding *f = context;
    uint32_t at =
        label_index_filtered(&f->index, f->ev->arena, &f->node->aggregate.filter, row->labels);
    if (at == f->count) {
        int rc = add_group(f, f->index.sets[at]);
        if (rc)
            return rc;
    }
    struct group *g = &f->groups[at];
    g->drop_name = g->drop_name || row->drop_name;
    f->fold->row(g, row, f->node->grid->count);
    return 0;
}

static int finish_groups(struct folding *f, struct vector *out)
{
    size_t steps = f->node->grid->count;
    int rc = 0;
    for (size_t n = 0; n < f->count && rc == 0; n++) {
        struct group *g = &f->groups[n];
        for (size_t i = 0; f->fold->finish && i < steps; i++)
            if (g->seen[i])
                g->a[i] = f->fold->finish(g, i);
        struct row row = {
            .labels = g->labels, .drop_name = g->drop_name, .values = g->a, .present = g->seen};
        vector_push(f->ev, out, &row);
        rc = eval_hold(f->ev, row_point_count(&row, steps));
    }
    return rc;
}

static int aggregate_fold(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct folding f = {.ev = ev, .node = n, .fold = &folds[n->expr->aggregate.op]};
    label_index_init(&f.index);
    int rc = eval_stream(ev, n->aggregate.inner, fold_row, &f);
    if (rc == 0)
        rc = finish_groups(&f, out);
    label_index_release(&f.index);
    return rc;
}

int eval_aggregate(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    switch (n->expr->aggregate.op) {
    case AGG_TOPK:
    case AGG_BOTTOMK:
    case AGG_LIMITK:
    case AGG_LIMIT_RATIO:
        return aggregate_select(ev, n, out);
    case AGG_QUANTILE:
        return aggregate_quantile(ev, n, out);
    case AGG_COUNT_VALUES:
        return aggregate_count_values(ev, n, out);
    default:
        return aggregate_fold(ev, n, out);
    }
}
