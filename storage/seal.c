// Sealing: what the head holds before an edge becomes a window.
//
//     |<------- span ------->|<-- half -->|
//     ^ oldest sample        ^ edge       ^ newest sample: due by time
//
// Due, too, are samples that take too much memory, up to shortly before the newest; and all of them
// once nothing comes any more, so that what an import or a load brought settles on the disk.
//
// In order, so that a crash anywhere loses and doubles nothing: samples before the edge go to no
// chunk from now on, but to the late ones; the window is written, synced and renamed; the new view
// has it and begins the head at the edge; chunks go when no older view needs them; journal segments
// without later samples go.
//
// Late samples before the edge are sealed along: those of the span in its window, older ones in a
// window of their own, which overlaps others in time.
#include <assert.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "delete.h"
#include "model/duration.h"
#include "store.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (1440 * MINUTE_MS)
// What is newer stays when memory is short: samples that come a little late find their chunks.
#define KEEP_MS (2 * MINUTE_MS)
// Idle for so long with so many bytes of samples, or for longer with as much less; and for longer than
// what is usual between two batches.
#define IDLE_MS    INT64_C(5000)
#define IDLE_GAPS  3
#define IDLE_BYTES ((size_t)512 << 10)
// A head of less is replayed from the journal in no time.
#define CLOSE_BYTES ((size_t)256 << 10)
// Between two times that the pages of windows are given back.
#define FORGET_NS INT64_C(10000000000)

struct sealing {
    struct storage *storage;
    int64_t min_ms, max_ms;  // [min, max)
    struct head_view before; // what readers see of the head until the seal is done
    struct head_view after;
    uint32_t *ids; // of all series, in the order of their labels
    size_t id_count;
    uint32_t *pairs; // by the head's numbers the window's, from 1 on; 0: not known yet
    size_t pair_count;
    struct arena arena;        // for the series being written
    size_t series_count;       // of the last window written
    struct tombstones *hidden; // left out of it
};

static void list_series(struct sealing *seal)
{
    struct head *h = &seal->storage->head;
    pthread_rwlock_rdlock(&h->lock);
    seal->ids = mem_calloc(atomic_load(&h->series_count), sizeof(*seal->ids));
    for (uint32_t id = 0; id < h->next_id; id++) {
        if (head_get(h, id))
            seal->ids[seal->id_count++] = id;
    }
    head_sort(h, seal->ids, seal->id_count);
    pthread_rwlock_unlock(&h->lock);
}

static int open_window(struct storage *s, struct window_span span, struct window **out,
                       struct error *err)
{
    struct buf name = BUF_INIT;
    window_name(span, &name);
    int rc = window_open(out, s->path, buf_text(&name), err);
    buf_release(&name);
    return rc;
}

// Pairs that come while a window is written belong to series that come, too.
static void begin_pairs(struct sealing *seal)
{
    struct head *h = &seal->storage->head;
    pthread_rwlock_rdlock(&h->lock);
    seal->pair_count = h->postings.pair_count;
    pthread_rwlock_unlock(&h->lock);
    seal->pairs = mem_calloc(seal->pair_count, sizeof(*seal->pairs));
}

static uint32_t pair_number(struct sealing *seal, uint32_t pair, struct label label,
                            struct window_writer *w)
{
    assert(pair < seal->pair_count);
    if (!seal->pairs[pair])
        seal->pairs[pair] = window_writer_pair(w, label) + 1;
    return seal->pairs[pair] - 1;
}

static int add_series(struct sealing *seal, const struct series *series, struct window_writer *w,
                      struct columns *c, struct error *err)
{
    struct labels labels = head_labels(&seal->storage->head, series, &seal->arena);
    deletions_apply(tombstones_match(seal->hidden, labels, &seal->arena), TOMBSTONE_HEAD, c, 0);
    if (!c->count)
        return OK;
    uint32_t *numbers = arena_array(&seal->arena, labels.count, sizeof(*numbers));
    for (size_t i = 0; i < labels.count; i++)
        numbers[i] = pair_number(seal, series->pairs[i], labels.items[i], w);
    seal->series_count++;
    return window_writer_add_known(w, labels_hash(labels), numbers, labels.count, c, err);
}

// Samples of the span don't change any more; labels may, while series are created and forgotten:
// the table lock is held while a series is written.
static int write_series(struct sealing *seal, uint32_t id, struct window_span span,
                        struct window_writer *w, struct columns *c, struct error *err)
{
    struct head *h = &seal->storage->head;
    c->count = 0;
    int rc = head_read(h, id, &seal->before, span.min_ms, span.max_ms - 1, c);
    if (rc)
        return error_set(err, rc, "a chunk in memory is damaged");
    if (!c->count)
        return OK;
    arena_reset(&seal->arena);
    pthread_rwlock_rdlock(&h->lock);
    rc = add_series(seal, head_get(h, id), w, c, err);
    pthread_rwlock_unlock(&h->lock);
    return rc;
}

#define PROBED_SERIES 16

// About how many samples a series has in the span.
static uint64_t samples_per_series(struct sealing *seal, struct window_span span, struct columns *c)
{
    size_t stride = seal->id_count / PROBED_SERIES + 1;
    uint64_t most = 0;
    for (size_t i = 0; i < seal->id_count; i += stride) {
        c->count = 0;
        if (head_read(&seal->storage->head, seal->ids[i], &seal->before, span.min_ms,
                      span.max_ms - 1, c))
            break;
        most = c->count > most ? c->count : most;
    }
    return most;
}

// Writes and opens the window of a span; *out is NULL when there is nothing in it.
static int write_window(struct sealing *seal, int64_t min_ms, int64_t max_ms, struct window **out,
                        struct error *err)
{
    struct storage *s = seal->storage;
    struct window_span span = {.min_ms = min_ms, .max_ms = max_ms};
    struct window_writer *w = NULL;
    struct columns c;
    *out = NULL;
    seal->series_count = 0;
    seal->hidden = deletions_begin_file(s, &span.sequence);
    columns_init(&c);
    begin_pairs(seal);
    span.slice_count = window_slice_count(samples_per_series(seal, span, &c));
    int rc = window_writer_new(&w, s->path, span, NULL, 0, err);
    for (size_t i = 0; i < seal->id_count && rc == OK; i++)
        rc = write_series(seal, seal->ids[i], span, w, &c, err);
    columns_release(&c);
    mem_free(seal->pairs);
    seal->pairs = NULL;
    tombstones_unref(seal->hidden);
    seal->hidden = NULL;
    if (rc || !seal->series_count) {
        window_writer_abort(w);
        return rc;
    }
    rc = window_writer_finish(w, err);
    if (rc == OK)
        rc = open_window(s, span, out, err);
    if (rc == OK)
        window_forget_pages(*out);
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

// From now on samples before the edge go to the late ones, of which those there are frozen.
static void begin(struct sealing *seal)
{
    struct storage *s = seal->storage;
    struct view *v = view_get(s);
    seal->before = v->head;
    view_put(s, v);
    pthread_mutex_lock(&s->commit);
    atomic_store(&s->sealed_ms, seal->max_ms);
    seal->after = (struct head_view){seal->max_ms, late_freeze(&s->head.late, seal->max_ms)};
    pthread_mutex_unlock(&s->commit);
}

// The oldest late sample that is to be sealed, if it lies before the span; else the span's begin.
static int64_t late_from(struct sealing *seal)
{
    int64_t late_ms = late_min_ms(&seal->storage->head.late);
    return late_ms < seal->min_ms ? late_ms : seal->min_ms;
}

// Writes a window and puts it into the view, with what is then left of the head.
static int seal_window(struct sealing *seal, int64_t min_ms, int64_t max_ms, struct head_view after,
                       struct error *err)
{
    struct window *added = NULL;
    int rc = write_window(seal, min_ms, max_ms, &added, err);
    if (rc)
        return rc;
    if (added)
        atomic_fetch_add(&seal->storage->window_bytes_written, window_bytes(added));
    view_replace(seal->storage, NULL, 0, added, after);
    return OK;
}

static int seal_span(struct sealing *seal, struct error *err)
{
    int rc = OK;
    begin(seal);
    list_series(seal);
    // Late ones in a window for each day.
    for (int64_t from_ms = late_from(seal), end_ms; rc == OK && from_ms < seal->min_ms;
         from_ms = end_ms) {
        end_ms = time_floor(from_ms, DAY_MS) + DAY_MS;
        end_ms = end_ms < seal->min_ms ? end_ms : seal->min_ms;
        rc = seal_window(seal, from_ms, end_ms, seal->before, err);
    }
    if (rc == OK)
        rc = seal_window(seal, seal->min_ms, seal->max_ms, seal->after, err);
    return rc ? rc : drop_journal(seal->storage, seal->max_ms, err);
}

static void forget_sealed(struct storage *s)
{
    struct head_view least = views_head(s);
    head_trim(&s->head, &s->commit, least.min_ms);
    size_t forgotten = head_truncate(&s->head, least.min_ms);
    late_drop(&s->head.late, least.late_generation);
    metric_add(s->metrics.series_removed, forgotten);
    // What sealing took for a moment goes back to the system.
    mem_trim();
}

// What no view sees of the head goes: also what an earlier call had to leave.
static bool has_sealed_chunks(struct storage *s)
{
    return atomic_load(&s->head.min_ms) < views_head(s).min_ms;
}

// Seals up to the edge. False when it failed.
static bool seal(struct storage *s, int64_t min_ms, int64_t max_ms)
{
    struct sealing seal = {.storage = s, .min_ms = min_ms, .max_ms = max_ms};
    struct error err;
    int64_t start_ns = clock_mono_ns(s->options.clock);
    arena_init(&seal.arena, 0);
    int rc = seal_span(&seal, &err);
    arena_release(&seal.arena);
    mem_free(seal.ids);
    s->seal_failed_ns = rc ? clock_mono_ns(s->options.clock) : 0;
    if (rc) {
        metric_add(s->metrics.seal_failures, 1);
        log_error("a window could not be sealed; it stays in memory and is tried again",
                  LOG_ERR(&err));
        return false;
    }
    metric_add(s->metrics.seals, 1);
    metric_observe(s->metrics.seal_seconds,
                   (double)(clock_mono_ns(s->options.clock) - start_ns) / 1e9);
    log_info("window sealed", LOG_INT("min_ms", min_ms), LOG_INT("max_ms", max_ms),
             LOG_INT("series", (int64_t)seal.series_count));
    forget_sealed(s);
    return true;
}

static bool head_is_idle(struct storage *s)
{
    int64_t now_ns = clock_mono_ns(s->options.clock);
    int64_t idle_ns = now_ns - atomic_load(&s->committed_ns), idle_ms = idle_ns / 1000000;
    return idle_ms >= IDLE_MS && idle_ns >= IDLE_GAPS * atomic_load(&s->commit_gap_ns) &&
           (double)idle_ms * (double)head_sample_bytes(&s->head) >= (double)IDLE_MS * IDLE_BYTES;
}

// When memory is short: all but the newest, or three quarters where those are too much.
static int64_t edge_for_memory(int64_t oldest_ms, int64_t newest_ms)
{
    int64_t part_ms = (newest_ms - oldest_ms) / 4;
    return newest_ms - (part_ms < KEEP_MS ? part_ms : KEEP_MS);
}

// Where to seal now what begins at oldest_ms; INT64_MIN: nowhere.
static int64_t due_edge(struct storage *s, int64_t oldest_ms)
{
    int64_t newest_ms = atomic_load(&s->head.max_ms), span_ms = s->options.window_ms;
    int64_t end_ms = time_floor(oldest_ms, span_ms) + span_ms, edge_ms = INT64_MIN;
    if (newest_ms >= end_ms + span_ms / 2)
        return end_ms;
    if (head_is_idle(s))
        edge_ms = newest_ms + 1;
    else if (head_sample_bytes(&s->head) > head_bytes_max(s))
        edge_ms = edge_for_memory(oldest_ms, newest_ms);
    // No window crosses the end of a span.
    return edge_ms > end_ms ? end_ms : edge_ms;
}

// What of the head no window holds.
static int64_t unsealed_from(struct storage *s)
{
    int64_t oldest_ms = atomic_load(&s->head.min_ms);
    struct view *v = view_get(s);
    int64_t min_ms = v->head.min_ms;
    view_put(s, v);
    return oldest_ms < min_ms ? min_ms : oldest_ms;
}

// Windows stay mapped, and so do the tables: what was read of them would count as memory for ever.
static void forget_pages(struct storage *s)
{
    int64_t now_ns = clock_mono_ns(s->options.clock);
    if (now_ns - s->pages_forgotten_ns < FORGET_NS)
        return;
    s->pages_forgotten_ns = now_ns;
    struct view *v = view_get(s);
    for (size_t i = 0; i < v->window_count; i++)
        window_forget_pages(v->windows[i]);
    view_put(s, v);
    meta_forget_pages(s->meta);
}

void seal_due(struct storage *s)
{
    forget_pages(s);
    if (has_sealed_chunks(s))
        forget_sealed(s);
    if (s->seal_failed_ns && clock_mono_ns(s->options.clock) - s->seal_failed_ns < STORE_RETRY_NS)
        return;
    for (;;) {
        int64_t oldest_ms = unsealed_from(s);
        if (oldest_ms > atomic_load(&s->head.max_ms))
            return;
        int64_t edge_ms = due_edge(s, oldest_ms);
        if (edge_ms <= oldest_ms || !seal(s, oldest_ms, edge_ms))
            return;
    }
}

void seal_all(struct storage *s)
{
    int64_t span_ms = s->options.window_ms;
    while (head_sample_bytes(&s->head) >= CLOSE_BYTES) {
        int64_t oldest_ms = unsealed_from(s), newest_ms = atomic_load(&s->head.max_ms);
        int64_t end_ms = time_floor(oldest_ms, span_ms) + span_ms;
        if (oldest_ms > newest_ms ||
            !seal(s, oldest_ms, end_ms > newest_ms ? newest_ms + 1 : end_ms))
            return;
    }
}
