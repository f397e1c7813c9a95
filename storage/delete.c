// Deleting writes a tombstone, syncs it, and puts it into the list that readers take.
//
// tombstone_mutex makes one step of taking a sequence number and of what follows from it: a deletion
// publishes its tombstone, a new file takes the tombstones that it leaves out. So each tombstone is
// either left out of a file or has a greater number than it. It is held over the sync; readers only
// need view_mutex, under which the list changes.
#include "delete.h"

#include "base/file.h"
#include "base/log.h"
#include "storage/admin.h"

static void set_aside(struct storage *s, const struct error *why)
{
    struct buf from = BUF_INIT, to = BUF_INIT;
    buf_printf(&from, "%s/tombstones", s->path);
    buf_printf(&to, "%s.corrupt", buf_text(&from));
    log_error("the tombstones are damaged and set aside: deleted samples may be seen again",
              LOG_ERR(why));
    metric_add(s->metrics.corrupt_windows, 1);
    if (io_rename(buf_text(&from), buf_text(&to)))
        log_error("setting them aside failed", LOG_CSTR("file", buf_text(&from)));
    buf_release(&from);
    buf_release(&to);
}

void deletions_open(struct storage *s)
{
    struct error err;
    if (tombstones_load(&s->tombstones, s->path, &err))
        set_aside(s, &err);
    // Numbers go on behind those of tombstones, too: files may have gone.
    for (size_t i = 0; i < tombstones_count(s->tombstones); i++) {
        uint64_t sequence = tombstones_at(s->tombstones, i)->sequence;
        if (sequence >= atomic_load(&s->next_sequence))
            atomic_store(&s->next_sequence, sequence + 1);
    }
}

struct tombstones *deletions_get(struct storage *s)
{
    pthread_mutex_lock(&s->view_mutex);
    struct tombstones *t = tombstones_ref(s->tombstones);
    pthread_mutex_unlock(&s->view_mutex);
    return t;
}

struct tombstones *deletions_begin_file(struct storage *s, uint64_t *sequence)
{
    pthread_mutex_lock(&s->tombstone_mutex);
    *sequence = atomic_fetch_add(&s->next_sequence, 1);
    struct tombstones *t = tombstones_ref(s->tombstones);
    pthread_mutex_unlock(&s->tombstone_mutex);
    return t;
}

// Takes the list's reference. Caller holds tombstone_mutex.
static int publish(struct storage *s, struct tombstones *list, struct error *err)
{
    int rc = s->path ? tombstones_store(list, s->path, err) : OK;
    if (rc) {
        tombstones_unref(list);
        return rc;
    }
    pthread_mutex_lock(&s->view_mutex);
    struct tombstones *old = s->tombstones;
    s->tombstones = list;
    pthread_mutex_unlock(&s->view_mutex);
    tombstones_unref(old);
    return OK;
}

static bool same_matchers(const struct tombstone *a, const struct tombstone *b)
{
    bool same = a->matcher_count == b->matcher_count;
    for (size_t i = 0; i < a->matcher_count && same; i++) {
        const struct matcher *x = &a->matchers[i], *y = &b->matchers[i];
        same = x->type == y->type && str_eq(x->name, y->name) && str_eq(x->value, y->value);
    }
    return same;
}

// A deletion that says all that an older one said replaces it.
static bool is_not_within(void *context, const struct tombstone *old)
{
    const struct tombstone *added = context;
    return old->min_ms < added->min_ms || old->max_ms > added->max_ms || !same_matchers(old, added);
}

static int add(struct storage *s, struct tombstone *added, struct error *err)
{
    pthread_mutex_lock(&s->tombstone_mutex);
    added->sequence = atomic_fetch_add(&s->next_sequence, 1);
    int rc = publish(s, tombstones_with(s->tombstones, is_not_within, added, added), err);
    pthread_mutex_unlock(&s->tombstone_mutex);
    return rc;
}

static int any_series(struct storage *s, const struct tombstone *t, bool *any, struct error *err)
{
    struct querier *q;
    struct series_set set;
    struct arena arena;
    int rc = querier_new(&q, s, t->min_ms, t->max_ms, err);
    if (rc)
        return rc;
    arena_init(&arena, 0);
    rc = querier_select(q, t->matchers, t->matcher_count, t->min_ms, t->max_ms, &arena, &set, err);
    *any = rc == OK && set.count > 0;
    arena_release(&arena);
    querier_free(q);
    return rc;
}

// A window may reach beyond its samples: what comes after now is not stored yet.
static int64_t newest_stored(struct storage *s)
{
    int64_t newest_ms = storage_newest_ms(s), now_ms = clock_wall_ms(s->options.clock);
    int64_t head_ms = atomic_load(&s->head.max_ms);
    int64_t latest_ms = now_ms > head_ms ? now_ms : head_ms;
    return newest_ms < latest_ms ? newest_ms : latest_ms;
}

int storage_delete(struct storage *s, const struct matcher *matchers, size_t count, int64_t min_ms,
                   int64_t max_ms, struct error *err)
{
    int64_t newest_ms = newest_stored(s);
    struct tombstone added = {.matchers = (struct matcher *)(uintptr_t)matchers,
                              .matcher_count = count,
                              .min_ms = min_ms,
                              .max_ms = max_ms < newest_ms ? max_ms : newest_ms};
    bool any = false;
    if (added.min_ms > added.max_ms)
        return OK;
    int rc = any_series(s, &added, &any, err);
    if (rc == OK && any)
        rc = add(s, &added, err);
    if (rc == OK && any)
        change_log_note(&s->change_log, min_ms);
    return rc;
}

struct dropping {
    const struct tombstones *done;
    int64_t head_min_ms; // where the head may begin, now or after a restart
};

static bool is_needed(void *context, const struct tombstone *t)
{
    const struct dropping *d = context;
    for (size_t i = 0; i < tombstones_count(d->done); i++) {
        if (tombstones_at(d->done, i)->sequence == t->sequence)
            return t->max_ms >= d->head_min_ms;
    }
    return true;
}

// A restart takes the end of the newest window for the place where the journal goes on: once the
// newest window is cleaned away, the journal's older samples are the head's again.
static int64_t head_edge(struct storage *s)
{
    int64_t edge_ms = INT64_MIN, late_ms = late_min_ms(&s->head.late);
    struct view *v = view_get(s);
    for (size_t i = 0; i < v->window_count; i++)
        edge_ms = window_max_ms(v->windows[i]) > edge_ms ? window_max_ms(v->windows[i]) : edge_ms;
    edge_ms = v->head.min_ms < edge_ms ? v->head.min_ms : edge_ms;
    view_put(s, v);
    // The journal may hold late samples longer than the head does.
    int64_t out_of_order_ms = atomic_load(&s->out_of_order_ms);
    if (out_of_order_ms && edge_ms > INT64_MIN / 2)
        edge_ms -= out_of_order_ms + 2 * s->options.window_ms;
    return late_ms < edge_ms ? late_ms : edge_ms;
}

int deletions_drop(struct storage *s, const struct tombstones *done, struct error *err)
{
    struct dropping d = {done, head_edge(s)};
    pthread_mutex_lock(&s->tombstone_mutex);
    int rc = publish(s, tombstones_with(s->tombstones, is_needed, &d, NULL), err);
    pthread_mutex_unlock(&s->tombstone_mutex);
    return rc;
}

static bool is_in_reach(void *context, const struct tombstone *t)
{
    return t->max_ms >= *(const int64_t *)context;
}

void deletions_retire(struct storage *s)
{
    struct error err;
    struct tombstones *now = deletions_get(s);
    bool any = tombstones_count(now) > 0;
    tombstones_unref(now);
    if (!any)
        return;
    int64_t oldest_ms = head_edge(s);
    struct view *v = view_get(s);
    for (size_t i = 0; i < v->window_count; i++)
        oldest_ms =
            window_min_ms(v->windows[i]) < oldest_ms ? window_min_ms(v->windows[i]) : oldest_ms;
    view_put(s, v);
    pthread_mutex_lock(&s->tombstone_mutex);
    size_t gone = 0;
    for (size_t i = 0; i < tombstones_count(s->tombstones); i++)
        gone += !is_in_reach(&oldest_ms, tombstones_at(s->tombstones, i));
    if (gone && publish(s, tombstones_with(s->tombstones, is_in_reach, &oldest_ms, NULL), &err))
        log_warn("tombstones could not be removed", LOG_ERR(&err));
    pthread_mutex_unlock(&s->tombstone_mutex);
}

static bool covers_head(struct querier *q, uint32_t id, struct deletions d, int64_t min_ms,
                        int64_t max_ms)
{
    struct head *h = &q->storage->head;
    bool covered = true;
    pthread_rwlock_rdlock(&h->lock);
    const struct series *s = head_get(h, id);
    if (s) {
        pthread_mutex_lock(head_stripe(h, id));
        int64_t first_ms = series_min_ms(h, s), last_ms = s->open.t_last_ms;
        covered = !late_has(&h->late, id) &&
                  deletions_cover(d, TOMBSTONE_HEAD, min_ms > first_ms ? min_ms : first_ms,
                                  max_ms < last_ms ? max_ms : last_ms);
        pthread_mutex_unlock(head_stripe(h, id));
    }
    pthread_rwlock_unlock(&h->lock);
    return covered;
}

bool deletions_cover_place(struct querier *q, struct place place, struct deletions d,
                           int64_t min_ms, int64_t max_ms)
{
    int64_t first_ms, last_ms;
    if (place.source == q->view->window_count)
        return covers_head(q, place.id, d, min_ms, max_ms);
    struct window *w = q->view->windows[place.source];
    if (window_series_times(w, place.id, &first_ms, &last_ms))
        return false;
    return deletions_cover(d, window_sequence(w), min_ms > first_ms ? min_ms : first_ms,
                           max_ms < last_ms ? max_ms : last_ms);
}
