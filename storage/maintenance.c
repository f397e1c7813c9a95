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
    int64_t min_ms, max_ms; // [min, max)
    struct arena arena;
    struct window_series *series;
    size_t count;
    size_t capacity;
};

static void take_chunk(struct sealing *seal, struct window_series *out, int64_t min_ms,
                       int64_t max_ms, struct str bytes)
{
    if (max_ms < seal->min_ms || min_ms >= seal->max_ms)
        return;
    size_t capacity = out->chunk_count;
    out->chunks =
        arena_grow(&seal->arena, out->chunks, capacity, capacity + 1, sizeof(struct chunk));
    struct str copy = arena_copy(&seal->arena, bytes);
    out->chunks[out->chunk_count++] =
        (struct chunk){min_ms, max_ms, (uint32_t)copy.len, (unsigned char *)(uintptr_t)copy.ptr};
}

static void take_series(struct sealing *seal, struct head *h, const struct series *s)
{
    struct window_series out = {.chunk_count = 0};
    pthread_mutex_lock(head_stripe(h, s->id));
    for (uint32_t i = 0; i < s->chunk_count; i++) {
        const struct chunk *c = &s->chunks[i];
        take_chunk(seal, &out, c->min_ms, c->max_ms, str_make((const char *)c->bytes, c->size));
    }
    if (s->open.sample_count)
        take_chunk(seal, &out, s->open.t_first_ms, s->open.t_last_ms, gorilla_bytes(&s->open));
    pthread_mutex_unlock(head_stripe(h, s->id));
    if (out.chunk_count == 0)
        return;
    out.labels = head_labels(h, s, &seal->arena);
    MEM_GROW(seal->series, seal->count, seal->capacity);
    seal->series[seal->count++] = out;
}

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(((const struct window_series *)a)->labels,
                      ((const struct window_series *)b)->labels);
}

static void collect(struct storage *s, struct sealing *seal)
{
    struct head *h = &s->head;
    pthread_rwlock_rdlock(&h->lock);
    for (size_t i = 0; i < h->table_count; i++) {
        if (h->table[i])
            take_series(seal, h, h->table[i]);
    }
    pthread_rwlock_unlock(&h->lock);
    if (seal->count)
        qsort(seal->series, seal->count, sizeof(*seal->series), by_labels);
}

static int publish_window(struct storage *s, const struct sealing *seal, struct error *err)
{
    struct buf name = BUF_INIT;
    struct window *added;
    buf_printf(&name, "window-%lld-%lld.lmdb", (long long)seal->min_ms, (long long)seal->max_ms);
    int rc = window_open(&added, s->path, buf_text(&name), err);
    buf_release(&name);
    if (rc)
        return rc;
    struct view *old = view_get(s);
    struct window **windows = mem_calloc(old->window_count + 1, sizeof(*windows));
    for (size_t i = 0; i < old->window_count; i++)
        windows[i] = window_ref(old->windows[i]);
    windows[old->window_count] = added;
    view_publish(s, windows, old->window_count + 1, seal->max_ms);
    view_put(s, old);
    return OK;
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
    atomic_store(&s->sealed_ms, seal->max_ms);
    pthread_mutex_unlock(&s->commit);
    collect(s, seal);
    int rc = OK;
    if (seal->count)
        rc = window_write(s->path, seal->min_ms, seal->max_ms, seal->series, seal->count, err);
    if (rc == OK && seal->count)
        rc = publish_window(s, seal, err);
    if (rc == OK)
        rc = drop_journal(s, seal->max_ms, err);
    return rc;
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
        struct sealing seal = {.min_ms = floor_to(oldest_ms, span_ms)};
        seal.max_ms = seal.min_ms + span_ms;
        if (atomic_load(&s->head.max_ms) < seal.max_ms + span_ms / 2)
            return;
        struct error err;
        int64_t start_ns = clock_mono_ns(s->options.clock);
        arena_init(&seal.arena, 0);
        int rc = seal_span(s, &seal, &err);
        mem_free(seal.series);
        arena_release(&seal.arena);
        if (rc) {
            metric_add(s->metrics.seal_failures, 1);
            log_error("a window could not be sealed; it stays in memory and is tried again",
                      LOG_ERR(&err));
            return;
        }
        metric_add(s->metrics.seals, 1);
        metric_observe(s->metrics.seal_seconds,
                       (double)(clock_mono_ns(s->options.clock) - start_ns) / 1e9);
        log_info("window sealed", LOG_INT("min_ms", seal.min_ms), LOG_INT("max_ms", seal.max_ms),
                 LOG_INT("series", (int64_t)seal.count));
        forget_sealed(s);
    }
}

int64_t retention_floor_ms(const struct storage *s)
{
    int64_t retention_ms = atomic_load(&s->retention_ms);
    return retention_ms && s->path ? clock_wall_ms(s->options.clock) - retention_ms : INT64_MIN;
}

static uint64_t bytes_on_disk(const struct storage *s, const struct view *v)
{
    uint64_t bytes = journal_bytes(s->journal);
    for (size_t i = 0; i < v->window_count; i++)
        bytes += window_bytes(v->windows[i]);
    return bytes;
}

// How many windows, from the oldest on, are past retention by time or too much by size.
static size_t count_retired(const struct storage *s, const struct view *v)
{
    int64_t floor_ms = retention_floor_ms(s);
    uint64_t limit = atomic_load(&s->retention_bytes);
    uint64_t bytes = bytes_on_disk(s, v);
    size_t count = 0;
    while (count < v->window_count) {
        const struct window *w = v->windows[count];
        if (window_max_ms(w) > floor_ms && !(limit && bytes > limit))
            break;
        bytes -= window_bytes(w);
        count++;
    }
    return count;
}

void retire_windows(struct storage *s)
{
    struct view *old = view_get(s);
    size_t retired = count_retired(s, old), removed = 0;
    struct error err;
    while (removed < retired && window_remove(old->windows[removed], &err) == OK)
        removed++;
    if (removed < retired)
        log_error("a window past retention could not be removed", LOG_ERR(&err));
    if (removed) {
        size_t kept = old->window_count - removed;
        struct window **windows = mem_calloc(kept, sizeof(*windows));
        for (size_t i = 0; i < kept; i++)
            windows[i] = window_ref(old->windows[removed + i]);
        view_publish(s, windows, kept, old->head_min_ms);
        metric_add(s->metrics.retention_drops, removed);
        log_info("windows past retention removed", LOG_INT("count", (int64_t)removed));
    }
    view_put(s, old);
}
