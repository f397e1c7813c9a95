// The file never changes while it is open, so a value found stays where it is in the map: labels
// and chunks are read in place, each behind its sum, and no read transaction outlives a call.
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/mem.h"
#include "lmdb_env.h"
#include "window.h"
#include "window_format.h"

struct window {
    atomic_size_t references;
    struct lmdb_env *env;
    char *path;
    int64_t min_ms, max_ms;
    uint64_t bytes;
    uint32_t series_count;
    atomic_bool corrupt;
    unsigned series, chunks, postings; // tables
};

bool window_parse_name(const char *name, int64_t *min_ms, int64_t *max_ms)
{
    struct str s = str_from(name), min, max;
    if (!str_has_prefix(s, STR("window-")) || !str_has_suffix(s, STR(".lmdb")))
        return false;
    s = str_make(s.ptr + 7, s.len - 12);
    size_t dash = s.len ? 1 + str_find(str_skip(s, 1), '-') : 0;
    if (dash >= s.len)
        return false;
    min = str_first(s, dash);
    max = str_skip(s, dash + 1);
    return str_to_i64(min, min_ms) && str_to_i64(max, max_ms) && *min_ms < *max_ms;
}

static int corrupt(const struct window *w, const char *what, struct error *err)
{
    return error_set(err, ERR_CORRUPT, "%s: %s", w->path, what);
}

static int read_header(struct window *w, struct lmdb_txn *t, unsigned meta, struct error *err)
{
    struct str stored, payload;
    if (lmdb_get(t, meta, WINDOW_HEADER_KEY, &stored) != OK ||
        !window_value_check(stored, &payload))
        return corrupt(w, "the header is missing or its sum is wrong", err);
    struct decoder d;
    decoder_init(&d, payload);
    uint32_t version = decode_be32(&d);
    if (version != WINDOW_VERSION)
        return error_set(err, ERR_UNSUPPORTED, "%s: format version %u, expected %d", w->path,
                         version, WINDOW_VERSION);
    w->min_ms = (int64_t)decode_be64(&d);
    w->max_ms = (int64_t)decode_be64(&d);
    w->series_count = (uint32_t)decode_be64(&d);
    return d.failed ? corrupt(w, "the header is short", err) : OK;
}

static int open_tables(struct window *w, struct error *err)
{
    struct lmdb_txn *t;
    unsigned meta;
    int rc = lmdb_begin(&t, w->env, false, err);
    if (rc)
        return rc;
    if (lmdb_table(t, WINDOW_TABLE_META, &meta, err) ||
        lmdb_table(t, WINDOW_TABLE_SERIES, &w->series, err) ||
        lmdb_table(t, WINDOW_TABLE_CHUNKS, &w->chunks, err) ||
        lmdb_table(t, WINDOW_TABLE_POSTINGS, &w->postings, err))
        rc = corrupt(w, "a table is missing", err);
    if (rc == OK)
        rc = read_header(w, t, meta, err);
    // Committing a read transaction is what makes its table handles last.
    if (rc)
        lmdb_abort(t);
    else
        rc = lmdb_commit(t, err);
    return rc;
}

int window_open(struct window **out, const char *folder, const char *name, struct error *err)
{
    struct window *w = mem_calloc(1, sizeof(*w));
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, name);
    w->path = buf_steal(&path);
    atomic_init(&w->references, 1);
    struct stat st;
    int rc = stat(w->path, &st) ? error_set(err, ERR_IO, "stat %s: %m", w->path) : OK;
    if (rc == OK)
        rc = lmdb_env_open(&w->env, w->path, LMDB_READ_FILE, 0, WINDOW_TABLE_COUNT, err);
    if (rc == OK) {
        w->bytes = (uint64_t)st.st_blocks * 512;
        rc = open_tables(w, err);
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
    lmdb_env_close(w->env);
    mem_free(w->path);
    mem_free(w);
}

int window_remove(struct window *w, struct error *err)
{
    int rc = io_unlink(w->path);
    return rc ? error_set(err, rc, "remove %s: %m", w->path) : OK;
}

void window_mark_corrupt(struct window *w)
{
    atomic_store(&w->corrupt, true);
}

bool window_is_corrupt(const struct window *w)
{
    return atomic_load(&w->corrupt);
}

const char *window_path(const struct window *w)
{
    return w->path;
}

int window_set_aside(struct window *w, struct error *err)
{
    struct buf to = BUF_INIT;
    buf_printf(&to, "%s.corrupt", w->path);
    int rc = io_rename(w->path, buf_text(&to));
    buf_release(&to);
    return rc ? error_set(err, rc, "rename %s: %m", w->path) : OK;
}

int64_t window_min_ms(const struct window *w)
{
    return w->min_ms;
}

int64_t window_max_ms(const struct window *w)
{
    return w->max_ms;
}

uint64_t window_bytes(const struct window *w)
{
    return w->bytes;
}

// The payload stored under a key, in the map.
static int get_value(const struct window *w, unsigned table, struct str key, struct str *payload)
{
    struct lmdb_txn *t;
    struct str stored;
    int rc = lmdb_begin(&t, w->env, false, NULL);
    if (rc)
        return rc;
    rc = lmdb_get(t, table, key, &stored);
    lmdb_abort(t);
    if (rc == OK && !window_value_check(stored, payload))
        rc = ERR_CORRUPT;
    return rc;
}

static int get_numbered(const struct window *w, unsigned table, uint32_t id, struct str *payload)
{
    char key[4];
    be32_put(key, id);
    return get_value(w, table, str_make(key, sizeof(key)), payload);
}

int window_labels(const struct window *w, uint32_t id, struct arena *arena, struct labels *out)
{
    struct str payload;
    struct decoder d;
    int rc = get_numbered(w, w->series, id, &payload);
    if (rc)
        return rc;
    decoder_init(&d, payload);
    uint64_t count = decode_varint(&d);
    if (count > payload.len)
        return ERR_CORRUPT;
    struct label *items = arena_array(arena, (size_t)count, sizeof(*items));
    for (uint64_t i = 0; i < count; i++) {
        items[i].name = decode_sized(&d);
        items[i].value = decode_sized(&d);
    }
    *out = (struct labels){items, (size_t)count};
    return d.failed ? ERR_CORRUPT : OK;
}

struct chunk_head {
    int64_t min_ms, max_ms;
    uint64_t size;
};

static struct chunk_head next_chunk(struct decoder *d)
{
    struct chunk_head c;
    c.min_ms = decode_svarint(d);
    c.max_ms = (int64_t)((uint64_t)c.min_ms + decode_varint(d));
    c.size = decode_varint(d);
    return c;
}

int window_read(const struct window *w, uint32_t id, int64_t min_ms, int64_t max_ms,
                struct columns *out)
{
    struct str payload;
    struct decoder heads, bytes;
    int rc = get_numbered(w, w->chunks, id, &payload);
    if (rc)
        return rc;
    decoder_init(&heads, payload);
    uint64_t count = decode_varint(&heads);
    bytes = heads;
    for (uint64_t i = 0; i < count && !bytes.failed; i++)
        next_chunk(&bytes);
    for (uint64_t i = 0; i < count && rc == OK && !bytes.failed; i++) {
        struct chunk_head c = next_chunk(&heads);
        struct str chunk = decode_bytes(&bytes, (size_t)c.size);
        if (!bytes.failed && c.max_ms >= min_ms && c.min_ms <= max_ms)
            rc = columns_decode(out, chunk, min_ms, max_ms);
    }
    return bytes.failed ? ERR_CORRUPT : rc;
}

struct posting_scan {
    struct window *window;
    uint64_t name_hash;
    struct str name;
    index_value_fn *each;
    void *context;
    struct ids ids;
};

// Decodes one posting and passes it on if it is of the name looked for.
static int pass_posting(struct posting_scan *scan, struct str stored)
{
    struct str payload;
    struct decoder d;
    if (!window_value_check(stored, &payload))
        return ERR_CORRUPT;
    decoder_init(&d, payload);
    struct str name = decode_sized(&d);
    struct str value = decode_sized(&d);
    uint64_t count = decode_varint(&d);
    if (d.failed || count > payload.len)
        return ERR_CORRUPT;
    if (!str_eq(name, scan->name))
        return OK; // the hashes collide
    scan->ids.count = 0;
    uint64_t id = 0;
    for (uint64_t i = 0; i < count; i++) {
        id += decode_varint(&d);
        if (d.failed || id >= scan->window->series_count)
            return ERR_CORRUPT;
        ids_add(&scan->ids, (uint32_t)id);
    }
    scan->each(scan->context, value, scan->ids.items, scan->ids.count);
    return OK;
}

static int scan_value(void *context, struct str key, struct str stored)
{
    struct posting_scan *scan = context;
    if (key.len != 16 || be64_get(key.ptr) != scan->name_hash)
        return ERR_END;
    return pass_posting(scan, stored);
}

static void index_all(void *context, struct ids *out)
{
    const struct window *w = context;
    for (uint32_t i = 0; i < w->series_count; i++)
        ids_add(out, i);
}

static int index_value(void *context, struct str name, struct str value, index_value_fn *each,
                       void *each_context)
{
    struct window *w = context;
    struct posting_scan scan = {.window = w, .name = name, .each = each, .context = each_context};
    char key[16];
    struct lmdb_txn *t;
    struct str stored;
    window_pair_key(name, value, key);
    int rc = lmdb_begin(&t, w->env, false, NULL);
    if (rc)
        return rc;
    rc = lmdb_get(t, w->postings, str_make(key, sizeof(key)), &stored);
    if (rc == OK)
        rc = pass_posting(&scan, stored);
    lmdb_abort(t);
    ids_release(&scan.ids);
    return rc == ERR_NOT_FOUND ? OK : rc;
}

static int index_values(void *context, struct str name, index_value_fn *each, void *each_context)
{
    struct window *w = context;
    struct lmdb_txn *t;
    struct posting_scan scan = {.window = w,
                                .name_hash = hash_str(name),
                                .name = name,
                                .each = each,
                                .context = each_context};
    char from[8];
    be64_put(from, scan.name_hash);
    int rc = lmdb_begin(&t, w->env, false, NULL);
    if (rc)
        return rc;
    rc = lmdb_each(t, w->postings, str_make(from, sizeof(from)), scan_value, &scan);
    lmdb_abort(t);
    ids_release(&scan.ids);
    return rc < 0 ? rc : OK;
}

struct series_index window_index(struct window *w)
{
    return (struct series_index){w, index_all, index_value, index_values};
}
