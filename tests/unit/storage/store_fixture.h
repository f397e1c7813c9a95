// A store in a folder of its own under a virtual clock, and the naive model that it is compared
// with.
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "unit.h"

#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/appender.h"
#include "storage/meta.h"
#include "storage/querier.h"

#define SERIES_COUNT 7
#define HOUR_MS      INT64_C(3600000)
#define START_MS     INT64_C(1700000000000)

struct model {
    int64_t times[SERIES_COUNT][4096];
    double values[SERIES_COUNT][4096];
    size_t counts[SERIES_COUNT];
};

struct fixture {
    char folder[64];
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct storage_options options;
};

static inline void open_store(struct fixture *f)
{
    struct error err = {.text = ""};
    if (storage_open(&f->storage, &f->options, &err))
        fail_msg("%s", err.text);
}

static inline int setup(void **state)
{
    struct fixture *f = mem_calloc(1, sizeof(*f));
    memcpy(f->folder, "/tmp/lapwing-store-XXXXXX", 26);
    assert_non_null(mkdtemp(f->folder));
    clock_virtual_init(&f->clock, START_MS);
    f->metrics = metrics_new();
    storage_options_init(&f->options);
    f->options.path = f->folder;
    f->options.clock = &f->clock.clock;
    f->options.metrics = f->metrics;
    log_fd_set(-1);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    storage_close(f->storage);
    metrics_free(f->metrics);
    dir_remove_all(f->folder, NULL);
    mem_free(f);
    return 0;
}

// Without the syncs that make file_write_atomic() slow.
static inline void write_file(const char *path, struct str bytes)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

static inline struct labels labels_of(struct arena *a, unsigned n)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    labels_builder_set(&b, STR("__name__"), n % 2 ? STR("odd") : STR("even"));
    labels_builder_set(&b, STR("n"), arena_printf(a, "%u", n));
    return labels_builder_finish(&b);
}

static inline int add(struct appender *a, unsigned n, int64_t t_ms, double value)
{
    struct arena arena;
    series_ref ref;
    arena_init(&arena, 0);
    int rc = appender_series(a, labels_of(&arena, n), &ref);
    if (rc == OK)
        rc = appender_add(a, ref, t_ms, value);
    arena_release(&arena);
    return rc;
}

static inline void model_add(struct model *m, unsigned n, int64_t t_ms, double value)
{
    m->times[n][m->counts[n]] = t_ms;
    m->values[n][m->counts[n]++] = value;
}

static inline void commit(struct appender *a)
{
    struct error err = {.text = ""};
    if (appender_commit(a, true, &err))
        fail_msg("%s", err.text);
}

// One batch of a sample a series at the clock's time, then a maintenance.
static inline void scrape(struct fixture *f, struct model *m, struct rng *rng)
{
    struct appender *a = appender_new(f->storage);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        double value = n == 0 ? 42 : n == 1 ? sample_stale() : (double)rng_below(rng, 1000) / 8;
        if (rng_below(rng, 10) == 0)
            continue;
        assert_int_equal(add(a, n, f->clock.now_ms, value), OK);
        model_add(m, n, f->clock.now_ms, value);
    }
    commit(a);
    appender_free(a);
    storage_maintain(f->storage);
    clock_virtual_advance(&f->clock, 15000);
}

static inline void check_series(struct querier *q, const struct series_set *set, size_t at,
                                const struct model *m, int64_t min_ms, int64_t max_ms)
{
    struct columns c;
    struct error err;
    uint64_t n;
    columns_init(&c);
    assert_true(str_to_u64(labels_get(set->labels[at], STR("n")), &n));
    assert_int_equal(querier_read(q, set->series[at], min_ms, max_ms, &c, &err), OK);
    size_t next = 0;
    for (size_t i = 0; i < m->counts[n]; i++) {
        if (m->times[n][i] < min_ms || m->times[n][i] > max_ms)
            continue;
        assert_true(next < c.count);
        assert_true(c.times_ms[next] == m->times[n][i]);
        assert_memory_equal(&c.values[next], &m->values[n][i], sizeof(double));
        next++;
    }
    assert_int_equal(next, c.count);
    columns_release(&c);
}

// Every series there is in the range, and the querier to read them with.
static inline struct querier *select_all(struct storage *s, int64_t min_ms, int64_t max_ms,
                                         struct arena *arena, struct series_set *set)
{
    struct querier *q;
    struct matcher all;
    struct error err;
    assert_int_equal(matcher_init(&all, MATCH_REGEX, STR("n"), STR(".+"), &err), OK);
    assert_int_equal(querier_new(&q, s, min_ms, max_ms, &err), OK);
    assert_int_equal(querier_select(q, &all, 1, min_ms, max_ms, arena, set, &err), OK);
    matcher_release(&all);
    return q;
}

static inline void check_range(struct fixture *f, const struct model *m, int64_t min_ms,
                               int64_t max_ms)
{
    struct series_set set;
    struct arena arena;
    arena_init(&arena, 0);
    struct querier *q = select_all(f->storage, min_ms, max_ms, &arena, &set);
    size_t expected = 0;
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        expected +=
            m->counts[n] && m->times[n][0] <= max_ms && m->times[n][m->counts[n] - 1] >= min_ms;
    assert_int_equal(set.count, expected);
    for (size_t i = 0; i < set.count; i++)
        check_series(q, &set, i, m, min_ms, max_ms);
    querier_free(q);
    arena_release(&arena);
}

static inline void check_all(struct fixture *f, const struct model *m)
{
    check_range(f, m, INT64_MIN, INT64_MAX);
    check_range(f, m, START_MS + 600000, START_MS + HOUR_MS);
    check_range(f, m, f->clock.now_ms - 300000, f->clock.now_ms);
}

#endif
