// What it costs to seal a head into a window: 84,300 series in 100 targets, scraped every five seconds
// for five minutes, two thirds of them constant.
//
//     storage_bench_seal [SERIES [ROUNDS]]
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/appender.h"

#define TARGET_SERIES 843
#define STEP_MS       5000
#define START_MS      INT64_C(1700006400000)

struct run {
    struct clock_virtual virtual_clock;
    struct storage *storage;
    size_t series_count;
    series_ref *refs;
    double *values;
    struct rng rng;
};

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct labels labels_of(struct arena *a, size_t n)
{
    struct labels_builder b;
    size_t of_target = n % TARGET_SERIES;
    labels_builder_init(&b, a, (struct labels){0});
    labels_builder_set(&b, STR("__name__"),
                       arena_printf(a, "node_metric_%zu_total", of_target / 4));
    labels_builder_set(&b, STR("instance"), arena_printf(a, "host-%zu:9100", n / TARGET_SERIES));
    labels_builder_set(&b, STR("job"), STR("node"));
    labels_builder_set(&b, STR("device"), arena_printf(a, "device-%zu", of_target % 4));
    return labels_builder_finish(&b);
}

static void find_series(struct run *r)
{
    struct appender *a = appender_new(r->storage);
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t n = 0; n < r->series_count; n++) {
        if (appender_series(a, labels_of(&arena, n), &r->refs[n]))
            abort();
        arena_reset(&arena);
    }
    arena_release(&arena);
    appender_free(a);
}

static double next_value(struct run *r, size_t n)
{
    if (n % 3)
        return r->values[n];
    return n % 2 ? r->values[n] + (double)rng_below(&r->rng, 100)
                 : (double)rng_below(&r->rng, 10000) / 100;
}

// A target's series have its own time.
static void scrape(struct run *r, size_t from)
{
    struct appender *a = appender_new(r->storage);
    struct error err;
    int64_t t_ms = r->virtual_clock.now_ms + (int64_t)from / TARGET_SERIES % 1000;
    for (size_t n = from; n < from + TARGET_SERIES && n < r->series_count; n++) {
        r->values[n] = next_value(r, n);
        if (appender_add(a, r->refs[n], t_ms, r->values[n]))
            abort();
    }
    if (appender_commit(a, false, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    appender_free(a);
}

// A day goes by without samples, so that all there are become due.
static void seal(struct run *r, size_t round_count)
{
    double samples = (double)r->series_count * (double)round_count;
    clock_virtual_advance(&r->virtual_clock, 86400000);
    double start_ms = cpu_ms();
    storage_maintain(r->storage);
    double took_ms = cpu_ms() - start_ms;
    printf("%-20s %8.1f ms of CPU, %6.1f ns/sample, %7.1f ns/series\n", "sealing", took_ms,
           took_ms * 1e6 / samples, took_ms * 1e6 / (double)r->series_count);
}

int main(int argc, char **argv)
{
    struct run r = {.series_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 84300};
    size_t round_count = argc > 2 ? strtoul(argv[2], NULL, 10) : 60;
    char folder[] = "/tmp/lapwing-bench-XXXXXX";
    struct storage_options options;
    struct error err;
    if (!mkdtemp(folder) || !r.series_count || !round_count)
        return 1;
    log_fd_set(-1);
    rng_seed(&r.rng, 1);
    clock_virtual_init(&r.virtual_clock, START_MS);
    r.refs = mem_calloc(r.series_count, sizeof(*r.refs));
    r.values = mem_calloc(r.series_count, sizeof(*r.values));
    storage_options_init(&options);
    options.path = folder;
    options.clock = &r.virtual_clock.clock;
    options.metrics = metrics_new();
    if (storage_open(&r.storage, &options, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    find_series(&r);
    for (size_t i = 0; i < round_count; i++) {
        for (size_t n = 0; n < r.series_count; n += TARGET_SERIES)
            scrape(&r, n);
        clock_virtual_advance(&r.virtual_clock, STEP_MS);
    }
    seal(&r, round_count);
    storage_close(r.storage);
    mem_free(r.refs);
    mem_free(r.values);
    metrics_free(options.metrics);
    dir_remove_all(folder, NULL);
    return 0;
}
