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
#include "base/mem.h"
#include "lmdb_env.h"
#include "store.h"

#define META_SIZE_MAX ((size_t)1 << 30)

static const char *const TABLE_NAMES[META_TABLE_COUNT] = {
    [META_ALERTS] = "alerts",     [META_GROUPS] = "groups", [META_NOTIFICATIONS] = "notifications",
    [META_SILENCES] = "silences", [META_OUTBOX] = "outbox", [META_HISTORY] = "history",
    [META_CURSORS] = "cursors",
};

struct meta {
    struct lmdb_env *env;
    unsigned tables[META_TABLE_COUNT];
};

static int open_tables(struct meta *m, struct error *err)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, m->env, true, err);
    if (rc)
        return rc;
    for (int i = 0; i < META_TABLE_COUNT && rc == OK; i++)
        rc = lmdb_table(t, TABLE_NAMES[i], &m->tables[i], err);
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
        return rc ? rc
                  : lmdb_env_open(&m->env, path, LMDB_FOLDER, META_SIZE_MAX, META_TABLE_COUNT, err);
    }
    char scratch[] = "/tmp/lapwing-meta-XXXXXX";
    if (!mkdtemp(scratch))
        return error_set(err, ERR_IO, "create a scratch folder in /tmp: %m");
    int rc = lmdb_env_open(&m->env, scratch, LMDB_SCRATCH, META_SIZE_MAX, META_TABLE_COUNT, err);
    dir_remove_all(scratch, NULL);
    return rc;
}

int meta_open(struct meta **out, const char *path, struct error *err)
{
    struct meta *m = mem_calloc(1, sizeof(*m));
    int rc = open_env(m, path, err);
    if (rc == OK)
        rc = open_tables(m, err);
    if (rc) {
        meta_close(m);
        return rc;
    }
    *out = m;
    return OK;
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

static void add_change(struct meta_batch *b, enum meta_table table, enum change change,
                       struct str key, struct str value)
{
    buf_char(&b->changes, (char)table);
    buf_char(&b->changes, (char)change);
    buf_sized(&b->changes, key);
    buf_sized(&b->changes, value);
}

void meta_put(struct meta_batch *b, enum meta_table table, struct str key, struct str value)
{
    add_change(b, table, CHANGE_PUT, key, value);
}

void meta_delete(struct meta_batch *b, enum meta_table table, struct str key)
{
    add_change(b, table, CHANGE_DELETE, key, str_make(NULL, 0));
}

static int apply_changes(const struct meta *m, struct lmdb_txn *t, struct str changes,
                         struct error *err)
{
    struct decoder d;
    decoder_init(&d, changes);
    int rc = OK;
    while (decoder_left(&d) && rc == OK) {
        unsigned table = m->tables[decode_u8(&d)];
        enum change change = (enum change)decode_u8(&d);
        struct str key = decode_sized(&d);
        struct str value = decode_sized(&d);
        rc = change == CHANGE_PUT ? lmdb_put(t, table, key, value, false, err)
                                  : lmdb_delete(t, table, key, err);
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
    if (b->changes.len)
        rc = commit_changes(b->storage->meta, buf_view(&b->changes), err);
    buf_reset(&b->changes);
    return rc;
}

int meta_get(struct storage *s, enum meta_table table, struct str key, struct buf *out)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, s->meta->env, false, NULL);
    if (rc)
        return rc;
    struct str value;
    rc = lmdb_get(t, s->meta->tables[table], key, &value);
    if (rc == OK) {
        buf_reset(out);
        buf_str(out, value);
    }
    lmdb_abort(t);
    return rc;
}

int meta_each(struct storage *s, enum meta_table table, struct str from,
              int (*each)(void *context, struct str key, struct str value), void *context)
{
    struct lmdb_txn *t;
    int rc = lmdb_begin(&t, s->meta->env, false, NULL);
    if (rc)
        return rc;
    rc = lmdb_each(t, s->meta->tables[table], from, each, context);
    lmdb_abort(t);
    return rc;
}
