// Windows are written below PATH/import. Once all are there and synced, a file named "complete" is: from
// then on the import has happened, and whoever opens the store next moves what is left to be moved.
// Before that, whoever opens it next throws the folder away. Their sequence numbers are above all that
// the store has, so that names never meet.
//
// A server that starts takes the end of the newest window for the place where its journal goes on. So
// what the journal holds becomes windows along with the load, and its segments go.
//
// A load that spans more than SHORT_LOAD_MS is history and cut into days, like those that the store
// makes itself in the end; else into two hours.
#include "import_stage.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "archive_journal.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/duration.h"
#include "tombstones.h"
#include "window.h"

struct stage {
    char *path;
    char *folder; // path/import
    int lock_fd;
    uint64_t sequence;         // the next window's
    int64_t sealed_ms;         // the end of the newest window of the store
    struct window_span *spans; // of the windows made
    size_t count;
    size_t capacity;
    bool committed;
    struct window_writer *writer; // NULL: none was needed yet
    struct window_span span;      // of the window being made
};

#define MARKER "complete"

#define HOUR_MS       (INT64_C(3600) * 1000)
#define DAY_MS        (24 * HOUR_MS)
#define SHORT_LOAD_MS (6 * HOUR_MS)

static char *join(const char *folder, const char *name)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", folder, name);
    return buf_steal(&path);
}

static char *window_at(const char *folder, struct window_span span)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/", folder);
    window_name(span, &path);
    return buf_steal(&path);
}

static int lock_store(struct stage *s, struct error *err)
{
    char *path = join(s->path, "lock");
    int rc = OK;
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->lock_fd < 0)
        rc = error_set(err, err_from_errno(errno), "open %s: %m", path);
    else if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
        rc = error_set(err, ERR_EXISTS, "%s is in use by another process: stop it first", s->path);
    mem_free(path);
    return rc;
}

static int see_window(void *context, const char *name)
{
    struct stage *s = context;
    struct window_span span;
    if (!window_parse_name(name, &span))
        return OK;
    if (span.sequence >= s->sequence)
        s->sequence = span.sequence + 1;
    if (span.max_ms > s->sealed_ms)
        s->sealed_ms = span.max_ms;
    return OK;
}

// Deletions hide nothing of files that are made after them.
static int see_tombstones(struct stage *s, struct error *err)
{
    struct tombstones *t;
    int rc = tombstones_load(&t, s->path, err);
    for (size_t i = 0; rc == OK && i < tombstones_count(t); i++) {
        if (tombstones_at(t, i)->sequence >= s->sequence)
            s->sequence = tombstones_at(t, i)->sequence + 1;
    }
    if (rc == OK)
        tombstones_unref(t);
    return rc;
}

static int prepare(struct stage *s, struct error *err)
{
    int rc = dir_create(s->path, err);
    if (rc == OK)
        rc = lock_store(s, err);
    if (rc == OK)
        rc = stage_recover(s->path, err);
    if (rc == OK)
        rc = dir_each(s->path, see_window, s, err);
    if (rc == OK)
        rc = see_tombstones(s, err);
    return rc ? rc : dir_create(s->folder, err);
}

int stage_open(struct stage **out, const char *path, struct error *err)
{
    struct stage *s = mem_calloc(1, sizeof(*s));
    s->path = mem_copy_str(str_from(path));
    s->folder = join(path, "import");
    s->lock_fd = -1;
    s->sequence = 1;
    s->sealed_ms = INT64_MIN;
    int rc = prepare(s, err);
    if (rc) {
        if (s->lock_fd >= 0)
            close(s->lock_fd);
        mem_free(s->path);
        mem_free(s->folder);
        mem_free(s);
        return rc;
    }
    *out = s;
    return OK;
}

void stage_free(struct stage *s)
{
    if (!s)
        return;
    stage_rollback(s, 0);
    if (!s->committed)
        dir_remove_all(s->folder, NULL);
    close(s->lock_fd);
    mem_free(s->spans);
    mem_free(s->folder);
    mem_free(s->path);
    mem_free(s);
}

int64_t stage_span_ms(int64_t min_ms, int64_t max_ms)
{
    return max_ms - min_ms > SHORT_LOAD_MS ? DAY_MS : 2 * HOUR_MS;
}

int64_t stage_span_end(int64_t t_ms, int64_t span_ms)
{
    return time_floor(t_ms, span_ms) + span_ms;
}

void stage_window_begin(struct stage *s, int64_t min_ms, int64_t max_ms)
{
    // How many samples will come isn't known yet: two a minute.
    s->span = (struct window_span){min_ms, max_ms, s->sequence, max_ms - min_ms > SHORT_LOAD_MS,
                                   window_slice_count((uint64_t)(max_ms - min_ms) / 30000)};
}

int stage_window_add(struct stage *s, struct labels labels, const struct columns *samples,
                     struct error *err)
{
    int rc = OK;
    if (!s->writer)
        rc = window_writer_new(&s->writer, s->folder, s->span, NULL, 0, err);
    return rc ? rc : window_writer_add(s->writer, labels, samples, err);
}

int stage_window_end(struct stage *s, struct error *err)
{
    if (!s->writer)
        return OK;
    struct window_writer *writer = s->writer;
    s->writer = NULL;
    int rc = window_writer_finish(writer, err);
    if (rc)
        return rc;
    MEM_GROW(s->spans, s->count, s->capacity);
    s->spans[s->count++] = s->span;
    s->sequence++;
    return OK;
}

size_t stage_window_count(const struct stage *s)
{
    return s->count;
}

void stage_rollback(struct stage *s, size_t window_count)
{
    if (s->writer)
        window_writer_abort(s->writer);
    s->writer = NULL;
    while (s->count > window_count) {
        char *path = window_at(s->folder, s->spans[--s->count]);
        io_unlink(path);
        mem_free(path);
    }
}

static void tell_damage(void *context, const char *text)
{
    (void)context;
    log_error("a part of the store's journal is lost", LOG_CSTR("what", text));
}

// The windows of what the journal holds come behind those of the load.
static int stage_journal(struct stage *s, struct error *err)
{
    struct journal_counts counts;
    struct tombstones *hidden;
    int rc = tombstones_load(&hidden, s->path, err);
    if (rc)
        return rc;
    struct bulk *b = bulk_new_beside(s, hidden);
    const struct journal_target to = {.in_order = b,
                                      .late = b,
                                      .in_order_min_ms = s->sealed_ms,
                                      .torn_is_normal = true,
                                      .say = tell_damage};
    bulk_take_future(b);
    rc = journal_load(&to, s->path, &counts, err);
    if (rc == OK)
        rc = bulk_flush(b, err);
    bulk_free(b);
    tombstones_unref(hidden);
    return rc;
}

int stage_commit(struct stage *s, struct error *err)
{
    if (s->count == 0)
        return OK;
    char *marker = join(s->folder, MARKER);
    int rc = stage_journal(s, err);
    if (rc == OK)
        rc = dir_sync(s->folder, err);
    if (rc == OK)
        rc = file_write_atomic(marker, str_make(NULL, 0), err);
    mem_free(marker);
    if (rc)
        return rc;
    s->count = 0;
    s->committed = true;
    rc = stage_recover(s->path, err);
    return rc ? error_prefix(err, "the import is complete and will be moved into place when the "
                                  "folder is opened: ")
              : OK;
}

struct recovery {
    const char *from, *to;
    struct error *err;
};

static int move_window(void *context, const char *name)
{
    const struct recovery *r = context;
    struct window_span span;
    if (!window_parse_name(name, &span))
        return OK;
    char *from = join(r->from, name), *to = join(r->to, name);
    int rc = io_rename(from, to);
    if (rc)
        error_set(r->err, rc, "rename to %s: %m", to);
    mem_free(from);
    mem_free(to);
    return rc;
}

static int remove_segment(void *context, const char *name)
{
    const struct recovery *r = context;
    char *path = join(r->from, name);
    int rc = io_unlink(path);
    if (rc)
        error_set(r->err, rc, "remove %s: %m", path);
    mem_free(path);
    return rc;
}

// No server has written to the journal since: it would have come here first.
static int finish_import(const char *path, const char *folder, struct error *err)
{
    char *journal = join(path, "journal");
    struct recovery windows = {folder, path, err}, segments = {journal, NULL, err};
    int rc = dir_each(folder, move_window, &windows, err);
    if (rc == OK)
        rc = dir_sync(path, err);
    if (rc == OK && file_exists(journal))
        rc = dir_each(journal, remove_segment, &segments, err);
    mem_free(journal);
    return rc;
}

int stage_recover(const char *path, struct error *err)
{
    char *folder = join(path, "import"), *marker = join(folder, MARKER);
    int rc = OK;
    if (file_exists(marker))
        rc = finish_import(path, folder, err);
    if (rc == OK)
        rc = dir_remove_all(folder, err);
    mem_free(marker);
    mem_free(folder);
    return rc;
}
