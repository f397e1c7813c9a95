// Days in which a tenth of the series is replaced, kept for fifteen: the disk holds little more than what
// is live, memory stays flat, and series with no samples left are forgotten.
//
// LAPWING_LONG in the environment: 60 days instead of 26.
#include "store_fixture.h"

#include <stdlib.h>

#define DAY_MS         (24 * HOUR_MS)
#define STEP_MS        INT64_C(300000)
#define LIVE_COUNT     200
#define RETENTION_MS   (15 * DAY_MS)
#define MAINTAIN_STEPS 30

// The series in place `slot` on a day: a tenth of the places change hands each day, in turn.
static unsigned series_of(unsigned slot, int64_t day)
{
    int64_t turns = (day + 10 - slot % 10) / 10;
    return slot + (unsigned)turns * LIVE_COUNT;
}

static double value_of(unsigned slot, int64_t step)
{
    if (slot % 3)
        return slot;
    return slot % 2 ? (double)(step * (slot + 7))
                    : (double)(step * step * (slot + 3) % 10007) / 100;
}

static struct labels labels_for(struct arena *a, unsigned n)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    labels_builder_set(&b, STR("__name__"), arena_printf(a, "metric_%u", n % 20));
    labels_builder_set(&b, STR("job"), STR("churn"));
    labels_builder_set(&b, STR("pod"), arena_printf(a, "pod-%u-with-a-long-name", n));
    return labels_builder_finish(&b);
}

static void store_step(struct fixture *f, int64_t step)
{
    struct appender *a = appender_new(f->storage);
    struct arena arena;
    arena_init(&arena, 0);
    int64_t day = step * STEP_MS / DAY_MS;
    f->clock.now_ms = START_MS + step * STEP_MS;
    for (unsigned slot = 0; slot < LIVE_COUNT; slot++) {
        series_ref ref;
        assert_int_equal(appender_series(a, labels_for(&arena, series_of(slot, day)), &ref), OK);
        assert_int_equal(appender_add(a, ref, f->clock.now_ms, value_of(slot, step)), OK);
        arena_reset(&arena);
    }
    commit(a);
    appender_free(a);
    arena_release(&arena);
    clock_virtual_advance(&f->clock, STEP_MS);
    if (step % MAINTAIN_STEPS == 0)
        storage_maintain(f->storage);
}

static void store_days(struct fixture *f, int64_t from, int64_t to)
{
    for (int64_t step = from * DAY_MS / STEP_MS; step < to * DAY_MS / STEP_MS; step++)
        store_step(f, step);
    for (int i = 0; i < 20; i++)
        storage_maintain(f->storage);
}

static double memory_of(struct fixture *f)
{
    struct buf text = BUF_INIT;
    metrics_render(f->metrics, &text);
    buf_release(&text);
    return metric_value(metrics_gauge(
        f->metrics, "lapwing_storage_memory_bytes",
        "Memory of series and samples, and for writing their index, as counted against the limit.",
        ""));
}

static uint64_t series_count(struct fixture *f)
{
    struct storage_stats stats;
    struct arena arena;
    arena_init(&arena, 0);
    storage_stats(f->storage, &arena, &stats);
    arena_release(&arena);
    return stats.head_series;
}

// What the disk takes for the same fifteen days alone.
static uint64_t live_bytes(const struct fixture *f, int64_t days)
{
    struct fixture fresh = *f;
    memcpy(fresh.folder, "/tmp/lapwing-churn-XXXXXX", 26);
    assert_non_null(mkdtemp(fresh.folder));
    fresh.options.path = fresh.folder;
    fresh.options.clock = &fresh.clock.clock;
    fresh.metrics = metrics_new();
    fresh.options.metrics = fresh.metrics;
    clock_virtual_init(&fresh.clock, START_MS + (days - 15) * DAY_MS);
    open_store(&fresh);
    store_days(&fresh, days - 15, days);
    uint64_t bytes = dir_size(fresh.folder);
    storage_close(fresh.storage);
    metrics_free(fresh.metrics);
    dir_remove_all(fresh.folder, NULL);
    return bytes;
}

static void test_churn(void **state)
{
    struct fixture *f = *state;
    int64_t days = getenv("LAPWING_LONG") ? 60 : 26;
    f->options.retention_ms = RETENTION_MS;
    open_store(f);
    store_days(f, 0, 16);
    double memory_before = memory_of(f);
    store_days(f, 16, days);
    double memory_after = memory_of(f);
    uint64_t bytes = dir_size(f->folder), live = live_bytes(f, days);
    print_message(
        "%lld days: %llu bytes on disk, %llu of the last fifteen; memory %.0f, then %.0f; "
        "%llu series\n",
        (long long)days, (unsigned long long)bytes, (unsigned long long)live, memory_before,
        memory_after, (unsigned long long)series_count(f));
    // Retention goes by whole days: one day that ends in it is there on top.
    assert_true((double)bytes <= 1.1 * (double)live * 16 / 15);
    assert_true(memory_after <= 1.1 * memory_before);
    assert_true(series_count(f) <= LIVE_COUNT * 13 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_churn, setup, teardown),
    };
    return UNIT_RUN(tests);
}
