// Dying and damage: a copy of the folder made at any moment is what kill -9 would leave; files are
// cut and flipped. Nothing acknowledged is lost, nothing is there twice, the undamaged is served.
#include "store_fixture.h"

#include <fcntl.h>
#include <unistd.h>

#include "lmdb_env.h"
#include "lmdb_sum.h"
#include "window_format.h"

struct copying {
    const char *from;
    const char *to;
};

static int copy_entry(void *context, const char *name)
{
    const struct copying *c = context;
    struct buf from = BUF_INIT, to = BUF_INIT, bytes = BUF_INIT;
    struct error err;
    buf_printf(&from, "%s/%s", c->from, name);
    buf_printf(&to, "%s/%s", c->to, name);
    struct copying below = {buf_text(&from), buf_text(&to)};
    if (file_read(buf_text(&from), 64 << 20, &bytes, &err) == OK) {
        write_file(buf_text(&to), buf_view(&bytes));
    } else {
        assert_int_equal(dir_create(buf_text(&to), &err), OK);
        assert_int_equal(dir_each(buf_text(&from), copy_entry, &below, &err), OK);
    }
    buf_release(&from);
    buf_release(&to);
    buf_release(&bytes);
    return OK;
}

// What a process killed now would find when it comes back.
static void check_killed(struct fixture *f, const struct model *m)
{
    struct fixture copy = *f;
    struct error err;
    memcpy(copy.folder, "/tmp/lapwing-crash-XXXXXX", 26);
    assert_non_null(mkdtemp(copy.folder));
    struct copying c = {f->folder, copy.folder};
    assert_int_equal(dir_each(f->folder, copy_entry, &c, &err), OK);
    copy.options.path = copy.folder;
    open_store(&copy);
    check_all(&copy, m);
    storage_maintain(copy.storage);
    check_all(&copy, m);
    storage_close(copy.storage);
    dir_remove_all(copy.folder, NULL);
}

static void test_killed_anywhere(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 21);
    f->options.window_ms = HOUR_MS / 4;
    open_store(f);
    for (int i = 0; i < 400; i++) {
        scrape(f, m, &rng);
        if (rng_below(&rng, 12) == 0)
            check_killed(f, m);
    }
    mem_free(m);
}

struct dying {
    struct fixture *fixture;
    const struct model *model;
    enum io_call call;
    int checked;
};

// Looks at the folder as it is right before each call of one kind, then lets the call happen.
static int look_before(void *context, enum io_call call, const char *path)
{
    struct dying *d = context;
    (void)path;
    if (call != d->call)
        return 0;
    io_fault_set(NULL, NULL);
    check_killed(d->fixture, d->model);
    io_fault_set(look_before, d);
    d->checked++;
    return 0;
}

// Between any two steps of sealing and dropping.
static void test_killed_while_sealing(void **state)
{
    struct fixture *f = *state;
    static const enum io_call calls[] = {IO_RENAME, IO_UNLINK, IO_SYNC, IO_TRUNCATE, IO_OPEN};
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 22);
    f->options.window_ms = HOUR_MS / 4;
    open_store(f);
    for (size_t c = 0; c < sizeof(calls) / sizeof(calls[0]); c++) {
        struct dying dying = {f, m, calls[c], 0};
        for (int i = 0; i < 61; i++) { // a span and a bit
            if (dying.checked < 4)
                io_fault_set(look_before, &dying);
            storage_maintain(f->storage);
            io_fault_set(NULL, NULL);
            scrape(f, m, &rng);
        }
    }
    check_all(f, m);
    mem_free(m);
}

struct window_name {
    char name[128];
};

static int find_window(void *context, const char *name)
{
    struct window_name *out = context;
    if (!str_has_prefix(str_from(name), STR("window-")))
        return OK;
    snprintf(out->name, sizeof(out->name), "%s", name);
    return ERR_END;
}

// Fills the store until it has windows; the path of the oldest one.
static void fill(struct fixture *f, struct model *m, struct buf *path)
{
    struct window_name first = {""};
    struct rng rng;
    struct error err;
    rng_seed(&rng, 23);
    f->options.window_ms = HOUR_MS / 4;
    open_store(f);
    for (int i = 0; i < 200; i++)
        scrape(f, m, &rng);
    assert_int_equal(dir_each(f->folder, find_window, &first, &err), ERR_END);
    buf_printf(path, "%s/%s", f->folder, first.name);
}

// The model without what the oldest window held.
static void forget_first_window(struct model *m)
{
    int64_t end_ms = START_MS - START_MS % (HOUR_MS / 4) + HOUR_MS / 4;
    for (unsigned n = 0; n < SERIES_COUNT; n++) {
        size_t kept = 0;
        for (size_t i = 0; i < m->counts[n]; i++) {
            if (m->times[n][i] < end_ms)
                continue;
            m->times[n][kept] = m->times[n][i];
            m->values[n][kept++] = m->values[n][i];
        }
        m->counts[n] = kept;
    }
}

static void test_cut_window(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf path = BUF_INIT;
    fill(f, m, &path);
    storage_close(f->storage);
    assert_int_equal(truncate(buf_text(&path), 12288), 0);
    open_store(f);
    assert_false(file_exists(buf_text(&path)));
    forget_first_window(m);
    check_all(f, m);
    buf_release(&path);
    mem_free(m);
}

// Flips a bit of every copy of a label's text.
static void damage(const char *path)
{
    struct buf bytes = BUF_INIT;
    struct error err;
    size_t hits = 0;
    assert_int_equal(file_read(path, 1 << 24, &bytes, &err), OK);
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    for (size_t at = 0; at < bytes.len; at++) {
        at += str_search(str_skip(buf_view(&bytes), at), STR("even"));
        if (at < bytes.len)
            hits += pwrite(fd, "E", 1, (off_t)at) == 1;
    }
    assert_true(hits > 0);
    close(fd);
    buf_release(&bytes);
}

static void test_damaged_window(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf path = BUF_INIT;
    struct querier *q;
    struct series_set set;
    struct matcher even;
    struct arena arena;
    struct error err;
    fill(f, m, &path);
    damage(buf_text(&path));
    arena_init(&arena, 0);
    assert_int_equal(matcher_init(&even, MATCH_REGEX, STR("n"), STR(".+"), &err), OK);
    assert_int_equal(querier_new(&q, f->storage, INT64_MIN, INT64_MAX, &err), OK);
    assert_int_equal(querier_select(q, &even, 1, INT64_MIN, INT64_MAX, &arena, &set, &err), OK);
    querier_free(q);
    storage_maintain(f->storage);
    assert_false(file_exists(buf_text(&path)));
    forget_first_window(m);
    check_all(f, m);
    matcher_release(&even);
    arena_release(&arena);
    buf_release(&path);
    mem_free(m);
}

// A segment of a later version is not thrown away as torn.
static void test_other_journal_version(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf path = BUF_INIT;
    struct rng rng;
    struct error err;
    rng_seed(&rng, 24);
    open_store(f);
    scrape(f, m, &rng);
    storage_close(f->storage);
    f->storage = NULL;
    buf_printf(&path, "%s/journal/00000001", f->folder);
    int fd = open(buf_text(&path), O_WRONLY);
    assert_int_equal(pwrite(fd, "99", 2, 6), 2);
    assert_int_equal(storage_open(&f->storage, &f->options, &err), ERR_UNSUPPORTED);
    assert_int_equal(pwrite(fd, "03", 2, 6), 2);
    close(fd);
    open_store(f);
    check_all(f, m);
    buf_release(&path);
    mem_free(m);
}

// A whole file, sound but for its version.
static void write_other_window(const char *path)
{
    struct lmdb_env *env;
    struct lmdb_txn *t;
    struct buf header = BUF_INIT;
    struct error err;
    unsigned table;
    buf_be64(&header, 0);
    buf_be32(&header, 99);
    buf_cstr(&header, "whatever the next version has");
    struct str payload = str_skip(buf_view(&header), WINDOW_SUM_SIZE);
    be64_put(header.ptr, hash64(payload.ptr, payload.len, 0));
    assert_int_equal(lmdb_env_open(&env, path, LMDB_NEW_FILE, 1 << 20, 1, &err), OK);
    assert_int_equal(lmdb_begin(&t, env, true, &err), OK);
    assert_int_equal(lmdb_table(t, WINDOW_TABLE, &table, &err), OK);
    assert_int_equal(lmdb_put(t, table, WINDOW_KEY_HEADER, buf_view(&header), true, &err), OK);
    assert_int_equal(lmdb_commit(t, &err), OK);
    lmdb_env_close(env);
    assert_int_equal(lmdb_sum_append(path, &err), OK);
    buf_release(&header);
}

// A window of a later version stops the start, says where and why, and stays as it is.
static void test_other_window_version(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf path = BUF_INIT, expected = BUF_INIT;
    struct rng rng;
    struct error err;
    rng_seed(&rng, 25);
    open_store(f);
    scrape(f, m, &rng);
    storage_close(f->storage);
    f->storage = NULL;
    buf_printf(&path, "%s/window-1600000000000-1600003600000-99.lmdb", f->folder);
    buf_printf(&expected, "%s: format version 99, expected %d", buf_text(&path), WINDOW_VERSION);
    write_other_window(buf_text(&path));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(storage_open(&f->storage, &f->options, &err), ERR_UNSUPPORTED);
        assert_string_equal(err.text, buf_text(&expected));
        assert_true(file_exists(buf_text(&path)));
    }
    assert_int_equal(unlink(buf_text(&path)), 0);
    open_store(f);
    check_all(f, m);
    buf_release(&path);
    buf_release(&expected);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(test_killed_while_sealing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damaged_window, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_journal_version, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_window_version, setup, teardown),
    };
    return UNIT_RUN(tests);
}
