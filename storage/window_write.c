// A window file is made in one pass: tables in the order below, keys ascending, so that LMDB
// appends page after page and leaves them full. It is written beside its place, synced, and
// renamed.
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "lmdb_env.h"
#include "window.h"
#include "window_format.h"

// One series under one label pair, before sorting.
struct pair_entry {
    uint64_t name_hash, value_hash;
    uint32_t id;
    const struct label *label;
};

struct writer {
    struct lmdb_txn *txn;
    struct buf value; // the one being put together
    struct error *err;
};

static void value_begin(struct writer *w)
{
    buf_reset(&w->value);
    buf_be64(&w->value, 0);
}

static int value_put(struct writer *w, unsigned table, struct str key)
{
    struct str payload = str_skip(buf_view(&w->value), WINDOW_SUM_SIZE);
    be64_put(w->value.ptr, hash64(payload.ptr, payload.len, 0));
    return lmdb_put(w->txn, table, key, buf_view(&w->value), true, w->err);
}

static int put_numbered(struct writer *w, unsigned table, size_t number)
{
    char key[4];
    be32_put(key, (uint32_t)number);
    return value_put(w, table, str_make(key, sizeof(key)));
}

static int write_series(struct writer *w, const struct window_series *series, size_t count)
{
    unsigned table;
    int rc = lmdb_table(w->txn, WINDOW_TABLE_SERIES, &table, w->err);
    for (size_t i = 0; i < count && rc == OK; i++) {
        struct labels labels = series[i].labels;
        value_begin(w);
        buf_varint(&w->value, labels.count);
        for (size_t l = 0; l < labels.count; l++) {
            buf_sized(&w->value, labels.items[l].name);
            buf_sized(&w->value, labels.items[l].value);
        }
        rc = put_numbered(w, table, i);
    }
    return rc;
}

static int write_chunks(struct writer *w, const struct window_series *series, size_t count)
{
    unsigned table;
    int rc = lmdb_table(w->txn, WINDOW_TABLE_CHUNKS, &table, w->err);
    for (size_t i = 0; i < count && rc == OK; i++) {
        const struct window_series *s = &series[i];
        value_begin(w);
        buf_varint(&w->value, s->chunk_count);
        for (size_t c = 0; c < s->chunk_count; c++) {
            buf_svarint(&w->value, s->chunks[c].min_ms);
            buf_varint(&w->value, (uint64_t)(s->chunks[c].max_ms - s->chunks[c].min_ms));
            buf_varint(&w->value, s->chunks[c].size);
        }
        for (size_t c = 0; c < s->chunk_count; c++)
            buf_append(&w->value, s->chunks[c].bytes, s->chunks[c].size);
        rc = put_numbered(w, table, i);
    }
    return rc;
}

static int by_pair(const void *a, const void *b)
{
    const struct pair_entry *x = a, *y = b;
    if (x->name_hash != y->name_hash)
        return x->name_hash < y->name_hash ? -1 : 1;
    if (x->value_hash != y->value_hash)
        return x->value_hash < y->value_hash ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

static size_t list_pairs(const struct window_series *series, size_t count, struct pair_entry **out)
{
    size_t total = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        total += series[i].labels.count;
    struct pair_entry *pairs = mem_calloc(total, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        for (size_t l = 0; l < series[i].labels.count; l++) {
            const struct label *label = &series[i].labels.items[l];
            pairs[at++] = (struct pair_entry){hash_str(label->name), hash_str(label->value),
                                              (uint32_t)i, label};
        }
    }
    qsort(pairs, total, sizeof(*pairs), by_pair);
    *out = pairs;
    return total;
}

static int put_pair(struct writer *w, unsigned table, const struct pair_entry *pairs, size_t count)
{
    char key[16];
    uint32_t last = 0;
    value_begin(w);
    buf_sized(&w->value, pairs[0].label->name);
    buf_sized(&w->value, pairs[0].label->value);
    buf_varint(&w->value, count);
    for (size_t i = 0; i < count; i++) {
        buf_varint(&w->value, pairs[i].id - last);
        last = pairs[i].id;
    }
    window_pair_key(pairs[0].label->name, pairs[0].label->value, key);
    return value_put(w, table, str_make(key, sizeof(key)));
}

static bool same_pair(const struct pair_entry *a, const struct pair_entry *b)
{
    return a->name_hash == b->name_hash && a->value_hash == b->value_hash;
}

static int write_postings(struct writer *w, const struct window_series *series, size_t count)
{
    struct pair_entry *pairs;
    unsigned table;
    int rc = lmdb_table(w->txn, WINDOW_TABLE_POSTINGS, &table, w->err);
    size_t total = list_pairs(series, count, &pairs);
    for (size_t i = 0, end; i < total && rc == OK; i = end) {
        for (end = i + 1; end < total && same_pair(&pairs[i], &pairs[end]);)
            end++;
        rc = put_pair(w, table, pairs + i, end - i);
    }
    mem_free(pairs);
    return rc;
}

static int write_header(struct writer *w, int64_t min_ms, int64_t max_ms, size_t series_count)
{
    unsigned table;
    int rc = lmdb_table(w->txn, WINDOW_TABLE_META, &table, w->err);
    if (rc)
        return rc;
    value_begin(w);
    buf_be32(&w->value, WINDOW_VERSION);
    buf_be64(&w->value, (uint64_t)min_ms);
    buf_be64(&w->value, (uint64_t)max_ms);
    buf_be64(&w->value, series_count);
    return value_put(w, table, WINDOW_HEADER_KEY);
}

static int write_tables(struct lmdb_env *env, int64_t min_ms, int64_t max_ms,
                        const struct window_series *series, size_t count, struct error *err)
{
    struct writer w = {.err = err};
    int rc = lmdb_begin(&w.txn, env, true, err);
    if (rc)
        return rc;
    rc = write_series(&w, series, count);
    if (rc == OK)
        rc = write_chunks(&w, series, count);
    if (rc == OK)
        rc = write_postings(&w, series, count);
    if (rc == OK)
        rc = write_header(&w, min_ms, max_ms, count);
    buf_release(&w.value);
    if (rc) {
        lmdb_abort(w.txn);
        return rc;
    }
    rc = lmdb_commit(w.txn, err);
    return rc ? rc : lmdb_env_sync(env, err);
}

// An upper bound, generous: the map is address space, not memory.
static size_t map_size_for(const struct window_series *series, size_t count)
{
    size_t size = (size_t)64 << 20;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < series[i].chunk_count; c++)
            size += (size_t)series[i].chunks[c].size * 3;
        for (size_t l = 0; l < series[i].labels.count; l++)
            size += 4 * (series[i].labels.items[l].name.len + series[i].labels.items[l].value.len);
        size += 8192;
    }
    return (size + 0xfffff) & ~(size_t)0xfffff;
}

static int write_file(const char *path, int64_t min_ms, int64_t max_ms,
                      const struct window_series *series, size_t count, struct error *err)
{
    struct lmdb_env *env;
    int rc = io_unlink(path);
    if (rc)
        return error_set(err, rc, "remove %s: %m", path);
    rc = lmdb_env_open(&env, path, LMDB_NEW_FILE, map_size_for(series, count), WINDOW_TABLE_COUNT,
                       err);
    if (rc)
        return rc;
    rc = write_tables(env, min_ms, max_ms, series, count, err);
    lmdb_env_close(env);
    return rc;
}

int window_write(const char *folder, int64_t min_ms, int64_t max_ms,
                 const struct window_series *series, size_t count, struct error *err)
{
    struct buf path = BUF_INIT, beside = BUF_INIT;
    buf_printf(&path, "%s/window-%lld-%lld.lmdb", folder, (long long)min_ms, (long long)max_ms);
    buf_printf(&beside, "%s.tmp", buf_text(&path));
    int rc = write_file(buf_text(&beside), min_ms, max_ms, series, count, err);
    if (rc == OK && (rc = io_rename(buf_text(&beside), buf_text(&path))))
        error_set(err, rc, "rename to %s: %m", buf_text(&path));
    if (rc == OK)
        rc = dir_sync(folder, err);
    else
        io_unlink(buf_text(&beside));
    buf_release(&path);
    buf_release(&beside);
    return rc;
}
