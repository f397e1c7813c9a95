// Opening and closing the folder, and what is done once a second.
//
//     PATH/lock                         flock()ed by the process that has it open
//     PATH/journal/00000001 ...         journal.c
//     PATH/window-..., PATH/day-...     window_write.c, window_open.c, window_read.c
//     PATH/meta/                        meta.c
//     PATH/tombstones                   tombstones.c, delete.c
//     PATH/snapshots/                   snapshot.c
//
// Opening reads the windows' headers, then replays the journal, skipping samples that a window
// holds already: a crash between a window's rename and the journal's drop leaves both.
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "bad_pages.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "delete.h"
#include "import_stage.h"
#include "store.h"

void storage_options_init(struct storage_options *o)
{
    *o = (struct storage_options){
        .retention_ms = STORAGE_RETENTION_DEFAULT_MS,
        .window_ms = STORAGE_WINDOW_DEFAULT_MS,
        .journal_sync_ms = STORAGE_SYNC_DEFAULT_MS,
        .future_limit_ms = STORAGE_FUTURE_DEFAULT_MS,
    };
}

static int lock_folder(struct storage *s, struct error *err)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/lock", s->path);
    int rc = OK;
    s->lock_fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (s->lock_fd < 0)
        rc = error_set(err, err_from_errno(errno), "open %s: %m", buf_text(&path));
    else if (flock(s->lock_fd, LOCK_EX | LOCK_NB))
        rc = error_set(err, ERR_EXISTS, "%s is in use by another process", s->path);
    buf_release(&path);
    return rc;
}

struct window_list {
    struct storage *storage;
    struct window **items;
    size_t count;
    size_t capacity;
    struct error *err;
};

static void set_aside(struct storage *s, const char *name, const struct error *why)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    buf_printf(&from, "%s/%s", s->path, name);
    buf_printf(&to, "%s.corrupt", buf_text(&from));
    set_aside_log(s, name, why->text);
    if (io_rename(buf_text(&from), buf_text(&to)))
        log_error("setting it aside failed", LOG_CSTR("file", name));
    buf_release(&from);
    buf_release(&to);
}

static bool is_left_over(const char *name)
{
    struct str s = str_from(name);
    return str_has_suffix(s, STR(".lmdb.tmp")) &&
           (str_has_prefix(s, STR("window-")) || str_has_prefix(s, STR("day-")));
}

// A damaged window is set aside, one that can't be read now (a bad sector, no permission) stays where
// it is, and the rest is served. A file of another version is another's: nothing is stored beside it.
static int leave_out(struct window_list *list, const char *name, const struct error *err)
{
    if (err->code == ERR_UNSUPPORTED) {
        *list->err = *err;
        return err->code;
    }
    if (err->code == ERR_CORRUPT)
        set_aside(list->storage, name, err);
    else
        log_error("a window can't be read and is left out; the rest is served", LOG_ERR(err));
    return OK;
}

static int open_entry(void *context, const char *name)
{
    struct window_list *list = context;
    struct window *w;
    struct error err;
    struct window_span span;
    if (is_left_over(name)) {
        struct buf path = BUF_INIT;
        buf_printf(&path, "%s/%s", list->storage->path, name);
        io_unlink(buf_text(&path));
        buf_release(&path);
        return OK;
    }
    if (!window_parse_name(name, &span))
        return OK;
    if (span.sequence >= list->storage->next_sequence)
        list->storage->next_sequence = span.sequence + 1;
    int rc = window_open(&w, list->storage->path, name, &err);
    if (rc)
        return leave_out(list, name, &err);
    MEM_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = w;
    return OK;
}

static bool is_replaced(const struct window_list *list, uint64_t sequence)
{
    for (size_t i = 0; i < list->count; i++) {
        size_t count;
        const uint64_t *sources = window_sources(list->items[i], &count);
        for (size_t k = 0; k < count; k++) {
            if (sources[k] == sequence)
                return true;
        }
    }
    return false;
}

// A crash between a merged file's rename and the removal of what it was merged from leaves both.
static void remove_replaced(struct window_list *list)
{
    struct error err;
    size_t kept = 0;
    bool *replaced = mem_calloc(list->count, sizeof(*replaced));
    for (size_t i = 0; i < list->count; i++)
        replaced[i] = is_replaced(list, window_sequence(list->items[i]));
    for (size_t i = 0; i < list->count; i++) {
        struct window *w = list->items[i];
        if (!replaced[i]) {
            list->items[kept++] = w;
            continue;
        }
        if (window_remove(w, &err))
            log_error("a window that was merged into another could not be removed", LOG_ERR(&err));
        window_unref(w);
    }
    list->count = kept;
    mem_free(replaced);
}

static int open_windows(struct storage *s, struct error *err)
{
    struct window_list list = {.storage = s, .err = err};
    int64_t sealed_ms = INT64_MIN;
    int rc = dir_each(s->path, open_entry, &list, err);
    if (rc == OK)
        remove_replaced(&list);
    windows_sort(list.items, list.count);
    for (size_t i = 0; i < list.count; i++) {
        window_want_scrub(list.items[i]);
        sealed_ms =
            window_max_ms(list.items[i]) > sealed_ms ? window_max_ms(list.items[i]) : sealed_ms;
    }
    atomic_store(&s->sealed_ms, sealed_ms);
    view_publish(s, list.items, list.count, (struct head_view){sealed_ms, 1});
    return rc;
}

static uint32_t replay_series(void *context, struct labels labels)
{
    struct head *h = &((struct storage *)context)->head;
    uint64_t hash = labels_hash(labels);
    struct series *series = head_find(h, labels, hash);
    return (series ? series : head_create(h, labels, hash))->id;
}

static void replay_sample(void *context, uint32_t id, int64_t t_ms, double value)
{
    struct storage *s = context;
    struct series *series = head_get(&s->head, id);
    if (sample_time_is_sane(t_ms) &&
        t_ms >= atomic_load_explicit(&s->sealed_ms, memory_order_relaxed) &&
        (!series->has_sample || t_ms > series->open.t_last_ms)) {
        head_append(&s->head, series, t_ms, value);
        head_widen(&s->head, t_ms, t_ms);
    }
}

static void replay_late(void *context, uint32_t id, int64_t t_ms, double value)
{
    struct head *h = &((struct storage *)context)->head;
    if (sample_time_is_sane(t_ms))
        head_append_late(h, head_get(h, id), t_ms, value);
}

static int open_journal(struct storage *s, struct error *err)
{
    struct buf folder = BUF_INIT;
    struct journal_replay replay = {s, replay_series, replay_sample, replay_late};
    buf_printf(&folder, "%s/journal", s->path);
    int rc = journal_open(&s->journal, buf_text(&folder), &replay, err);
    buf_release(&folder);
    if (rc)
        return rc;
    struct journal_damage damage = journal_damage(s->journal);
    metric_add(s->metrics.journal_cut, damage.torn);
    metric_add(s->metrics.journal_damaged, damage.bytes);
    metric_add(s->metrics.journal_lost, damage.samples);
    return OK;
}

// Goes before the folder is locked: the child that looks at the tables would keep the lock if this
// process were killed meanwhile. Damage is looked at again under the lock, in case another process was
// about to leave.
static int check_meta(const struct storage *s, struct error *err)
{
    struct buf folder = BUF_INIT;
    buf_printf(&folder, "%s/meta", s->path);
    int rc = meta_check(buf_text(&folder), false, err);
    buf_release(&folder);
    return rc;
}

static int set_meta_aside(struct storage *s, const char *path, struct error *err)
{
    struct buf aside = BUF_INIT;
    buf_printf(&aside, "%s.corrupt", path);
    for (int i = 2; file_exists(buf_text(&aside)); i++) {
        buf_reset(&aside);
        buf_printf(&aside, "%s.%d.corrupt", path, i);
    }
    log_error("alert state, silences and the notification log are damaged and set aside; they "
              "begin anew",
              LOG_CSTR("folder", buf_text(&aside)), LOG_ERR(err));
    metric_add(s->metrics.corrupt_windows, 1);
    int rc = io_rename(path, buf_text(&aside));
    buf_release(&aside);
    return rc ? error_set(err, rc, "rename %s: %m", path) : OK;
}

// Alert state and silences are worth less than a monitoring that starts.
static int open_meta(struct storage *s, int checked, struct error *err)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/meta", s->path);
    int rc = checked ? checked : meta_open(&s->meta, buf_text(&path), err);
    if (rc == ERR_CORRUPT) {
        rc = set_meta_aside(s, buf_text(&path), err);
        if (rc == OK)
            rc = meta_open(&s->meta, buf_text(&path), err);
    }
    if (rc == OK)
        metric_add(s->metrics.corrupt_values, meta_dropped_count(s->meta));
    buf_release(&path);
    return rc;
}

static int open_folder(struct storage *s, struct error *err)
{
    struct error damage = {.code = OK};
    int rc = dir_create(s->path, err), checked = OK;
    if (rc == OK) {
        checked = check_meta(s, &damage);
        rc = lock_folder(s, err);
    }
    if (rc == OK && checked)
        checked = check_meta(s, &damage);
    if (rc == OK)
        rc = stage_recover(s->path, err);
    if (rc == OK)
        rc = open_windows(s, err);
    if (rc == OK) {
        snapshots_open(s);
        deletions_open(s);
    }
    if (rc == OK)
        rc = open_journal(s, err);
    if (rc)
        return rc;
    if (checked)
        *err = damage;
    return open_meta(s, checked, err);
}

int storage_open(struct storage **out, const struct storage_options *options, struct error *err)
{
    struct storage *s = mem_calloc(1, sizeof(*s));
    s->options = *options;
    s->lock_fd = -1;
    s->path = options->path ? mem_copy_str(str_from(options->path)) : NULL;
    pthread_mutex_init(&s->commit, NULL);
    pthread_mutex_init(&s->view_mutex, NULL);
    pthread_mutex_init(&s->maintenance, NULL);
    pthread_mutex_init(&s->tombstone_mutex, NULL);
    change_log_init(&s->change_log);
    atomic_init(&s->next_sequence, 1); // the head counts as 0
    atomic_init(&s->sealed_ms, INT64_MIN);
    atomic_init(&s->out_of_order_ms, options->out_of_order_ms);
    atomic_init(&s->retention_ms, options->retention_ms);
    atomic_init(&s->retention_bytes, options->retention_bytes);
    head_init(&s->head);
    storage_metrics_init(s);
    s->synced_ns = clock_mono_ns(options->clock);
    atomic_init(&s->committed_ns, s->synced_ns);
    int rc;
    if (s->path) {
        rc = open_folder(s, err);
    } else {
        view_publish(s, NULL, 0, (struct head_view){INT64_MIN, 1});
        rc = meta_open(&s->meta, NULL, err);
    }
    if (rc) {
        storage_close(s);
        return rc;
    }
    *out = s;
    return OK;
}

void storage_close(struct storage *s)
{
    if (!s)
        return;
    merge_abort(s);
    if (s->journal && s->view)
        seal_all(s);
    journal_close(s->journal);
    meta_close(s->meta);
    if (s->view)
        view_put(s, s->view);
    head_release(&s->head);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_mutex_destroy(&s->commit);
    pthread_mutex_destroy(&s->view_mutex);
    pthread_mutex_destroy(&s->maintenance);
    pthread_mutex_destroy(&s->tombstone_mutex);
    tombstones_unref(s->tombstones);
    change_log_release(&s->change_log);
    mem_free(s->path);
    mem_free(s);
}

int storage_sync(struct storage *s, struct error *err)
{
    if (!s->journal)
        return OK;
    int64_t start_ns = clock_mono_ns(s->options.clock);
    struct journal_sync sync;
    pthread_mutex_lock(&s->commit);
    int rc = journal_sync_begin(s->journal, &sync, err);
    s->synced_ns = start_ns;
    pthread_mutex_unlock(&s->commit);
    if (rc == OK && sync.fd >= 0) {
        rc = journal_sync_run(&sync, err);
        pthread_mutex_lock(&s->commit);
        journal_sync_end(s->journal, &sync, rc);
        pthread_mutex_unlock(&s->commit);
    }
    double seconds = (double)(clock_mono_ns(s->options.clock) - start_ns) / 1e9;
    metric_observe(s->metrics.sync_seconds, seconds);
    return rc;
}

// Whether batches have been refused lately, though what maintenance writes may fit.
#define REFUSALS_LAST_NS INT64_C(5000000000)

static bool refuses(struct storage *s, struct error *err)
{
    pthread_mutex_lock(&s->commit);
    int64_t now_ns = clock_mono_ns(s->options.clock);
    bool lately = s->commit_failed_ns && now_ns - s->commit_failed_ns < REFUSALS_LAST_NS;
    if (lately)
        *err = s->commit_error;
    pthread_mutex_unlock(&s->commit);
    return lately;
}

// Says once that writing fails, and once that it works again.
static void report(struct storage *s, int rc, const struct error *err)
{
    if (rc && !s->failing)
        log_error("the journal cannot be written: samples wait or are refused", LOG_ERR(err));
    else if (!rc && s->failing)
        log_info("the journal can be written again");
    s->failing = rc != 0;
    metric_set(s->metrics.failing, s->failing);
}

static void write_journal(struct storage *s)
{
    struct error err;
    int64_t since_ms = (clock_mono_ns(s->options.clock) - s->synced_ns) / 1000000;
    int rc;
    // Called about once a second: a sync that waited for the next call would come too late.
    if (since_ms + 1000 >= s->options.journal_sync_ms) {
        rc = storage_sync(s, &err);
    } else {
        pthread_mutex_lock(&s->commit);
        rc = journal_flush(s->journal, &err);
        pthread_mutex_unlock(&s->commit);
    }
    if (rc)
        metric_add(s->metrics.journal_failures, 1);
    else if (refuses(s, &err))
        rc = err.code;
    report(s, rc, &err);
}

// Indexes are checked once, when they are first used, unless the disk begins to fail.
static void recheck(struct storage *s)
{
    unsigned count = bad_pages_count();
    if (s->bad_pages_seen == count)
        return;
    s->bad_pages_seen = count;
    struct view *v = view_get(s);
    for (size_t i = 0; i < v->window_count; i++)
        window_recheck(v->windows[i]);
    view_put(s, v);
}

// What another process has left is read through once, at leisure: damage is told before somebody asks
// for what is gone.
#define SCRUB_BYTES ((uint64_t)2 << 20)

static void scrub(struct storage *s)
{
    uint64_t left_bytes = SCRUB_BYTES;
    struct view *v = view_get(s);
    for (size_t i = v->window_count; i-- > 0 && left_bytes;)
        window_scrub(v->windows[i], &left_bytes);
    view_put(s, v);
}

void storage_maintain(struct storage *s)
{
    if (!s->path)
        return;
    write_journal(s);
    // A snapshot or a cleaning may take its time; the journal must not wait for it.
    if (pthread_mutex_trylock(&s->maintenance))
        return;
    seal_due(s);
    recheck(s);
    scrub(s);
    retire_windows(s);
    deletions_retire(s);
    merge_due(s);
    pthread_mutex_unlock(&s->maintenance);
}

void storage_set_out_of_order(struct storage *s, int64_t out_of_order_ms)
{
    atomic_store(&s->out_of_order_ms, out_of_order_ms);
}

void storage_set_retention(struct storage *s, int64_t retention_ms, uint64_t retention_bytes)
{
    atomic_store(&s->retention_ms, retention_ms);
    atomic_store(&s->retention_bytes, retention_bytes);
}
