// A snapshot is a folder of hard links and a copy of the meta tables:
//
//     PATH/snapshots/<time>-<number>/window-..., day-...    links: files never change
//                                    journal/00000007 ...   links: the segment is ended first
//                                    tombstones             link: it is only ever replaced
//                                    meta/data.mdb          a copy made by LMDB
//
// The maintenance lock keeps files from coming and going meanwhile. Ending the segment takes the
// commit lock for a moment, and that is the moment the snapshot shows. The folder is made under a
// name with .tmp behind it, synced, and renamed.
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "delete.h"
#include "lmdb_env.h"
#include "storage/admin.h"

struct snapshot {
    struct storage *storage;
    char *folder; // under its first name
    struct error *err;
};

static char *join(const char *folder, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, name);
    return buf_steal(&path);
}

static int link_file(struct snapshot *s, const char *from, const char *name)
{
    char *to = join(s->folder, name);
    int rc = link(from, to) ? error_set(s->err, err_from_errno(errno), "link %s: %m", to) : OK;
    mem_free(to);
    return rc;
}

static int link_windows(struct snapshot *s)
{
    struct view *v = view_get(s->storage);
    int rc = OK;
    for (size_t i = 0; i < v->window_count && rc == OK; i++) {
        const char *path = window_path(v->windows[i]);
        const char *slash = strrchr(path, '/');
        rc = link_file(s, path, slash ? slash + 1 : path);
    }
    view_put(s->storage, v);
    return rc;
}

// Deletions wait while their file is linked: it is replaced by renaming.
static int link_tombstones(struct snapshot *s)
{
    struct storage *storage = s->storage;
    char *path = join(storage->path, "tombstones");
    pthread_mutex_lock(&storage->tombstone_mutex);
    int rc = file_exists(path) ? link_file(s, path, "tombstones") : OK;
    pthread_mutex_unlock(&storage->tombstone_mutex);
    mem_free(path);
    return rc;
}

static int link_segment(void *context, const char *name)
{
    struct snapshot *s = context;
    struct buf from = BUF_INIT, to = BUF_INIT;
    uint64_t number;
    if (!str_to_u64(str_from(name), &number))
        return OK;
    buf_printf(&from, "%s/journal/%s", s->storage->path, name);
    buf_printf(&to, "journal/%s", name);
    int rc = link_file(s, buf_text(&from), buf_text(&to));
    buf_release(&from);
    buf_release(&to);
    return rc;
}

// Segments are linked under the commit lock, lest the next batch begin one.
static int link_journal(struct snapshot *s)
{
    struct storage *storage = s->storage;
    char *from = join(storage->path, "journal"), *to = join(s->folder, "journal");
    int rc = storage_sync(storage, s->err);
    if (rc == OK)
        rc = dir_create(to, s->err);
    pthread_mutex_lock(&storage->commit);
    if (rc == OK)
        rc = journal_rotate(storage->journal, s->err);
    if (rc == OK)
        rc = dir_each(from, link_segment, s, s->err);
    pthread_mutex_unlock(&storage->commit);
    if (rc == OK)
        rc = dir_sync(to, s->err);
    mem_free(from);
    mem_free(to);
    return rc;
}

static int copy_meta(struct snapshot *s)
{
    char *folder = join(s->folder, "meta");
    int rc = dir_create(folder, s->err);
    if (rc == OK)
        rc = meta_copy(s->storage->meta, folder, s->err);
    if (rc == OK)
        rc = dir_sync(folder, s->err);
    mem_free(folder);
    return rc;
}

static int fill(struct snapshot *s, bool skip_head)
{
    int rc = dir_create(s->folder, s->err);
    if (rc == OK)
        rc = link_windows(s);
    if (rc == OK)
        rc = link_tombstones(s);
    if (rc == OK && !skip_head)
        rc = link_journal(s);
    if (rc == OK)
        rc = copy_meta(s);
    return rc ? rc : dir_sync(s->folder, s->err);
}

// As Prometheus names its snapshots.
static void make_name(struct storage *s, struct buf *out)
{
    time_t now = (time_t)(clock_wall_ms(s->options.clock) / 1000);
    uint64_t seed[2] = {(uint64_t)clock_mono_ns(s->options.clock), (uint64_t)getpid()};
    char text[32];
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &tm);
    buf_printf(out, "%s-%016llx", text, (unsigned long long)hash64(seed, sizeof(seed), 0));
}

static int make(struct snapshot *s, bool skip_head, const char *folder, const char *parent)
{
    int rc = fill(s, skip_head);
    if (rc == OK && (rc = io_rename(s->folder, folder)))
        error_set(s->err, rc, "rename to %s: %m", folder);
    if (rc)
        dir_remove_all(s->folder, NULL);
    return rc ? rc : dir_sync(parent, s->err);
}

static int remove_unfinished(void *context, const char *name)
{
    char *path = join(context, name);
    struct error err;
    if (str_has_suffix(str_from(name), STR(".tmp")) && dir_remove_all(path, &err))
        log_warn("an unfinished snapshot could not be removed", LOG_ERR(&err));
    mem_free(path);
    return OK;
}

void snapshots_open(struct storage *s)
{
    char *parent = join(s->path, "snapshots");
    struct error err;
    if (file_exists(parent) && dir_each(parent, remove_unfinished, parent, &err))
        log_warn("the snapshots cannot be listed", LOG_ERR(&err));
    mem_free(parent);
}

int storage_snapshot(struct storage *s, bool skip_head, struct buf *name, struct error *err)
{
    struct buf own = BUF_INIT, folder = BUF_INIT, beside = BUF_INIT;
    if (!s->path)
        return error_set(err, ERR_UNSUPPORTED, "a store in memory has no snapshots");
    char *parent = join(s->path, "snapshots");
    make_name(s, &own);
    buf_printf(&folder, "%s/%s", parent, buf_text(&own));
    buf_printf(&beside, "%s.tmp", buf_text(&folder));
    struct snapshot snapshot = {s, (char *)(uintptr_t)buf_text(&beside), err};
    int rc = dir_create(parent, err);
    pthread_mutex_lock(&s->maintenance);
    if (rc == OK)
        rc = make(&snapshot, skip_head, buf_text(&folder), parent);
    pthread_mutex_unlock(&s->maintenance);
    if (rc == OK) {
        buf_str(name, buf_view(&own));
        log_info("snapshot made", LOG_CSTR("folder", buf_text(&folder)));
    }
    mem_free(parent);
    buf_release(&own);
    buf_release(&folder);
    buf_release(&beside);
    return rc;
}
