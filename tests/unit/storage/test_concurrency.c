// Writers, readers and the maintenance at the same time: every reader sees each series' samples in
// order, without holes, from the first on. Meant for the thread sanitizer.
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define WRITER_COUNT 2
#define ROUND_COUNT  400
#define STEP_MS      15000

struct shared {
    struct storage *storage;
    atomic_int running; // writers
    atomic_int rounds;  // begun by the slowest look-ahead allowed
};

struct writer {
    struct shared *shared;
    unsigned number;
    pthread_t thread;
};

static struct labels writer_labels(struct arena *a, unsigned number, unsigned n)
{
    struct labels_builder b;
    labels_builder_init(&b, a, (struct labels){0});
    labels_builder_set(&b, STR("n"), arena_printf(a, "%u", n));
    labels_builder_set(&b, STR("writer"), arena_printf(a, "%u", number));
    return labels_builder_finish(&b);
}

static void write_round(struct writer *w, struct arena *arena, int round)
{
    struct appender *a = appender_new(w->shared->storage);
    struct error err;
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        series_ref ref;
        assert_int_equal(appender_series(a, writer_labels(arena, w->number, n), &ref), OK);
        assert_int_equal(appender_add(a, ref, START_MS + (int64_t)round * STEP_MS, round), OK);
    }
    assert_int_equal(appender_commit(a, round % 2 == 0, &err), OK);
    appender_free(a);
    arena_reset(arena);
}

static void *run_writer(void *argument)
{
    struct writer *w = argument;
    struct arena arena;
    arena_init(&arena, 0);
    for (int round = 0; round < ROUND_COUNT; round++) {
        // Writers stay within a few rounds of each other: a span is sealed under neither.
        while (atomic_load(&w->shared->rounds) < round * WRITER_COUNT - 20)
            ;
        write_round(w, &arena, round);
        atomic_fetch_add(&w->shared->rounds, 1);
    }
    arena_release(&arena);
    atomic_fetch_sub(&w->shared->running, 1);
    return NULL;
}

static void check_no_hole(const struct columns *c)
{
    for (size_t i = 0; i < c->count; i++) {
        assert_true(c->times_ms[i] == START_MS + (int64_t)i * STEP_MS);
        assert_true(c->values[i] == (double)i);
    }
}

static size_t read_all(struct storage *s)
{
    struct querier *q;
    struct series_set set;
    struct matcher all;
    struct arena arena;
    struct columns c;
    struct error err;
    size_t samples = 0;
    arena_init(&arena, 0);
    columns_init(&c);
    assert_int_equal(matcher_init(&all, MATCH_REGEX, STR("n"), STR("[0-9]"), &err), OK);
    assert_int_equal(querier_new(&q, s, INT64_MIN, INT64_MAX, &err), OK);
    assert_int_equal(querier_select(q, &all, 1, INT64_MIN, INT64_MAX, &arena, &set, &err), OK);
    for (size_t i = 0; i < set.count; i++) {
        assert_int_equal(querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
        check_no_hole(&c);
        samples += c.count;
    }
    querier_free(q);
    matcher_release(&all);
    columns_release(&c);
    arena_release(&arena);
    return samples;
}

static void *run_reader(void *argument)
{
    struct shared *shared = argument;
    while (atomic_load(&shared->running) > 0)
        read_all(shared->storage);
    return NULL;
}

static void test_everything_at_once(void **state)
{
    struct fixture *f = *state;
    struct shared shared = {.running = WRITER_COUNT};
    struct writer writers[WRITER_COUNT];
    pthread_t reader;
    f->options.window_ms = HOUR_MS / 4;
    f->options.future_limit_ms = 0;
    open_store(f);
    shared.storage = f->storage;
    for (unsigned i = 0; i < WRITER_COUNT; i++) {
        writers[i] = (struct writer){.shared = &shared, .number = i};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, run_writer, &writers[i]), 0);
    }
    assert_int_equal(pthread_create(&reader, NULL, run_reader, &shared), 0);
    while (atomic_load(&shared.running) > 0)
        storage_maintain(f->storage);
    for (unsigned i = 0; i < WRITER_COUNT; i++)
        pthread_join(writers[i].thread, NULL);
    pthread_join(reader, NULL);
    assert_int_equal(read_all(f->storage), WRITER_COUNT * ROUND_COUNT * SERIES_COUNT);
    storage_close(f->storage);
    open_store(f);
    assert_int_equal(read_all(f->storage), WRITER_COUNT * ROUND_COUNT * SERIES_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_at_once, setup, teardown),
    };
    return UNIT_RUN(tests);
}
