// Kept results against fresh ones: whatever comes or goes between two askings, what the cache gives
// is what an evaluation gives, to the bit.
#include "fixture.h"

#include "base/rng.h"

#define STEP_MS  INT64_C(15000)
#define SERIES_N 6

static struct str ask(struct fixture *f, struct promql_query q, const char *text, bool may_reuse,
                      struct arena *keep, uint64_t *samples_read)
{
    struct arena arena;
    struct promql_result result = {0};
    struct error err;
    struct buf got = BUF_INIT;
    arena_init(&arena, 0);
    q.may_reuse = may_reuse;
    if (run_query(f, q, text, &arena, &result, &err))
        buf_printf(&got, "error: %s", err.text);
    else
        format_result(&got, &result);
    *samples_read = result.samples_read;
    promql_result_release(f->engine, &result);
    query_done(f, &arena);
    struct str copy = arena_copy(keep, buf_view(&got));
    buf_release(&got);
    return copy;
}

// The samples that the reusing query read.
static uint64_t expect_same(struct fixture *f, struct promql_query q, const char *text)
{
    struct arena keep;
    uint64_t read, read_fresh;
    arena_init(&keep, 0);
    struct str reused = ask(f, q, text, true, &keep, &read);
    struct str fresh = ask(f, q, text, false, &keep, &read_fresh);
    if (!str_eq(reused, fresh))
        fail_msg("%s [%lld, %lld] step %lld\n  reused %.*s\n  fresh  %.*s", text,
                 (long long)q.start_ms, (long long)q.end_ms, (long long)q.step_ms, STR_ARG(reused),
                 STR_ARG(fresh));
    arena_release(&keep);
    return read;
}

static void add(struct fixture *f, unsigned series, int64_t t_ms, double value)
{
    struct error err;
    char job[8];
    snprintf(job, sizeof(job), "j%u", series);
    struct label items[] = {{STR("__name__"), STR("x_total")}, {STR("job"), str_from(job)}};
    struct appender *a = appender_new(f->storage);
    series_ref ref;
    assert_int_equal(appender_series(a, (struct labels){items, 2}, &ref), 0);
    if (appender_add(a, ref, t_ms, value) == 0)
        assert_int_equal(appender_commit(a, false, &err), 0);
    appender_free(a);
}

static struct promql_query range(int64_t start_ms, int64_t end_ms, int64_t step_ms)
{
    return (struct promql_query){.start_ms = start_ms, .end_ms = end_ms, .step_ms = step_ms};
}

static void test_tail_only(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int64_t i = 0; i < 1000; i++)
        add(&f, 0, i * STEP_MS, (double)i);
    struct promql_query q = range(600000, 900 * STEP_MS, 60000);
    const char *text = "rate(x_total[5m])";
    uint64_t all = expect_same(&f, q, text);
    assert_true(all > 800);
    assert_int_equal(expect_same(&f, q, text), all); // kept from the second time on
    assert_int_equal(expect_same(&f, q, text), 0);
    q.start_ms += 120000;
    q.end_ms += 120000;
    uint64_t tail = expect_same(&f, q, text);
    assert_true(tail > 0 && tail < 60);
    q.start_ms += 240000;
    q.end_ms -= 240000; // inside
    assert_int_equal(expect_same(&f, q, text), 0);
    q.start_ms += 1000; // other moments
    assert_true(expect_same(&f, q, text) > 600);
    fixture_release(&f);
}

// New samples at the end invalidate the steps that saw the end, and no others.
static void test_new_samples_are_seen(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int64_t i = 0; i < 500; i++)
        add(&f, 0, i * STEP_MS, (double)i);
    struct promql_query q = range(300000, 520 * STEP_MS, STEP_MS);
    const char *text = "sum(x_total) + count_over_time(x_total[1m])";
    for (int i = 0; i < 3; i++)
        expect_same(&f, q, text);
    for (int64_t i = 500; i < 520; i++) {
        add(&f, i % 2, i * STEP_MS, (double)i);
        uint64_t read = expect_same(&f, q, text);
        assert_true(read > 0 && read < 200);
    }
    fixture_release(&f);
}

// What depends on the query's bounds, or has notes, is reused for the same bounds only.
static void test_fixed(void **state)
{
    (void)state;
    static const char *const texts[] = {"x_total @ end()",
                                        "rate(x_total[range()])",
                                        "x_total - start()",
                                        "rate(x_total[5m]) @ 3000",
                                        "rate({__name__=~\"x_total\",job=\"j0\"}[5m:15s])",
                                        "quantile(2, x_total)"};
    struct fixture f;
    fixture_init(&f);
    for (int64_t i = 0; i < 500; i++)
        add(&f, 0, i * STEP_MS, (double)i);
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct promql_query q = range(300000, 400 * STEP_MS, STEP_MS);
        for (int n = 0; n < 3; n++)
            expect_same(&f, q, texts[i]);
        q.end_ms += 10 * STEP_MS;
        expect_same(&f, q, texts[i]);
        q.start_ms += 10 * STEP_MS;
        expect_same(&f, q, texts[i]);
    }
    fixture_release(&f);
}

static void test_random(void **state)
{
    (void)state;
    static const char *const texts[] = {"x_total",
                                        "rate(x_total[1m])",
                                        "sum by (job) (increase(x_total[45s]))",
                                        "max_over_time(rate(x_total[1m])[2m:20s])",
                                        "topk(2, x_total)",
                                        "x_total offset 1m",
                                        "x_total offset -1m",
                                        "absent(x_total{job=\"j9\"})",
                                        "x_total > 100 or vector(1)",
                                        "sort(x_total)",
                                        "time()",
                                        "timestamp(x_total)",
                                        "x_total and on() x_total @ end()"};
    struct fixture f;
    struct rng rng;
    fixture_init(&f);
    rng_seed(&rng, 42);
    int64_t now_ms = 600000;
    for (int turn = 0; turn < 1500; turn++) {
        now_ms += (int64_t)rng_below(&rng, 2) * 5000;
        if (rng_below(&rng, 3))
            add(&f, (unsigned)rng_below(&rng, SERIES_N), now_ms - (int64_t)rng_below(&rng, 30000),
                rng_below(&rng, 20) ? (double)rng_below(&rng, 1000) : sample_stale());
        int64_t step_ms = 5000 * (1 + (int64_t)rng_below(&rng, 2));
        int64_t end_ms = (now_ms + (int64_t)rng_below(&rng, 20000)) / step_ms * step_ms;
        struct promql_query q = range(end_ms - 60000 * (1 + (int64_t)rng_below(&rng, 3)), end_ms,
                                      rng_below(&rng, 8) ? step_ms : 0);
        if (!q.step_ms)
            q.start_ms = q.end_ms;
        expect_same(&f, q, texts[rng_below(&rng, COUNT_OF(texts))]);
    }
    fixture_release(&f);
}

static void test_budget(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int64_t i = 0; i < 500; i++)
        for (unsigned s = 0; s < SERIES_N; s++)
            add(&f, s, i * STEP_MS, (double)i);
    f.options.cache_size = 4096; // less than one result needs
    fixture_restart(&f);
    struct promql_query q = range(300000, 400 * STEP_MS, STEP_MS);
    for (int i = 0; i < 3; i++)
        assert_true(expect_same(&f, q, "x_total") > 0);
    f.options.cache_size = 1 << 20;
    fixture_restart(&f);
    for (int i = 0; i < 100; i++) {
        char text[64];
        snprintf(text, sizeof(text), "x_total + %d", i % 50);
        expect_same(&f, q, text);
    }
    struct metric *bytes =
        metrics_gauge(f.metrics, "lapwing_query_cache_bytes", "Memory of kept query results.", "");
    assert_true(metric_value(bytes) > 100000 && metric_value(bytes) <= 1 << 20);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tail_only), cmocka_unit_test(test_new_samples_are_seen),
        cmocka_unit_test(test_fixed),     cmocka_unit_test(test_random),
        cmocka_unit_test(test_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
