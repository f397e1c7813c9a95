// How long a store takes to be ready: after a kill, and after it was closed. 100,000 series with two hours
// of data at 15 s, scraped by the hundred; a copy of the folder made before the end is what a kill leaves.
//
//     storage_bench_replay [SERIES [MINUTES]]
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/appender.h"

#define BATCH_SIZE 1000
#define STEP_MS    15000
#define START_MS   INT64_C(1700006400000)

struct run {
    struct clock_virtual virtual_clock;
    struct storage_options options;
    struct storage *storage;
    size_t series_count;
    series_ref *refs;
    double *values;
    struct rng rng;
};

static void check(int rc, const struct error *err)
{
    if (!rc)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void find_series(struct run *r)
{
    struct appender *a = appender_new(r->storage);
    struct arena arena;
    struct error err = {.text = "series"};
    arena_init(&arena, 0);
    for (size_t n = 0; n < r->series_count; n++) {
        struct labels_builder b;
        labels_builder_init(&b, &arena, (struct labels){0});
        labels_builder_set(&b, STR("__name__"), arena_printf(&arena, "node_metric_%zu", n % 400));
        labels_builder_set(&b, STR("device"), arena_printf(&arena, "device-%zu", n % 1000 / 400));
        labels_builder_set(&b, STR("instance"), arena_printf(&arena, "host-%zu:9100", n / 1000));
        labels_builder_set(&b, STR("job"), STR("node"));
        check(appender_series(a, labels_builder_finish(&b), &r->refs[n]), &err);
        arena_reset(&arena);
    }
    arena_release(&arena);
    appender_free(a);
}

static void scrape(struct run *r)
{
    struct appender *a = appender_new(r->storage);
    struct error err = {.text = "add"};
    for (size_t n = 0; n < r->series_count; n++) {
        if (n % 3 == 0)
            r->values[n] += (double)rng_below(&r->rng, 2000) / (n % 2 ? 1 : 100);
        check(appender_add(a, r->refs[n], r->virtual_clock.now_ms, r->values[n]), &err);
        if (n % BATCH_SIZE == BATCH_SIZE - 1)
            check(appender_commit(a, false, &err), &err);
    }
    check(appender_commit(a, false, &err), &err);
    appender_free(a);
    storage_maintain(r->storage);
    clock_virtual_advance(&r->virtual_clock, STEP_MS);
}

static double open_ms(struct run *r, const char *path)
{
    struct error err;
    int64_t start_ns = clock_mono_ns(&clock_system);
    r->options.path = path;
    check(storage_open(&r->storage, &r->options, &err), &err);
    return (double)(clock_mono_ns(&clock_system) - start_ns) / 1e6;
}

static void copy_folder(const char *from, const char *to)
{
    struct buf command = BUF_INIT;
    buf_printf(&command, "cp -r %s %s", from, to);
    if (system(buf_text(&command)))
        exit(1);
    buf_release(&command);
}

int main(int argc, char **argv)
{
    struct run *r = mem_calloc(1, sizeof(*r));
    char folder[] = "/tmp/lapwing-bench-XXXXXX", killed[64];
    r->series_count = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    unsigned long minutes = argc > 2 ? strtoul(argv[2], NULL, 10) : 120;
    r->refs = mem_calloc(r->series_count, sizeof(*r->refs));
    r->values = mem_calloc(r->series_count, sizeof(*r->values));
    if (!mkdtemp(folder))
        return 1;
    snprintf(killed, sizeof(killed), "%s-killed", folder);
    log_fd_set(-1);
    clock_virtual_init(&r->virtual_clock, START_MS);
    rng_seed(&r->rng, 1);
    storage_options_init(&r->options);
    r->options.clock = &r->virtual_clock.clock;
    r->options.metrics = metrics_new();
    open_ms(r, folder);
    find_series(r);
    for (unsigned long i = 0; i < minutes * 4; i++)
        scrape(r);
    copy_folder(folder, killed);
    int64_t start_ns = clock_mono_ns(&clock_system);
    storage_close(r->storage);
    double close_ms = (double)(clock_mono_ns(&clock_system) - start_ns) / 1e6;
    double closed_ms = open_ms(r, folder);
    storage_close(r->storage);
    double killed_ms = open_ms(r, killed);
    printf("%zu series, %lu minutes at %d s: ready %.0f ms after a kill, %.0f ms after closing, "
           "which took %.0f ms\n",
           r->series_count, minutes, STEP_MS / 1000, killed_ms, closed_ms, close_ms);
    storage_close(r->storage);
    metrics_free(r->options.metrics);
    dir_remove_all(folder, NULL);
    dir_remove_all(killed, NULL);
    mem_free(r->refs);
    mem_free(r->values);
    mem_free(r);
    return 0;
}
