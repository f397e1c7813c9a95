// A range query gives at each step what an instant query gives there, to the bit: what is found out
// once for all steps, or for all series of a target, changes nothing. Brief queries give the same, or
// ERR_DEFERRED.
#include "fixture.h"

#include "base/rng.h"

#define STEP_MS  INT64_C(15000)
#define TARGET_N 3
#define SERIES_N 12
#define SAMPLE_N 200

static double next_value(struct rng *rng, unsigned series, double last)
{
    if (rng_below(rng, 30) == 0)
        return 0; // a reset
    if (series == 3 && rng_below(rng, 40) == 0)
        return NAN;
    if (series == 4 && rng_below(rng, 60) == 0)
        return INFINITY;
    if (series == 5)
        return (double)rng_below(rng, 5) - 2;
    if (series == 6)
        return 1e308 * (rng_below(rng, 2) ? 1 : -1);
    return last + (double)rng_below(rng, 1000) / 8;
}

// Targets with a phase and gaps of their own; the series of one share its times.
static void fill(struct fixture *f)
{
    struct rng rng;
    struct error err;
    series_ref refs[TARGET_N][SERIES_N];
    double last[TARGET_N][SERIES_N] = {0};
    struct appender *a = appender_new(f->storage);
    rng_seed(&rng, 7);
    for (unsigned t = 0; t < TARGET_N; t++) {
        for (unsigned s = 0; s < SERIES_N; s++) {
            char target[8], number[8];
            snprintf(target, sizeof(target), "%u", t);
            snprintf(number, sizeof(number), "%u", s);
            struct label items[] = {{STR("__name__"), STR("x_total")},
                                    {STR("n"), str_from(number)},
                                    {STR("target"), str_from(target)}};
            assert_int_equal(appender_series(a, (struct labels){items, 3}, &refs[t][s]), 0);
        }
    }
    for (int64_t i = 0; i < SAMPLE_N; i++) {
        for (unsigned t = 0; t < TARGET_N; t++) {
            int64_t jitter_ms = (int64_t)rng_below(&rng, 3) - 1;
            bool missed = rng_below(&rng, 20) == 0 || (t == 1 && i > 80 && i < 120);
            for (unsigned s = 0; s < SERIES_N && !missed; s++) {
                last[t][s] = next_value(&rng, s, last[t][s]);
                assert_int_equal(
                    appender_add(a, refs[t][s], i * STEP_MS + t * 4001 + jitter_ms + 1, last[t][s]),
                    0);
            }
        }
        assert_int_equal(appender_commit(a, false, &err), 0);
    }
    appender_free(a);
}

static int ask(struct fixture *f, struct promql_query q, const char *text, struct buf *out)
{
    struct arena arena;
    struct promql_result result = {0};
    struct error err;
    arena_init(&arena, 0);
    int rc = run_query(f, q, text, &arena, &result, &err);
    for (size_t s = 0; rc == 0 && s < result.series_count; s++) {
        for (size_t i = 0; i < result.series[s].count; i++) {
            labels_format(out, result.series[s].labels);
            buf_printf(out, " %a@%lld\n", result.series[s].values[i],
                       (long long)result.series[s].times_ms[i]);
        }
    }
    promql_result_release(f->engine, &result);
    query_done(f, &arena);
    return rc;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

// The lines in order, whichever way the series were gone through.
static struct str *sorted_lines(struct buf *text, size_t *count)
{
    struct str rest = buf_view(text), line, *lines = NULL;
    size_t capacity = 0;
    *count = 0;
    while (str_next(&rest, '\n', &line)) {
        MEM_GROW(lines, *count, capacity);
        lines[(*count)++] = line;
    }
    qsort(lines, *count, sizeof(*lines), by_text);
    return lines;
}

static void expect_same_lines(const char *query, struct buf *a, struct buf *b)
{
    size_t a_count, b_count;
    struct str *a_lines = sorted_lines(a, &a_count), *b_lines = sorted_lines(b, &b_count);
    assert_true(a_count > 20);
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        if (!str_eq(a_lines[i], b_lines[i]))
            fail_msg("%s: %.*s, %.*s", query, STR_ARG(a_lines[i]), STR_ARG(b_lines[i]));
    }
    assert_int_equal(a_count, b_count);
    mem_free(a_lines);
    mem_free(b_lines);
}

static const char *const texts[] = {
    "rate(x_total[1m])",
    "increase(x_total[5m])",
    "delta(x_total[2m] offset 1m)",
    "sum by (target) (x_total)",
    "sum(rate(x_total[5m]))",
    "sum by (n) (increase(x_total[33s]))",
    "avg by (n) (x_total)",
    "quantile_over_time(0.95, x_total[10m])",
    "quantile_over_time(0.5, x_total[3m])",
    "quantile_over_time(0, x_total[20m])",
    "quantile_over_time(1, x_total[20m])",
    "rate(x_total[5m:7s])",
    "max_over_time(rate(x_total[2m])[10m:1m])",
    "irate(x_total[5m])",
    "changes(x_total[5m])",
    "resets(x_total[5m])",
    "rate(x_total[2m] anchored)",
    "increase(x_total[2m] smoothed)",
};

static void test_range_is_instants(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fill(&f);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf range = BUF_INIT, instants = BUF_INIT;
        struct promql_query q = {.start_ms = 60000, .end_ms = 3300000, .step_ms = 21000};
        assert_int_equal(ask(&f, q, texts[i], &range), 0);
        for (int64_t t_ms = q.start_ms; t_ms <= q.end_ms; t_ms += q.step_ms) {
            struct promql_query at = {.start_ms = t_ms, .end_ms = t_ms};
            assert_int_equal(ask(&f, at, texts[i], &instants), 0);
        }
        expect_same_lines(texts[i], &range, &instants);
        buf_release(&range);
        buf_release(&instants);
    }
    fixture_release(&f);
}

static void test_brief(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    fill(&f);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf full = BUF_INIT, brief = BUF_INIT;
        struct promql_query q = {.start_ms = 60000, .end_ms = 900000, .step_ms = 30000};
        assert_int_equal(ask(&f, q, texts[i], &full), 0);
        q.brief = true;
        assert_int_equal(ask(&f, q, texts[i], &brief), 0);
        assert_true(str_eq(buf_view(&full), buf_view(&brief)));
        buf_release(&full);
        buf_release(&brief);
    }
    fixture_release(&f);
}

static void test_brief_gives_up(void **state)
{
    (void)state;
    static const char *const long_ones[] = {
        "x_total",                                           // of too many steps
        "sum_over_time(x_total[40m])",                       // and windows
        "sum_over_time((x_total + x_total)[40m:1s])",        // of a subquery
        "sum_over_time(vector(1)[40m:1s])",                  // of no series
        "{n=~\".+\"}",                                       // of all there are
        "quantile(0.9, max_over_time(x_total[30m:2s]))",     // inside
        "count by (target) (x_total) + on (target) x_total", // on both sides
    };
    struct fixture f;
    struct buf ignored = BUF_INIT;
    fixture_init(&f);
    fill(&f);
    for (size_t i = 0; i < sizeof(long_ones) / sizeof(long_ones[0]); i++) {
        struct promql_query q = {.start_ms = 0, .end_ms = 3000000, .step_ms = 300, .brief = true};
        assert_int_equal(ask(&f, q, long_ones[i], &ignored), ERR_DEFERRED);
    }
    buf_release(&ignored);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range_is_instants),
        cmocka_unit_test(test_brief),
        cmocka_unit_test(test_brief_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
