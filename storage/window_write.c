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
    size_t extent_size;          // at which one ends
    struct buf constant;         // of the series being added
    uint32_t *pairs;             // the same
    size_t pair_count;
    size_t pair_capacity;
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
    // A window is written while memory is short, and a day has a hundred times as many blocks.
    w->extent_size = span.merged ? EXTENT_SIZE : EXTENT_SIZE / 2;
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

// What values are packed with is of no more use once the last extent is written.
static void release_packing(struct window_writer *w)
{
    zstd_encoder_free(w->zstd);
    w->zstd = NULL;
    for (uint32_t i = 0; i < w->span.slice_count; i++)
        block_writer_release(&w->slices[i]);
    buf_release(&w->extent);
}

static void writer_free(struct window_writer *w)
{
    lmdb_env_close(w->env);
    column_store_release(&w->columns);
    index_builder_release(&w->index);
    buf_release(&w->path);
    buf_release(&w->beside);
    buf_release(&w->constant);
    mem_free(w->pairs);
    release_packing(w);
    mem_free(w->slices);
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

static int begin(struct window_writer *w, struct lmdb_txn **txn, unsigned *table, struct error *err)
{
    int rc = lmdb_begin(txn, w->env, true, err);
    if (rc)
        return rc;
    rc = lmdb_table(*txn, WINDOW_TABLE, table, err);
    if (rc)
        lmdb_abort(*txn);
    return rc;
}

static int end(struct lmdb_txn *txn, int rc, struct error *err)
{
    if (rc == OK)
        return lmdb_commit(txn, err);
    lmdb_abort(txn);
    return rc;
}

static int end_extent(struct window_writer *w, struct error *err)
{
    char bytes[DATA_KEY_SIZE];
    if (w->extent.len == 0)
        return OK;
    struct str key = window_data_key(w->extent_count++, bytes), value = buf_view(&w->extent);
    struct lmdb_txn *txn;
    unsigned table;
    int rc = begin(w, &txn, &table, err);
    if (rc == OK)
        rc = end(txn, lmdb_put(txn, table, key, value, true, err), err);
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
    return w->extent.len >= w->extent_size ? end_extent(w, err) : OK;
}

static int end_blocks(struct window_writer *w, struct error *err)
{
    int rc = OK;
    for (uint32_t i = 0; i < w->span.slice_count && rc == OK; i++)
        rc = end_block(w, i, err);
    return rc;
}

// The stream of values that are all the same, which the index takes; empty for others.
static struct str constant_stream(struct window_writer *w, const struct columns *samples)
{
    buf_reset(&w->constant);
    if (cold_values_are_constant(samples->values, samples->count))
        cold_values_encode(samples->values, samples->count, &w->constant, &w->constant);
    return buf_view(&w->constant);
}

uint32_t window_writer_pair(struct window_writer *w, struct label label)
{
    return index_builder_pair(&w->index, label);
}

int window_writer_add(struct window_writer *w, struct labels labels, const struct columns *samples,
                      struct error *err)
{
    w->pair_count = 0;
    for (size_t i = 0; i < labels.count; i++) {
        MEM_GROW(w->pairs, w->pair_count, w->pair_capacity);
        w->pairs[w->pair_count++] = index_builder_pair(&w->index, labels.items[i]);
    }
    return window_writer_add_known(w, labels_hash(labels), w->pairs, w->pair_count, samples, err);
}

int window_writer_add_known(struct window_writer *w, uint64_t hash, const uint32_t *pairs,
                            size_t pair_count, const struct columns *samples, struct error *err)
{
    assert(samples->count && samples->count < UINT32_MAX);
    assert(samples->times_ms[0] >= w->span.min_ms &&
           samples->times_ms[samples->count - 1] < w->span.max_ms);
    uint32_t column = column_store_add(&w->columns, samples->times_ms, samples->count);
    struct str constant = constant_stream(w, samples);
    int rc = OK;
    index_builder_add(&w->index, hash, pairs, pair_count, column, constant);
    w->sample_count += samples->count;
    size_t from = 0;
    for (uint32_t slice = 0; slice < w->span.slice_count && rc == OK; slice++) {
        size_t end = slice_end(&w->span, slice, samples->times_ms, samples->count);
        size_t count = constant.len ? 0 : end - from;
        block_writer_add(&w->slices[slice], samples->values + from, count);
        if (block_writer_is_full(&w->slices[slice]))
            rc = end_block(w, slice, err);
        from = end;
    }
    return rc;
}

static void seal_value(char *value, size_t size)
{
    be64_put(value, hash64(value + WINDOW_SUM_SIZE, size - WINDOW_SUM_SIZE, 0));
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
    seal_value(out->ptr, out->len);
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

// Made in its place: no second copy of it is ever in memory.
static int put_index(struct window_writer *w, struct lmdb_txn *txn, unsigned table,
                     struct error *err)
{
    struct buf blocks = BUF_INIT;
    char *out;
    put_blocks(w, &blocks);
    size_t size = WINDOW_SUM_SIZE + index_builder_size(&w->index, &w->columns, buf_view(&blocks));
    int rc = lmdb_reserve(txn, table, WINDOW_KEY_INDEX, size, true, &out, err);
    if (rc == OK) {
        index_builder_put(&w->index, &w->columns, buf_view(&blocks), out + WINDOW_SUM_SIZE);
        seal_value(out, size);
    }
    buf_release(&blocks);
    return rc;
}

static int put_ends(struct window_writer *w, struct error *err)
{
    struct buf header = BUF_INIT;
    struct lmdb_txn *txn;
    unsigned table;
    int rc = begin(w, &txn, &table, err);
    if (rc)
        return rc;
    put_header(w, &header);
    rc = lmdb_put(txn, table, WINDOW_KEY_HEADER, buf_view(&header), true, err);
    if (rc == OK)
        rc = put_index(w, txn, table, err);
    buf_release(&header);
    return end(txn, rc, err);
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
    release_packing(w);
    if (rc == OK)
        rc = put_ends(w, err);
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
