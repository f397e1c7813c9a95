// The naive evaluator's functions; included by naive.h.
#ifndef PROMQL_NAIVE_FUNCTIONS_H
#define PROMQL_NAIVE_FUNCTIONS_H

#include <time.h>

#include "base/float_text.h"
#include "base/regex.h"

// ---- of one value

static double sign_of(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}

static double degrees(double v)
{
    return v * 180 / M_PI;
}

static double radians(double v)
{
    return v * M_PI / 180;
}

static struct tm date_at(double v)
{
    time_t t = (time_t)v;
    struct tm out;
    gmtime_r(&t, &out);
    return out;
}

static double month_of(double v)
{
    return date_at(v).tm_mon + 1;
}

static double year_of(double v)
{
    return date_at(v).tm_year + 1900;
}

static double hour_of(double v)
{
    return date_at(v).tm_hour;
}

static double minute_of(double v)
{
    return date_at(v).tm_min;
}

static double month_day(double v)
{
    return date_at(v).tm_mday;
}

static double week_day(double v)
{
    return date_at(v).tm_wday;
}

static double year_day(double v)
{
    return date_at(v).tm_yday + 1;
}

static double month_days(double v)
{
    struct tm first = date_at(v);
    first.tm_mday = 28;
    time_t at = timegm(&first);
    int days = 28;
    while (date_at((double)(at += 86400)).tm_mday != 1)
        days++;
    return days;
}

static const struct {
    const char *name;
    double (*map)(double);
} naive_maps[] = {
    {"abs", fabs},
    {"acos", acos},
    {"acosh", acosh},
    {"asin", asin},
    {"asinh", asinh},
    {"atan", atan},
    {"atanh", atanh},
    {"ceil", ceil},
    {"cos", cos},
    {"cosh", cosh},
    {"deg", degrees},
    {"exp", exp},
    {"floor", floor},
    {"ln", log},
    {"log10", log10},
    {"log2", log2},
    {"rad", radians},
    {"sgn", sign_of},
    {"sin", sin},
    {"sinh", sinh},
    {"sqrt", sqrt},
    {"tan", tan},
    {"tanh", tanh},
    {"month", month_of},
    {"year", year_of},
    {"hour", hour_of},
    {"minute", minute_of},
    {"day_of_week", week_day},
    {"day_of_month", month_day},
    {"day_of_year", year_day},
    {"days_in_month", month_days},
};

static double go_max(double a, double b)
{
    if (a == (double)INFINITY || b == (double)INFINITY)
        return INFINITY;
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

static double go_min(double a, double b)
{
    return -go_max(-a, -b);
}

// ---- of the samples of a window: false, no value

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

// Sorted with NaN first; between two ranks their weighted mean.
static double quantile_at(struct naive *n, double q, const double *values, size_t count)
{
    if (count == 0 || isnan(q))
        return NAN;
    if (q < 0 || q > 1)
        return q < 0 ? -(double)INFINITY : (double)INFINITY;
    double *sorted = arena_array(n->arena, count, sizeof(*sorted));
    memcpy(sorted, values, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), by_value);
    double rank = q * (double)(count - 1), weight = rank - floor(rank);
    size_t low = (size_t)floor(rank), high = low + 1 < count ? low + 1 : count - 1;
    return sorted[low] * (1 - weight) + sorted[high] * weight;
}

static double *values_of(struct naive *n, const struct span *s)
{
    double *values = arena_array(n->arena, s->count + 1, sizeof(*values));
    for (size_t i = 0; i < s->count; i++)
        values[i] = s->points[i].value;
    return values;
}

static double deviation(const double *values, size_t count)
{
    long double mean = 0, squares = 0;
    for (size_t i = 0; i < count; i++)
        mean += values[i];
    mean /= (long double)count;
    for (size_t i = 0; i < count; i++)
        squares += (values[i] - mean) * (values[i] - mean);
    return (double)(squares / (long double)count);
}

static double total(const double *values, size_t count)
{
    long double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return (double)sum;
}

static const struct sample *extreme_of(const struct span *s, int direction, bool last)
{
    const struct sample *best = &s->points[0];
    for (size_t i = 1; i < s->count; i++) {
        double v = s->points[i].value * direction, b = best->value * direction;
        if (isnan(best->value) || v > b || (last && v == b))
            best = &s->points[i];
    }
    return best;
}

// Least squares, with times from `origin`.
static void line_of(const struct span *s, int64_t origin_ms, double *slope, double *intercept)
{
    long double x = 0, y = 0, xy = 0, xx = 0, count = (long double)s->count;
    bool constant = true;
    for (size_t i = 0; i < s->count; i++) {
        long double t = (long double)(s->points[i].t_ms - origin_ms) / 1000;
        long double v = s->points[i].value;
        constant = constant && s->points[i].value == s->points[0].value;
        x += t, y += v, xy += t * v, xx += t * t;
    }
    *slope = (double)((xy - x * y / count) / (xx - x * x / count));
    *intercept = (double)(y / count - (xy - x * y / count) / (xx - x * x / count) * x / count);
    if (constant) {
        *slope = isinf(s->points[0].value) ? NAN : 0;
        *intercept = isinf(s->points[0].value) ? NAN : s->points[0].value;
    }
}

// The samples with values for the window's bounds: what was before its start, what is at its end.
static size_t with_bounds(struct naive *n, const struct span *s, const struct spans *of,
                          bool is_counter, struct sample **out)
{
    const struct sample *before = NULL, *after = NULL;
    struct sample *list = NULL;
    size_t count = 0;
    for (size_t i = 0; i < s->around_count; i++) {
        if (s->around[i].t_ms <= s->start_ms)
            before = &s->around[i];
        if (s->around[i].t_ms > s->end_ms && !after)
            after = &s->around[i];
    }
    bool any = s->count > 0;
    if (!any && !(of->smoothed && before && after))
        return 0;
    const struct sample *next = any ? &s->points[0] : after;
    struct sample first = before ? *before : *next;
    if (of->smoothed && before && before->t_ms < s->start_ms)
        first.value = between(before, next, s->start_ms,
                              is_counter && next->value < before->value ? 0 : before->value);
    put_point(n, &list, &count, (struct sample){s->start_ms, first.value});
    for (size_t i = 0; i < s->count; i++)
        put_point(n, &list, &count, s->points[i]);
    if (of->smoothed && after && (any || before)) {
        const struct sample *last = any ? &s->points[s->count - 1] : before;
        bool reset = is_counter && after->value < last->value;
        if (last->t_ms < s->end_ms)
            put_point(n, &list, &count,
                      (struct sample){s->end_ms,
                                      between(last, after, s->end_ms, reset ? 0 : last->value)});
    }
    *out = list;
    return count;
}

static double grown(const struct sample *points, size_t count, bool is_counter)
{
    double result = points[count - 1].value - points[0].value;
    for (size_t i = 1; is_counter && i < count; i++)
        if (points[i].value < points[i - 1].value)
            result += points[i - 1].value;
    return result;
}

static bool increase_of(struct naive *n, const struct span *s, const struct spans *of,
                        bool is_counter, bool per_second, double *out)
{
    double range = (double)(s->end_ms - s->start_ms) / 1000;
    if (of->anchored || of->smoothed) {
        struct sample *points;
        size_t count = with_bounds(n, s, of, is_counter, &points);
        if (count)
            *out = grown(points, count, is_counter) / (per_second ? range : 1);
        return count > 0;
    }
    if (s->count < 2)
        return false;
    double result = grown(s->points, s->count, is_counter);
    double sampled = (double)(s->points[s->count - 1].t_ms - s->points[0].t_ms) / 1000;
    double average = sampled / (double)(s->count - 1);
    double to_start = (double)(s->points[0].t_ms - s->start_ms) / 1000;
    double to_end = (double)(s->end_ms - s->points[s->count - 1].t_ms) / 1000;
    if (to_start >= average * 1.1)
        to_start = average / 2;
    if (to_end >= average * 1.1)
        to_end = average / 2;
    if (is_counter && result > 0 && s->points[0].value >= 0)
        to_start = fmin(to_start, sampled * (s->points[0].value / result));
    *out = result * ((sampled + to_start + to_end) / sampled) / (per_second ? range : 1);
    return true;
}

// Of anchored windows the sample at or before the start is the first.
static double counted(const struct span *s, const struct spans *of, bool resets)
{
    double count = 0;
    const struct sample *before = NULL;
    for (size_t i = 0; of->anchored && i < s->around_count; i++)
        if (s->around[i].t_ms <= s->start_ms)
            before = &s->around[i];
    for (size_t i = 0; i < s->count; i++) {
        double v = s->points[i].value;
        if (before && (resets ? v < before->value
                              : v != before->value && !(isnan(v) && isnan(before->value))))
            count++;
        before = &s->points[i];
    }
    return count;
}

static double smoothing_of(const struct span *s, double factor, double trend_factor)
{
    double level = s->points[0].value, before = 0;
    double trend = s->points[1].value - s->points[0].value;
    for (size_t i = 1; i < s->count; i++) {
        if (i > 1)
            trend = trend_factor * (level - before) + (1 - trend_factor) * trend;
        before = level;
        level = factor * s->points[i].value + (1 - factor) * (level + trend);
    }
    return level;
}

static double spread_of(struct naive *n, const double *values, size_t count)
{
    double *away = arena_array(n->arena, count, sizeof(*away));
    double median = quantile_at(n, .5, values, count);
    for (size_t i = 0; i < count; i++) {
        if (isnan(values[i]))
            return NAN;
        away[i] = fabs(values[i] - median);
    }
    return quantile_at(n, .5, away, count);
}

static bool over_time(struct naive *n, struct str name, const struct span *s,
                      const struct spans *of, const double *params, int64_t t_ms, double *out)
{
    double *values = values_of(n, s), unused;
    bool is_rate = str_is(name, "rate"), is_increase = str_is(name, "increase");
    if (is_rate || is_increase || str_is(name, "delta"))
        return increase_of(n, s, of, is_rate || is_increase, is_rate, out);
    if (!s->count)
        return false;
    const struct sample *last = &s->points[s->count - 1], *previous = last - 1;
    if (str_is(name, "changes") || str_is(name, "resets")) {
        *out = counted(s, of, str_is(name, "resets"));
    } else if (str_is(name, "irate") || str_is(name, "idelta")) {
        if (s->count < 2)
            return false;
        bool reset = str_is(name, "irate") && last->value < previous->value;
        *out = reset ? last->value : last->value - previous->value;
        if (str_is(name, "irate"))
            *out /= (double)(last->t_ms - previous->t_ms) / 1000;
    } else if (str_is(name, "sum_over_time")) {
        *out = total(values, s->count);
    } else if (str_is(name, "avg_over_time")) {
        *out = total(values, s->count) / (double)s->count;
    } else if (str_is(name, "count_over_time")) {
        *out = (double)s->count;
    } else if (str_is(name, "present_over_time")) {
        *out = 1;
    } else if (str_is(name, "first_over_time")) {
        *out = s->points[0].value;
    } else if (str_is(name, "last_over_time")) {
        *out = last->value;
    } else if (str_is(name, "min_over_time") || str_is(name, "max_over_time")) {
        *out = extreme_of(s, str_is(name, "max_over_time") ? 1 : -1, false)->value;
    } else if (str_is(name, "ts_of_min_over_time") || str_is(name, "ts_of_max_over_time")) {
        int direction = str_is(name, "ts_of_max_over_time") ? 1 : -1;
        *out = (double)extreme_of(s, direction, true)->t_ms / 1000;
    } else if (str_is(name, "ts_of_first_over_time")) {
        *out = (double)s->points[0].t_ms / 1000;
    } else if (str_is(name, "ts_of_last_over_time")) {
        *out = (double)last->t_ms / 1000;
    } else if (str_is(name, "stddev_over_time")) {
        *out = sqrt(deviation(values, s->count));
    } else if (str_is(name, "stdvar_over_time")) {
        *out = deviation(values, s->count);
    } else if (str_is(name, "mad_over_time")) {
        *out = spread_of(n, values, s->count);
    } else if (str_is(name, "quantile_over_time")) {
        *out = quantile_at(n, params[0], values, s->count);
    } else if (s->count < 2) {
        return false;
    } else if (str_is(name, "deriv")) {
        line_of(s, s->points[0].t_ms, out, &unused);
    } else if (str_is(name, "predict_linear")) {
        double slope;
        line_of(s, t_ms, &slope, out);
        *out += slope * params[0];
    } else {
        *out = smoothing_of(s, params[0], params[1]);
    }
    return true;
}

static struct elements range_call(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct str name = str_from(e->call.function->name);
    struct elements v = {0};
    struct spans spans = {0};
    double params[FUNCTION_ARGS_MAX] = {0};
    size_t param_count = 0;
    for (size_t i = 0; i < e->call.arg_count; i++) {
        if (e->call.args[i]->type == TYPE_MATRIX)
            spans = naive_spans(n, e->call.args[i], t_ms);
        else
            params[param_count++] = naive_scalar(n, e->call.args[i], t_ms);
    }
    bool grows = str_is(name, "rate") || str_is(name, "increase") || str_is(name, "delta");
    bool counts = str_is(name, "changes") || str_is(name, "resets");
    if ((spans.anchored && !grows && !counts) || (spans.smoothed && !grows))
        n->failed = true;
    for (size_t i = 0; i < spans.count; i++) {
        double value;
        bool keeps = str_is(name, "first_over_time") || str_is(name, "last_over_time");
        if (over_time(n, name, &spans.items[i], &spans, params, t_ms, &value))
            put(n, &v,
                (struct element){spans.items[i].labels, value, 0, !keeps || spans.items[i].drop});
    }
    return v;
}

// ---- histograms

struct pile {
    double upper, count;
};

static int by_upper(const void *a, const void *b)
{
    double x = ((const struct pile *)a)->upper, y = ((const struct pile *)b)->upper;
    return (x > y) - (x < y);
}

// The cumulated buckets of the histogram that `of` is a bucket of; 0 when another bucket stands first.
static size_t piles_of(struct naive *n, const struct elements *v, size_t at, struct labels *labels,
                       struct pile **out)
{
    static const struct str le[] = {STR_INIT("le")};
    struct pile *piles = arena_array(n->arena, v->count, sizeof(*piles));
    size_t count = 0, kept = 0;
    struct labels_builder b;
    labels_builder_init(&b, n->arena, v->items[at].labels);
    labels_builder_del(&b, le[0]);
    *labels = labels_builder_finish(&b);
    for (size_t i = 0; i < v->count; i++) {
        double upper;
        labels_builder_init(&b, n->arena, v->items[i].labels);
        labels_builder_del(&b, le[0]);
        if (!labels_eq(labels_builder_finish(&b), *labels) ||
            !float_parse(labels_get(v->items[i].labels, le[0]), &upper))
            continue;
        if (count == 0 && i != at)
            return 0;
        piles[count++] = (struct pile){upper, v->items[i].value};
    }
    if (count)
        qsort(piles, count, sizeof(*piles), by_upper);
    for (size_t i = 0; i < count; i++) {
        if (kept && piles[kept - 1].upper == piles[i].upper)
            piles[kept - 1].count += piles[i].count;
        else
            piles[kept++] = piles[i];
    }
    *out = piles;
    return kept;
}

static double quantile_of_piles(double q, struct pile *p, size_t count)
{
    if (isnan(q))
        return NAN;
    if (q < 0 || q > 1)
        return q < 0 ? -(double)INFINITY : (double)INFINITY;
    if (count < 2 || p[count - 1].upper != (double)INFINITY)
        return NAN;
    for (size_t i = 1; i < count; i++)
        if (p[i].count < p[i - 1].count)
            p[i].count = p[i - 1].count;
    if (p[count - 1].count == 0)
        return NAN;
    double rank = q * p[count - 1].count;
    size_t b = 0;
    while (b < count - 1 && p[b].count < rank)
        b++;
    if (b == count - 1)
        return p[count - 2].upper;
    if (b == 0 && p[0].upper <= 0)
        return p[0].upper;
    double low = b ? p[b - 1].upper : 0, below = b ? p[b - 1].count : 0;
    return low + (p[b].upper - low) * ((rank - below) / (p[b].count - below));
}

static struct elements histogram_call(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct elements v = naive_vector(n, e->call.args[1], t_ms), out = {0};
    double q = naive_scalar(n, e->call.args[0], t_ms);
    for (size_t i = 0; i < v.count; i++) {
        struct labels labels;
        struct pile *piles;
        size_t count = piles_of(n, &v, i, &labels, &piles);
        if (count)
            put(n, &out, (struct element){labels, quantile_of_piles(q, piles, count), 0, true});
    }
    return out;
}

// ---- calls

static struct elements absent_of(struct naive *n, const struct promql_expr *arg, bool is_absent)
{
    struct elements out = {0};
    struct labels_builder b;
    labels_builder_init(&b, n->arena, (struct labels){0});
    arg = bare(arg);
    size_t count =
        arg->kind == EXPR_SELECTOR || arg->kind == EXPR_MATRIX ? arg->selector.matcher_count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct matcher *m = &arg->selector.matchers[i];
        size_t same = 0;
        for (size_t k = 0; k < count; k++)
            same += str_eq(arg->selector.matchers[k].name, m->name);
        if (m->type == MATCH_EQUAL && same == 1 && !str_is(m->name, "__name__"))
            labels_builder_set(&b, m->name, m->value);
    }
    if (is_absent)
        put(n, &out, (struct element){.labels = labels_builder_finish(&b), .value = 1});
    return out;
}

static bool any_points(const struct spans *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (v->items[i].count)
            return true;
    return false;
}

static void relabel(struct naive *n, const struct promql_expr *e, struct element *item)
{
    struct str target = e->call.args[1]->string;
    struct buf value = BUF_INIT;
    struct labels_builder b;
    if (str_is(str_from(e->call.function->name), "label_join")) {
        for (size_t i = 3; i < e->call.arg_count; i++) {
            buf_str(&value, i > 3 ? e->call.args[2]->string : STR(""));
            buf_str(&value, labels_get(item->labels, e->call.args[i]->string));
        }
    } else {
        struct regex *re;
        bool good = regex_new(&re, e->call.args[4]->string, NULL) == OK;
        n->failed = n->failed || !good;
        bool matches = good && regex_expand(re, labels_get(item->labels, e->call.args[3]->string),
                                            e->call.args[2]->string, &value);
        if (good)
            regex_free(re);
        if (!matches)
            return;
    }
    labels_builder_init(&b, n->arena, item->labels);
    labels_builder_set(&b, target, arena_copy(n->arena, buf_view(&value)));
    item->labels = labels_builder_finish(&b);
    item->drop = item->drop && !str_is(target, "__name__");
    buf_release(&value);
}

static void check_unlike(struct naive *n, const struct elements *v)
{
    for (size_t i = 0; i < v->count; i++)
        for (size_t k = 0; k < i; k++)
            n->failed = n->failed || labels_eq(v->items[i].labels, v->items[k].labels);
}

static struct elements map_call(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct str name = str_from(e->call.function->name);
    struct elements v = {0}, out = {0};
    double p[FUNCTION_ARGS_MAX] = {1};
    if (e->call.arg_count)
        v = naive_vector(n, e->call.args[0], t_ms);
    else
        put(n, &v, (struct element){.value = (double)t_ms / 1000});
    for (size_t i = 1; i < e->call.arg_count; i++)
        p[i - 1] = naive_scalar(n, e->call.args[i], t_ms);
    for (size_t i = 0; i < v.count; i++) {
        struct element item = v.items[i];
        item.drop = true;
        if (str_is(name, "clamp")) {
            if (p[1] < p[0])
                continue;
            item.value = go_max(p[0], go_min(p[1], item.value));
        } else if (str_is(name, "clamp_min")) {
            item.value = go_max(p[0], item.value);
        } else if (str_is(name, "clamp_max")) {
            item.value = go_min(p[0], item.value);
        } else if (str_is(name, "round")) {
            item.value = floor(item.value * (1 / p[0]) + .5) / (1 / p[0]);
        }
        for (size_t m = 0; m < sizeof(naive_maps) / sizeof(naive_maps[0]); m++)
            if (str_is(name, naive_maps[m].name))
                item.value = naive_maps[m].map(item.value);
        put(n, &out, item);
    }
    return out;
}

static struct elements call_at(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct str name = str_from(e->call.function->name);
    struct elements out = {0};
    if (str_is(name, "absent"))
        return absent_of(n, e->call.args[0], !naive_vector(n, e->call.args[0], t_ms).count);
    if (str_is(name, "absent_over_time")) {
        struct spans spans = naive_spans(n, e->call.args[0], t_ms);
        return absent_of(n, e->call.args[0], !any_points(&spans));
    }
    if (str_is(name, "vector")) {
        put(n, &out, (struct element){.value = naive_scalar(n, e->call.args[0], t_ms)});
        return out;
    }
    if (str_is(name, "histogram_quantile"))
        return histogram_call(n, e, t_ms);
    for (size_t i = 0; i < e->call.arg_count; i++)
        if (e->call.args[i]->type == TYPE_MATRIX)
            return range_call(n, e, t_ms);
    if (str_has_prefix(name, STR("sort")))
        return naive_vector(n, e->call.args[0], t_ms);
    if (str_is(name, "timestamp") || str_has_prefix(name, STR("label_"))) {
        bool stored = bare(e->call.args[0])->kind == EXPR_SELECTOR;
        out = naive_vector(n, e->call.args[0], t_ms);
        for (size_t i = 0; i < out.count; i++) {
            if (!str_is(name, "timestamp")) {
                relabel(n, e, &out.items[i]);
                continue;
            }
            out.items[i].value = (double)(stored ? out.items[i].sample_ms : t_ms) / 1000;
            out.items[i].drop = true;
        }
        if (!str_is(name, "timestamp"))
            check_unlike(n, &out);
        return out;
    }
    return map_call(n, e, t_ms);
}

#endif
