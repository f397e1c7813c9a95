// A window's life: names, opening, loading the index, leaving.
//
// The file never changes while it is open, so a value found stays where it is in the map: the index
// and the blocks are read in place, and no read transaction outlives a call. Opening looks at the
// header alone; the index is checked, once, when it is first needed; a block whenever it is read.
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bad_pages.h"
#include "base/file.h"
#include "base/mem.h"
#include "cold_times.h"
#include "lmdb_sum.h"
#include "window_file.h"

uint32_t window_slice_count(uint64_t samples_per_series)
{
    uint64_t count = (samples_per_series + SLICE_SAMPLES / 2) / SLICE_SAMPLES;
    return count < 1 ? 1 : count > SLICES_MAX ? SLICES_MAX : (uint32_t)count;
}

static bool next_number(struct str *rest, int64_t *out)
{
    size_t dash = rest->len ? 1 + str_find(str_skip(*rest, 1), '-') : 0;
    if (!str_to_i64(str_first(*rest, dash), out))
        return false;
    *rest = str_skip(*rest, dash < rest->len ? dash + 1 : dash);
    return true;
}

bool window_parse_name(const char *name, struct window_span *out)
{
    struct str s = str_from(name);
    out->merged = str_has_prefix(s, STR("day-"));
    if ((!out->merged && !str_has_prefix(s, STR("window-"))) || !str_has_suffix(s, STR(".lmdb")))
        return false;
    s = str_skip(str_first(s, s.len - 5), out->merged ? 4 : 7);
    return next_number(&s, &out->min_ms) && next_number(&s, &out->max_ms) &&
           out->min_ms < out->max_ms && str_to_u64(s, &out->sequence);
}

static int corrupt(const struct window *w, const char *what, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "%s: %s", w->path, what);
}

static int read_sources(struct window *w, struct decoder *d)
{
    uint64_t count = decode_be64(d);
    if (d->failed || count != decoder_left(d) / 8 || decoder_left(d) % 8)
        return ERR_CORRUPT;
    w->sources = mem_calloc((size_t)count, sizeof(*w->sources));
    w->source_count = (size_t)count;
    for (size_t i = 0; i < w->source_count; i++)
        w->sources[i] = decode_be64(d);
    return OK;
}

static int read_header(struct window *w, struct lmdb_txn *t, struct error *err)
{
    struct str stored, payload;
    if (lmdb_get(t, w->table, WINDOW_KEY_HEADER, &stored) != OK ||
        !window_value_check(stored, &payload))
        return corrupt(w, "the header is missing or its sum is wrong", err);
    struct decoder d;
    decoder_init(&d, payload);
    uint32_t version = decode_be32(&d);
    if (version != WINDOW_VERSION)
        return error_set(err, ERR_UNSUPPORTED, "%s: format version %u, expected %d", w->path,
                         version, WINDOW_VERSION);
    w->span.min_ms = (int64_t)decode_be64(&d);
    w->span.max_ms = (int64_t)decode_be64(&d);
    w->span.sequence = decode_be64(&d);
    w->span.slice_count = decode_be32(&d);
    w->series_count = (uint32_t)decode_be64(&d);
    w->sample_count = decode_be64(&d);
    if (w->span.slice_count == 0 || w->span.slice_count > SLICES_MAX ||
        w->span.max_ms <= w->span.min_ms)
        return corrupt(w, "the header makes no sense", err);
    for (uint32_t i = 0; i <= w->span.slice_count; i++)
        w->slice_starts_ms[i] = slice_start_ms(&w->span, i);
    return read_sources(w, &d) ? corrupt(w, "the header is short", err) : OK;
}

static int open_table(struct window *w, struct error *err)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, w->env, false, err);
    if (rc)
        return rc;
    if (lmdb_table(t, WINDOW_TABLE, &w->table, err))
        rc = corrupt(w, "the table is missing", err);
    if (rc == OK)
        rc = read_header(w, t, err);
    // Committing a read transaction is what makes its table handles last.
    if (rc)
        lmdb_abort(t);
    else
        rc = lmdb_commit(t, err);
    return rc;
}

int window_open(struct window **out, const char *folder, const char *name, struct error *err)
{
    static atomic_uint_least64_t serials;
    struct window *w = mem_calloc(1, sizeof(*w));
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, name);
    w->path = buf_steal(&path);
    w->serial = atomic_fetch_add(&serials, 1) + 1;
    w->span.merged = str_has_prefix(str_from(name), STR("day-"));
    pthread_mutex_init(&w->load_mutex, NULL);
    atomic_init(&w->references, 1);
    struct stat st;
    int rc = stat(w->path, &st) ? error_set(err, ERR_IO, "stat %s: %m", w->path) : OK;
    if (rc == OK && !S_ISREG(st.st_mode))
        rc = error_set(err, ERR_IO, "%s: it is no file", w->path);
    if (rc == OK)
        rc = lmdb_sum_check(w->path, err);
    if (rc == OK)
        rc = lmdb_env_open(&w->env, w->path, LMDB_READ_FILE, 0, 1, err);
    if (rc == OK) {
        w->bytes = (uint64_t)st.st_blocks * 512;
        rc = open_table(w, err);
    }
    if (rc) {
        window_unref(w);
        return rc;
    }
    *out = w;
    return OK;
}

struct window *window_ref(struct window *w)
{
    atomic_fetch_add(&w->references, 1);
    return w;
}

void window_unref(struct window *w)
{
    if (!w || atomic_fetch_sub(&w->references, 1) != 1)
        return;
    bad_pages_leave(w->mapped);
    lmdb_env_close(w->env);
    pthread_mutex_destroy(&w->load_mutex);
    mem_free(w->sources);
    mem_free(w->extents);
    mem_free(w->checked);
    mem_free(w->path);
    mem_free(w);
}

static int add_extent(void *context, struct str key, struct str value)
{
    struct window *w = context;
    char expected[DATA_KEY_SIZE];
    if (str_eq(key, WINDOW_KEY_HEADER))
        return ERR_END;
    if (!str_eq(key, window_data_key(w->extent_count, expected)))
        return ERR_CORRUPT;
    w->extents = mem_realloc(w->extents, w->extent_count + 1, sizeof(*w->extents));
    w->extents[w->extent_count++] = value;
    return OK;
}

static size_t checked_words(const struct window *w)
{
    return (size_t)w->index.sizes[INDEX_BLOCKS] / 64 + 1;
}

static void survive_bad_pages(struct window *w, struct str index)
{
    const char *start = index.ptr, *end = index.ptr + index.len;
    for (uint32_t i = 0; i < w->extent_count; i++) {
        struct str extent = w->extents[i];
        start = extent.ptr < start ? extent.ptr : start;
        end = extent.ptr + extent.len > end ? extent.ptr + extent.len : end;
    }
    bad_pages_leave(w->mapped);
    w->mapped = str_make(start, (size_t)(end - start));
    bad_pages_survive(w->mapped);
}

static int load(struct window *w)
{
    struct lmdb_txn *t;
    struct str stored, payload, start = STR(WINDOW_KEY_DATA);
    int rc = lmdb_begin(&t, w->env, false, NULL);
    if (rc)
        return rc;
    w->extent_count = 0;
    rc = lmdb_each(t, w->table, start, add_extent, w);
    rc = rc == ERR_END ? lmdb_get(t, w->table, WINDOW_KEY_INDEX, &stored) : ERR_CORRUPT;
    lmdb_abort(t);
    if (rc)
        return ERR_CORRUPT;
    survive_bad_pages(w, stored);
    if (!window_value_check(stored, &payload))
        return ERR_CORRUPT;
    w->index_bytes = payload;
    rc = window_index_parse(&w->index, payload);
    if (rc || window_index_series_count(&w->index) != w->series_count)
        return ERR_CORRUPT;
    w->checked = mem_calloc(checked_words(w), sizeof(*w->checked));
    return OK;
}

int window_load(struct window *w)
{
    int rc = OK;
    if (atomic_load_explicit(&w->loaded, memory_order_acquire))
        return OK;
    pthread_mutex_lock(&w->load_mutex);
    if (!atomic_load(&w->loaded)) {
        rc = load(w);
        if (rc == ERR_CORRUPT)
            window_mark_lost(w);
        atomic_store_explicit(&w->loaded, rc == OK, memory_order_release);
    }
    pthread_mutex_unlock(&w->load_mutex);
    return rc;
}

int window_remove(struct window *w, struct error *err)
{
    int rc = io_unlink(w->path);
    return rc ? error_set(err, rc, "remove %s: %m", w->path) : OK;
}

static void forget_pages(struct str bytes)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), start = (uintptr_t)bytes.ptr & ~(page - 1);
    madvise((void *)start, (uintptr_t)bytes.ptr + bytes.len - start, MADV_DONTNEED);
}

void window_forget_pages(struct window *w)
{
    if (!atomic_load_explicit(&w->loaded, memory_order_acquire))
        return;
    for (uint32_t i = 0; i < w->extent_count; i++)
        forget_pages(w->extents[i]);
    forget_pages(w->index_bytes);
    for (size_t i = 0; i < checked_words(w); i++)
        atomic_store_explicit(&w->checked[i], 0, memory_order_relaxed);
}

void window_recheck(struct window *w)
{
    struct str payload;
    if (!atomic_load_explicit(&w->loaded, memory_order_acquire))
        return;
    struct str stored =
        str_make(w->index_bytes.ptr - WINDOW_SUM_SIZE, w->index_bytes.len + WINDOW_SUM_SIZE);
    if (!window_value_check(stored, &payload))
        window_mark_lost(w);
}

void window_mark_corrupt(struct window *w)
{
    atomic_store(&w->corrupt, true);
}

void window_mark_lost(struct window *w)
{
    atomic_store(&w->lost, true);
    window_mark_corrupt(w);
}

bool window_is_corrupt(const struct window *w)
{
    return atomic_load(&w->corrupt);
}

bool window_is_lost(const struct window *w)
{
    return atomic_load(&w->lost);
}

int window_set_aside(struct window *w, struct error *err)
{
    struct buf to = BUF_INIT;
    buf_printf(&to, "%s.corrupt", w->path);
    int rc = io_rename(w->path, buf_text(&to));
    buf_release(&to);
    return rc ? error_set(err, rc, "rename %s: %m", w->path) : OK;
}

const char *window_path(const struct window *w)
{
    return w->path;
}

struct window_span window_span(const struct window *w)
{
    return w->span;
}

int64_t window_min_ms(const struct window *w)
{
    return w->span.min_ms;
}

int64_t window_max_ms(const struct window *w)
{
    return w->span.max_ms;
}

uint64_t window_sequence(const struct window *w)
{
    return w->span.sequence;
}

bool window_is_merged(const struct window *w)
{
    return w->span.merged;
}

uint64_t window_bytes(const struct window *w)
{
    return w->bytes;
}

uint32_t window_series_count(const struct window *w)
{
    return w->series_count;
}

uint64_t window_sample_count(const struct window *w)
{
    return w->sample_count;
}

const uint64_t *window_sources(const struct window *w, size_t *count)
{
    *count = w->source_count;
    return w->sources;
}
