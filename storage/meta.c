// The meta tables: an LMDB environment of its own, small and changing, apart from the windows.
//
// A batch is a list of changes, applied in one transaction: LMDB's commit is what makes it whole. A
// memory-only store keeps the same tables in a scratch folder that is unlinked at once.
#include "storage/meta.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/coding.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "lmdb_env.h"
#include "meta_value.h"
#include "store.h"

#define META_SIZE_MAX    ((size_t)1 << 30)
#define LARGE_BATCH_SIZE ((size_t)64 << 10)
#define TABLES_MAX       (2 * META_TABLE_COUNT) // those of an older version, too

struct meta {
    struct lmdb_env *env;
    unsigned tables[META_TABLE_COUNT];
    uint64_t dropped; // damaged values, at opening
};

static int open_tables(struct meta *m, struct error *err)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, m->env, true, err);
    if (rc)
        return rc;
    for (int i = 0; i < META_TABLE_COUNT && rc == OK; i++)
        rc = lmdb_table(t, meta_table_name(i), &m->tables[i], err);
    if (rc) {
        lmdb_abort(t);
        return rc;
    }
    return lmdb_commit(t, err);
}

static int open_env(struct meta *m, const char *path, struct error *err)
{
    if (path) {
        int rc = dir_create(path, err);
        return rc ? rc : lmdb_env_open(&m->env, path, LMDB_FOLDER, META_SIZE_MAX, TABLES_MAX, err);
    }
    char scratch[] = "/tmp/lapwing-meta-XXXXXX";
    if (!mkdtemp(scratch))
        return error_set(err, ERR_IO, "create a scratch folder in /tmp: %m");
    int rc = lmdb_env_open(&m->env, scratch, LMDB_SCRATCH, META_SIZE_MAX, TABLES_MAX, err);
    dir_remove_all(scratch, NULL);
    return rc;
}

void meta_close(struct meta *m)
{
    if (!m)
        return;
    lmdb_env_close(m->env);
    mem_free(m);
}

void meta_forget_pages(struct meta *m)
{
    lmdb_env_forget_pages(m->env);
}

int meta_copy(struct meta *m, const char *folder, struct error *err)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/data.mdb", folder);
    int rc = lmdb_env_copy(m->env, folder, err);
    int fd = rc == OK ? io_open(buf_text(&path), O_RDONLY, 0) : -1;
    if (rc == OK && (fd < 0 || io_sync(fd)))
        rc = error_set(err, ERR_IO, "sync %s: %m", buf_text(&path));
    if (fd >= 0)
        close(fd);
    buf_release(&path);
    return rc;
}

// A change is coded as: table, kind, sized key, sized value.
enum change { CHANGE_PUT, CHANGE_DELETE };

struct meta_batch {
    struct storage *storage;
    struct buf changes;
};

struct meta_batch *meta_batch_new(struct storage *s)
{
    struct meta_batch *b = mem_calloc(1, sizeof(*b));
    b->storage = s;
    return b;
}

void meta_batch_free(struct meta_batch *b)
{
    if (!b)
        return;
    buf_release(&b->changes);
    mem_free(b);
}

static void add_change(struct buf *changes, enum meta_table table, enum change change,
                       struct str key, struct str value)
{
    buf_char(changes, (char)table);
    buf_char(changes, (char)change);
    buf_sized(changes, key);
    buf_sized(changes, value);
}

void meta_put(struct meta_batch *b, enum meta_table table, struct str key, struct str value)
{
    add_change(&b->changes, table, CHANGE_PUT, key, value);
}

void meta_delete(struct meta_batch *b, enum meta_table table, struct str key)
{
    add_change(&b->changes, table, CHANGE_DELETE, key, str_make(NULL, 0));
}

static int put(const struct meta *m, struct lmdb_txn *t, enum meta_table table, struct str key,
               struct str value, struct error *err)
{
    char *out;
    int rc = lmdb_reserve(t, m->tables[table], key, META_SUM_SIZE + value.len, false, &out, err);
    if (rc == OK)
        meta_value_put(out, table, key, value);
    return rc;
}

static int apply_changes(const struct meta *m, struct lmdb_txn *t, struct str changes,
                         struct error *err)
{
    struct decoder d;
    decoder_init(&d, changes);
    int rc = OK;
    while (decoder_left(&d) && rc == OK) {
        enum meta_table table = (enum meta_table)decode_u8(&d);
        enum change change = (enum change)decode_u8(&d);
        struct str key = decode_sized(&d);
        struct str value = decode_sized(&d);
        rc = change == CHANGE_PUT ? put(m, t, table, key, value, err)
                                  : lmdb_delete(t, m->tables[table], key, err);
    }
    return rc;
}

static int commit_changes(const struct meta *m, struct str changes, struct error *err)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, m->env, true, err);
    if (rc)
        return rc;
    rc = apply_changes(m, t, changes, err);
    if (rc) {
        lmdb_abort(t);
        return rc;
    }
    return lmdb_commit(t, err);
}

int meta_commit(struct meta_batch *b, struct error *err)
{
    int rc = OK;
    size_t size = b->changes.len;
    if (size)
        rc = commit_changes(b->storage->meta, buf_view(&b->changes), err);
    buf_reset(&b->changes);
    // The pages of the tree on the way to many entries would count as memory until the next sweep.
    if (size >= LARGE_BATCH_SIZE)
        meta_forget_pages(b->storage->meta);
    return rc;
}

// A table as it was before values had checksums, and where its entries go.
struct upgrade {
    enum meta_table table;
    struct buf changes;
};

static int take_old(void *context, struct str key, struct str value)
{
    struct upgrade *u = context;
    add_change(&u->changes, u->table, CHANGE_PUT, key, value);
    return OK;
}

static int upgrade_table(const struct meta *m, struct lmdb_txn *t, enum meta_table table,
                         struct error *err)
{
    struct upgrade u = {.table = table};
    struct str found;
    unsigned root, old;
    int rc = lmdb_table(t, NULL, &root, err);
    if (rc || lmdb_get(t, root, str_from(meta_table_old_name(table)), &found))
        return rc;
    rc = lmdb_table(t, meta_table_old_name(table), &old, err);
    if (rc == OK)
        rc = lmdb_each(t, old, str_make(NULL, 0), take_old, &u);
    if (rc == OK)
        rc = apply_changes(m, t, buf_view(&u.changes), err);
    if (rc == OK)
        rc = lmdb_drop(t, old, err);
    buf_release(&u.changes);
    return rc;
}

static int upgrade_tables(const struct meta *m, struct error *err)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, m->env, true, err);
    if (rc)
        return rc;
    for (int i = 0; i < META_TABLE_COUNT && rc == OK; i++)
        rc = upgrade_table(m, t, (enum meta_table)i, err);
    if (rc) {
        lmdb_abort(t);
        return rc;
    }
    return lmdb_commit(t, err);
}

static void tell_damaged(enum meta_table table)
{
    log_error("a value of the tables of alert state, silences and notifications is damaged and "
              "left out",
              LOG_CSTR("table", meta_table_name(table)));
}

struct sweep {
    enum meta_table table;
    uint64_t count;
    struct buf changes;
};

static int sweep_entry(void *context, struct str key, struct str value)
{
    struct sweep *w = context;
    if (meta_value_get(w->table, key, &value))
        return OK;
    tell_damaged(w->table);
    w->count++;
    add_change(&w->changes, w->table, CHANGE_DELETE, key, str_make(NULL, 0));
    return OK;
}

// Drops what is damaged, so that it is said once.
static int sweep(struct meta *m, struct error *err)
{
    struct sweep w = {.count = 0};
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, m->env, false, err);
    if (rc)
        return rc;
    for (int i = 0; i < META_TABLE_COUNT && rc == OK; i++) {
        w.table = (enum meta_table)i;
        rc = lmdb_each(t, m->tables[i], str_make(NULL, 0), sweep_entry, &w);
    }
    lmdb_abort(t);
    if (rc == OK && w.count)
        rc = commit_changes(m, buf_view(&w.changes), err);
    m->dropped = w.count;
    buf_release(&w.changes);
    return rc;
}

int meta_open(struct meta **out, const char *path, struct error *err)
{
    struct meta *m = mem_calloc(1, sizeof(*m));
    int rc = open_env(m, path, err);
    if (rc == OK)
        rc = open_tables(m, err);
    if (rc == OK)
        rc = upgrade_tables(m, err);
    if (rc == OK)
        rc = sweep(m, err);
    if (rc) {
        meta_close(m);
        return rc;
    }
    *out = m;
    return OK;
}

uint64_t meta_dropped_count(const struct meta *m)
{
    return m->dropped;
}

static bool take_value(struct storage *s, enum meta_table table, struct str key, struct str *value)
{
    if (meta_value_get(table, key, value))
        return true;
    tell_damaged(table);
    metric_add(s->metrics.corrupt_values, 1);
    return false;
}

int meta_get(struct storage *s, enum meta_table table, struct str key, struct buf *out)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, s->meta->env, false, NULL);
    if (rc)
        return rc;
    struct str value;
    rc = lmdb_get(t, s->meta->tables[table], key, &value);
    if (rc == OK && !take_value(s, table, key, &value))
        rc = ERR_NOT_FOUND;
    if (rc == OK) {
        buf_reset(out);
        buf_str(out, value);
    }
    lmdb_abort(t);
    return rc;
}

struct each {
    struct storage *storage;
    enum meta_table table;
    int (*each)(void *context, struct str key, struct str value);
    void *context;
};

static int each_value(void *context, struct str key, struct str value)
{
    const struct each *e = context;
    return take_value(e->storage, e->table, key, &value) ? e->each(e->context, key, value) : OK;
}

int meta_each(struct storage *s, enum meta_table table, struct str from,
              int (*each)(void *context, struct str key, struct str value), void *context)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, s->meta->env, false, NULL);
    if (rc)
        return rc;
    struct each e = {s, table, each, context};
    rc = lmdb_each(t, s->meta->tables[table], from, each_value, &e);
    lmdb_abort(t);
    return rc;
}
