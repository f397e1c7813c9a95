// The engine against an evaluator that is slow and plain: per step, per series, per sample,
// straight from the definitions, over random series with gaps, resets, NaNs and staleness markers.
#include "fixture.h"

#include "base/rng.h"

#define SERIES_MAX  4
#define SAMPLES_MAX 80

struct sampled {
    struct sample samples[SAMPLES_MAX];
    size_t count;
};

// The samples of a window, and what it was.
struct seen {
    struct sample s[SAMPLES_MAX];
    size_t count;
    int64_t start_ms, end_ms;
};

typedef bool reference_fn(const struct seen *w, double *out);

static bool ref_count(const struct seen *w, double *out)
{
    *out = (double)w->count;
    return w->count > 0;
}

static bool ref_sum(const struct seen *w, double *out)
{
    *out = 0;
    for (size_t i = 0; i < w->count; i++)
        *out += w->s[i].value;
    return w->count > 0;
}

static bool ref_avg(const struct seen *w, double *out)
{
    bool any = ref_sum(w, out);
    *out /= (double)w->count;
    return any;
}

static bool ref_max(const struct seen *w, double *out)
{
    *out = NAN;
    for (size_t i = 0; i < w->count; i++)
        if (isnan(*out) || w->s[i].value > *out)
            *out = w->s[i].value;
    return w->count > 0;
}

static bool ref_min(const struct seen *w, double *out)
{
    *out = NAN;
    for (size_t i = 0; i < w->count; i++)
        if (isnan(*out) || w->s[i].value < *out)
            *out = w->s[i].value;
    return w->count > 0;
}

static bool ref_ts_of_min(const struct seen *w, double *out)
{
    size_t at = 0;
    for (size_t i = 1; i < w->count; i++)
        if (w->s[i].value <= w->s[at].value || isnan(w->s[at].value))
            at = i;
    *out = (double)w->s[at].t_ms / 1000;
    return w->count > 0;
}

static bool ref_last(const struct seen *w, double *out)
{
    *out = w->count ? w->s[w->count - 1].value : 0;
    return w->count > 0;
}

static bool ref_changes(const struct seen *w, double *out)
{
    *out = 0;
    for (size_t i = 1; i < w->count; i++) {
        double a = w->s[i - 1].value, b = w->s[i].value;
        *out += a != b && !(isnan(a) && isnan(b));
    }
    return w->count > 0;
}

static bool ref_resets(const struct seen *w, double *out)
{
    *out = 0;
    for (size_t i = 1; i < w->count; i++)
        *out += w->s[i].value < w->s[i - 1].value;
    return w->count > 0;
}

static bool ref_extrapolated(const struct seen *w, bool counter, double *out)
{
    if (w->count < 2)
        return false;
    const struct sample *first = &w->s[0], *last = &w->s[w->count - 1];
    double result = last->value - first->value;
    for (size_t i = 1; counter && i < w->count; i++)
        if (w->s[i].value < w->s[i - 1].value)
            result += w->s[i - 1].value;
    double sampled = (double)(last->t_ms - first->t_ms) / 1000;
    double average = sampled / (double)(w->count - 1);
    double start = (double)(first->t_ms - w->start_ms) / 1000;
    double end = (double)(w->end_ms - last->t_ms) / 1000;
    if (start >= average * 1.1)
        start = average / 2;
    if (counter && result > 0 && first->value >= 0 && sampled * (first->value / result) < start)
        start = sampled * (first->value / result);
    if (end >= average * 1.1)
        end = average / 2;
    *out = result * ((sampled + start + end) / sampled);
    return true;
}

static bool ref_increase(const struct seen *w, double *out)
{
    return ref_extrapolated(w, true, out);
}

static bool ref_delta(const struct seen *w, double *out)
{
    return ref_extrapolated(w, false, out);
}

static bool ref_rate(const struct seen *w, double *out)
{
    bool any = ref_extrapolated(w, true, out);
    *out /= (double)(w->end_ms - w->start_ms) / 1000;
    return any;
}

static bool ref_idelta(const struct seen *w, double *out)
{
    if (w->count < 2)
        return false;
    *out = w->s[w->count - 1].value - w->s[w->count - 2].value;
    return true;
}

static bool ref_stdvar(const struct seen *w, double *out)
{
    double mean;
    bool any = ref_avg(w, &mean);
    *out = 0;
    for (size_t i = 0; i < w->count; i++)
        *out += (w->s[i].value - mean) * (w->s[i].value - mean) / (double)w->count;
    return any;
}

static const struct {
    const char *name;
    reference_fn *fn;
} functions[] = {
    {"count_over_time", ref_count}, {"sum_over_time", ref_sum},
    {"avg_over_time", ref_avg},     {"max_over_time", ref_max},
    {"min_over_time", ref_min},     {"ts_of_min_over_time", ref_ts_of_min},
    {"last_over_time", ref_last},   {"changes", ref_changes},
    {"resets", ref_resets},         {"increase", ref_increase},
    {"delta", ref_delta},           {"rate", ref_rate},
    {"idelta", ref_idelta},         {"stdvar_over_time", ref_stdvar},
};

static bool close_enough(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    return fabs(a - b) <= 1e-9 * (fabs(a) + fabs(b)) + 1e-12;
}

static void make_series(struct rng *rng, struct sampled *s)
{
    int64_t t_ms = (int64_t)rng_below(rng, 20000);
    double value = (double)rng_below(rng, 50);
    s->count = 1 + rng_below(rng, SAMPLES_MAX);
    for (size_t i = 0; i < s->count; i++) {
        value += (double)rng_below(rng, 10);
        if (rng_below(rng, 12) == 0)
            value = (double)rng_below(rng, 5);
        s->samples[i] = (struct sample){t_ms, value};
        uint64_t odd = rng_below(rng, 40);
        if (odd == 0)
            s->samples[i].value = sample_stale();
        else if (odd == 1)
            s->samples[i].value = NAN;
        t_ms += 1 + (int64_t)rng_below(rng, rng_below(rng, 6) ? 16000 : 90000);
    }
}

static void store_series(struct fixture *f, const struct sampled *s, size_t index)
{
    char text[32];
    snprintf(text, sizeof(text), "%zu", index);
    struct label labels[] = {{STR("__name__"), STR("x_total")}, {STR("i"), str_from(text)}};
    struct appender *a = appender_new(f->storage);
    series_ref ref;
    struct error err;
    assert_int_equal(appender_series(a, (struct labels){labels, 2}, &ref), 0);
    for (size_t i = 0; i < s->count; i++)
        assert_int_equal(appender_add(a, ref, s->samples[i].t_ms, s->samples[i].value), 0);
    assert_int_equal(appender_commit(a, false, &err), 0);
    appender_free(a);
}

static void see(const struct sampled *s, int64_t start_ms, int64_t end_ms, struct seen *w)
{
    *w = (struct seen){.start_ms = start_ms, .end_ms = end_ms};
    for (size_t i = 0; i < s->count; i++)
        if (s->samples[i].t_ms > start_ms && s->samples[i].t_ms <= end_ms &&
            !sample_is_stale(s->samples[i].value))
            w->s[w->count++] = s->samples[i];
}

struct asked {
    struct promql_query query;
    int64_t range_ms, offset_ms;
    char text[128];
};

// The result's point of series `index` at a time.
static bool find_point(const struct promql_result *r, size_t index, int64_t t_ms, double *out)
{
    char text[32];
    snprintf(text, sizeof(text), "%zu", index);
    for (size_t s = 0; s < r->series_count; s++) {
        if (!str_is(labels_get(r->series[s].labels, STR("i")), text))
            continue;
        for (size_t i = 0; i < r->series[s].count; i++) {
            if (r->series[s].times_ms[i] == t_ms) {
                *out = r->series[s].values[i];
                return true;
            }
        }
    }
    return false;
}

static void compare(const struct asked *asked, reference_fn *fn, const struct sampled *series,
                    size_t count, const struct promql_result *r)
{
    const struct promql_query *q = &asked->query;
    for (size_t s = 0; s < count; s++) {
        for (int64_t t = q->start_ms; t <= q->end_ms; t += q->step_ms) {
            struct seen w;
            double want = 0, got = 0;
            see(&series[s], t - asked->offset_ms - asked->range_ms, t - asked->offset_ms, &w);
            bool any = fn(&w, &want), has = find_point(r, s, t, &got);
            if (any != has || (any && !close_enough(got, want)))
                fail_msg("%s at %lld, series %zu: %d %.17g, not %d %.17g", asked->text,
                         (long long)t, s, has, got, any, want);
        }
    }
}

static void ask(struct rng *rng, const char *name, struct asked *a)
{
    a->range_ms = 1000 + (int64_t)rng_below(rng, 200000);
    a->offset_ms = (int64_t)rng_below(rng, 3) * 10000 - 10000;
    a->query.start_ms = (int64_t)rng_below(rng, 300000);
    a->query.step_ms = 1000 + (int64_t)rng_below(rng, 100000);
    a->query.end_ms = a->query.start_ms + (int64_t)rng_below(rng, 30) * a->query.step_ms;
    snprintf(a->text, sizeof(a->text), "%s(x_total[%lldms] offset %lldms)", name,
             (long long)a->range_ms, (long long)a->offset_ms);
}

static void test_against_reference(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (int round = 0; round < 20; round++) {
        struct fixture f;
        struct sampled series[SERIES_MAX];
        size_t count = 1 + rng_below(&rng, SERIES_MAX);
        fixture_init(&f);
        for (size_t i = 0; i < count; i++) {
            make_series(&rng, &series[i]);
            store_series(&f, &series[i], i);
        }
        for (int query = 0; query < 40; query++) {
            size_t which = rng_below(&rng, COUNT_OF(functions));
            struct asked asked = {0};
            struct arena arena;
            struct promql_result result;
            struct error err;
            ask(&rng, functions[which].name, &asked);
            arena_init(&arena, 0);
            if (run_query(&f, asked.query, asked.text, &arena, &result, &err))
                fail_msg("%s: %s", asked.text, err.text);
            compare(&asked, functions[which].fn, series, count, &result);
            query_done(&f, &arena);
        }
        fixture_release(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
    };
    return UNIT_RUN(tests);
}
