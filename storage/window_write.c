// A window file is made in one pass, in the order of its keys, so that LMDB appends page after page
// and leaves them full: extents of compressed blocks first, then the header and the index. It is
// written beside its place, synced, and renamed.
//
//     series -> block (32 KB of neighbours' values) -> zstd -> extent (1 MB, one value)
//            -> column of times, shared  ->  index (one value)
//            -> symbols, pairs, series   ->  the same
//
// An extent is committed as soon as it is full: what a writer holds in memory is an extent and the
// index, however large the file.
#include <assert.h>

#include "base/compress.h"
#include "base/file.h"
#include "base/mem.h"
#include "cold_values.h"
#include "index_builder.h"
#include "lmdb_env.h"
#include "window.h"
#include "window_format.h"

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
    struct buf raw; // the block being filled
    struct buf stream;
    uint32_t raw_first; // its first series
    uint32_t raw_count;
    struct buf extent; // compressed blocks
    uint32_t extent_count;
    struct buf blocks; // entries of the index
    size_t block_count;
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
    column_store_init(&w->columns);
    index_builder_init(&w->index);
    w->zstd = zstd_encoder_new(ZSTD_LEVEL);
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
    buf_release(&w->raw);
    buf_release(&w->stream);
    buf_release(&w->extent);
    buf_release(&w->blocks);
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

static int end_block(struct window_writer *w, struct error *err)
{
    if (w->raw_count == 0)
        return OK;
    size_t offset = w->extent.len;
    zstd_encoder_run(w->zstd, buf_view(&w->raw), &w->extent);
    struct str stored = str_skip(buf_view(&w->extent), offset);
    buf_be32(&w->blocks, w->raw_first);
    buf_be32(&w->blocks, w->extent_count);
    buf_be32(&w->blocks, (uint32_t)offset);
    buf_be32(&w->blocks, (uint32_t)stored.len);
    buf_be32(&w->blocks, (uint32_t)w->raw.len);
    buf_be64(&w->blocks, hash64(stored.ptr, stored.len, 0));
    w->block_count++;
    buf_reset(&w->raw);
    w->raw_count = 0;
    return w->extent.len >= EXTENT_SIZE ? end_extent(w, err) : OK;
}

int window_writer_add(struct window_writer *w, struct labels labels, const struct columns *samples,
                      struct error *err)
{
    assert(samples->count && samples->count < UINT32_MAX);
    assert(samples->times_ms[0] >= w->span.min_ms &&
           samples->times_ms[samples->count - 1] < w->span.max_ms);
    if (w->raw_count == 0)
        w->raw_first = (uint32_t)w->index.series_count;
    uint32_t column = column_store_add(&w->columns, samples->times_ms, samples->count);
    index_builder_add(&w->index, labels, column);
    buf_reset(&w->stream);
    cold_values_encode(samples->values, samples->count, &w->stream);
    buf_sized(&w->raw, buf_view(&w->stream));
    w->raw_count++;
    w->sample_count += samples->count;
    if (w->raw.len < BLOCK_SIZE && w->raw_count < BLOCK_SERIES_MAX)
        return OK;
    return end_block(w, err);
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
    buf_be64(out, w->index.series_count);
    buf_be64(out, w->sample_count);
    buf_be64(out, w->source_count);
    buf_str(out, buf_view(&w->sources));
    seal_value(out);
}

static int put_index(struct window_writer *w, struct error *err)
{
    struct buf header = BUF_INIT, index = BUF_INIT;
    put_header(w, &header);
    buf_be64(&index, 0);
    index_builder_finish(&w->index, &w->columns, buf_view(&w->blocks), w->block_count, &index);
    seal_value(&index);
    struct str keys[] = {WINDOW_KEY_HEADER, WINDOW_KEY_INDEX};
    struct str values[] = {buf_view(&header), buf_view(&index)};
    int rc = put_all(w, keys, values, 2, err);
    buf_release(&header);
    buf_release(&index);
    return rc;
}

// Into its place: the contents first, then the name.
static int put_in_place(struct window_writer *w, struct error *err)
{
    int rc = lmdb_env_sync(w->env, err);
    lmdb_env_close(w->env);
    w->env = NULL;
    if (rc == OK && (rc = io_rename(buf_text(&w->beside), buf_text(&w->path))))
        error_set(err, rc, "rename to %s: %m", buf_text(&w->path));
    return rc;
}

int window_writer_finish(struct window_writer *w, struct error *err)
{
    int rc = end_block(w, err);
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
