// What a sample costs on its way in, and a series on its way out: scrapes of 10,000 series at 15 s
// for three and a half hours, in batches of 1,000, through journal, head and windows; then queries
// over all of it.
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/appender.h"
#include "storage/querier.h"

#define SERIES_COUNT 10000
#define BATCH_SIZE   1000
#define ROUND_COUNT  840
#define STEP_MS      15000
#define START_MS     INT64_C(1700006400000)

struct run {
    struct clock_virtual virtual_clock;
    struct storage *storage;
    series_ref refs[SERIES_COUNT];
    double values[SERIES_COUNT];
    struct rng rng;
};

static int64_t now_ns(void)
{
    return clock_mono_ns(&clock_system);
}

static struct labels labels_of(struct arena *a, unsigned n)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    labels_builder_set(&b, STR("__name__"), arena_printf(a, "node_metric_%u_total", n % 400));
    labels_builder_set(&b, STR("instance"), arena_printf(a, "host-%u:9100", n / 1000));
    labels_builder_set(&b, STR("job"), STR("node"));
    labels_builder_set(&b, STR("device"), arena_printf(a, "device-%u", n % 1000 / 400));
    return labels_builder_finish(&b);
}

static void find_series(struct run *r)
{
    struct appender *a = appender_new(r->storage);
    struct arena arena;
    arena_init(&arena, 0);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        if (appender_series(a, labels_of(&arena, n), &r->refs[n]))
            abort();
        arena_reset(&arena);
    }
    arena_release(&arena);
    appender_free(a);
}

// Two thirds constant, the rest counters and gauges with two decimals.
static double next_value(struct run *r, unsigned n)
{
    if (n % 3)
        return r->values[n];
    return n % 2 ? r->values[n] + (double)rng_below(&r->rng, 100)
                 : (double)rng_below(&r->rng, 10000) / 100;
}

static void scrape(struct run *r, unsigned from)
{
    struct appender *a = appender_new(r->storage);
    struct error err;
    for (unsigned n = from; n < from + BATCH_SIZE; n++) {
        r->values[n] = next_value(r, n);
        if (appender_add(a, r->refs[n], r->virtual_clock.now_ms, r->values[n]))
            abort();
    }
    if (appender_commit(a, true, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    appender_free(a);
}

static void ingest(struct run *r)
{
    int64_t add_ns = 0, maintain_ns = 0;
    for (int round = 0; round < ROUND_COUNT; round++) {
        int64_t start = now_ns();
        for (unsigned n = 0; n < SERIES_COUNT; n += BATCH_SIZE)
            scrape(r, n);
        int64_t added = now_ns();
        storage_maintain(r->storage);
        maintain_ns += now_ns() - added;
        add_ns += added - start;
        clock_virtual_advance(&r->virtual_clock, STEP_MS);
    }
    double samples = (double)SERIES_COUNT * ROUND_COUNT;
    printf("%-28s %8.1f ns/sample\n", "append and commit", (double)add_ns / samples);
    printf("%-28s %8.1f ns/sample\n", "maintenance, sealing", (double)maintain_ns / samples);
}

static void query(struct run *r, const char *what, const char *name, const char *pattern)
{
    struct querier *q;
    struct series_set set;
    struct matcher m;
    struct arena arena;
    struct columns c;
    struct error err;
    size_t samples = 0;
    arena_init(&arena, 0);
    columns_init(&c);
    matcher_init(&m, MATCH_REGEX, str_from(name), str_from(pattern), &err);
    int64_t start = now_ns();
    querier_new(&q, r->storage, INT64_MIN, INT64_MAX, &err);
    querier_select(q, &m, 1, INT64_MIN, INT64_MAX, &arena, &set, &err);
    int64_t selected = now_ns();
    for (size_t i = 0; i < set.count; i++) {
        querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err);
        samples += c.count;
    }
    int64_t read = now_ns();
    printf("%-28s %8zu series, select %6.2f ms, read %5.1f ns/sample\n", what, set.count,
           (double)(selected - start) / 1e6, (double)(read - selected) / (double)samples);
    querier_free(q);
    matcher_release(&m);
    columns_release(&c);
    arena_release(&arena);
}

static void report_size(struct run *r)
{
    struct storage_stats stats;
    struct arena arena;
    arena_init(&arena, 0);
    storage_stats(r->storage, &arena, &stats);
    printf("%-28s %8.2f bytes/sample\n", "windows",
           (double)stats.window_bytes /
               ((double)(stats.head_min_ms - START_MS) / STEP_MS * SERIES_COUNT));
    printf("%-28s %8.2f bytes/sample\n", "journal written",
           (double)io_bytes_written() / ((double)SERIES_COUNT * ROUND_COUNT));
    arena_release(&arena);
}

int main(void)
{
    struct run *r = mem_calloc(1, sizeof(*r));
    struct storage_options options;
    struct error err;
    char folder[] = "/tmp/lapwing-bench-XXXXXX";
    if (!mkdtemp(folder))
        return 1;
    log_fd_set(-1);
    clock_virtual_init(&r->virtual_clock, START_MS);
    rng_seed(&r->rng, 1);
    storage_options_init(&options);
    options.path = folder;
    options.clock = &r->virtual_clock.clock;
    options.metrics = metrics_new();
    if (storage_open(&r->storage, &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    find_series(r);
    ingest(r);
    report_size(r);
    query(r, "one metric of 400", "__name__", "node_metric_7_total");
    query(r, "everything", "job", ".+");
    int64_t start = now_ns();
    storage_close(r->storage);
    int64_t closed = now_ns();
    if (storage_open(&r->storage, &options, &err))
        return 1;
    printf("%-28s %8.1f ms, open %.1f ms\n", "close", (double)(closed - start) / 1e6,
           (double)(now_ns() - closed) / 1e6);
    storage_close(r->storage);
    metrics_free(options.metrics);
    dir_remove_all(folder, NULL);
    mem_free(r);
    return 0;
}
