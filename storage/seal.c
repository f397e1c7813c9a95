// Sealing: the head's oldest span becomes a window once the head reaches half a span beyond it.
//
//     |<---- span ---->|<-- half -->|
//     ^ oldest sample  ^ end        ^ newest sample: due
//
// In order, so that a crash anywhere loses and doubles nothing: samples before `end` are refused
// from now on; the window is written, synced and renamed; the new view has it and begins the head
// at `end`; head chunks go when no older view needs them; journal segments without later samples
// go.
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store.h"

static int64_t floor_to(int64_t t_ms, int64_t span_ms)
{
    int64_t rest = t_ms % span_ms;
    return t_ms - (rest < 0 ? rest + span_ms : rest);
}

struct sealing {
    struct window_span span;
    uint32_t *ids; // of the series in the span, by labels
    size_t count;
    size_t capacity;
};

static bool reaches_span(const struct series *s, const struct sealing *seal)
{
    return s->has_sample && s->last_ms >= seal->span.min_ms && series_min_ms(s) < seal->span.max_ms;
}

struct ordering {
    const struct head *head;
    struct arena arena;
};

static int by_labels(const void *a, const void *b, void *context)
{
    struct ordering *o = context;
    arena_reset(&o->arena);
    const struct series *x = head_get(o->head, *(const uint32_t *)a);
    const struct series *y = head_get(o->head, *(const uint32_t *)b);
    return labels_cmp(head_labels(o->head, x, &o->arena), head_labels(o->head, y, &o->arena));
}

static void collect(struct storage *s, struct sealing *seal)
{
    struct head *h = &s->head;
    struct ordering ordering = {.head = h};
    arena_init(&ordering.arena, 0);
    pthread_rwlock_rdlock(&h->lock);
    for (size_t i = 0; i < h->table_count; i++) {
        const struct series *series = h->table[i];
        if (!series)
            continue;
        pthread_mutex_lock(head_stripe(h, series->id));
        bool reaches = reaches_span(series, seal);
        pthread_mutex_unlock(head_stripe(h, series->id));
        if (!reaches)
            continue;
        MEM_GROW(seal->ids, seal->count, seal->capacity);
        seal->ids[seal->count++] = series->id;
    }
    if (seal->count)
        qsort_r(seal->ids, seal->count, sizeof(*seal->ids), by_labels, &ordering);
    pthread_rwlock_unlock(&h->lock);
    arena_release(&ordering.arena);
}

// Samples of the span don't change any more, but labels may move while series are created: the
// table lock is held while a series is written.
static int write_series(struct head *h, uint32_t id, const struct sealing *seal,
                        struct window_writer *w, struct columns *columns, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 0);
    columns->count = 0;
    pthread_rwlock_rdlock(&h->lock);
    const struct series *series = head_get(h, id);
    pthread_mutex_lock(head_stripe(h, id));
    int rc = series_read(series, seal->span.min_ms, seal->span.max_ms - 1, columns);
    pthread_mutex_unlock(head_stripe(h, id));
    if (rc)
        error_set(err, rc, "a chunk in memory is damaged");
    else if (columns->count)
        rc = window_writer_add(w, head_labels(h, series, &arena), columns, err);
    pthread_rwlock_unlock(&h->lock);
    arena_release(&arena);
    return rc;
}

static int write_window(struct storage *s, const struct sealing *seal, struct error *err)
{
    struct window_writer *w;
    struct columns columns;
    int rc = window_writer_new(&w, s->path, seal->span, NULL, 0, err);
    if (rc)
        return rc;
    columns_init(&columns);
    for (size_t i = 0; i < seal->count && rc == OK; i++)
        rc = write_series(&s->head, seal->ids[i], seal, w, &columns, err);
    columns_release(&columns);
    if (rc) {
        window_writer_abort(w);
        return rc;
    }
    return window_writer_finish(w, err);
}

static int open_window(struct storage *s, const struct sealing *seal, struct window **out,
                       struct error *err)
{
    struct buf name = BUF_INIT;
    window_name(seal->span, &name);
    int rc = window_open(out, s->path, buf_text(&name), err);
    buf_release(&name);
    return rc;
}

static int drop_journal(struct storage *s, int64_t before_ms, struct error *err)
{
    pthread_mutex_lock(&s->commit);
    int rc = journal_rotate(s->journal, err);
    if (rc == OK)
        rc = journal_drop(s->journal, before_ms, err);
    pthread_mutex_unlock(&s->commit);
    return rc;
}

static int seal_span(struct storage *s, struct sealing *seal, struct error *err)
{
    pthread_mutex_lock(&s->commit);
    atomic_store(&s->sealed_ms, seal->span.max_ms);
    pthread_mutex_unlock(&s->commit);
    collect(s, seal);
    struct window *added = NULL;
    int rc = OK;
    if (seal->count)
        rc = write_window(s, seal, err);
    if (rc == OK && seal->count)
        rc = open_window(s, seal, &added, err);
    if (rc)
        return rc;
    if (added)
        atomic_fetch_add(&s->window_bytes_written, window_bytes(added));
    view_replace(s, NULL, 0, added, seal->span.max_ms);
    return drop_journal(s, seal->span.max_ms, err);
}

static void forget_sealed(struct storage *s)
{
    size_t forgotten = head_truncate(&s->head, views_head_min_ms(s));
    metric_add(s->metrics.series_removed, forgotten);
}

// What the head holds before every view's head goes: also what an earlier call had to leave.
static bool has_sealed_chunks(struct storage *s)
{
    return atomic_load(&s->head.min_ms) < views_head_min_ms(s);
}

static int64_t current_head_min_ms(struct storage *s)
{
    struct view *v = view_get(s);
    int64_t min_ms = v->head_min_ms;
    view_put(s, v);
    return min_ms;
}

void seal_due(struct storage *s)
{
    int64_t span_ms = s->options.window_ms;
    if (has_sealed_chunks(s))
        forget_sealed(s);
    for (;;) {
        int64_t oldest_ms = atomic_load(&s->head.min_ms);
        int64_t head_min_ms = current_head_min_ms(s);
        if (oldest_ms == INT64_MAX)
            return;
        // What lies before is in windows and only waits for an older view to end.
        if (oldest_ms < head_min_ms)
            oldest_ms = head_min_ms;
        struct sealing seal = {.span = {.min_ms = floor_to(oldest_ms, span_ms)}};
        seal.span.max_ms = seal.span.min_ms + span_ms;
        if (atomic_load(&s->head.max_ms) < seal.span.max_ms + span_ms / 2)
            return;
        seal.span.sequence = atomic_fetch_add(&s->next_sequence, 1);
        struct error err;
        int64_t start_ns = clock_mono_ns(s->options.clock);
        int rc = seal_span(s, &seal, &err);
        mem_free(seal.ids);
        if (rc) {
            metric_add(s->metrics.seal_failures, 1);
            log_error("a window could not be sealed; it stays in memory and is tried again",
                      LOG_ERR(&err));
            return;
        }
        metric_add(s->metrics.seals, 1);
        metric_observe(s->metrics.seal_seconds,
                       (double)(clock_mono_ns(s->options.clock) - start_ns) / 1e9);
        log_info("window sealed", LOG_INT("min_ms", seal.span.min_ms),
                 LOG_INT("max_ms", seal.span.max_ms), LOG_INT("series", (int64_t)seal.count));
        forget_sealed(s);
    }
}
