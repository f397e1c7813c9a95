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

// A view that begins the head at the end of the span; `added` is NULL when the span was empty.
static void publish_span(struct storage *s, const struct sealing *seal, struct window *added)
{
    struct view *old = view_get(s);
    size_t count = old->window_count;
    struct window **windows = mem_calloc(count + 1, sizeof(*windows));
    for (size_t i = 0; i < count; i++)
        windows[i] = window_ref(old->windows[i]);
    if (added)
        windows[count++] = added;
    view_publish(s, windows, count, seal->max_ms);
    view_put(s, old);
}

static int open_window(struct storage *s, const struct sealing *seal, struct window **out,
                       struct error *err)
{
    struct buf name = BUF_INIT;
    buf_printf(&name, "window-%lld-%lld.lmdb", (long long)seal->min_ms, (long long)seal->max_ms);
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
    atomic_store(&s->sealed_ms, seal->max_ms);
    pthread_mutex_unlock(&s->commit);
    collect(s, seal);
    struct window *added = NULL;
    int rc = OK;
    if (seal->count)
        rc = window_write(s->path, seal->min_ms, seal->max_ms, seal->series, seal->count, err);
    if (rc == OK && seal->count)
        rc = open_window(s, seal, &added, err);
    if (rc)
        return rc;
    if (added)
        atomic_fetch_add(&s->window_bytes_written, window_bytes(added));
    publish_span(s, seal, added);
    return drop_journal(s, seal->max_ms, err);
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
