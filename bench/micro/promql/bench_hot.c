// A rate over a window, at every step of a range.
#include "../hot.h"
#include "promql/promql.h"
#include "storage/appender.h"

#define SERIES   50
#define SAMPLES  480
#define START_MS INT64_C(1700000000000)
#define STEP_MS  INT64_C(15000)

static struct promql_engine *engine;

static void add_series(struct storage *s, int number)
{
    char text[16];
    struct error err;
    series_ref ref;
    snprintf(text, sizeof(text), "%d", number);
    struct label labels[] = {{STR(LABEL_METRIC_NAME), STR("x_total")}, {STR("n"), str_from(text)}};
    struct appender *a = appender_new(s);
    if (appender_series(a, (struct labels){labels, 2}, &ref))
        abort();
    for (int i = 0; i < SAMPLES; i++)
        appender_add(a, ref, START_MS + i * STEP_MS, (double)i * (number + 1));
    if (appender_commit(a, false, &err))
        abort();
    appender_free(a);
}

static void prepare(void)
{
    struct storage_options so;
    struct storage *storage;
    struct promql_options o;
    struct error err;
    struct metrics *metrics = metrics_new();
    storage_options_init(&so);
    so.clock = &clock_system;
    so.metrics = metrics;
    so.retention_ms = 0;
    if (storage_open(&storage, &so, &err))
        abort();
    for (int i = 0; i < SERIES; i++)
        add_series(storage, i);
    promql_options_init(&o);
    o.storage = storage;
    o.clock = &clock_system;
    o.metrics = metrics;
    engine = promql_engine_new(&o);
}

static void rate_over_window(void)
{
    struct arena arena;
    struct promql_expr *e;
    struct promql_result result = {0};
    struct error err;
    arena_init(&arena, 0);
    if (promql_parse(&e, STR("rate(x_total[5m])"), 0, &arena, &err))
        abort();
    struct promql_query q = {.expr = e,
                             .start_ms = START_MS + 40 * STEP_MS,
                             .end_ms = START_MS + (SAMPLES - 1) * STEP_MS,
                             .step_ms = STEP_MS};
    if (promql_run(engine, &q, &arena, &result, &err))
        abort();
    if (result.series_count != SERIES || result.samples_read < (uint64_t)SERIES * (SAMPLES - 40))
        abort();
    hot_sink = (double)result.samples_read;
    promql_expr_free(e);
    arena_release(&arena);
}

int main(int argc, char **argv)
{
    static const struct hot_case CASES[] = {
        {"rate_over_window", "point", SERIES * (SAMPLES - 40), rate_over_window}};
    return hot_main(argc, argv, CASES, 1, prepare);
}
