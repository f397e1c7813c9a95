// Bulk loads, and reading and checking a folder from outside, each against the naive model.
#include "admin_fixture.h"

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

static void keep_problem(void *context, const char *text)
{
    buf_printf(context, "%s\n", text);
}

static void expect_problem(const char *path, const char *expected)
{
    struct buf said = BUF_INIT;
    struct archive_verdict verdict;
    struct error err = {.text = ""};
    assert_int_equal(archive_verify(path, keep_problem, &said, &verdict, &err), OK);
    if (!expected)
        assert_int_equal(verdict.problems, 0);
    else if (verdict.problems != 1 || str_search(buf_view(&said), str_from(expected)) == said.len)
        fail_msg("expected \"%s\", got \"%s\"", expected, buf_text(&said));
    buf_release(&said);
}

// What can be read is read, and this is said of the rest.
static void expect_left_out(const char *path, const char *expected)
{
    struct archive *a;
    struct error err = {.text = ""};
    if (archive_open(&a, path, &err))
        fail_msg("%s", err.text);
    struct str said = archive_damage(a);
    if (str_search(said, str_from(expected)) == said.len)
        fail_msg("expected \"%s\", got \"%.*s\"", expected, STR_ARG(said));
    archive_free(a);
}

static int flip_segment(void *context, const char *name)
{
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    struct error err;
    buf_printf(&path, "%s/journal/%s", (const char *)context, name);
    assert_int_equal(file_read(buf_text(&path), SIZE_MAX, &bytes, &err), OK);
    bytes.ptr[bytes.len / 2] ^= 1;
    // The snapshot's is a link.
    assert_int_equal(io_unlink(buf_text(&path)), OK);
    write_file(buf_text(&path), buf_view(&bytes));
    buf_release(&bytes);
    buf_release(&path);
    return ERR_END;
}

// Damage is named; what is left is served.
static void test_damage(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct buf path = BUF_INIT, file = BUF_INIT;
    struct error err = {.text = ""};
    rng_seed(&rng, 9);
    f->options.window_ms = HOUR_MS;
    open_store(f);
    scrape_for(f, m, &rng, 2 * HOUR_MS);
    erase(f, m, "3", START_MS, START_MS + HOUR_MS);
    buf_printf(&path, "%s/snapshots/", f->folder);
    assert_int_equal(storage_snapshot(f->storage, false, &path, &err), OK);
    storage_close(f->storage);
    expect_problem(f->folder, NULL);
    expect_problem(buf_text(&path), NULL);
    buf_printf(&file, "%s/journal", buf_text(&path));
    char *copy = mem_copy_str(buf_view(&path));
    assert_int_equal(dir_each(buf_text(&file), flip_segment, copy, &err), ERR_END);
    mem_free(copy);
    expect_problem(buf_text(&path), " bytes are damaged, at 1 places from byte ");
    expect_left_out(buf_text(&path), " bytes are damaged");
    buf_reset(&file);
    buf_printf(&file, "%s/tombstones", f->folder);
    write_file(buf_text(&file), STR("not a list of tombstones"));
    expect_problem(f->folder, "tombstones: ");
    expect_left_out(f->folder, "deleted samples are not left out");
    open_store(f);
    assert_false(file_exists(buf_text(&file)));
    storage_close(f->storage);
    expect_problem(f->folder, "tombstones.corrupt: it was found damaged");
    open_store(f);
    buf_release(&path);
    buf_release(&file);
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
        cmocka_unit_test_setup_teardown(test_archive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bulk_faults, setup, teardown),
    };
    return UNIT_RUN(tests);
}
