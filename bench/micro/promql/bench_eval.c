// What queries cost in the engine: milliseconds, samples read and memory, over a day of samples
// every 15 s in a store in memory.
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "promql/promql.h"
#include "storage/appender.h"

#define SERIES  500
#define SAMPLES 5760
#define ROUNDS  5
#define STEP_MS 15000
#define DAY_MS  INT64_C(86400000)
#define HOUR_MS INT64_C(3600000)

static void die(const char *what, const struct error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->text);
    exit(1);
}

static void add_series(struct storage *s, int i)
{
    char group[16], bound[16], number[16];
    snprintf(group, sizeof(group), "%d", i % 7);
    snprintf(bound, sizeof(bound), "%d", i % 10 + 1);
    snprintf(number, sizeof(number), "%d", i / 10);
    struct label labels[] = {{STR("__name__"), STR("x_bucket")},
                             {STR("g"), str_from(group)},
                             {STR("le"), i % 10 == 9 ? STR("+Inf") : str_from(bound)},
                             {STR("n"), str_from(number)}};
    struct appender *a = appender_new(s);
    struct error err = {0};
    series_ref ref;
    if (appender_series(a, (struct labels){labels, 4}, &ref))
        die("series", &err);
    for (int64_t k = 0; k < SAMPLES; k++)
        appender_add(a, ref, k * STEP_MS, (double)(k * (i % 10 + 1)));
    if (appender_commit(a, false, &err))
        die("commit", &err);
    appender_free(a);
}

static void measure(struct promql_engine *engine, const char *text, int64_t start_ms,
                    int64_t end_ms, int64_t step_ms)
{
    double best_ms = 1e9;
    struct promql_result result = {0};
    for (int round = 0; round < ROUNDS; round++) {
        struct arena arena;
        struct promql_expr *e;
        struct error err;
        arena_init(&arena, 0);
        int64_t before = clock_mono_ns(&clock_system);
        if (promql_parse(&e, str_from(text), 0, &arena, &err))
            die(text, &err);
        struct promql_query q = {
            .expr = e, .start_ms = start_ms, .end_ms = end_ms, .step_ms = step_ms};
        if (promql_run(engine, &q, &arena, &result, &err))
            die(text, &err);
        double ms = (double)(clock_mono_ns(&clock_system) - before) / 1e6;
        best_ms = ms < best_ms ? ms : best_ms;
        promql_expr_free(e);
        arena_release(&arena);
    }
    printf("%9.3f ms %9llu samples %6zu series %9llu bytes  %s\n", best_ms,
           (unsigned long long)result.samples_read, result.series_count,
           (unsigned long long)result.bytes_peak, text);
}

int main(void)
{
    struct metrics *metrics = metrics_new();
    struct storage_options so;
    struct storage *storage;
    struct error err;
    struct promql_options o;
    storage_options_init(&so);
    so.clock = &clock_system;
    so.metrics = metrics;
    so.retention_ms = 0;
    if (storage_open(&storage, &so, &err))
        die("store", &err);
    for (int i = 0; i < SERIES; i++)
        add_series(storage, i);
    promql_options_init(&o);
    o.storage = storage;
    o.clock = &clock_system;
    o.metrics = metrics;
    struct promql_engine *engine = promql_engine_new(&o);
    measure(engine, "x_bucket", DAY_MS - STEP_MS, DAY_MS - STEP_MS, 0);
    measure(engine, "sum by (g) (rate(x_bucket[5m]))", DAY_MS - STEP_MS, DAY_MS - STEP_MS, 0);
    measure(engine, "sum by (g) (rate(x_bucket[5m]))", DAY_MS - HOUR_MS, DAY_MS, 15000);
    measure(engine, "sum by (g) (rate(x_bucket[5m]))", 0, DAY_MS, 360000);
    measure(engine, "x_bucket", 0, DAY_MS, 360000);
    measure(engine, "avg_over_time(x_bucket[5m])", 0, DAY_MS, 360000);
    measure(engine, "max_over_time(x_bucket[1h])", 0, DAY_MS, 360000);
    measure(engine, "quantile_over_time(0.9, x_bucket[1h])", DAY_MS - 6 * HOUR_MS, DAY_MS, 360000);
    measure(engine, "histogram_quantile(0.9, sum by (le, n) (rate(x_bucket[5m])))", 0, DAY_MS,
            360000);
    measure(engine, "topk(5, rate(x_bucket[5m]))", 0, DAY_MS, 360000);
    measure(engine, "x_bucket / on (n) group_left x_bucket{le=\"1\"}", 0, DAY_MS, 360000);
    measure(engine, "max_over_time(rate(x_bucket[5m])[1h:1m])", DAY_MS - 6 * HOUR_MS, DAY_MS,
            360000);
    promql_engine_free(engine);
    storage_close(storage);
    metrics_free(metrics);
    return 0;
}
