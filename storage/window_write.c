// A window file is made in one pass, in the order of its keys, so that LMDB appends page after page
// and leaves them full: extents of compressed blocks first, then the header and the index. It is
// written beside its place, synced, and renamed.
//
//     series -> slice of time -> block (32 KB of neighbours' values) -> extent (1 MB, a value)
//            -> column of times, shared  ->  index (one value)
//            -> symbols, pairs, series   ->  the same
//
// An extent is committed as soon as it is full: what a writer holds in memory is an extent and the
// index, however large the file. Slices are filled side by side: who reads an hour of a day
// decompresses that hour, of many series at once.
#include <assert.h>
#include <stdlib.h>

#include "base/compress.h"
#include "base/file.h"
#include "base/mem.h"
#include "cold_times.h"
#include "index_builder.h"
#include "lmdb_env.h"
#include "lmdb_sum.h"
#include "value_block.h"
#include "window.h"
#include "window_index.h"

#define ZSTD_LEVEL 3
// Address space, not memory; a file past it is refused.
#define MAP_SIZE ((size_t)16 << 30)

struct window_writer {
    char *folder;
    struct buf path, beside;
    struct window_span span;
    struct lmdb_env *env;
    struct column_store columns;
    struct index_builder index;
    uint64_t sample_count;
    struct zstd_encoder *zstd;
    struct block_writer *slices; // the block being filled of each
    struct buf extent;           // blocks
    uint32_t extent_count;
    struct index_block *blocks;
    size_t block_count;
    size_t block_capacity;
    struct buf sources; // be64 each
    size_t source_count;
};

void window_name(struct window_span span, struct buf *out)
{
    buf_printf(out, "%s-%lld-%lld-%llu.lmdb", span.merged ? "day" : "window",
               (long long)span.min_ms, (long long)span.max_ms, (unsigned long long)span.sequence);
}

int window_writer_new(struct window_writer **out, const char *folder, struct window_span span,
                      const uint64_t *sources, size_t source_count, struct error *err)
{
    struct window_writer *w = mem_calloc(1, sizeof(*w));
    w->folder = mem_copy_str(str_from(folder));
    w->span = span;
    buf_printf(&w->path, "%s/", folder);
    window_name(span, &w->path);
    buf_printf(&w->beside, "%s.tmp", buf_text(&w->path));
    index_builder_init(&w->index);
    w->zstd = zstd_encoder_new(ZSTD_LEVEL);
    w->span.slice_count = span.slice_count ? span.slice_count : 1;
    column_store_init(&w->columns, w->span);
    w->slices = mem_calloc(w->span.slice_count, sizeof(*w->slices));
    w->source_count = source_count;
    for (size_t i = 0; i < source_count; i++)
        buf_be64(&w->sources, sources[i]);
    int rc = io_unlink(buf_text(&w->beside));
    if (rc)
        error_set(err, rc, "remove %s: %m", buf_text(&w->beside));
    else
        rc = lmdb_env_open(&w->env, buf_text(&w->beside), LMDB_NEW_FILE, MAP_SIZE, 1, err);
    if (rc) {
        window_writer_abort(w);
        return rc;
    }
    *out = w;
    return OK;
}

static void writer_free(struct window_writer *w)
{
    lmdb_env_close(w->env);
    column_store_release(&w->columns);
    index_builder_release(&w->index);
    zstd_encoder_free(w->zstd);
    buf_release(&w->path);
    buf_release(&w->beside);
    for (uint32_t i = 0; i < w->span.slice_count; i++)
        block_writer_release(&w->slices[i]);
    mem_free(w->slices);
    buf_release(&w->extent);
    mem_free(w->blocks);
    buf_release(&w->sources);
    mem_free(w->folder);
    mem_free(w);
}

void window_writer_abort(struct window_writer *w)
{
    if (!w)
        return;
    io_unlink(buf_text(&w->beside));
    writer_free(w);
}

static int put_all(struct window_writer *w, const struct str *keys, const struct str *values,
                   size_t count, struct error *err)
{
    struct lmdb_txn *txn;
    unsigned table;
    int rc = lmdb_begin(&txn, w->env, true, err);
    if (rc)
        return rc;
    rc = lmdb_table(txn, WINDOW_TABLE, &table, err);
    for (size_t i = 0; i < count && rc == OK; i++)
        rc = lmdb_put(txn, table, keys[i], values[i], true, err);
    if (rc) {
        lmdb_abort(txn);
        return rc;
    }
    return lmdb_commit(txn, err);
}

static int end_extent(struct window_writer *w, struct error *err)
{
    char bytes[DATA_KEY_SIZE];
    if (w->extent.len == 0)
        return OK;
    struct str key = window_data_key(w->extent_count++, bytes), value = buf_view(&w->extent);
    int rc = put_all(w, &key, &value, 1, err);
    buf_reset(&w->extent);
    return rc;
}

static int end_block(struct window_writer *w, uint32_t slice, struct error *err)
{
    struct index_block entry = {
        .slice = slice, .extent = w->extent_count, .offset = (uint32_t)w->extent.len};
    if (w->slices[slice].count == 0)
        return OK;
    block_writer_finish(&w->slices[slice], w->zstd, &w->extent, &entry);
    MEM_GROW(w->blocks, w->block_count, w->block_capacity);
    w->blocks[w->block_count++] = entry;
    return w->extent.len >= EXTENT_SIZE ? end_extent(w, err) : OK;
}

static int end_blocks(struct window_writer *w, struct error *err)
{
    int rc = OK;
    for (uint32_t i = 0; i < w->span.slice_count && rc == OK; i++)
        rc = end_block(w, i, err);
    return rc;
}

int window_writer_add(struct window_writer *w, struct labels labels, const struct columns *samples,
                      struct error *err)
{
    assert(samples->count && samples->count < UINT32_MAX);
    assert(samples->times_ms[0] >= w->span.min_ms &&
           samples->times_ms[samples->count - 1] < w->span.max_ms);
    uint32_t column = column_store_add(&w->columns, samples->times_ms, samples->count);
    int rc = OK;
    index_builder_add(&w->index, labels, column);
    w->sample_count += samples->count;
    size_t from = 0;
    for (uint32_t slice = 0; slice < w->span.slice_count && rc == OK; slice++) {
        size_t end = slice_end(&w->span, slice, samples->times_ms, samples->count);
        block_writer_add(&w->slices[slice], samples->values + from, end - from);
        if (block_writer_is_full(&w->slices[slice]))
            rc = end_block(w, slice, err);
        from = end;
    }
    return rc;
}

static void seal_value(struct buf *value)
{
    struct str payload = str_skip(buf_view(value), WINDOW_SUM_SIZE);
    be64_put(value->ptr, hash64(payload.ptr, payload.len, 0));
}

static void put_header(const struct window_writer *w, struct buf *out)
{
    buf_be64(out, 0);
    buf_be32(out, WINDOW_VERSION);
    buf_be64(out, (uint64_t)w->span.min_ms);
    buf_be64(out, (uint64_t)w->span.max_ms);
    buf_be64(out, w->span.sequence);
    buf_be32(out, w->span.slice_count);
    buf_be64(out, w->index.series_count);
    buf_be64(out, w->sample_count);
    buf_be64(out, w->source_count);
    buf_str(out, buf_view(&w->sources));
    seal_value(out);
}

static int by_slice(const void *a, const void *b)
{
    const struct index_block *x = a, *y = b;
    if (x->slice != y->slice)
        return x->slice < y->slice ? -1 : 1;
    return (x->first_series > y->first_series) - (x->first_series < y->first_series);
}

static void put_blocks(struct window_writer *w, struct buf *out)
{
    if (w->block_count)
        qsort(w->blocks, w->block_count, sizeof(*w->blocks), by_slice);
    for (size_t i = 0; i < w->block_count; i++) {
        const struct index_block *b = &w->blocks[i];
        buf_be32(out, b->slice);
        buf_be32(out, b->first_series);
        buf_be32(out, b->extent);
        buf_be32(out, b->offset);
        buf_be32(out, b->stored_size);
        buf_be32(out, b->head_size);
        buf_be32(out, b->bit_size);
        buf_be64(out, b->sum);
    }
}

static int put_index(struct window_writer *w, struct error *err)
{
    struct buf header = BUF_INIT, index = BUF_INIT, blocks = BUF_INIT;
    put_header(w, &header);
    put_blocks(w, &blocks);
    buf_be64(&index, 0);
    index_builder_finish(&w->index, &w->columns, buf_view(&blocks), w->block_count, &index);
    seal_value(&index);
    struct str keys[] = {WINDOW_KEY_HEADER, WINDOW_KEY_INDEX};
    struct str values[] = {buf_view(&header), buf_view(&index)};
    int rc = put_all(w, keys, values, 2, err);
    buf_release(&header);
    buf_release(&index);
    buf_release(&blocks);
    return rc;
}

// Into its place: the contents first, then the name.
static int put_in_place(struct window_writer *w, struct error *err)
{
    lmdb_env_close(w->env);
    w->env = NULL;
    int rc = lmdb_sum_append(buf_text(&w->beside), err);
    if (rc == OK && (rc = io_rename(buf_text(&w->beside), buf_text(&w->path))))
        error_set(err, rc, "rename to %s: %m", buf_text(&w->path));
    return rc;
}

int window_writer_finish(struct window_writer *w, struct error *err)
{
    int rc = end_blocks(w, err);
    if (rc == OK)
        rc = end_extent(w, err);
    if (rc == OK)
        rc = put_index(w, err);
    if (rc == OK)
        rc = put_in_place(w, err);
    if (rc) {
        window_writer_abort(w);
        return rc;
    }
    rc = dir_sync(w->folder, err);
    if (rc)
        io_unlink(buf_text(&w->path));
    writer_free(w);
    return rc;
}
