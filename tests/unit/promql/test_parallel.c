// Queries over many series with helpers and without: the same results to the bit, the same notes, the
// same errors.
#include "fixture.h"

#include "base/rng.h"

#define STEP_MS  INT64_C(15000)
#define SERIES_N 300
#define SAMPLE_N 400

static void fill(struct fixture *f)
{
    struct rng rng;
    struct error err;
    series_ref refs[SERIES_N];
    struct appender *a = appender_new(f->storage);
    rng_seed(&rng, 1);
    for (unsigned s = 0; s < SERIES_N; s++) {
        char number[8];
        snprintf(number, sizeof(number), "%u", s);
        struct label items[] = {{STR("__name__"), s % 2 ? STR("x_total") : STR("y")},
                                {STR("group"), s % 7 ? STR("a") : STR("b")},
                                {STR("n"), str_from(number)}};
        assert_int_equal(appender_series(a, (struct labels){items, 3}, &refs[s]), 0);
    }
    for (int64_t i = 0; i < SAMPLE_N; i++) {
        for (unsigned s = 0; s < SERIES_N; s++) {
            double value = rng_below(&rng, 40) ? (double)rng_below(&rng, 100000) / 7 : 0;
            if (rng_below(&rng, 50) == 0)
                value = sample_stale();
            assert_int_equal(appender_add(a, refs[s], i * STEP_MS, value), 0);
        }
        assert_int_equal(appender_commit(a, false, &err), 0);
    }
    appender_free(a);
}

static void ask(struct fixture *f, unsigned helper_count, const char *text, struct buf *out)
{
    struct arena arena;
    struct promql_result result = {0};
    struct error err;
    struct promql_query q = {
        .start_ms = 0, .end_ms = SAMPLE_N * STEP_MS, .step_ms = 2 * STEP_MS + 1};
    f->options.helper_count = helper_count;
    fixture_restart(f);
    arena_init(&arena, 0);
    if (run_query(f, q, text, &arena, &result, &err)) {
        buf_printf(out, "error: %s", err.text);
    } else {
        format_result(out, &result);
        buf_printf(out, " read %llu", (unsigned long long)result.samples_read);
    }
    promql_result_release(f->engine, &result);
    query_done(f, &arena);
}

static void test_same_results(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "sum by (group) (rate(x_total[5m]))",
        "y",
        "timestamp(y)",
        "quantile_over_time(2, y[3m])",
        "avg(quantile_over_time(0.9, {n=~\".+\"}[3m]))",
        "topk(3, increase(x_total[4m]))",
        "max_over_time(rate(x_total[2m])[10m:1m])",
        "double_exponential_smoothing(y[5m], 0.5, 2)",
        "changes(x_total[5m] anchored)",
        "sum(y smoothed)",
        "count_over_time({group=\"b\"}[1m])",
    };
    struct fixture f;
    fixture_init(&f);
    fill(&f);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct buf alone = BUF_INIT, helped = BUF_INIT;
        ask(&f, 0, texts[i], &alone);
        ask(&f, 3, texts[i], &helped);
        assert_true(alone.len > 20);
        if (!str_eq(buf_view(&alone), buf_view(&helped)))
            fail_msg("%s\n  alone  %.300s\n  helped %.300s", texts[i], buf_text(&alone),
                     buf_text(&helped));
        buf_release(&alone);
        buf_release(&helped);
    }
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_results)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
