// A second evaluator of PromQL, slow and plain: one step at a time, one series at a time, every
// sample looked at each time, straight from the definitions of Prometheus 3. It shares the parser, the
// tree and label sets with the engine and nothing else, so that what both answer is what the
// language says.
//
// Names are removed late (promql-delayed-name-removal). Left out: info(), limitk, limit_ratio and
// the order of results, which scripts test.
#ifndef PROMQL_NAIVE_H
#define PROMQL_NAIVE_H

#include <math.h>

#include "ast.h"
#include "functions.h"
#include "model/sample.h"

struct naive_series {
    struct labels labels;
    struct sample *samples;
    size_t count;
};

// One element of a vector.
struct element {
    struct labels labels;
    double value;
    int64_t sample_ms; // of the stored sample, where a selector gave it
    bool drop;         // the name goes at the end
};

struct elements {
    struct element *items;
    size_t count, capacity;
};

struct naive {
    struct arena *arena;
    const struct naive_series *series;
    size_t series_count;
    int64_t start_ms, end_ms, step_ms; // of the query; step 0: instant
    int64_t lookback_ms, subquery_step_ms;
    bool failed;
    // `or` gave the same labels now with a name that goes at the end and now with one that stays: a
    // range query takes them for one series, which no step alone can know.
    bool unsure;
    struct elements names; // what `or` gave so far
};

// One series of a range vector.
struct span {
    struct labels labels;
    bool drop;
    struct sample *points; // those in (start, end], without staleness markers
    size_t count;
    struct sample *around; // with anchored and smoothed: also those a lookback around
    size_t around_count;
    int64_t start_ms, end_ms;
};

struct spans {
    struct span *items;
    size_t count, capacity;
    bool anchored, smoothed;
};

static struct elements naive_vector(struct naive *n, const struct promql_expr *e, int64_t t_ms);
static double naive_scalar(struct naive *n, const struct promql_expr *e, int64_t t_ms);

// ---- small things

static void put(struct naive *n, struct elements *v, struct element item)
{
    ARENA_GROW(n->arena, v->items, v->count, v->capacity);
    v->items[v->count++] = item;
}

static struct labels without_name(struct naive *n, struct labels set)
{
    struct labels_builder b;
    labels_builder_init(&b, n->arena, set);
    labels_builder_del(&b, STR("__name__"));
    labels_builder_del(&b, STR("__type__"));
    labels_builder_del(&b, STR("__unit__"));
    return labels_builder_finish(&b);
}

static bool listed(struct str name, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

// by and on keep what is listed, without and ignoring what is not, but for the name.
static struct labels grouped(struct naive *n, struct labels set, const struct str *names,
                             size_t count, bool keep)
{
    struct labels_builder b;
    labels_builder_init(&b, n->arena, (struct labels){0});
    for (size_t i = 0; i < set.count; i++) {
        bool in = listed(set.items[i].name, names, count);
        if (keep ? in : !in && !str_is(set.items[i].name, "__name__"))
            labels_builder_set(&b, set.items[i].name, set.items[i].value);
    }
    return labels_builder_finish(&b);
}

static const struct promql_expr *bare(const struct promql_expr *e)
{
    while (e->kind == EXPR_PAREN || (e->kind == EXPR_UNARY && !e->unary.negate))
        e = e->kind == EXPR_PAREN ? e->inner : e->unary.inner;
    return e;
}

static double seconds_of(const struct naive *n, const struct duration_expr *d)
{
    if (!d || d->kind == DURATION_NONE)
        return 0;
    double a = d->left ? seconds_of(n, d->left) : 0, b = d->right ? seconds_of(n, d->right) : 0;
    switch (d->kind) {
    case DURATION_CONSTANT:
        return (double)d->ms / 1000;
    case DURATION_STEP:
        return (double)n->step_ms / 1000;
    case DURATION_RANGE:
        return (double)(n->end_ms - n->start_ms) / 1000;
    case DURATION_NEGATE:
        return -a;
    case DURATION_ADD:
        return a + b;
    case DURATION_SUB:
        return a - b;
    case DURATION_MUL:
        return a * b;
    case DURATION_DIV:
        return a / b;
    case DURATION_MOD:
        return fmod(a, b);
    case DURATION_POW:
        return pow(a, b);
    case DURATION_MIN_OF:
        return a < b ? a : b;
    default:
        return a > b ? a : b;
    }
}

static int64_t ms_of(const struct naive *n, const struct duration_expr *d)
{
    return (int64_t)(seconds_of(n, d) * 1000);
}

// Where something with these modifiers looks from t.
static int64_t looked_at(const struct naive *n, const struct time_modifiers *m, int64_t t_ms)
{
    if (m->at == AT_TIMESTAMP)
        t_ms = m->at_ms;
    else if (m->at == AT_START)
        t_ms = n->start_ms;
    else if (m->at == AT_END)
        t_ms = n->end_ms;
    return t_ms - ms_of(n, m->offset);
}

static double between(const struct sample *a, const struct sample *b, int64_t t_ms, double from)
{
    return from + (b->value - from) * (double)(t_ms - a->t_ms) / (double)(b->t_ms - a->t_ms);
}

// ---- selectors

// The newest sample of (t - lookback, t], unless it says that the series has ended.
static bool newest(const struct naive *n, const struct naive_series *s, int64_t t_ms,
                   struct sample *out)
{
    bool found = false;
    for (size_t i = 0; i < s->count; i++)
        if (s->samples[i].t_ms <= t_ms && s->samples[i].t_ms > t_ms - n->lookback_ms) {
            *out = s->samples[i];
            found = true;
        }
    return found && !sample_is_stale(out->value);
}

// smoothed: the line between the samples before and after; without one after it the one before.
static bool smoothed_value(const struct naive *n, const struct naive_series *s, int64_t t_ms,
                           struct sample *out)
{
    const struct sample *before = NULL, *after = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const struct sample *p = &s->samples[i];
        if (sample_is_stale(p->value))
            continue;
        if (p->t_ms <= t_ms && p->t_ms > t_ms - n->lookback_ms)
            before = p;
        if (p->t_ms >= t_ms && p->t_ms <= t_ms + n->lookback_ms && !after)
            after = p;
    }
    if (!before)
        return false;
    *out = *before;
    if (before->t_ms < t_ms && after)
        out->value = between(before, after, t_ms, before->value);
    return true;
}

static struct elements select_at(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    const struct selector *s = &e->selector;
    struct elements v = {0};
    int64_t at_ms = looked_at(n, &s->modifiers, t_ms);
    for (size_t i = 0; i < n->series_count; i++) {
        struct sample found;
        if (!matchers_match(s->matchers, s->matcher_count, n->series[i].labels))
            continue;
        if (s->smoothed ? smoothed_value(n, &n->series[i], at_ms, &found)
                        : newest(n, &n->series[i], at_ms, &found))
            put(n, &v, (struct element){n->series[i].labels, found.value, found.t_ms, false});
    }
    return v;
}

static void put_point(struct naive *n, struct sample **points, size_t *count, struct sample p)
{
    struct sample *more = arena_array(n->arena, *count + 1, sizeof(*more));
    if (*count)
        memcpy(more, *points, *count * sizeof(*more));
    more[(*count)++] = p;
    *points = more;
}

static struct spans select_spans(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    const struct selector *s = &e->selector;
    struct spans v = {.anchored = s->anchored, .smoothed = s->smoothed};
    int64_t end_ms = looked_at(n, &s->modifiers, t_ms), start_ms = end_ms - ms_of(n, e->range);
    int64_t behind_ms = s->anchored || s->smoothed ? n->lookback_ms : 0;
    int64_t ahead_ms = s->smoothed ? n->lookback_ms : 0;
    for (size_t i = 0; i < n->series_count; i++) {
        struct span span = {n->series[i].labels, false, NULL, 0, NULL, 0, start_ms, end_ms};
        if (!matchers_match(s->matchers, s->matcher_count, n->series[i].labels))
            continue;
        for (size_t p = 0; p < n->series[i].count; p++) {
            struct sample point = n->series[i].samples[p];
            if (sample_is_stale(point.value))
                continue;
            if (point.t_ms > start_ms && point.t_ms <= end_ms)
                put_point(n, &span.points, &span.count, point);
            if (point.t_ms > start_ms - behind_ms && point.t_ms <= end_ms + ahead_ms)
                put_point(n, &span.around, &span.around_count, point);
        }
        if (!span.around_count)
            continue;
        ARENA_GROW(n->arena, v.items, v.count, v.capacity);
        v.items[v.count++] = span;
    }
    return v;
}

static struct span *span_of(struct naive *n, struct spans *v, const struct element *item,
                            int64_t start_ms, int64_t end_ms)
{
    for (size_t i = 0; i < v->count; i++)
        if (labels_eq(v->items[i].labels, item->labels))
            return &v->items[i];
    ARENA_GROW(n->arena, v->items, v->count, v->capacity);
    struct span *s = &v->items[v->count++];
    *s = (struct span){item->labels, item->drop, NULL, 0, NULL, 0, start_ms, end_ms};
    return s;
}

// The inner expression at every multiple of the step within (t - range, t].
static struct spans subquery_spans(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct spans v = {0};
    int64_t end_ms = looked_at(n, &e->subquery.modifiers, t_ms);
    int64_t start_ms = end_ms - ms_of(n, e->range), step_ms = ms_of(n, e->subquery.step);
    if (step_ms <= 0)
        step_ms = n->subquery_step_ms;
    int64_t first_ms = start_ms - start_ms % step_ms - step_ms;
    for (int64_t at_ms = first_ms; at_ms <= end_ms; at_ms += step_ms) {
        if (at_ms <= start_ms)
            continue;
        struct elements inner = naive_vector(n, e->subquery.inner, at_ms);
        for (size_t i = 0; i < inner.count; i++) {
            struct span *s = span_of(n, &v, &inner.items[i], start_ms, end_ms);
            put_point(n, &s->points, &s->count, (struct sample){at_ms, inner.items[i].value});
        }
    }
    return v;
}

static struct spans naive_spans(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    e = bare(e);
    return e->kind == EXPR_MATRIX ? select_spans(n, e, t_ms) : subquery_spans(n, e, t_ms);
}

#include "naive_functions.h"
#include "naive_operators.h"

static struct elements naive_vector(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    e = bare(e);
    if (e->kind == EXPR_SELECTOR)
        return select_at(n, e, t_ms);
    if (e->kind == EXPR_CALL)
        return call_at(n, e, t_ms);
    if (e->kind == EXPR_AGGREGATE)
        return aggregate_at(n, e, t_ms);
    if (e->kind == EXPR_BINARY)
        return binary_at(n, e, t_ms);
    struct elements v = naive_vector(n, e->unary.inner, t_ms);
    for (size_t i = 0; i < v.count; i++) {
        v.items[i].value = -v.items[i].value;
        v.items[i].drop = true;
    }
    return v;
}

// The result of one step: names that are to go are gone, and no two elements are alike.
static struct elements naive_result(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct elements v = {0};
    if (e->type == TYPE_SCALAR) {
        put(n, &v, (struct element){.value = naive_scalar(n, e, t_ms)});
        return v;
    }
    v = naive_vector(n, e, t_ms);
    for (size_t i = 0; i < v.count; i++)
        if (v.items[i].drop)
            v.items[i].labels = without_name(n, v.items[i].labels);
    for (size_t i = 0; i < v.count; i++)
        for (size_t k = 0; k < i; k++)
            n->failed = n->failed || labels_eq(v.items[i].labels, v.items[k].labels);
    return v;
}

#endif
