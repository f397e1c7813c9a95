// Damage in the middle of a journal segment: what is sound before and behind it is read, what hangs on
// it is left out and counted, and nothing is ever given to the wrong series or with a wrong value.
#include "store_fixture.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "journal.h"
#include "journal_frame.h"
#include "store.h"

#define SCRAPE_COUNT 1500
#define SECTOR_SIZE  512

enum damage { DAMAGE_FLIP, DAMAGE_ZEROS, DAMAGE_NOISE, DAMAGE_CUT_OUT, DAMAGE_MAX };

static void journal_path(const struct fixture *f, struct buf *out)
{
    buf_reset(out);
    buf_printf(out, "%s/journal/00000001", f->folder);
}

// A store that was killed: the bytes of its journal. New series come now and then.
static void record(struct fixture *f, struct model *m, struct buf *file)
{
    struct buf path = BUF_INIT;
    struct rng rng;
    struct error err;
    rng_seed(&rng, 77);
    f->options.window_ms = 24 * HOUR_MS;
    open_store(f);
    for (int i = 0; i < SCRAPE_COUNT; i++)
        scrape(f, m, &rng);
    journal_path(f, &path);
    assert_int_equal(file_read(buf_text(&path), SIZE_MAX, file, &err), OK);
    storage_close(f->storage);
    f->storage = NULL;
    buf_release(&path);
}

// The store begins anew, with this journal.
static void reopen(struct fixture *f, struct str file)
{
    struct buf path = BUF_INIT;
    struct error err;
    storage_close(f->storage);
    f->storage = NULL;
    dir_remove_all(f->folder, NULL);
    metrics_free(f->metrics);
    f->options.metrics = f->metrics = metrics_new();
    assert_int_equal(dir_create(f->folder, &err), OK);
    buf_printf(&path, "%s/journal", f->folder);
    assert_int_equal(dir_create(buf_text(&path), &err), OK);
    journal_path(f, &path);
    write_file(buf_text(&path), file);
    open_store(f);
    buf_release(&path);
}

// All that is there is of the model. Returns how much that is.
static size_t count_true(struct fixture *f, const struct model *m, int64_t *last_ms)
{
    struct series_set set;
    struct arena arena;
    struct columns c;
    struct error err;
    size_t found = 0;
    arena_init(&arena, 0);
    columns_init(&c);
    struct querier *q = select_all(f->storage, INT64_MIN, INT64_MAX, &arena, &set);
    for (size_t i = 0; i < set.count; i++) {
        uint64_t n;
        size_t at = 0;
        assert_true(str_to_u64(labels_get(set.labels[i], STR("n")), &n));
        assert_int_equal(querier_read(q, set.series[i], INT64_MIN, INT64_MAX, &c, &err), OK);
        for (size_t k = 0; k < c.count; k++, at++) {
            while (at < m->counts[n] && m->times[n][at] < c.times_ms[k])
                at++;
            assert_true(at < m->counts[n] && m->times[n][at] == c.times_ms[k]);
            assert_memory_equal(&m->values[n][at], &c.values[k], sizeof(double));
            *last_ms = c.times_ms[k] > *last_ms ? c.times_ms[k] : *last_ms;
        }
        found += c.count;
    }
    querier_free(q);
    columns_release(&c);
    arena_release(&arena);
    return found;
}

static void hurt(struct buf *file, enum damage kind, size_t at, struct rng *rng)
{
    size_t left = file->len - at, size = left < SECTOR_SIZE ? left : SECTOR_SIZE;
    switch (kind) {
    case DAMAGE_FLIP:
        file->ptr[at] ^= (char)(1U << rng_below(rng, 8));
        break;
    case DAMAGE_ZEROS:
        memset(file->ptr + at, 0, size);
        break;
    case DAMAGE_NOISE:
        for (size_t i = 0; i < size; i++)
            file->ptr[at + i] = (char)rng_below(rng, 256);
        break;
    case DAMAGE_CUT_OUT:
    case DAMAGE_MAX:
        memmove(file->ptr + at, file->ptr + at + size, left - size);
        buf_truncate(file, file->len - size);
        break;
    }
}

// Where the last frame ends.
static size_t end_of(struct str file)
{
    size_t end = SEGMENT_MAGIC_SIZE;
    struct frame frame;
    while (frame_find(file, end, &frame))
        end = frame.end;
    return end;
}

static size_t total(const struct model *m)
{
    size_t count = 0;
    for (unsigned n = 0; n < SERIES_COUNT; n++)
        count += m->counts[n];
    return count;
}

static void check_damage(struct fixture *f, const struct model *m, size_t end, size_t at,
                         enum damage kind)
{
    int64_t last_ms = INT64_MIN;
    size_t found = count_true(f, m, &last_ms), all = total(m);
    double lost = metric_value(f->storage->metrics.journal_lost);
    double bytes = metric_value(f->storage->metrics.journal_damaged);
    double cuts = metric_value(f->storage->metrics.journal_cut);
    assert_true(found < all && lost <= (double)(all - found));
    assert_true(bytes > 0 || cuts == 1);
    // What is moved has no sound checksum any more: the damage reaches to the end.
    if (kind == DAMAGE_CUT_OUT)
        return;
    assert_true(bytes <= SECTOR_SIZE + 1000);
    if (at < 200) // the declarations
        return;
    // Values are said anew every 500 bytes or so.
    assert_true((double)(all - found) < (double)all * 3000 / (double)end + 60);
    if (at + 3000 < end)
        assert_true(last_ms == f->clock.now_ms - 15000);
}

static void test_damage_costs_a_part(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf whole = BUF_INIT, file = BUF_INIT;
    struct rng rng;
    rng_seed(&rng, 5);
    record(f, m, &whole);
    size_t end = end_of(buf_view(&whole));
    assert_true(end > 60000);
    for (int i = 0; i < 24; i++) {
        size_t at = SEGMENT_MAGIC_SIZE + rng_below(&rng, (uint32_t)(end - SEGMENT_MAGIC_SIZE));
        enum damage kind = (enum damage)(i % DAMAGE_MAX);
        buf_reset(&file);
        buf_str(&file, buf_view(&whole));
        hurt(&file, kind, at, &rng);
        reopen(f, buf_view(&file));
        check_damage(f, m, end, at, kind);
    }
    buf_release(&whole);
    buf_release(&file);
    mem_free(m);
}

// Each byte of the beginning, which has the declarations and the first values.
static void test_damage_at_the_beginning(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf file = BUF_INIT;
    record(f, m, &file);
    for (size_t at = SEGMENT_MAGIC_SIZE; at < 300; at += 9) {
        int64_t last_ms = INT64_MIN;
        file.ptr[at] ^= 0x11;
        reopen(f, buf_view(&file));
        assert_true(count_true(f, m, &last_ms) < total(m));
        assert_true(metric_value(f->storage->metrics.journal_damaged) > 0);
        assert_true(metric_value(f->storage->metrics.journal_lost) > 0);
        file.ptr[at] ^= 0x11;
    }
    reopen(f, buf_view(&file));
    check_all(f, m);
    assert_true(metric_value(f->storage->metrics.journal_damaged) == 0);
    assert_true(metric_value(f->storage->metrics.journal_cut) == 0);
    buf_release(&file);
    mem_free(m);
}

// What is left of a frame behind a shorter one that was written over it, and a copy of a frame, are
// none.
static void test_old_frames_are_none(void **state)
{
    (void)state;
    struct buf file = BUF_INIT;
    struct frame frame;
    struct zstd_encoder *encoder = zstd_encoder_new(1);
    buf_cstr(&file, SEGMENT_MAGIC);
    frame_put(&file, encoder, file.len, 0, STR("some bytes"));
    size_t end = file.len;
    char copy[64];
    assert_true(end - SEGMENT_MAGIC_SIZE <= sizeof(copy));
    memcpy(copy, file.ptr + SEGMENT_MAGIC_SIZE, end - SEGMENT_MAGIC_SIZE);
    buf_append(&file, copy, end - SEGMENT_MAGIC_SIZE);
    assert_true(frame_find(buf_view(&file), SEGMENT_MAGIC_SIZE, &frame));
    assert_int_equal(frame.end, end);
    assert_false(frame_find(buf_view(&file), end, &frame));
    frame_put(&file, encoder, file.len, 3, STR("others"));
    assert_true(frame_find(buf_view(&file), end, &frame));
    assert_int_equal(frame.begin, end + end - SEGMENT_MAGIC_SIZE);
    assert_int_equal(frame.declared, 3);
    zstd_encoder_free(encoder);
    buf_release(&file);
}

static size_t bad_at = SIZE_MAX; // where the disk gives nothing

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
    if (bad_at != SIZE_MAX && bad_at >= (size_t)at && bad_at < (size_t)at + size) {
        errno = EIO;
        return -1;
    }
    return syscall(SYS_pread64, fd, to, size, at);
}

// A sector that can't be read is as damaged; the store opens.
static void test_bad_sector(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf file = BUF_INIT;
    int64_t last_ms = INT64_MIN;
    record(f, m, &file);
    bad_at = 20000;
    reopen(f, buf_view(&file));
    bad_at = SIZE_MAX;
    assert_true(count_true(f, m, &last_ms) > total(m) / 2);
    assert_true(last_ms == f->clock.now_ms - 15000);
    assert_in_range((size_t)metric_value(f->storage->metrics.journal_damaged), 4096, 5000);
    buf_release(&file);
    mem_free(m);
}

// What has the name of a segment and is none harms nobody.
static void test_foreign_entries(void **state)
{
    struct fixture *f = *state;
    struct model *m = mem_calloc(1, sizeof(*m));
    struct buf file = BUF_INIT, path = BUF_INIT;
    struct error err;
    record(f, m, &file);
    reopen(f, buf_view(&file));
    storage_close(f->storage);
    buf_printf(&path, "%s/journal/00000077", f->folder);
    assert_int_equal(dir_create(buf_text(&path), &err), OK);
    buf_reset(&path);
    buf_printf(&path, "%s/journal/00000078", f->folder);
    assert_int_equal(mkfifo(buf_text(&path), 0600), 0);
    buf_reset(&path);
    buf_printf(&path, "%s/journal/00000079", f->folder);
    write_file(buf_text(&path), STR("no segment"));
    buf_reset(&path);
    buf_printf(&path, "%s/window-0-5-99.lmdb", f->folder);
    assert_int_equal(mkfifo(buf_text(&path), 0600), 0);
    for (int i = 0; i < 2; i++) {
        struct rng rng;
        rng_seed(&rng, 1);
        open_store(f);
        check_all(f, m);
        scrape(f, m, &rng);
        storage_close(f->storage);
    }
    f->storage = NULL;
    buf_release(&file);
    buf_release(&path);
    mem_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_damage_costs_a_part, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_at_the_beginning, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_sector, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_entries, setup, teardown),
        cmocka_unit_test(test_old_frames_are_none),
    };
    return UNIT_RUN(tests);
}
