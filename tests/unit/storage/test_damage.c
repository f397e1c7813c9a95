// Damage found while the store is open: what can still be read is served at once and from then on, the
// file is set aside, and the process lives even where the disk gives no bytes at all.
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lmdb_env.h"
#include "store.h"

#define WIDE_COUNT   300
#define SAMPLE_COUNT 600
#define STEP_MS      6000
#define SPAN_MS      ((int64_t)SAMPLE_COUNT * STEP_MS)
#define WINDOW_NAME  "window-1700000000000-1700003600000-7.lmdb"

static double value_of(unsigned series, unsigned sample)
{
    return (double)((series * 7919ULL + sample) * UINT64_C(0x9e3779b97f4a7c15) >> 11) / 3.0;
}

// A window of so many values that it has many blocks, whose values don't compress.
static void add_window(struct fixture *f)
{
    struct window_span span = {START_MS, START_MS + SPAN_MS, 7, false, 2};
    struct window_writer *w;
    struct arena arena;
    struct columns c;
    struct error err;
    columns_init(&c);
    arena_init(&arena, 0);
    columns_reserve(&c, SAMPLE_COUNT);
    c.count = SAMPLE_COUNT;
    assert_int_equal(window_writer_new(&w, f->folder, span, NULL, 0, &err), OK);
    for (unsigned n = 0; n < WIDE_COUNT; n++) {
        struct labels_builder b;
        labels_builder_init(&b, &arena, (struct labels){0});
        labels_builder_set(&b, STR("n"), arena_printf(&arena, "%03u", n));
        for (unsigned i = 0; i < SAMPLE_COUNT; i++) {
            c.times_ms[i] = START_MS + (int64_t)i * STEP_MS;
            c.values[i] = value_of(n, i);
        }
        assert_int_equal(window_writer_add(w, labels_builder_finish(&b), &c, &err), OK);
    }
    assert_int_equal(window_writer_finish(w, &err), OK);
    columns_release(&c);
    arena_release(&arena);
}

static void path_of(struct fixture *f, const char *name, struct buf *out)
{
    buf_printf(out, "%s/%s", f->folder, name);
}

static bool has_file(struct fixture *f, const char *name)
{
    struct buf path = BUF_INIT;
    path_of(f, name, &path);
    bool found = file_exists(buf_text(&path));
    buf_release(&path);
    return found;
}

// Turns the bytes [from, from + size) over, as parts of the file.
static void damage(struct fixture *f, double from, size_t size)
{
    struct buf path = BUF_INIT;
    struct stat st = {0};
    char bytes[4096];
    path_of(f, WINDOW_NAME, &path);
    int fd = open(buf_text(&path), O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &st) == 0 && size <= sizeof(bytes));
    off_t at = (off_t)(from * (double)st.st_size);
    assert_int_equal(pread(fd, bytes, size, at), size);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)~bytes[i];
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    close(fd);
    buf_release(&path);
}

// Where the file has these bytes, as a part of it.
static double place_of(struct fixture *f, struct str bytes)
{
    struct buf path = BUF_INIT, file = BUF_INIT;
    struct error err;
    path_of(f, WINDOW_NAME, &path);
    assert_int_equal(file_read(buf_text(&path), SIZE_MAX, &file, &err), OK);
    const char *found = memmem(buf_text(&file), file.len, bytes.ptr, bytes.len);
    assert_non_null(found);
    double place = ((double)(found - buf_text(&file)) + 0.5) / (double)file.len;
    buf_release(&path);
    buf_release(&file);
    return place;
}

static size_t count_sound(struct querier *q, const struct series_set *set)
{
    struct columns c;
    struct error err;
    size_t total = 0;
    columns_init(&c);
    for (size_t s = 0; s < set->count; s++) {
        uint64_t n;
        assert_true(str_to_u64(labels_get(set->labels[s], STR("n")), &n));
        assert_int_equal(querier_read(q, set->series[s], INT64_MIN, INT64_MAX, &c, &err), OK);
        for (size_t i = 0; i < c.count; i++) {
            unsigned sample = (unsigned)((c.times_ms[i] - START_MS) / STEP_MS);
            assert_true(c.values[i] == value_of((unsigned)n, sample));
        }
        total += c.count;
    }
    columns_release(&c);
    return total;
}

// How many samples a query gets, all of which must be sound.
static size_t count_samples(struct fixture *f)
{
    struct querier *q;
    struct series_set set;
    struct arena arena;
    arena_init(&arena, 0);
    q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
    size_t count = count_sound(q, &set);
    querier_free(q);
    arena_release(&arena);
    return count;
}

static double corrupt_count(struct fixture *f)
{
    return metric_value(f->storage->metrics.corrupt_windows);
}

static void begin(struct fixture *f)
{
    f->clock.now_ms = START_MS + SPAN_MS + 600000;
    add_window(f);
}

static void maintain(struct fixture *f)
{
    for (int i = 0; i < 100; i++)
        storage_maintain(f->storage);
}

// A bad sector costs the blocks that it touches.
static void test_rest_of_a_window_is_served(void **state)
{
    struct fixture *f = *state;
    begin(f);
    damage(f, 0.5, 512);
    open_store(f);
    size_t left = count_samples(f);
    assert_in_range(left, WIDE_COUNT * SAMPLE_COUNT * 9 / 10, WIDE_COUNT * SAMPLE_COUNT - 1);
    assert_int_equal(count_samples(f), left);
    maintain(f);
    assert_false(has_file(f, WINDOW_NAME));
    assert_true(has_file(f, WINDOW_NAME ".corrupt"));
    assert_true(corrupt_count(f) == 1);
    assert_int_equal(count_samples(f), left);
    storage_close(f->storage);
    open_store(f);
    maintain(f);
    assert_int_equal(count_samples(f), left);
    assert_true(corrupt_count(f) == 1);
}

// Nobody asks for it.
static void test_damage_is_found_unasked(void **state)
{
    struct fixture *f = *state;
    begin(f);
    damage(f, 0.8, 1);
    open_store(f);
    storage_maintain(f->storage);
    maintain(f);
    assert_true(has_file(f, WINDOW_NAME ".corrupt"));
    assert_true(corrupt_count(f) == 1);
    assert_in_range(count_samples(f), WIDE_COUNT * SAMPLE_COUNT * 9 / 10,
                    WIDE_COUNT * SAMPLE_COUNT - 1);
}

// However little may be read at a time, the end is reached: the index alone is more than that.
static void test_scrub_gets_through(void **state)
{
    struct fixture *f = *state;
    struct window *w;
    struct error err;
    begin(f);
    assert_int_equal(window_open(&w, f->folder, WINDOW_NAME, &err), OK);
    window_want_scrub(w);
    bool through = false;
    for (int i = 0; i < 1000 && !through; i++) {
        uint64_t left_bytes = 1;
        through = window_scrub(w, &left_bytes);
    }
    assert_true(through);
    assert_false(window_is_corrupt(w));
    window_unref(w);
}

static int refuse_renames(void *context, enum io_call call, const char *path)
{
    (void)context;
    (void)path;
    return call == IO_RENAME ? ENOSPC : 0;
}

// What can't be written yet is served from the damaged file, until it can.
static void test_rescue_waits_for_room(void **state)
{
    struct fixture *f = *state;
    begin(f);
    damage(f, 0.3, 1);
    open_store(f);
    size_t left = count_samples(f);
    assert_in_range(left, WIDE_COUNT * SAMPLE_COUNT * 9 / 10, WIDE_COUNT * SAMPLE_COUNT - 1);
    io_fault_set(refuse_renames, NULL);
    maintain(f);
    assert_true(has_file(f, WINDOW_NAME));
    assert_int_equal(count_samples(f), left);
    assert_true(metric_value(f->storage->metrics.merge_failures) == 1);
    io_fault_set(NULL, NULL);
    clock_virtual_advance(&f->clock, 11000);
    maintain(f);
    assert_true(has_file(f, WINDOW_NAME ".corrupt"));
    assert_int_equal(count_samples(f), left);
}

// Without its index nothing of a window is found; queries go on without it.
static void test_index_is_damaged(void **state)
{
    struct fixture *f = *state;
    begin(f);
    damage(f, place_of(f, STR("098099100")), 8);
    open_store(f);
    assert_int_equal(count_samples(f), 0);
    maintain(f);
    assert_true(has_file(f, WINDOW_NAME ".corrupt"));
    assert_true(corrupt_count(f) == 1);
    assert_int_equal(count_samples(f), 0);
}

// Somebody cuts the file that is open: reading behind its end is a SIGBUS, like a bad sector.
static void test_pages_that_cannot_be_read(void **state)
{
    struct fixture *f = *state;
    struct buf path = BUF_INIT;
    begin(f);
    open_store(f);
    assert_int_equal(count_samples(f), WIDE_COUNT * SAMPLE_COUNT);
    path_of(f, WINDOW_NAME, &path);
    assert_int_equal(truncate(buf_text(&path), 40960), 0);
    assert_true(count_samples(f) < WIDE_COUNT * SAMPLE_COUNT);
    buf_release(&path);
}

// LMDB crashes on some of these: tree pages behind two sound meta pages, too.
static void test_meta_is_damaged(void **state)
{
    struct fixture *f = *state;
    struct buf path = BUF_INIT;
    char bytes[4096];
    path_of(f, "meta/data.mdb", &path);
    open_store(f);
    for (int page = 0; page < 3; page++) {
        storage_close(f->storage);
        int fd = open(buf_text(&path), O_RDWR);
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (char)(page == 0 ? 0 : i * 37 + 11);
        for (int at = page; at < 3; at++)
            assert_int_equal(pwrite(fd, bytes, sizeof(bytes), at * 4096), sizeof(bytes));
        close(fd);
        open_store(f);
        assert_true(has_file(f, "meta.corrupt/data.mdb"));
        assert_true(page == 0 || has_file(f, "meta.2.corrupt/data.mdb"));
        assert_true(has_file(f, "meta/data.mdb"));
        assert_true(corrupt_count(f) == page + 1);
    }
    buf_release(&path);
}

static void write_aside(struct fixture *f, const char *name, size_t size)
{
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    path_of(f, name, &path);
    memset(buf_reserve(&bytes, size), 'x', size);
    buf_advance(&bytes, size);
    write_file(buf_text(&path), buf_view(&bytes));
    buf_release(&bytes);
    buf_release(&path);
}

// What was set aside counts, goes before what is served, and with its time.
static void test_retention_of_what_is_set_aside(void **state)
{
    struct fixture *f = *state;
    struct storage_stats stats;
    struct arena arena;
    arena_init(&arena, 0);
    begin(f);
    write_aside(f, "day-1600000000000-1600003600000-2.lmdb.corrupt", 100000);
    write_aside(f, "window-1700000000000-1700003600000-3.lmdb.corrupt", 400000);
    write_aside(f, "window-1700000000000-1700003600000-4.lmdb.corrupt", 100000);
    open_store(f);
    storage_maintain(f->storage);
    assert_false(has_file(f, "day-1600000000000-1600003600000-2.lmdb.corrupt"));
    assert_true(has_file(f, "window-1700000000000-1700003600000-3.lmdb.corrupt"));
    storage_stats(f->storage, &arena, &stats);
    storage_set_retention(f->storage, 0, stats.window_bytes + 200000);
    clock_virtual_advance(&f->clock, 60000);
    storage_maintain(f->storage);
    assert_false(has_file(f, "window-1700000000000-1700003600000-3.lmdb.corrupt"));
    assert_true(has_file(f, "window-1700000000000-1700003600000-4.lmdb.corrupt"));
    assert_true(has_file(f, WINDOW_NAME));
    // Whatever is the store's counts.
    write_aside(f, "foreign", 300000);
    clock_virtual_advance(&f->clock, 60000);
    storage_maintain(f->storage);
    assert_true(has_file(f, WINDOW_NAME));
    write_aside(f, "day-1-2-3.lmdb.tmp", 300000);
    clock_virtual_advance(&f->clock, 60000);
    storage_maintain(f->storage);
    assert_false(has_file(f, "window-1700000000000-1700003600000-4.lmdb.corrupt"));
    assert_false(has_file(f, WINDOW_NAME));
    arena_release(&arena);
}

// Files of no bytes are not taken for new ones.
static void test_empty_files(void **state)
{
    struct fixture *f = *state;
    struct buf path = BUF_INIT;
    struct error err;
    open_store(f);
    storage_close(f->storage);
    path_of(f, "meta/data.mdb", &path);
    write_file(buf_text(&path), STR(""));
    buf_reset(&path);
    path_of(f, "tombstones", &path);
    write_file(buf_text(&path), STR(""));
    open_store(f);
    assert_true(corrupt_count(f) == 2);
    assert_true(has_file(f, "meta.corrupt/data.mdb") && has_file(f, "tombstones.corrupt"));
    storage_close(f->storage);
    buf_reset(&path);
    path_of(f, "meta", &path);
    dir_remove_all(buf_text(&path), &err);
    write_file(buf_text(&path), STR("no folder"));
    open_store(f);
    assert_true(corrupt_count(f) == 3);
    assert_true(has_file(f, "meta.2.corrupt") && has_file(f, "meta/data.mdb"));
    buf_release(&path);
}

static void put_meta(struct fixture *f, enum meta_table table, const char *key, const char *value)
{
    struct error err = {.text = ""};
    struct meta_batch *b = meta_batch_new(f->storage);
    meta_put(b, table, str_from(key), str_from(value));
    if (meta_commit(b, &err))
        fail_msg("%s", err.text);
    meta_batch_free(b);
}

// Each byte of the text, in every copy that the file has of it.
static void overwrite(const char *path, const char *text, const char *by)
{
    struct buf bytes = BUF_INIT;
    struct error err;
    assert_int_equal(file_read(path, SIZE_MAX, &bytes, &err), OK);
    int fd = open(path, O_WRONLY), count = 0;
    for (size_t at = 0; at < bytes.len; at++) {
        at += str_search(str_skip(buf_view(&bytes), at), str_from(text));
        if (at < bytes.len)
            count += pwrite(fd, by, strlen(by), (off_t)at) > 0;
    }
    assert_true(fd >= 0 && count > 0);
    close(fd);
    buf_release(&bytes);
}

static int add_text(void *context, struct str key, struct str value)
{
    buf_printf(context, "%.*s=%.*s ", STR_ARG(key), STR_ARG(value));
    return OK;
}

static void expect_meta(struct fixture *f, enum meta_table table, const char *expected)
{
    struct buf text = BUF_INIT;
    assert_int_equal(meta_each(f->storage, table, str_make(NULL, 0), add_text, &text), OK);
    assert_buf(&text, expected);
    buf_release(&text);
}

// A changed byte of a value or a key costs that entry.
static void test_meta_values_are_damaged(void **state)
{
    struct fixture *f = *state;
    struct buf path = BUF_INIT, value = BUF_INIT;
    path_of(f, "meta/data.mdb", &path);
    open_store(f);
    put_meta(f, META_SILENCES, "one", "instance=web-1");
    put_meta(f, META_SILENCES, "two", "instance=web-2");
    put_meta(f, META_SILENCES, "three", "");
    put_meta(f, META_ALERTS, "four", "firing");
    storage_close(f->storage);
    overwrite(buf_text(&path), "instance=web-2", "instance=web-3");
    overwrite(buf_text(&path), "four", "five");
    open_store(f);
    expect_meta(f, META_SILENCES, "one=instance=web-1 three= ");
    expect_meta(f, META_ALERTS, "");
    assert_int_equal(meta_get(f->storage, META_SILENCES, STR("two"), &value), ERR_NOT_FOUND);
    assert_true(metric_value(f->storage->metrics.corrupt_values) == 2);
    assert_true(corrupt_count(f) == 0);
    storage_close(f->storage);
    open_store(f);
    assert_true(metric_value(f->storage->metrics.corrupt_values) == 2);
    buf_release(&value);
    buf_release(&path);
}

// Tables without checksums, as an earlier version wrote them.
static void test_old_meta(void **state)
{
    struct fixture *f = *state;
    struct buf path = BUF_INIT;
    struct lmdb_env *env;
    struct lmdb_txn *t;
    struct error err;
    unsigned table;
    path_of(f, "meta", &path);
    assert_int_equal(dir_create(buf_text(&path), &err), OK);
    assert_int_equal(lmdb_env_open(&env, buf_text(&path), LMDB_FOLDER, 1 << 20, 8, &err), OK);
    assert_int_equal(lmdb_begin(&t, env, true, &err), OK);
    assert_int_equal(lmdb_table(t, "silences", &table, &err), OK);
    assert_int_equal(lmdb_put(t, table, STR("a"), STR("1"), false, &err), OK);
    assert_int_equal(lmdb_put(t, table, STR("b"), STR("2"), false, &err), OK);
    assert_int_equal(lmdb_table(t, "alerts", &table, &err), OK);
    assert_int_equal(lmdb_commit(t, &err), OK);
    lmdb_env_close(env);
    for (int i = 0; i < 2; i++) {
        open_store(f);
        expect_meta(f, META_SILENCES, i ? "a=3 b=2 " : "a=1 b=2 ");
        expect_meta(f, META_ALERTS, "");
        put_meta(f, META_SILENCES, "a", "3");
        storage_close(f->storage);
    }
    open_store(f);
    assert_true(metric_value(f->storage->metrics.corrupt_values) == 0);
    buf_release(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rest_of_a_window_is_served, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_is_found_unasked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scrub_gets_through, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rescue_waits_for_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_index_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pages_that_cannot_be_read, setup, teardown),
        cmocka_unit_test_setup_teardown(test_meta_is_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retention_of_what_is_set_aside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_empty_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_meta_values_are_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_old_meta, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
