// Samples out of order and late against a model that keeps everything sorted: in memory, sealed,
// after restarts and kills, seen by queriers that are older than the sealing.
#include "store_fixture.h"

#include "late.h"

#define WINDOW_MS HOUR_MS

static void model_insert(struct model *m, unsigned n, int64_t t_ms, double value)
{
    size_t at = m->counts[n]++;
    for (; at > 0 && m->times[n][at - 1] > t_ms; at--) {
        m->times[n][at] = m->times[n][at - 1];
        m->values[n][at] = m->values[n][at - 1];
    }
    m->times[n][at] = t_ms;
    m->values[n][at] = value;
}

static bool model_has(const struct model *m, unsigned n, int64_t t_ms)
{
    for (size_t i = 0; i < m->counts[n]; i++) {
        if (m->times[n][i] == t_ms)
            return true;
    }
    return false;
}

// Some late samples, none twice, in a batch with some that are not late.
static void scrape_late(struct fixture *f, struct model *m, struct rng *rng)
{
    struct appender *a = appender_new(f->storage);
    int64_t newest_ms = f->clock.now_ms;
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        double value = (double)rng_below(rng, 1000) / 8;
        assert_int_equal(add(a, n, newest_ms, value), OK);
        model_insert(m, n, newest_ms, value);
        while (rng_below(rng, 3) == 0) {
            // Not to the edge: the newest sample is in this batch.
            int64_t t_ms = newest_ms - 1 - (int64_t)rng_below(rng, WINDOW_MS - 20000);
            if (t_ms < START_MS || model_has(m, n, t_ms))
                continue;
            assert_int_equal(add(a, n, t_ms, value + 1), OK);
            model_insert(m, n, t_ms, value + 1);
        }
    }
    commit(a);
    assert_int_equal(appender_refusals(a)->first, 0);
    appender_free(a);
    storage_maintain(f->storage);
    clock_virtual_advance(&f->clock, 15000);
}

static void test_model(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 31);
    f->options.window_ms = HOUR_MS / 4;
    f->options.out_of_order_ms = WINDOW_MS;
    open_store(f);
    for (int i = 0; i < 600; i++) {
        scrape_late(f, m, &rng);
        if (i % 40 == 39)
            check_all(f, m);
        if (i % 150 == 149) {
            storage_close(f->storage);
            open_store(f);
            check_all(f, m);
        }
    }
    mem_free(m);
}

// A querier sees late samples once, before and after they were sealed, and none that came later.
static void test_view(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct querier *q;
    struct series_set set;
    struct arena arena;
    rng_seed(&rng, 32);
    f->options.window_ms = HOUR_MS / 4;
    f->options.out_of_order_ms = WINDOW_MS;
    open_store(f);
    arena_init(&arena, 0);
    for (int i = 0; i < 100; i++)
        scrape_late(f, m, &rng);
    struct model *before = mem_calloc(1, sizeof(*before));
    *before = *m;
    q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
    // In order from here on, so that what the querier may see is known.
    for (int i = 0; i < 300; i++)
        scrape(f, m, &rng);
    for (size_t i = 0; i < set.count; i++)
        check_series(q, &set, i, before, INT64_MIN, START_MS + 99 * 15000);
    querier_free(q);
    check_all(f, m);
    storage_maintain(f->storage);
    check_all(f, m);
    arena_release(&arena);
    mem_free(before);
    mem_free(m);
}

static void check_refused(struct appender *a, int rc, size_t out_of_order, size_t too_old,
                          size_t duplicate)
{
    commit(a);
    const struct append_refusals *r = appender_refusals(a);
    assert_int_equal(r->first_rc, rc);
    assert_int_equal(r->out_of_order, out_of_order);
    assert_int_equal(r->too_old, too_old);
    assert_int_equal(r->duplicate, duplicate);
}

static void test_rules(void **state)
{
    struct fixture *f = *state;
    f->options.out_of_order_ms = 60000;
    open_store(f);
    struct appender *a = appender_new(f->storage);
    add(a, 0, START_MS, 1);
    commit(a);
    add(a, 0, START_MS - 60000, 2);
    add(a, 0, START_MS - 60001, 2);
    check_refused(a, ERR_TOO_OLD, 0, 1, 0);
    add(a, 0, START_MS, 2);
    check_refused(a, ERR_DUPLICATE, 0, 0, 1);
    // Another series, whose first sample this is, is in order.
    add(a, 1, START_MS - 600000, 2);
    check_refused(a, 0, 0, 0, 0);
    // What is there already stays.
    add(a, 0, START_MS - 60000, 3);
    check_refused(a, 0, 0, 0, 0);
    storage_set_out_of_order(f->storage, 0);
    add(a, 0, START_MS - 1000, 3);
    check_refused(a, ERR_OUT_OF_ORDER, 1, 0, 0);
    appender_free(a);
    struct model *m = mem_calloc(1, sizeof(*m));
    model_insert(m, 0, START_MS - 60000, 2);
    model_insert(m, 0, START_MS, 1);
    model_insert(m, 1, START_MS - 600000, 2);
    check_all(f, m);
    mem_free(m);
}

// Series in order, but behind the sealed edge.
static void test_laggard(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct error err;
    f->options.window_ms = HOUR_MS / 2;
    open_store(f);
    struct appender *a = appender_new(f->storage);
    for (int i = 0; i < 400; i++) {
        int64_t late_ms = f->clock.now_ms - HOUR_MS * 9 / 10;
        add(a, 0, f->clock.now_ms, i);
        model_insert(m, 0, f->clock.now_ms, i);
        add(a, 1, late_ms, i);
        model_insert(m, 1, late_ms, i);
        assert_int_equal(appender_commit(a, true, &err), OK);
        assert_int_equal(appender_refusals(a)->first, 0);
        storage_maintain(f->storage);
        clock_virtual_advance(&f->clock, 15000);
        if (i == 250) {
            appender_free(a);
            storage_close(f->storage);
            open_store(f);
            a = appender_new(f->storage);
        }
    }
    appender_free(a);
    check_all(f, m);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_view, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_laggard, setup, teardown),
    };
    return UNIT_RUN(tests);
}
