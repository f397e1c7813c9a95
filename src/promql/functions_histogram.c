// Functions of classic histograms: series that differ in `le` only are the buckets of one.
//
// Series are gathered to histograms and their bounds parsed and sorted once; at each step the
// buckets that have a value are what the histogram is. Functions of native histograms give nothing
// for floats.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/float_text.h"
#include "buckets.h"
#include "eval.h"
#include "families.h"

struct bucket_series {
    double upper;
    const struct row *row;
};

struct histogram {
    struct labels labels; // without le
    bool drop_name;
    struct bucket_series *buckets;
    size_t count;
    size_t capacity;
};

struct histograms {
    struct eval *ev;
    size_t step_count;
    struct histogram *items;
    size_t count;
    struct bucket *scratch; // as many as the largest has
};

static int upper_cmp(const void *a, const void *b)
{
    const struct bucket_series *x = a, *y = b;
    if (x->upper != y->upper)
        return x->upper < y->upper ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

// What may stand between two digits.
static bool is_separator(struct str s, size_t i)
{
    return s.ptr[i] == '_' && i > 0 && isdigit((unsigned char)s.ptr[i - 1]) && i + 1 < s.len &&
           isdigit((unsigned char)s.ptr[i + 1]);
}

// A number as Go reads it: 1_000 is one, what is too large is none.
static bool parse_bound(struct str text, double *upper)
{
    struct buf digits = BUF_INIT;
    for (size_t i = 0; i < text.len; i++)
        if (!is_separator(text, i))
            buf_char(&digits, text.ptr[i]);
    bool ok = float_parse(buf_view(&digits), upper);
    buf_release(&digits);
    return ok && (!isinf(*upper) || !isdigit((unsigned char)text.ptr[text.len - 1]));
}

// Puts a bucket to its histogram; without a bound it is nobody's.
static void add_bucket(struct histograms *h, struct label_index *index, const struct row *row,
                       struct position position)
{
    static const struct str le[] = {STR_INIT("le")};
    static const struct label_filter without_le = {.names = le, .name_count = 1};
    struct str text = labels_get(row->labels, le[0]);
    double upper;
    if (!parse_bound(text, &upper)) {
        struct str metric = {0};
        if (h->ev->delayed_names)
            metric = labels_get(row->labels, STR(LABEL_METRIC_NAME));
        annotate_bad_bucket(&h->ev->annotations, metric, text, position);
        return;
    }
    struct arena *a = h->ev->arena;
    uint32_t at = label_index_filtered(index, a, &without_le, row->labels);
    struct histogram *of = &h->items[at];
    if (at == h->count) {
        h->count++;
        *of = (struct histogram){.labels = index->sets[at], .drop_name = row->drop_name};
    }
    ARENA_GROW(a, of->buckets, of->count, of->capacity);
    of->buckets[of->count++] = (struct bucket_series){upper, row};
}

static int gather(struct histograms *h, struct eval *ev, const struct plan_node *arg)
{
    *h = (struct histograms){.ev = ev, .step_count = arg->grid->count};
    struct vector v;
    int rc = eval_vector(ev, arg, &v);
    if (rc)
        return rc;
    h->items = arena_array(ev->arena, v.count, sizeof(*h->items));
    struct label_index index;
    label_index_init(&index);
    for (size_t i = 0; i < v.count; i++)
        add_bucket(h, &index, &v.rows[i], arg->position);
    label_index_release(&index);
    size_t largest = 0;
    for (size_t i = 0; i < h->count; i++) {
        qsort(h->items[i].buckets, h->items[i].count, sizeof(*h->items[i].buckets), upper_cmp);
        largest = h->items[i].count > largest ? h->items[i].count : largest;
    }
    h->scratch = arena_array(ev->arena, largest, sizeof(*h->scratch));
    return eval_check(ev);
}

// The buckets that have a value at the step, in scratch.
static size_t buckets_at(const struct histograms *h, const struct histogram *of, size_t step)
{
    size_t count = 0;
    for (size_t i = 0; i < of->count; i++)
        if (of->buckets[i].row->present[step])
            h->scratch[count++] =
                (struct bucket){of->buckets[i].upper, of->buckets[i].row->values[step]};
    return count;
}

static double quantile_at(struct histograms *h, const struct histogram *of, double q, size_t count,
                          int64_t t_ms, struct position position)
{
    struct monotonicity fixed;
    double value = buckets_quantile(q, h->scratch, count, &fixed);
    if (fixed.forced) {
        struct str metric = {0};
        if (h->ev->delayed_names)
            metric = labels_get(of->labels, STR(LABEL_METRIC_NAME));
        annotate_monotonicity(&h->ev->annotations, metric, t_ms, &fixed, position);
    }
    return value;
}

static int push_nameless(struct eval *ev, struct vector *v, struct row *row, size_t step_count)
{
    if (row_is_empty(row, step_count))
        return 0;
    row_drop_name(ev, row);
    vector_push(ev, v, row);
    return eval_hold(ev, row_point_count(row, step_count));
}

int histogram_none(struct eval *ev, const struct plan_node *node, struct value *out)
{
    int rc = eval_vector(ev, node->call.args[0], &out->vector);
    out->vector.count = 0;
    return rc;
}

int histogram_quantile(struct eval *ev, const struct plan_node *node, struct value *out)
{
    const struct plan_node *arg = node->call.args[1];
    struct histograms h;
    struct value q;
    int rc = eval_scalar(ev, node->call.args[0], &q);
    if (rc || (rc = gather(&h, ev, arg)))
        return rc;
    for (size_t i = 0; i < h.step_count; i++)
        annotate_quantile(&ev->annotations, scalar_at(&q, i), node->call.args[0]->position);
    for (size_t n = 0; n < h.count && rc == 0; n++) {
        struct row row;
        if ((rc = eval_check(ev)) || (rc = row_init(ev, &row, h.items[n].labels, h.step_count)))
            return rc;
        for (size_t i = 0; i < h.step_count; i++) {
            size_t count = buckets_at(&h, &h.items[n], i);
            row.present[i] = count > 0;
            if (count)
                row.values[i] = quantile_at(&h, &h.items[n], scalar_at(&q, i), count,
                                            grid_time(node->grid, i), arg->position);
        }
        rc = push_nameless(ev, &out->vector, &row, h.step_count);
    }
    return rc ? rc : vector_merge(ev, &out->vector, h.step_count);
}

int histogram_fraction(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct histograms h;
    struct value lower, upper;
    int rc = eval_scalar(ev, node->call.args[0], &lower);
    if (rc || (rc = eval_scalar(ev, node->call.args[1], &upper)) ||
        (rc = gather(&h, ev, node->call.args[2])))
        return rc;
    for (size_t n = 0; n < h.count && rc == 0; n++) {
        struct row row;
        if ((rc = eval_check(ev)) || (rc = row_init(ev, &row, h.items[n].labels, h.step_count)))
            return rc;
        for (size_t i = 0; i < h.step_count; i++) {
            size_t count = buckets_at(&h, &h.items[n], i);
            row.present[i] = count > 0;
            row.values[i] =
                buckets_fraction(scalar_at(&lower, i), scalar_at(&upper, i), h.scratch, count);
        }
        rc = push_nameless(ev, &out->vector, &row, h.step_count);
    }
    return rc ? rc : vector_merge(ev, &out->vector, h.step_count);
}

// As a quantile label is written: 0.9, 1.0, 1e-05, NaN.
static struct str quantile_text(struct arena *a, double q)
{
    if (q == 0)
        return STR("0.0"); // -0, too
    char text[FLOAT_TEXT_SIZE];
    size_t len = float_format(q, FLOAT_G, text);
    bool whole = isfinite(q);
    for (size_t i = 0; i < len; i++)
        whole = whole && text[i] != '.' && text[i] != 'e';
    return arena_printf(a, "%.*s%s", (int)len, text, whole ? ".0" : "");
}

static struct labels quantile_labels(struct arena *a, struct labels labels, struct str name,
                                     double q)
{
    struct labels_builder b;
    labels_builder_init(&b, a, labels);
    labels_builder_set(&b, name, quantile_text(a, q));
    return labels_builder_finish(&b);
}

// Quantile labels may be the name itself: what is not to be dropped later is dropped before.
static struct labels nameless(const struct eval *ev, struct labels labels)
{
    return ev->delayed_names ? labels : labels_drop_name(ev->arena, labels);
}

// One quantile of one histogram: a row for every run of steps with the same q.
static int quantile_rows(struct histograms *h, struct labels of, struct str label,
                         const struct value *q, const double *values, const uint8_t *present,
                         struct vector *v)
{
    struct eval *ev = h->ev;
    for (size_t i = 0; i < h->step_count;) {
        double at = scalar_at(q, i);
        struct row row;
        int rc = row_init(ev, &row, quantile_labels(ev->arena, of, label, at), h->step_count);
        if (rc)
            return rc;
        row.drop_name = true;
        for (; i < h->step_count && double_bits(scalar_at(q, i)) == double_bits(at); i++) {
            row.present[i] = present[i];
            row.values[i] = values[i];
        }
        if (row_is_empty(&row, h->step_count))
            continue;
        vector_push(ev, v, &row);
        if ((rc = eval_hold(ev, row_point_count(&row, h->step_count))))
            return rc;
    }
    return 0;
}

// Those of equal bounds stay in order.
static void sort_buckets(struct bucket *buckets, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct bucket moved = buckets[i];
        size_t at = i;
        for (; at > 0 && buckets[at - 1].upper > moved.upper; at--)
            buckets[at] = buckets[at - 1];
        buckets[at] = moved;
    }
}

// All quantiles of one histogram, param by param. At each step they share its buckets: what one has
// merged and repaired the next finds so, with what merging has left over.
static void quantiles_at_steps(struct histograms *h, const struct histogram *of,
                               const struct plan_node *node, const struct value *q, double *values,
                               uint8_t *present)
{
    size_t param_count = node->call.arg_count - 2;
    for (size_t i = 0; i < h->step_count; i++) {
        size_t count = buckets_at(h, of, i);
        present[i] = count > 0;
        for (size_t p = 0; count && p < param_count; p++) {
            sort_buckets(h->scratch, count);
            values[p * h->step_count + i] =
                quantile_at(h, of, scalar_at(&q[p], i), count, grid_time(node->grid, i),
                            node->call.args[0]->position);
        }
    }
}

static int eval_quantiles(struct eval *ev, const struct plan_node *node, struct value *q,
                          size_t step_count)
{
    for (size_t p = 2; p < node->call.arg_count; p++) {
        int rc = eval_scalar(ev, node->call.args[p], &q[p - 2]);
        if (rc)
            return rc;
        for (size_t i = 0; i < step_count; i++)
            annotate_quantile(&ev->annotations, scalar_at(&q[p - 2], i),
                              node->call.args[p]->position);
    }
    return 0;
}

int histogram_quantiles(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct histograms h;
    size_t param_count = node->call.arg_count - 2;
    struct value *q = arena_array(ev->arena, param_count, sizeof(*q));
    int rc = gather(&h, ev, node->call.args[0]);
    if (rc || (rc = eval_quantiles(ev, node, q, h.step_count)))
        return rc;
    double *values = arena_array(ev->arena, param_count * h.step_count, sizeof(*values));
    uint8_t *present = arena_array(ev->arena, h.step_count, sizeof(*present));
    for (size_t n = 0; n < h.count && rc == 0; n++) {
        const struct histogram *of = &h.items[n];
        struct labels labels = nameless(ev, of->labels);
        quantiles_at_steps(&h, of, node, q, values, present);
        rc = eval_check(ev);
        for (size_t p = 0; p < param_count && rc == 0; p++)
            rc = quantile_rows(&h, labels, node->call.args[1]->string, &q[p],
                               values + p * h.step_count, present, &out->vector);
    }
    return rc ? rc : vector_merge(ev, &out->vector, h.step_count);
}
