// Deleting, cleaning and snapshots, each against the naive model.
#include "admin_fixture.h"

static void test_delete(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 1);
    f->options.window_ms = HOUR_MS;
    open_store(f);
    scrape_for(f, m, &rng, HOUR_MS / 4);
    erase(f, m, "1", START_MS, START_MS + HOUR_MS / 8);
    check(f, m);
    scrape_for(f, m, &rng, 4 * HOUR_MS);
    erase(f, m, "2", INT64_MIN, INT64_MAX);
    check(f, m);
    erase(f, m, "[34]", START_MS + HOUR_MS / 2, START_MS + 2 * HOUR_MS);
    erase(f, m, "[45]", START_MS + 3 * HOUR_MS, f->clock.now_ms - 60000);
    check(f, m);
    reopen(f);
    check(f, m);
    // What comes later is not hit, and seals leave out what is deleted.
    scrape_for(f, m, &rng, 3 * HOUR_MS);
    check(f, m);
    reopen(f);
    check(f, m);
    mem_free(m);
}

static uint64_t samples_in_files(struct fixture *f)
{
    struct archive *a;
    struct archive_file file;
    struct error err;
    uint64_t count = 0;
    assert_int_equal(archive_open(&a, f->folder, &err), OK);
    for (size_t i = 0; i < archive_file_count(a); i++) {
        archive_file(a, i, &file);
        count += file.samples;
    }
    archive_free(a);
    return count;
}

static void test_clean(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct error err = {.text = ""};
    rng_seed(&rng, 2);
    f->options.window_ms = HOUR_MS;
    f->options.retention_ms = 0;
    open_store(f);
    scrape_for(f, m, &rng, 5 * HOUR_MS);
    uint64_t before = samples_in_files(f);
    erase(f, m, "[1-5]", START_MS, START_MS + 2 * HOUR_MS);
    erase(f, m, "6", START_MS, INT64_MAX);
    assert_int_equal(samples_in_files(f), before);
    assert_int_equal(storage_clean(f->storage, &err), OK);
    check(f, m);
    assert_true(samples_in_files(f) < before - 5 * 400);
    // The head still holds samples of series 6.
    assert_int_equal(tombstone_count(f), 1);
    reopen(f);
    check(f, m);
    scrape_for(f, m, &rng, 3 * HOUR_MS);
    assert_int_equal(storage_clean(f->storage, &err), OK);
    assert_int_equal(tombstone_count(f), 0);
    check(f, m);
    reopen(f);
    check(f, m);
    // The journal reaches back before the newest window's end, where it does not count any more.
    int64_t sealed_ms = (f->clock.now_ms - 15000 - HOUR_MS / 2) / HOUR_MS * HOUR_MS;
    erase(f, m, "5", START_MS, sealed_ms - 1);
    assert_int_equal(storage_clean(f->storage, &err), OK);
    assert_int_equal(tombstone_count(f), 0);
    check_archive(f->folder, m);
    storage_close(f->storage);
    check_archive(f->folder, m);
    load_one(f);
    open_store(f);
    check(f, m);
    // Files of which nothing is left go, and what the journal holds of their time stays hidden.
    erase(f, m, ".", INT64_MIN, INT64_MAX);
    assert_int_equal(storage_clean(f->storage, &err), OK);
    assert_int_equal(samples_in_files(f), 1);
    reopen(f);
    check(f, m);
    mem_free(m);
}

static size_t file_count(struct fixture *f)
{
    struct storage_stats stats;
    struct arena arena;
    arena_init(&arena, 0);
    storage_stats(f->storage, &arena, &stats);
    arena_release(&arena);
    return stats.window_count;
}

// What becomes due while files are cleaned doesn't wait for their end.
static void test_sealing_goes_first(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct error err = {.text = ""};
    rng_seed(&rng, 5);
    f->options.window_ms = HOUR_MS;
    open_store(f);
    scrape_for(f, m, &rng, 3 * HOUR_MS);
    erase(f, m, "1", START_MS, START_MS + HOUR_MS);
    size_t before = file_count(f);
    // Nobody maintains the store.
    for (int i = 0; i < 500; i++) {
        struct appender *a = appender_new(f->storage);
        assert_int_equal(add(a, 2, f->clock.now_ms, i), OK);
        model_add(m, 2, f->clock.now_ms, i);
        commit(a);
        appender_free(a);
        clock_virtual_advance(&f->clock, 15000);
    }
    assert_int_equal(file_count(f), before);
    assert_int_equal(storage_clean(f->storage, &err), OK);
    assert_true(file_count(f) > before);
    check(f, m);
    reopen(f);
    check(f, m);
    mem_free(m);
}

// Deletions and cleanings at random times between seals and merges.
static void test_random(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct error err = {.text = ""};
    rng_seed(&rng, 3);
    f->options.window_ms = HOUR_MS / 4; // so many that slots are merged
    open_store(f);
    for (int round = 0; round < 40; round++) {
        scrape_for(f, m, &rng, (int64_t)rng_below(&rng, HOUR_MS / 2));
        int64_t from_ms = START_MS + (int64_t)rng_below(&rng, 12 * HOUR_MS);
        char value[2] = {(char)('0' + rng_below(&rng, SERIES_COUNT)), 0};
        erase(f, m, value, from_ms, from_ms + (int64_t)rng_below(&rng, HOUR_MS));
        if (round % 7 == 3)
            assert_int_equal(storage_clean(f->storage, &err), OK);
        if (round % 5 == 4)
            reopen(f);
        check(f, m);
    }
    mem_free(m);
}

static void test_snapshot(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m)), *then = mem_calloc(1, sizeof(*then));
    struct rng rng;
    struct error err = {.text = ""};
    struct buf path = BUF_INIT, sealed = BUF_INIT;
    rng_seed(&rng, 4);
    f->options.window_ms = HOUR_MS;
    open_store(f);
    scrape_for(f, m, &rng, 4 * HOUR_MS);
    erase(f, m, "3", START_MS + HOUR_MS, INT64_MAX);
    buf_printf(&path, "%s/snapshots/", f->folder);
    buf_str(&sealed, buf_view(&path));
    assert_int_equal(storage_snapshot(f->storage, false, &path, &err), OK);
    clock_virtual_advance(&f->clock, 1000);
    assert_int_equal(storage_snapshot(f->storage, true, &sealed, &err), OK);
    memcpy(then, m, sizeof(*m));
    scrape_for(f, m, &rng, 3 * HOUR_MS);
    erase(f, m, "[012]", INT64_MIN, INT64_MAX);
    assert_int_equal(storage_clean(f->storage, &err), OK);
    check(f, m);
    struct storage *copy;
    struct storage_options options = f->options;
    options.path = buf_text(&path);
    options.retention_ms = 0;
    if (storage_open(&copy, &options, &err))
        fail_msg("%s", err.text);
    check_samples(copy, then, INT64_MIN, INT64_MAX);
    storage_close(copy);
    // Without the head: what was sealed.
    options.path = buf_text(&sealed);
    if (storage_open(&copy, &options, &err))
        fail_msg("%s", err.text);
    check_samples(copy, then, INT64_MIN, START_MS / HOUR_MS * HOUR_MS + 2 * HOUR_MS - 1);
    storage_close(copy);
    reopen(f);
    check(f, m);
    buf_release(&path);
    buf_release(&sealed);
    mem_free(m);
    mem_free(then);
}

static void test_tombstones_file(void **state)
{
    (void)state;
    struct tombstones *t = NULL, *again;
    struct tombstone one = {.min_ms = -5, .max_ms = START_MS, .sequence = 7};
    struct matcher matchers[2];
    struct buf bytes = BUF_INIT, copy = BUF_INIT;
    struct error err;
    assert_int_equal(matcher_init(&matchers[0], MATCH_EQUAL, STR("a"), STR("b"), &err), OK);
    assert_int_equal(matcher_init(&matchers[1], MATCH_NOT_REGEX, STR("c"), STR("d.*"), &err), OK);
    one.matchers = matchers;
    one.matcher_count = 2;
    t = tombstones_with(NULL, NULL, NULL, &one);
    tombstones_encode(t, &bytes);
    assert_int_equal(tombstones_decode(&again, buf_view(&bytes), &err), OK);
    tombstones_encode(again, &copy);
    assert_true(str_eq(buf_view(&bytes), buf_view(&copy)));
    tombstones_unref(again);
    for (size_t i = 0; i < bytes.len; i++) {
        bytes.ptr[i] ^= 0x10;
        assert_int_equal(tombstones_decode(&again, buf_view(&bytes), &err), ERR_CORRUPT);
        bytes.ptr[i] ^= 0x10;
        assert_int_equal(tombstones_decode(&again, str_first(buf_view(&bytes), i), &err),
                         ERR_CORRUPT);
    }
    tombstones_unref(t);
    matcher_release(&matchers[0]);
    matcher_release(&matchers[1]);
    buf_release(&bytes);
    buf_release(&copy);
}

// Runs the operation with its nth call failing, for each n, and checks the store after each.
static void with_faults(struct fixture *f, struct model *m,
                        int (*run)(struct fixture *f, struct error *err))
{
    for (int n = 0;; n++) {
        struct fault fault = {n, n % 2 ? EIO : ENOSPC, false};
        struct error err = {.text = ""};
        io_fault_set(strike, &fault);
        int rc = run(f, &err);
        io_fault_set(NULL, NULL);
        check(f, m);
        if (!fault.struck) {
            assert_int_equal(rc, OK);
            return;
        }
        assert_true(rc == OK || err.text[0]);
        if (n % 4 == 3) {
            reopen(f);
            check(f, m);
        }
    }
}

static int snapshot_once(struct fixture *f, struct error *err)
{
    struct buf name = BUF_INIT, path = BUF_INIT;
    clock_virtual_advance(&f->clock, 1000);
    int rc = storage_snapshot(f->storage, false, &name, err);
    buf_printf(&path, "%s/snapshots", f->folder);
    if (rc == OK)
        buf_printf(&path, "/%s", buf_text(&name));
    assert_true(rc == OK || name.len == 0);
    dir_remove_all(buf_text(&path), NULL);
    buf_release(&name);
    buf_release(&path);
    return rc;
}

static int clean_once(struct fixture *f, struct error *err)
{
    return storage_clean(f->storage, err);
}

// Deletes nothing that the model has, so that it fits whether it fails or not.
static int delete_once(struct fixture *f, struct error *err)
{
    struct matcher match;
    assert_int_equal(matcher_init(&match, MATCH_EQUAL, STR("n"), STR("2"), err), OK);
    int rc = storage_delete(f->storage, &match, 1, INT64_MIN, START_MS + 60000, err);
    matcher_release(&match);
    return rc;
}

static void test_faults(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 7);
    f->options.window_ms = HOUR_MS;
    f->options.retention_ms = 0;
    open_store(f);
    scrape_for(f, m, &rng, 4 * HOUR_MS);
    with_faults(f, m, snapshot_once);
    erase(f, m, "2", INT64_MIN, START_MS + HOUR_MS);
    with_faults(f, m, delete_once);
    erase(f, m, "[345]", START_MS, START_MS + 2 * HOUR_MS);
    with_faults(f, m, clean_once);
    assert_int_equal(tombstone_count(f), 0);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sealing_goes_first, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test(test_tombstones_file),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
    };
    return UNIT_RUN(tests);
}
