// topk, bottomk, limitk and limit_ratio: of each group, at each step, some series as they are.
//
// topk and bottomk keep a heap of k entries per group and step, into which series are pushed one
// after the other; which of equal values stay follows from the heap's rules, which are those of
// Go's container/heap, as in Prometheus.
#include <math.h>
#include <stdlib.h>

#include "aggregate.h"
#include "base/float_text.h"
#include "base/hash.h"

struct entry {
    double value;
    uint32_t row;
};

struct selecting {
    struct eval *ev;
    const struct plan_node *node;
    enum aggregate_op op;
    size_t steps;
    struct value param;
    struct vector in;
    struct grouping groups;
    struct row *picked; // a row for each series; values NULL until one is picked
    // topk and bottomk, by group: entries[step * capacities[group] ...], counts[step]
    struct entry **entries;
    uint32_t **counts;
    size_t *capacities;
};

// ---- the heap: its first entry is the first to go

static bool goes_first(enum aggregate_op op, double a, double b)
{
    if (isnan(a))
        return true;
    return op == AGG_TOPK ? a < b : a > b;
}

static void swap_entries(struct entry *a, struct entry *b)
{
    struct entry t = *a;
    *a = *b;
    *b = t;
}

static void sift_up(enum aggregate_op op, struct entry *h, size_t at)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (!goes_first(op, h[at].value, h[parent].value))
            return;
        swap_entries(&h[at], &h[parent]);
        at = parent;
    }
}

static void sift_down(enum aggregate_op op, struct entry *h, size_t count)
{
    for (size_t at = 0;;) {
        size_t child = 2 * at + 1;
        if (child >= count)
            return;
        if (child + 1 < count && goes_first(op, h[child + 1].value, h[child].value))
            child++;
        if (!goes_first(op, h[child].value, h[at].value))
            return;
        swap_entries(&h[at], &h[child]);
        at = child;
    }
}

static void offer(enum aggregate_op op, struct entry *h, uint32_t *count, size_t k,
                  struct entry entry)
{
    if (*count < k) {
        h[(*count)++] = entry;
        sift_up(op, h, *count - 1);
        return;
    }
    bool better = op == AGG_TOPK ? h[0].value < entry.value : h[0].value > entry.value;
    if (better || (isnan(h[0].value) && !isnan(entry.value))) {
        h[0] = entry;
        sift_down(op, h, *count);
    }
}

static int best_first(const void *a, const void *b, void *context)
{
    const struct entry *x = a, *y = b;
    enum aggregate_op op = *(const enum aggregate_op *)context;
    if (isnan(x->value) || isnan(y->value))
        return isnan(x->value) - isnan(y->value);
    if (x->value == y->value)
        return 0;
    return goes_first(op, y->value, x->value) ? -1 : 1;
}

// ---- picking

static int pick(struct selecting *s, uint32_t row, size_t step)
{
    struct row *picked = &s->picked[row];
    const struct row *from = &s->in.rows[row];
    if (!picked->values) {
        int rc = row_init(s->ev, picked, from->labels, s->steps);
        if (rc)
            return rc;
        picked->drop_name = from->drop_name;
    }
    picked->values[step] = from->values[step];
    picked->present[step] = 1;
    return 0;
}

static size_t k_at(const struct selecting *s, size_t step)
{
    double k = scalar_at(&s->param, step);
    if (k < 1)
        return 0;
    return k < (double)s->in.count ? (size_t)k : s->in.count;
}

static int heaps_init(struct selecting *s, size_t k_max)
{
    struct arena *a = s->ev->arena;
    size_t count = s->groups.groups.count;
    s->entries = arena_array(a, count, sizeof(*s->entries));
    s->counts = arena_array(a, count, sizeof(*s->counts));
    s->capacities = arena_array(a, count, sizeof(*s->capacities));
    for (size_t g = 0; g < count; g++) {
        size_t capacity = s->groups.sizes[g] < k_max ? s->groups.sizes[g] : k_max;
        if (!arena_fits(a, s->steps * (capacity * sizeof(struct entry) + sizeof(uint32_t)))) {
            a->exceeded = true;
            return eval_check(s->ev);
        }
        s->capacities[g] = capacity;
        s->entries[g] = arena_array(a, s->steps * capacity, sizeof(struct entry));
        s->counts[g] = arena_calloc(a, s->steps, sizeof(uint32_t));
    }
    return 0;
}

static int pick_entries(struct selecting *s, size_t group, size_t step)
{
    size_t capacity = s->capacities[group];
    struct entry *h = s->entries[group] + step * capacity;
    int rc = 0;
    for (uint32_t i = 0; i < s->counts[group][step] && rc == 0; i++)
        rc = pick(s, h[i].row, step);
    return rc;
}

static int pick_best(struct selecting *s)
{
    size_t k_max = 0;
    for (size_t i = 0; i < s->steps; i++)
        k_max = k_at(s, i) > k_max ? k_at(s, i) : k_max;
    int rc = heaps_init(s, k_max);
    for (uint32_t r = 0; r < s->in.count && rc == 0; r++) {
        size_t g = s->groups.of[r], capacity = s->capacities[g];
        const struct row *row = &s->in.rows[r];
        for (size_t i = 0; i < s->steps; i++) {
            size_t k = k_at(s, i);
            k = k < capacity ? k : capacity;
            if (row->present[i] && k)
                offer(s->op, s->entries[g] + i * capacity, &s->counts[g][i], k,
                      (struct entry){row->values[i], r});
        }
        rc = eval_check(s->ev);
    }
    for (size_t g = 0; g < s->groups.groups.count; g++)
        for (size_t i = 0; i < s->steps && rc == 0; i++)
            rc = pick_entries(s, g, i);
    return rc;
}

// The first k of each group.
static int pick_first(struct selecting *s)
{
    size_t count = s->groups.groups.count;
    uint32_t *taken = arena_calloc(s->ev->arena, count * s->steps, sizeof(*taken));
    int rc = 0;
    for (uint32_t r = 0; r < s->in.count && rc == 0; r++) {
        uint32_t *of = taken + s->groups.of[r] * s->steps;
        for (size_t i = 0; i < s->steps && rc == 0; i++) {
            if (!s->in.rows[r].present[i] || of[i] >= k_at(s, i))
                continue;
            of[i]++;
            rc = pick(s, r, i);
        }
    }
    return rc;
}

// A text behind its length: one byte, or 255 and three bytes, the lowest first.
static void append_sized(struct buf *out, struct str text)
{
    if (text.len < 255) {
        buf_char(out, (char)text.len);
    } else {
        buf_char(out, (char)255);
        for (unsigned shift = 0; shift < 24; shift += 8)
            buf_char(out, (char)(text.len >> shift));
    }
    buf_str(out, text);
}

// Where a series stands in [0, 1]: Prometheus' hash of its labels (labels_stringlabels.go), so that
// both choose the same series.
static double place_of(struct labels set)
{
    struct buf bytes = BUF_INIT;
    for (size_t i = 0; i < set.count; i++) {
        append_sized(&bytes, set.items[i].name);
        append_sized(&bytes, set.items[i].value);
    }
    uint64_t hash = hash_xxh64(bytes.ptr, bytes.len);
    buf_release(&bytes);
    return (double)hash / (double)UINT64_MAX;
}

// Series whose hash falls into the ratio's part of [0, 1): from below when it is positive, from
// above when negative, so that r and r - 1 are complements.
static int pick_ratio(struct selecting *s)
{
    int rc = 0;
    for (uint32_t r = 0; r < s->in.count && rc == 0; r++) {
        double at = place_of(s->in.rows[r].labels);
        for (size_t i = 0; i < s->steps && rc == 0; i++) {
            double ratio = fmax(-1, fmin(1, scalar_at(&s->param, i)));
            bool in = ratio >= 0 ? at < ratio : at >= 1 + ratio;
            if (s->in.rows[r].present[i] && ratio != 0 && in)
                rc = pick(s, r, i);
        }
    }
    return rc;
}

// ---- the results

// One step: group by group, the best first.
static void push_ordered(struct selecting *s, struct vector *out)
{
    for (size_t g = 0; g < s->groups.groups.count; g++) {
        struct entry *h = s->entries[g];
        qsort_r(h, s->counts[g][0], sizeof(*h), best_first, &s->op);
        for (uint32_t i = 0; i < s->counts[g][0]; i++)
            vector_push(s->ev, out, &s->picked[h[i].row]);
    }
}

static int push_picked(struct selecting *s, struct vector *out)
{
    if (s->entries && s->steps == 1) {
        push_ordered(s, out);
    } else {
        for (size_t r = 0; r < s->in.count; r++)
            if (s->picked[r].values)
                vector_push(s->ev, out, &s->picked[r]);
    }
    uint64_t points = 0;
    for (size_t i = 0; i < out->count; i++)
        points += row_point_count(&out->rows[i], s->steps);
    return eval_hold(s->ev, points);
}

static void annotate_ratio(struct selecting *s, double ratio, double cap)
{
    char text[FLOAT_TEXT_SIZE];
    size_t len = float_format(ratio, FLOAT_G, text);
    annotate(&s->ev->annotations, ANNOTATION_WARNING, s->node->aggregate.param->position,
             "ratio value should be between -1 and 1, got %.*s, capping to %g", (int)len, text,
             cap);
}

static int fail_k(struct eval *ev, double k, const char *how)
{
    char text[FLOAT_TEXT_SIZE];
    size_t len = float_format(k, FLOAT_G, text);
    return eval_fail(ev, "Scalar value %.*s %s int64", (int)len, text, how);
}

// > 0: nothing can be selected.
static int check_param(struct selecting *s)
{
    struct param_range r = param_range(&s->param, s->steps);
    if (s->op == AGG_LIMIT_RATIO) {
        if (r.max == 0 && r.min == 0)
            return 1;
        if (r.has_nan)
            return eval_fail(s->ev, "Ratio value is NaN");
        if (r.max > 1)
            annotate_ratio(s, r.max, 1);
        if (r.min < -1)
            annotate_ratio(s, r.min, -1);
        return 0;
    }
    if (r.max < 1)
        return 1;
    if (r.has_nan)
        return eval_fail(s->ev, "Parameter value is NaN");
    if (r.min <= -0x1p63)
        return fail_k(s->ev, r.min, "underflows");
    if (r.max >= 0x1p63 - 1024)
        return fail_k(s->ev, r.max, "overflows");
    return 0;
}

static int select_rows(struct selecting *s, struct vector *out)
{
    s->picked = arena_calloc(s->ev->arena, s->in.count, sizeof(*s->picked));
    grouping_init(&s->groups, s->ev, s->node, &s->in);
    int rc = eval_check(s->ev);
    if (rc == 0 && s->op == AGG_LIMITK)
        rc = pick_first(s);
    else if (rc == 0 && s->op == AGG_LIMIT_RATIO)
        rc = pick_ratio(s);
    else if (rc == 0)
        rc = pick_best(s);
    if (rc == 0)
        rc = push_picked(s, out);
    grouping_release(&s->groups);
    return rc;
}

int aggregate_select(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct selecting s = {
        .ev = ev, .node = n, .op = n->expr->aggregate.op, .steps = n->grid->count};
    int rc = eval_scalar(ev, n->aggregate.param, &s.param);
    if (rc || (rc = eval_vector(ev, n->aggregate.inner, &s.in)) || (rc = check_param(&s)))
        return rc < 0 ? rc : 0;
    return select_rows(&s, out);
}
