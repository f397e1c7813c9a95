// Cleaning: each file that holds deleted samples is written again without them.
//
// A new file names the old one as its source, so that a crash between its rename and the old one's
// removal leaves no sample twice. It keeps span and kind, and its number is greater than those of the
// tombstones that were applied. The maintenance lock is held: nothing is merged or retired meanwhile.
// Only sealing can't wait, or the head would grow: it is done in between, every few series.
#include "base/log.h"
#include "base/mem.h"
#include "delete.h"
#include "storage/admin.h"

#define SEAL_STRIDE 64 // series

struct cleaning {
    struct storage *storage;
    struct tombstones *hidden; // as the file's number was taken
    struct window *window;
    struct window_writer *writer; // NULL: nothing is left so far
    struct window_span span;
    struct columns columns;
    struct arena arena;
    struct error *err;
};

static int damaged(struct cleaning *c, int rc)
{
    if (rc == ERR_CORRUPT)
        window_mark_corrupt(c->window);
    return error_set(c->err, rc, "%s: %s", window_path(c->window), err_text(rc));
}

static void let_seal(const struct cleaning *c, uint32_t id)
{
    if (id % SEAL_STRIDE == 0)
        seal_due(c->storage);
}

// Whether any series may have deleted samples.
static int is_touched(struct cleaning *c, const struct tombstones *hidden, bool *out)
{
    struct window *w = c->window;
    int rc = window_load(w);
    *out = false;
    for (uint32_t id = 0; id < window_series_count(w) && rc == OK && !*out; id++) {
        struct labels labels;
        int64_t first_ms, last_ms;
        arena_reset(&c->arena);
        let_seal(c, id);
        rc = window_labels(w, id, &c->arena, &labels);
        if (rc == OK)
            rc = window_series_times(w, id, &first_ms, &last_ms);
        if (rc == OK)
            *out = deletions_touch(tombstones_match(hidden, labels, &c->arena), window_sequence(w),
                                   first_ms, last_ms);
    }
    return rc ? damaged(c, rc) : OK;
}

static int write_series(struct cleaning *c, uint32_t id)
{
    struct window *w = c->window;
    struct labels labels;
    uint64_t source = window_sequence(w);
    arena_reset(&c->arena);
    c->columns.count = 0;
    int rc = window_labels(w, id, &c->arena, &labels);
    if (rc == OK)
        rc = window_read(w, id, INT64_MIN, INT64_MAX, &c->columns);
    if (rc)
        return damaged(c, rc);
    deletions_apply(tombstones_match(c->hidden, labels, &c->arena), source, &c->columns, 0);
    if (c->columns.count == 0)
        return OK;
    if (!c->writer)
        rc = window_writer_new(&c->writer, c->storage->path, c->span, &source, 1, c->err);
    return rc ? rc : window_writer_add(c->writer, labels, &c->columns, c->err);
}

static int write_file(struct cleaning *c, struct window **out)
{
    int rc = OK;
    *out = NULL;
    for (uint32_t id = 0; id < window_series_count(c->window) && rc == OK; id++) {
        let_seal(c, id);
        rc = write_series(c, id);
    }
    struct window_writer *writer = c->writer;
    c->writer = NULL;
    if (rc || !writer) {
        window_writer_abort(writer);
        return rc;
    }
    rc = window_writer_finish(writer, c->err);
    if (rc)
        return rc;
    struct buf name = BUF_INIT;
    window_name(c->span, &name);
    rc = window_open(out, c->storage->path, buf_text(&name), c->err);
    buf_release(&name);
    return rc;
}

static void change_over(struct cleaning *c, struct window *cleaned)
{
    struct storage *s = c->storage;
    struct error err;
    struct view *v = view_get(s);
    if (cleaned)
        atomic_fetch_add(&s->window_bytes_written, window_bytes(cleaned));
    log_info("deleted samples were removed", LOG_CSTR("file", window_path(c->window)),
             LOG_INT("left", cleaned ? (int64_t)window_sample_count(cleaned) : 0));
    view_replace(s, &c->window, 1, cleaned, v->head);
    if (window_remove(c->window, &err))
        log_warn("a cleaned window could not be removed", LOG_ERR(&err));
    view_put(s, v);
}

static int clean_window(struct cleaning *c)
{
    struct window *w = c->window, *cleaned;
    c->span = window_span(w);
    c->hidden = deletions_begin_file(c->storage, &c->span.sequence);
    int rc = write_file(c, &cleaned);
    if (rc == OK)
        change_over(c, cleaned);
    tombstones_unref(c->hidden);
    return rc;
}

static int clean_windows(struct cleaning *c, const struct tombstones *hidden)
{
    struct view *v = view_get(c->storage);
    int rc = OK;
    for (size_t i = 0; i < v->window_count && rc == OK; i++) {
        bool touched;
        c->window = v->windows[i];
        rc = is_touched(c, hidden, &touched);
        if (rc == OK && touched)
            rc = clean_window(c);
        window_forget_pages(c->window);
    }
    view_put(c->storage, v);
    return rc;
}

int storage_clean(struct storage *s, struct error *err)
{
    struct cleaning c = {.storage = s, .err = err};
    int rc = OK;
    columns_init(&c.columns);
    arena_init(&c.arena, 0);
    pthread_mutex_lock(&s->maintenance);
    struct tombstones *hidden = deletions_get(s);
    if (tombstones_count(hidden))
        rc = clean_windows(&c, hidden);
    if (rc == OK && tombstones_count(hidden))
        rc = deletions_drop(s, hidden, err);
    pthread_mutex_unlock(&s->maintenance);
    tombstones_unref(hidden);
    arena_release(&c.arena);
    columns_release(&c.columns);
    return rc;
}
