// Deleting, cleaning, snapshots, bulk loads and reading from outside, each against the naive model.
#include "store_fixture.h"

#include <errno.h>

#include "base/clock.h"
#include "bulk.h"
#include "storage/admin.h"
#include "storage/archive.h"
#include "tombstones.h"
#include "window.h"

static void check_read(struct querier *q, const struct series_set *set, const struct model *m,
                       unsigned n, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; i < set->count; i++) {
        uint64_t found;
        assert_true(str_to_u64(labels_get(set->labels[i], STR("n")), &found));
        if (found != n)
            continue;
        check_series(q, set, i, m, min_ms, max_ms);
        return;
    }
    for (size_t i = 0; i < m->counts[n]; i++)
        assert_true(m->times[n][i] < min_ms || m->times[n][i] > max_ms);
}

static void check_samples(struct storage *s, const struct model *m, int64_t min_ms, int64_t max_ms)
{
    struct querier *q;
    struct series_set set;
    struct matcher all;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    assert_int_equal(matcher_init(&all, MATCH_REGEX, STR("n"), STR(".+"), &err), OK);
    assert_int_equal(querier_new(&q, s, min_ms, max_ms, &err), OK);
    assert_int_equal(querier_select(q, &all, 1, min_ms, max_ms, &arena, &set, &err), OK);
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        check_read(q, &set, m, n, min_ms, max_ms);
    querier_free(q);
    matcher_release(&all);
    arena_release(&arena);
}

static void check(struct fixture *f, const struct model *m)
{
    check_samples(f->storage, m, INT64_MIN, INT64_MAX);
    check_samples(f->storage, m, START_MS + HOUR_MS, START_MS + 2 * HOUR_MS);
    check_samples(f->storage, m, f->clock.now_ms - HOUR_MS, f->clock.now_ms);
}

static void erase(struct fixture *f, struct model *m, const char *value, int64_t min_ms,
                  int64_t max_ms)
{
    struct matcher match;
    struct error err = {.text = ""};
    assert_int_equal(matcher_init(&match, MATCH_REGEX, STR("n"), str_from(value), &err), OK);
    if (storage_delete(f->storage, &match, 1, min_ms, max_ms, &err))
        fail_msg("%s", err.text);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        char digit = (char)('0' + n);
        size_t kept = 0;
        bool hit = matcher_match(&match, str_make(&digit, 1));
        for (size_t i = 0; i < m->counts[n]; i++) {
            if (hit && m->times[n][i] >= min_ms && m->times[n][i] <= max_ms)
                continue;
            m->times[n][kept] = m->times[n][i];
            m->values[n][kept++] = m->values[n][i];
        }
        m->counts[n] = kept;
    }
    matcher_release(&match);
}

static void scrape_for(struct fixture *f, struct model *m, struct rng *rng, int64_t ms)
{
    int64_t end_ms = f->clock.now_ms + ms;
    while (f->clock.now_ms < end_ms)
        scrape(f, m, rng);
}

static void reopen(struct fixture *f)
{
    storage_close(f->storage);
    open_store(f);
}

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

static uint64_t tombstone_count(struct fixture *f)
{
    struct tombstones *t;
    struct error err;
    assert_int_equal(tombstones_load(&t, f->folder, &err), OK);
    uint64_t count = tombstones_count(t);
    tombstones_unref(t);
    return count;
}

struct comparison {
    const struct model *model;
    uint64_t samples;
};

static int compare_series(void *context, struct labels labels, const struct columns *c)
{
    struct comparison *to = context;
    uint64_t n;
    assert_true(str_to_u64(labels_get(labels, STR("n")), &n));
    assert_int_equal(c->count, to->model->counts[n]);
    for (size_t i = 0; i < c->count; i++) {
        assert_true(c->times_ms[i] == to->model->times[n][i]);
        assert_memory_equal(&c->values[i], &to->model->values[n][i], sizeof(double));
    }
    to->samples += c->count;
    return OK;
}

static void check_archive(const char *path, const struct model *m)
{
    struct archive *a;
    struct error err = {.text = ""};
    struct comparison to = {m, 0};
    uint64_t expected = 0;
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        expected += m->counts[n];
    if (archive_open(&a, path, &err))
        fail_msg("%s", err.text);
    for (int round = 0; round < 2; round++) {
        to.samples = 0;
        assert_int_equal(archive_each(a, NULL, compare_series, &to, INT64_MIN, INT64_MAX, &err),
                         OK);
        assert_int_equal(to.samples, expected);
    }
    archive_free(a);
}

// A sample of a series beside the model's: the journal becomes windows along with it.
static void load_one(struct fixture *f)
{
    struct bulk *b;
    struct error err;
    struct label label = {STR("other"), STR("1")};
    assert_int_equal(bulk_open(&b, f->folder, SIZE_MAX, &err), OK);
    uint32_t series = bulk_series(b, (struct labels){&label, 1});
    assert_int_equal(bulk_add(b, series, START_MS - 1, 1, &err), OK);
    assert_int_equal(bulk_commit(b, NULL, &err), OK);
    bulk_free(b);
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

static void fail_on_problem(void *context, const char *text)
{
    (void)context;
    fail_msg("%s", text);
}

static void test_archive(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct archive_verdict verdict;
    struct error err = {.text = ""};
    rng_seed(&rng, 5);
    f->options.window_ms = HOUR_MS;
    f->options.retention_ms = 0;
    open_store(f);
    scrape_for(f, m, &rng, 4 * HOUR_MS);
    erase(f, m, "[03]", START_MS + HOUR_MS, START_MS + 2 * HOUR_MS);
    // While the store is open, and after.
    check_archive(f->folder, m);
    assert_int_equal(archive_verify(f->folder, fail_on_problem, NULL, &verdict, &err), OK);
    assert_true(verdict.files > 0 && verdict.journal_segments > 0);
    storage_close(f->storage);
    check_archive(f->folder, m);
    assert_int_equal(archive_verify(f->folder, fail_on_problem, NULL, &verdict, &err), OK);
    open_store(f);
    mem_free(m);
}

static struct labels load_labels(struct arena *arena, unsigned n)
{
    arena_reset(arena);
    return labels_of(arena, n);
}

// Samples before the store's, shuffled, some twice; small memory, so that several files overlap.
static void load(struct fixture *f, struct model *m, struct rng *rng)
{
    struct bulk *b;
    struct bulk_counts counts;
    struct arena arena;
    struct error err = {.text = ""};
    uint64_t expected = 0;
    if (bulk_open(&b, f->folder, 20000, &err))
        fail_msg("%s", err.text);
    arena_init(&arena, 0);
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        size_t count = 500 + rng_below(rng, 500);
        for (size_t i = 0; i < count; i++)
            model_add(m, n, START_MS - 2 * HOUR_MS + (int64_t)i * 7000, (double)rng_u64(rng));
        for (size_t i = 0; i < count; i++) {
            size_t at = i ^ (rng_below(rng, 4) == 0);
            at = at < count ? at : i;
            uint32_t series = bulk_series(b, load_labels(&arena, n));
            assert_int_equal(bulk_add(b, series, m->times[n][at], m->values[n][at], &err), OK);
            assert_int_equal(bulk_add(b, series, m->times[n][i], m->values[n][i], &err), OK);
        }
        expected += count;
    }
    assert_int_equal(bulk_commit(b, &counts, &err), OK);
    assert_int_equal(counts.series, SERIES_COUNT);
    assert_int_equal(counts.conflicts, 0);
    assert_true(counts.samples >= expected && counts.windows > 3);
    bulk_free(b);
    arena_release(&arena);
}

static void test_bulk(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m)), *late = mem_calloc(1, sizeof(*late));
    struct rng rng;
    struct bulk *b;
    struct error err;
    rng_seed(&rng, 6);
    f->options.retention_ms = 0;
    load(f, m, &rng);
    open_store(f);
    assert_int_equal(bulk_open(&b, f->folder, 1000, &err), ERR_EXISTS);
    // The store goes on behind the load, is closed with a journal, and loaded into again.
    f->clock.now_ms = START_MS + HOUR_MS;
    scrape_for(f, m, &rng, HOUR_MS);
    check(f, m);
    erase(f, m, "1", START_MS + HOUR_MS, START_MS + HOUR_MS * 3 / 2);
    storage_close(f->storage);
    assert_int_equal(bulk_open(&b, f->folder, SIZE_MAX, &err), OK);
    struct label label = {STR("n"), STR("9")};
    uint32_t series = bulk_series(b, (struct labels){&label, 1});
    assert_int_equal(bulk_add(b, series, f->clock.now_ms, 1, &err), OK);
    assert_int_equal(bulk_add(b, series, f->clock.now_ms, 1, &err), OK);
    assert_int_equal(bulk_add(b, series, f->clock.now_ms, 2, &err), OK);
    assert_int_equal(bulk_add(b, series, clock_wall_ms(&clock_system) + HOUR_MS, 2, &err),
                     ERR_TOO_FAR_AHEAD);
    struct bulk_counts counts;
    assert_int_equal(bulk_commit(b, &counts, &err), OK);
    assert_int_equal(counts.samples, 1);
    assert_int_equal(counts.repeated, 1);
    assert_int_equal(counts.conflicts, 1);
    bulk_free(b);
    open_store(f);
    check(f, m);
    mem_free(m);
    mem_free(late);
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

struct fault {
    int countdown; // calls until the one that fails
    int code;
    bool struck;
};

static int strike(void *context, enum io_call call, const char *path)
{
    struct fault *fault = context;
    (void)path;
    if (call == IO_OPEN || fault->countdown-- != 0)
        return 0;
    fault->struck = true;
    return fault->code;
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

#define LOADED 5

static int load_some(const char *path, struct error *err)
{
    struct bulk *b;
    struct label label = {STR("other"), STR("1")};
    int rc = bulk_open(&b, path, SIZE_MAX, err);
    if (rc)
        return rc;
    uint32_t series = bulk_series(b, (struct labels){&label, 1});
    for (int i = 0; i < LOADED && rc == OK; i++)
        rc = bulk_add(b, series, START_MS - 5 * HOUR_MS * i, i, err);
    if (rc == OK)
        rc = bulk_commit(b, NULL, err);
    bulk_free(b);
    return rc;
}

static size_t count_loaded(struct storage *s)
{
    struct querier *q;
    struct series_set set;
    struct matcher match;
    struct arena arena;
    struct columns c;
    struct error err;
    columns_init(&c);
    arena_init(&arena, 0);
    assert_int_equal(matcher_init(&match, MATCH_EQUAL, STR("other"), STR("1"), &err), OK);
    assert_int_equal(querier_new(&q, s, INT64_MIN, INT64_MAX, &err), OK);
    assert_int_equal(querier_select(q, &match, 1, INT64_MIN, INT64_MAX, &arena, &set, &err), OK);
    if (set.count)
        assert_int_equal(querier_read(q, set.series[0], INT64_MIN, INT64_MAX, &c, &err), OK);
    size_t count = c.count;
    querier_free(q);
    matcher_release(&match);
    arena_release(&arena);
    columns_release(&c);
    return count;
}

// All of a load or nothing, and the journal's samples either way, whichever call fails; the store that
// is loaded into is a snapshot, for those have a journal.
static void test_bulk_faults(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    bool struck = true;
    rng_seed(&rng, 8);
    f->options.window_ms = HOUR_MS;
    f->options.retention_ms = 0;
    open_store(f);
    scrape_for(f, m, &rng, 2 * HOUR_MS);
    for (int n = 0; struck; n++) {
        struct fault fault = {n, ENOSPC, false};
        struct buf path = BUF_INIT;
        struct error err = {.text = ""};
        struct storage *copy;
        struct storage_options options = f->options;
        clock_virtual_advance(&f->clock, 1000);
        buf_printf(&path, "%s/snapshots/", f->folder);
        assert_int_equal(storage_snapshot(f->storage, false, &path, &err), OK);
        io_fault_set(strike, &fault);
        int rc = load_some(buf_text(&path), &err);
        io_fault_set(NULL, NULL);
        struck = fault.struck;
        assert_true(rc == OK || (struck && err.text[0]));
        options.path = buf_text(&path);
        if (storage_open(&copy, &options, &err))
            fail_msg("%s", err.text);
        check_samples(copy, m, START_MS, INT64_MAX);
        size_t count = count_loaded(copy);
        assert_true(count == LOADED || (rc && count == 0));
        storage_close(copy);
        assert_int_equal(dir_remove_all(buf_text(&path), &err), OK);
        buf_release(&path);
    }
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_delete, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random, setup, teardown),
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_archive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_faults, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk_faults, setup, teardown),
        cmocka_unit_test(test_tombstones_file),
    };
    return UNIT_RUN(tests);
}
