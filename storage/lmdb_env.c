// LMDB behind a narrow door.
//
// A window file is opened read-only with MDB_NOLOCK: nobody changes it, so there is no reader table
// and any number of threads read. Its map is as large as the file, and the file must be as long as
// its meta page says: a read behind the end would be SIGBUS, not an error.
#include "lmdb_env.h"

#include <errno.h>
#include <lmdb.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/mem.h"

#define PAGE_HEADER_SIZE 16
#define LMDB_MAGIC       UINT32_C(0xbeefc0de)

// With less room than this, a short write is the full disk's.
#define FULL_DISK_SIZE ((uint64_t)4 << 20)

struct lmdb_env {
    MDB_env *env;
    enum lmdb_mode mode;
};

// Transactions are MDB_txn under another name.
static MDB_txn *txn(struct lmdb_txn *t)
{
    return (MDB_txn *)t;
}

static int code_of(int rc)
{
    switch (rc) {
    case 0:
        return OK;
    case MDB_NOTFOUND:
        return ERR_NOT_FOUND;
    case MDB_MAP_FULL:
        return ERR_NO_SPACE;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INCOMPATIBLE:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_PANIC:
        return ERR_CORRUPT;
    default:
        return rc > 0 ? err_from_errno(rc) : ERR_IO;
    }
}

static int failed(int rc, const char *action, struct error *err)
{
    return error_set(err, code_of(rc), "LMDB: %s: %s", action, mdb_strerror(rc));
}

static unsigned flags_of(enum lmdb_mode mode)
{
    switch (mode) {
    case LMDB_FOLDER:
        return MDB_NOTLS;
    case LMDB_SCRATCH:
        return MDB_NOTLS | MDB_NOSYNC;
    case LMDB_NEW_FILE:
        return MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOSYNC | MDB_NOTLS;
    case LMDB_READ_FILE:
    case LMDB_LOOK_AT:
        return MDB_NOSUBDIR | MDB_NOLOCK | MDB_RDONLY | MDB_NOTLS;
    }
    return 0;
}

// Of a file that never changes. Pages at the end of one that does may have been used and freed again
// without ever having been written.
static bool is_whole(MDB_env *env, size_t file_size)
{
    MDB_envinfo info;
    MDB_stat stat;
    return mdb_env_info(env, &info) == 0 && mdb_env_stat(env, &stat) == 0 &&
           (info.me_last_pgno + 1) * stat.ms_psize <= file_size;
}

int lmdb_env_open(struct lmdb_env **out, const char *path, enum lmdb_mode mode, size_t map_size,
                  unsigned table_count, struct error *err)
{
    struct lmdb_env *e = mem_calloc(1, sizeof(*e));
    e->mode = mode;
    struct stat st = {0};
    if (mode == LMDB_READ_FILE && stat(path, &st) == 0)
        map_size = (size_t)st.st_size;
    int rc = mdb_env_create(&e->env);
    if (rc == 0 && map_size)
        rc = mdb_env_set_mapsize(e->env, map_size);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(e->env, table_count);
    if (rc == 0)
        rc = mdb_env_open(e->env, path, flags_of(mode), 0640);
    if (rc == 0 && mode == LMDB_READ_FILE && !is_whole(e->env, map_size))
        rc = MDB_CORRUPTED;
    if (rc) {
        failed(rc, "open", err);
        error_prefix(err, "%s: ", path);
        lmdb_env_close(e);
        return code_of(rc);
    }
    *out = e;
    return OK;
}

void lmdb_env_close(struct lmdb_env *e)
{
    if (!e)
        return;
    if (e->env)
        mdb_env_close(e->env);
    mem_free(e);
}

// LMDB doesn't say where its map is, but every page begins with its own number, and a key read from
// the table of tables stands in one.
static char *map_of(MDB_env *env, const char *key)
{
    MDB_stat stat;
    uint64_t number;
    uint32_t magic;
    mdb_env_stat(env, &stat);
    uintptr_t page = (uintptr_t)key & ~((uintptr_t)stat.ms_psize - 1);
    memcpy(&number, (const char *)page, sizeof(number));
    char *map = (char *)(page - number * stat.ms_psize);
    memcpy(&magic, map + PAGE_HEADER_SIZE, sizeof(magic));
    return magic == LMDB_MAGIC ? map : NULL;
}

void lmdb_env_forget_pages(struct lmdb_env *e)
{
    MDB_txn *t;
    MDB_cursor *cursor = NULL;
    MDB_envinfo info;
    MDB_val k, v;
    MDB_dbi main;
    if (mdb_txn_begin(e->env, NULL, MDB_RDONLY, &t))
        return;
    char *map = NULL;
    if (mdb_dbi_open(t, NULL, 0, &main) == 0 && mdb_cursor_open(t, main, &cursor) == 0 &&
        mdb_cursor_get(cursor, &k, &v, MDB_FIRST) == 0)
        map = map_of(e->env, k.mv_data);
    if (cursor)
        mdb_cursor_close(cursor);
    mdb_txn_abort(t);
    if (map && mdb_env_info(e->env, &info) == 0)
        madvise(map, info.me_mapsize, MADV_DONTNEED);
}

int lmdb_env_copy(struct lmdb_env *e, const char *folder, struct error *err)
{
    int rc = mdb_env_copy(e->env, folder);
    return rc ? failed(rc, "copy", err) : OK;
}

int lmdb_begin(struct lmdb_txn **out, struct lmdb_env *e, bool write, struct error *err)
{
    MDB_txn *t;
    int rc = mdb_txn_begin(e->env, NULL, write ? 0 : MDB_RDONLY, &t);
    if (rc)
        return failed(rc, "begin", err);
    *out = (struct lmdb_txn *)t;
    return OK;
}

// Of a write that came out short LMDB says EIO, whatever the reason is: mostly that the disk is full.
static int name_full_disk(MDB_env *env, int rc)
{
    struct statvfs st;
    int fd;
    if (rc != EIO || mdb_env_get_fd(env, &fd) || fstatvfs(fd, &st))
        return rc;
    return (uint64_t)st.f_bavail * st.f_frsize < FULL_DISK_SIZE ? ENOSPC : rc;
}

int lmdb_commit(struct lmdb_txn *t, struct error *err)
{
    MDB_env *env = mdb_txn_env(txn(t));
    int rc = name_full_disk(env, mdb_txn_commit(txn(t)));
    return rc ? failed(rc, "commit", err) : OK;
}

void lmdb_abort(struct lmdb_txn *t)
{
    mdb_txn_abort(txn(t));
}

int lmdb_table(struct lmdb_txn *t, const char *name, unsigned *table, struct error *err)
{
    unsigned env_flags = 0;
    mdb_env_get_flags(mdb_txn_env(txn(t)), &env_flags);
    int rc = mdb_dbi_open(txn(t), name, env_flags & MDB_RDONLY ? 0 : MDB_CREATE, table);
    return rc ? failed(rc, "open table", err) : OK;
}

static MDB_val val(struct str s)
{
    return (MDB_val){s.len, (void *)(uintptr_t)s.ptr};
}

static struct str view(MDB_val v)
{
    return str_make(v.mv_data, v.mv_size);
}

int lmdb_put(struct lmdb_txn *t, unsigned table, struct str key, struct str value, bool append,
             struct error *err)
{
    MDB_val k = val(key), v = val(value);
    int rc = mdb_put(txn(t), table, &k, &v, append ? MDB_APPEND : 0);
    return rc ? failed(rc, "put", err) : OK;
}

int lmdb_reserve(struct lmdb_txn *t, unsigned table, struct str key, size_t size, bool append,
                 char **out, struct error *err)
{
    MDB_val k = val(key), v = {size, NULL};
    int rc = mdb_put(txn(t), table, &k, &v, MDB_RESERVE | (append ? MDB_APPEND : 0));
    if (rc)
        return failed(rc, "put", err);
    *out = v.mv_data;
    return OK;
}

int lmdb_get(struct lmdb_txn *t, unsigned table, struct str key, struct str *value)
{
    MDB_val k = val(key), v;
    int rc = mdb_get(txn(t), table, &k, &v);
    if (rc == 0)
        *value = view(v);
    return code_of(rc);
}

int lmdb_delete(struct lmdb_txn *t, unsigned table, struct str key, struct error *err)
{
    MDB_val k = val(key);
    int rc = mdb_del(txn(t), table, &k, NULL);
    return rc && rc != MDB_NOTFOUND ? failed(rc, "delete", err) : OK;
}

int lmdb_drop(struct lmdb_txn *t, unsigned table, struct error *err)
{
    int rc = mdb_drop(txn(t), table, 1);
    return rc ? failed(rc, "drop table", err) : OK;
}

int lmdb_each(struct lmdb_txn *t, unsigned table, struct str from,
              int (*each)(void *context, struct str key, struct str value), void *context)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn(t), table, &cursor);
    if (rc)
        return code_of(rc);
    MDB_val k = val(from), v;
    int result = OK;
    rc = mdb_cursor_get(cursor, &k, &v, from.len ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && (result = each(context, view(k), view(v))) == OK)
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    mdb_cursor_close(cursor);
    return rc && rc != MDB_NOTFOUND ? code_of(rc) : result;
}
