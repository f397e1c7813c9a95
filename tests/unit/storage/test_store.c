// The way of a sample from the appender to the querier, against a naive model: in memory, over
// reopening, through sealed windows, and with a journal cut anywhere.
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_model(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 7);
    f->options.window_ms = HOUR_MS / 2;
    open_store(f);
    for (int i = 0; i < 1200; i++) { // five hours
        scrape(f, m, &rng);
        if (rng_below(&rng, 100) == 0) {
            storage_close(f->storage);
            open_store(f);
        }
        if (i % 199 == 0)
            check_all(f, m);
    }
    check_all(f, m);
    struct arena arena;
    struct storage_stats stats;
    arena_init(&arena, 0);
    storage_stats(f->storage, &arena, &stats);
    // Those before midnight were merged into one, and every two hours after it.
    assert_in_range(stats.window_count, 3, 5);
    assert_int_equal(stats.head_series, SERIES_COUNT);
    assert_true(stats.lowest_ms <= START_MS);
    arena_release(&arena);
    mem_free(m);
}

// A querier that was there before a sealing sees the same samples after it.
static void test_view_is_stable(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct querier *q;
    struct series_set set;
    struct arena arena;
    struct rng rng;
    rng_seed(&rng, 8);
    f->options.window_ms = HOUR_MS / 2;
    open_store(f);
    for (int i = 0; i < 100; i++)
        scrape(f, m, &rng);
    int64_t until_ms = f->clock.now_ms;
    struct model *before = mem_calloc(1, sizeof(*before));
    *before = *m;
    arena_init(&arena, 0);
    q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
    for (int i = 0; i < 300; i++)
        scrape(f, m, &rng);
    for (size_t i = 0; i < set.count; i++)
        check_series(q, &set, i, before, INT64_MIN, until_ms - 1);
    querier_free(q);
    arena_release(&arena);
    check_all(f, m);
    mem_free(before);
    mem_free(m);
}

static void check_refused(struct appender *a, size_t out_of_order, size_t duplicate,
                          size_t out_of_bounds)
{
    commit(a);
    const struct append_refusals *r = appender_refusals(a);
    assert_int_equal(r->out_of_order, out_of_order);
    assert_int_equal(r->duplicate, duplicate);
    assert_int_equal(r->out_of_bounds, out_of_bounds);
}

static void test_rules(void **state)
{
    struct fixture *f = *state;
    struct error err;
    f->options.series_max = 3;
    open_store(f);
    struct appender *a = appender_new(f->storage);
    assert_int_equal(add(a, 0, START_MS, 1), OK);
    assert_int_equal(add(a, 0, START_MS, 1), OK); // the very same: accepted, stored once
    assert_int_equal(add(a, 0, START_MS, 2), OK);
    assert_int_equal(add(a, 0, START_MS - 1, 2), OK);
    assert_int_equal(add(a, 0, START_MS + 11 * 60000, 2), ERR_TOO_FAR_AHEAD);
    assert_int_equal(appender_sample_count(a), 4);
    check_refused(a, 1, 1, 0);
    assert_int_equal(add(a, 0, START_MS - 1, 2), OK);
    assert_int_equal(add(a, 0, START_MS, 2), OK);
    assert_int_equal(add(a, 0, START_MS, 1), OK);
    assert_int_equal(add(a, 0, START_MS - 2 * HOUR_MS, 1), OK);
    check_refused(a, 1, 1, 1);
    assert_int_equal(appender_add(a, 0, START_MS, 2), ERR_NOT_FOUND);
    assert_int_equal(appender_add(a, 99, START_MS, 2), ERR_NOT_FOUND);
    assert_int_equal(add(a, 1, START_MS, 2), OK);
    appender_rollback(a);
    assert_int_equal(appender_sample_count(a), 0);
    assert_int_equal(add(a, 2, START_MS, 2), OK);
    assert_int_equal(add(a, 3, START_MS, 2), ERR_LIMIT);
    assert_int_equal(add(a, 0, START_MS + 1000, 2), OK);
    appender_free(a);
    struct label unsorted[] = {{STR_INIT("b"), STR_INIT("1")}, {STR_INIT("a"), STR_INIT("1")}};
    series_ref ref;
    a = appender_new(f->storage);
    assert_int_equal(appender_series(a, (struct labels){unsorted, 2}, &ref), ERR_INVALID);
    assert_int_equal(appender_series(a, (struct labels){unsorted, 0}, &ref), ERR_INVALID);
    appender_free(a);
    struct storage *second;
    assert_int_equal(storage_open(&second, &f->options, &err), ERR_EXISTS);
    assert_non_null(strstr(err.text, "in use"));
}

static void journal_file(struct fixture *f, struct buf *path)
{
    buf_reset(path);
    buf_printf(path, "%s/journal/00000001", f->folder);
}

// Whatever of the journal's end is lost, what remains is a prefix of what was written, in whole
// batches.
static void test_torn_journal(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf path = BUF_INIT, whole = BUF_INIT;
    struct rng rng;
    struct error err;
    rng_seed(&rng, 9);
    open_store(f);
    for (int i = 0; i < 12; i++)
        scrape(f, m, &rng);
    storage_close(f->storage);
    f->storage = NULL;
    journal_file(f, &path);
    assert_int_equal(file_read(buf_text(&path), 1 << 20, &whole, &err), OK);
    size_t last_count = 0;
    // Each byte of the last rounds, and each seventh of those before, which are like them.
    for (size_t len = 0, step; len <= whole.len; len += step) {
        step = len + 512 < whole.len ? 7 : 1;
        write_file(buf_text(&path), str_first(buf_view(&whole), len));
        open_store(f);
        struct querier *q;
        struct series_set set;
        struct arena arena;
        size_t count = 0;
        arena_init(&arena, 0);
        q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
        for (size_t i = 0; i < set.count; i++) {
            struct columns c;
            uint64_t n;
            columns_init(&c);
            assert_true(str_to_u64(labels_get(set.labels[i], STR("n")), &n));
            assert_int_equal(querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
            for (size_t k = 0; k < c.count; k++)
                assert_true(c.times_ms[k] == m->times[n][k]);
            count += c.count;
            columns_release(&c);
        }
        assert_true(count >= last_count);
        last_count = count;
        querier_free(q);
        arena_release(&arena);
        storage_close(f->storage);
        f->storage = NULL;
    }
    size_t all_count = 0;
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        all_count += m->counts[n];
    assert_int_equal(last_count, all_count);
    buf_release(&path);
    buf_release(&whole);
    mem_free(m);
}

struct fault {
    int countdown;
    bool hit;
};

static int fail_nth(void *context, enum io_call call, const char *path)
{
    struct fault *fault = context;
    (void)call;
    (void)path;
    if (fault->countdown-- != 0)
        return 0;
    fault->hit = true;
    return ENOSPC;
}

// The nth system call fails, for every n: a refused batch is nowhere, an accepted one everywhere.
static void test_faults(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct error err;
    f->options.window_ms = 60000;
    open_store(f);
    struct fault fault = {.hit = true};
    for (int n = 0; fault.hit; n++) {
        fault = (struct fault){n, false};
        io_fault_set(fail_nth, &fault);
        for (int i = 0; i < 12; i++) {
            struct appender *a = appender_new(f->storage);
            assert_int_equal(add(a, 2, f->clock.now_ms, n + i), OK);
            if (appender_commit(a, true, &err) == OK)
                model_add(m, 2, f->clock.now_ms, n + i);
            appender_free(a);
            storage_maintain(f->storage);
            clock_virtual_advance(&f->clock, 15000);
        }
        io_fault_set(NULL, NULL);
        storage_close(f->storage);
        open_store(f);
        check_all(f, m);
        assert_true(n < 200);
    }
    mem_free(m);
}

static void test_retention(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct storage_stats stats;
    struct arena arena;
    rng_seed(&rng, 10);
    arena_init(&arena, 0);
    f->options.window_ms = HOUR_MS / 4;
    f->options.retention_ms = HOUR_MS;
    open_store(f);
    for (int i = 0; i < 900; i++)
        scrape(f, m, &rng);
    storage_stats(f->storage, &arena, &stats);
    assert_in_range(stats.window_count, 3, 5);
    assert_true(stats.lowest_ms >= f->clock.now_ms - HOUR_MS - HOUR_MS / 4);
    storage_set_retention(f->storage, 0, 1);
    storage_maintain(f->storage);
    storage_stats(f->storage, &arena, &stats);
    assert_int_equal(stats.window_count, 0);
    arena_release(&arena);
    mem_free(m);
}

static void test_corrupt_window_is_set_aside(void **state)
{
    struct fixture *f = *state;
    struct buf path = BUF_INIT;
    struct error err;
    buf_printf(&path, "%s/window-0-7200000-1.lmdb", f->folder);
    assert_int_equal(file_write_atomic(buf_text(&path), STR("no database"), &err), OK);
    open_store(f);
    assert_false(file_exists(buf_text(&path)));
    buf_cstr(&path, ".corrupt");
    assert_true(file_exists(buf_text(&path)));
    buf_release(&path);
}

static int count_keys(void *context, struct str key, struct str value)
{
    (void)value;
    assert_true(key.len > 0);
    return ++*(int *)context == 2 ? ERR_END : OK;
}

static void check_meta(struct fixture *f)
{
    struct buf value = BUF_INIT;
    struct error err;
    struct meta_batch *b = meta_batch_new(f->storage);
    meta_put(b, META_ALERTS, STR("a"), STR("1"));
    meta_put(b, META_ALERTS, STR("b"), STR(""));
    meta_put(b, META_ALERTS, STR("c"), STR("3"));
    meta_put(b, META_GROUPS, STR("a"), STR("4"));
    assert_int_equal(meta_commit(b, &err), OK);
    meta_delete(b, META_ALERTS, STR("a"));
    meta_delete(b, META_ALERTS, STR("missing"));
    assert_int_equal(meta_commit(b, &err), OK);
    meta_batch_free(b);
    assert_int_equal(meta_get(f->storage, META_ALERTS, STR("a"), &value), ERR_NOT_FOUND);
    assert_int_equal(meta_get(f->storage, META_GROUPS, STR("a"), &value), OK);
    assert_buf(&value, "4");
    int count = 0;
    assert_int_equal(meta_each(f->storage, META_ALERTS, STR("b"), count_keys, &count), ERR_END);
    assert_int_equal(count, 2);
    buf_release(&value);
}

static void test_meta(void **state)
{
    struct fixture *f = *state;
    struct buf value = BUF_INIT;
    open_store(f);
    check_meta(f);
    storage_close(f->storage);
    open_store(f);
    assert_int_equal(meta_get(f->storage, META_ALERTS, STR("c"), &value), OK);
    assert_buf(&value, "3");
    storage_close(f->storage);
    f->options.path = NULL;
    open_store(f);
    check_meta(f);
    buf_release(&value);
}

static void expect_values(struct querier *q, const char *expression_value, enum matcher_type type,
                          const char *expected)
{
    struct arena arena;
    struct matcher m;
    struct str *values;
    size_t count;
    bool truncated;
    struct error err;
    struct buf joined = BUF_INIT;
    arena_init(&arena, 0);
    assert_int_equal(matcher_init(&m, type, STR("n"), str_from(expression_value), &err), OK);
    assert_int_equal(
        querier_label_values(q, STR("n"), &m, 1, 0, &arena, &values, &count, &truncated, &err), OK);
    for (size_t i = 0; i < count; i++)
        buf_printf(&joined, "%.*s ", STR_ARG(values[i]));
    assert_buf(&joined, expected);
    matcher_release(&m);
    arena_release(&arena);
    buf_release(&joined);
}

static void test_matchers(void **state)
{
    struct fixture *f = *state;
    struct querier *q;
    struct error err;
    struct arena arena;
    struct str *texts;
    size_t count;
    bool truncated;
    f->options.path = NULL;
    open_store(f);
    struct appender *a = appender_new(f->storage);
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        assert_int_equal(add(a, n, START_MS, n), OK);
    commit(a);
    appender_free(a);
    arena_init(&arena, 0);
    assert_int_equal(querier_new(&q, f->storage, INT64_MIN, INT64_MAX, &err), OK);
    expect_values(q, "3", MATCH_EQUAL, "3 ");
    expect_values(q, "3", MATCH_NOT_EQUAL, "0 1 2 4 5 6 ");
    expect_values(q, "1|3|9", MATCH_REGEX, "1 3 ");
    expect_values(q, "[0-2]", MATCH_REGEX, "0 1 2 ");
    expect_values(q, "[0-2]", MATCH_NOT_REGEX, "3 4 5 6 ");
    expect_values(q, "", MATCH_EQUAL, "");
    expect_values(q, ".*", MATCH_REGEX, "0 1 2 3 4 5 6 ");
    assert_int_equal(querier_label_names(q, NULL, 0, 0, &arena, &texts, &count, &truncated, &err),
                     OK);
    assert_int_equal(count, 2);
    assert_str(texts[0], "__name__");
    assert_int_equal(
        querier_label_values(q, STR("n"), NULL, 0, 4, &arena, &texts, &count, &truncated, &err),
        OK);
    assert_int_equal(count, 4);
    assert_true(truncated);
    querier_free(q);
    arena_release(&arena);
}

// Of all series in the range: the same ones in the same order, whichever labels are asked for.
static void expect_some_labels(struct fixture *f, int64_t min_ms, int64_t max_ms, size_t wanted)
{
    static const struct str names[] = {STR_INIT("n"), STR_INIT("nowhere")};
    struct querier *q;
    struct series_set all, some, none;
    struct matcher any;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    assert_int_equal(matcher_init(&any, MATCH_REGEX, STR("n"), STR(".+"), &err), OK);
    assert_int_equal(querier_new(&q, f->storage, INT64_MIN, INT64_MAX, &err), OK);
    assert_int_equal(querier_select(q, &any, 1, min_ms, max_ms, &arena, &all, &err), OK);
    assert_int_equal(querier_select_some(q, &any, 1, names, 2, min_ms, max_ms, &arena, &some, &err),
                     OK);
    assert_int_equal(querier_select_some(q, &any, 1, names, 0, min_ms, max_ms, &arena, &none, &err),
                     OK);
    assert_int_equal(all.count, wanted);
    assert_int_equal(some.count, wanted);
    assert_int_equal(none.count, wanted);
    for (size_t i = 0; i < all.count; i++) {
        assert_true(i == 0 || labels_cmp(all.labels[i - 1], all.labels[i]) < 0);
        assert_int_equal(all.labels[i].count, 2);
        assert_true(
            str_eq(labels_get(all.labels[i], STR("n")), labels_get(some.labels[i], STR("n"))));
    }
    querier_free(q);
    matcher_release(&any);
    arena_release(&arena);
}

// Series that stand in windows, in the head, or in both.
static void test_labels_that_matter(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 8);
    f->options.window_ms = HOUR_MS / 2;
    open_store(f);
    for (int i = 0; i < 400; i++)
        scrape(f, m, &rng);
    struct appender *a = appender_new(f->storage);
    for (unsigned n = 10; n < 16; n++)
        assert_int_equal(add(a, n, f->clock.now_ms, 1), OK);
    commit(a);
    appender_free(a);
    int64_t now_ms = f->clock.now_ms;
    expect_some_labels(f, START_MS, START_MS + HOUR_MS / 4, SERIES_COUNT);
    expect_some_labels(f, START_MS, START_MS + HOUR_MS, SERIES_COUNT);
    expect_some_labels(f, START_MS, now_ms, SERIES_COUNT + 6);
    expect_some_labels(f, now_ms, now_ms, 6);
    expect_some_labels(f, now_ms + 1, INT64_MAX, 0);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_labels_that_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(test_model, setup, teardown),
        cmocka_unit_test_setup_teardown(test_view_is_stable, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rules, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_journal, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention, setup, teardown),
        cmocka_unit_test_setup_teardown(test_corrupt_window_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_meta, setup, teardown),
        cmocka_unit_test_setup_teardown(test_matchers, setup, teardown),
    };
    return UNIT_RUN(tests);
}
