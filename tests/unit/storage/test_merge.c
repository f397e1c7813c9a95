// Windows that overlap, and what becomes of them: read together they are one series each; merged
// they are one file, with the same samples; a crash at any moment of it leaves one or the other.
#include "store_fixture.h"

#include <unistd.h>

#include "window.h"

#define DAY_MS INT64_C(86400000)
// The first midnight behind the fixture's start.
#define MIDNIGHT_MS (START_MS - START_MS % DAY_MS + DAY_MS)

struct counting {
    struct str prefix;
    size_t count;
};

static int count_name(void *context, const char *name)
{
    struct counting *c = context;
    c->count += str_has_prefix(str_from(name), c->prefix);
    return 0;
}

static size_t count_files(struct fixture *f, const char *prefix)
{
    struct error err;
    struct counting c = {str_from(prefix), 0};
    assert_int_equal(dir_each(f->folder, count_name, &c, &err), 0);
    return c.count;
}

static void add_file(struct fixture *f, struct window_span span, const struct model *part)
{
    struct window_writer *w;
    struct arena arena;
    struct columns c;
    struct error err;
    // In the order of labels: even before odd, and by number.
    static const unsigned order[SERIES_COUNT] = {0, 2, 4, 6, 1, 3, 5};
    columns_init(&c);
    arena_init(&arena, 0);
    assert_int_equal(window_writer_new(&w, f->folder, span, NULL, 0, &err), OK);
    for (size_t i = 0; i < SERIES_COUNT; i++) {
        unsigned n = order[i];
        if (part->counts[n] == 0)
            continue;
        columns_reserve(&c, part->counts[n]);
        c.count = part->counts[n];
        memcpy(c.times_ms, part->times[n], c.count * sizeof(*c.times_ms));
        memcpy(c.values, part->values[n], c.count * sizeof(*c.values));
        assert_int_equal(window_writer_add(w, labels_of(&arena, n), &c, &err), OK);
    }
    assert_int_equal(window_writer_finish(w, &err), OK);
    columns_release(&c);
    arena_release(&arena);
}

// Deals samples of [min, min + an hour) out to `part_count` files that overlap, and to the model.
static void add_hour(struct fixture *f, struct model *m, struct rng *rng, int64_t min_ms,
                     unsigned part_count, uint64_t sequence)
{
    struct model *parts = mem_calloc(part_count, sizeof(*parts));
    for (int64_t t = min_ms; t < min_ms + HOUR_MS; t += 60000) {
        for (unsigned n = 0; n < SERIES_COUNT; n++) {
            double value = (double)rng_below(rng, 1000) / 100;
            unsigned part = (unsigned)rng_below(rng, part_count + 1);
            if (part == part_count)
                continue;
            model_add(&parts[part], n, t, value);
            model_add(m, n, t, value);
        }
    }
    for (unsigned i = 0; i < part_count; i++)
        add_file(f, (struct window_span){min_ms, min_ms + HOUR_MS, sequence + i, false, i + 1},
                 &parts[i]);
    mem_free(parts);
}

static void test_overlapping_windows(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    rng_seed(&rng, 31);
    f->clock.now_ms = MIDNIGHT_MS + 12 * HOUR_MS;
    add_hour(f, m, &rng, MIDNIGHT_MS, 1, 1);
    add_hour(f, m, &rng, MIDNIGHT_MS + HOUR_MS, 3, 2);
    add_hour(f, m, &rng, MIDNIGHT_MS + 2 * HOUR_MS, 2, 5);
    open_store(f);
    check_all(f, m);
    check_range(f, m, MIDNIGHT_MS + HOUR_MS + 600000, MIDNIGHT_MS + 2 * HOUR_MS + 600000);
    storage_maintain(f->storage);
    check_all(f, m);
    mem_free(m);
}

static void maintain_until_merged(struct fixture *f)
{
    for (int i = 0; i < 100 && count_files(f, "day-") == 0; i++)
        storage_maintain(f->storage);
}

// A finished day becomes one file; where two samples share a time, the later file's stays.
static void test_day_is_merged(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m)), *again = mem_calloc(1, sizeof(*again));
    struct rng rng;
    rng_seed(&rng, 32);
    f->clock.now_ms = MIDNIGHT_MS + DAY_MS + 2 * HOUR_MS;
    for (unsigned h = 0; h < 25; h++)
        add_hour(f, m, &rng, MIDNIGHT_MS + h * HOUR_MS, 1 + h % 2, 1 + 2 * h);
    model_add(again, 2, m->times[2][7], 123.5);
    m->values[2][7] = 123.5;
    add_file(f, (struct window_span){MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS, 99, false, 0}, again);
    open_store(f);
    check_all(f, m);
    maintain_until_merged(f);
    assert_int_equal(count_files(f, "day-"), 1);
    assert_int_equal(count_files(f, "window-"), 1);
    check_all(f, m);
    storage_close(f->storage);
    open_store(f);
    check_all(f, m);
    mem_free(m);
    mem_free(again);
}

// The file was renamed into place, but the process died before its sources were removed.
static void test_dead_sources_are_removed(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct rng rng;
    struct buf command = BUF_INIT;
    rng_seed(&rng, 33);
    f->clock.now_ms = MIDNIGHT_MS + DAY_MS + 2 * HOUR_MS;
    for (unsigned h = 0; h < 25; h++)
        add_hour(f, m, &rng, MIDNIGHT_MS + h * HOUR_MS, 1, 1 + h);
    buf_printf(&command, "cp -r %s %s.before", f->folder, f->folder);
    assert_int_equal(system(buf_text(&command)), 0);
    open_store(f);
    maintain_until_merged(f);
    storage_close(f->storage);
    buf_reset(&command);
    buf_printf(&command, "cp %s.before/window-* %s/ && rm -r %s.before", f->folder, f->folder,
               f->folder);
    assert_int_equal(system(buf_text(&command)), 0);
    assert_int_equal(count_files(f, "window-"), 25);
    open_store(f);
    assert_int_equal(count_files(f, "window-"), 1);
    check_all(f, m);
    buf_release(&command);
    mem_free(m);
}

// A bit, or half a page of noise.
static void flip(const char *path, struct rng *rng)
{
    struct buf bytes = BUF_INIT;
    struct error err;
    assert_int_equal(file_read(path, 1 << 26, &bytes, &err), OK);
    size_t at = rng_below(rng, bytes.len);
    bytes.ptr[at] ^= (char)(1U << rng_below(rng, 8));
    size_t noise = rng_below(rng, 2) * 2048;
    for (size_t i = at; i < bytes.len && i < at + noise; i++)
        bytes.ptr[i] = (char)rng_u64(rng);
    write_file(path, buf_view(&bytes));
    buf_release(&bytes);
}

static int remove_file(void *context, const char *name)
{
    struct fixture *f = context;
    struct buf path = BUF_INIT;
    if (str_search(str_from(name), STR(".lmdb")) < strlen(name)) {
        buf_printf(&path, "%s/%s", f->folder, name);
        assert_int_equal(unlink(buf_text(&path)), 0);
        buf_release(&path);
    }
    return 0;
}

// Any one bit may be wrong: the file is refused or set aside, or the bit means nothing; no sample
// comes out that didn't go in.
static void test_any_bit_may_be_wrong(void **state)
{
    struct fixture *f = *state;
    struct rng rng;
    struct error err;
    rng_seed(&rng, 34);
    f->clock.now_ms = MIDNIGHT_MS + 12 * HOUR_MS;
    for (unsigned round = 0; round < 150; round++) {
        struct model *m = mem_calloc(1, sizeof(*m));
        struct buf path = BUF_INIT;
        struct window_span span = {MIDNIGHT_MS, MIDNIGHT_MS + HOUR_MS, 1, false, 3};
        add_hour(f, m, &rng, MIDNIGHT_MS, 1, 1);
        buf_printf(&path, "%s/", f->folder);
        window_name(span, &path);
        flip(buf_text(&path), &rng);
        open_store(f);
        struct window *w;
        const char *name = strrchr(buf_text(&path), '/') + 1;
        bool whole = file_exists(buf_text(&path)) && window_open(&w, f->folder, name, &err) == OK;
        if (whole) {
            whole = window_verify(w, &err) == OK;
            window_unref(w);
        }
        if (whole)
            check_all(f, m);
        storage_close(f->storage);
        assert_int_equal(dir_each(f->folder, remove_file, f, &err), 0);
        buf_release(&path);
        mem_free(m);
    }
    f->storage = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_overlapping_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_day_is_merged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dead_sources_are_removed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_any_bit_may_be_wrong, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
