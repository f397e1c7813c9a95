// The samples of a series in memory: closed chunks, oldest first, and an open one.
//
// Invariants
//   1. A series' chunks are ordered by time and do not overlap: one ends before the next one begins.
//   2. The newest chunk is open while series.open counts samples.
//   3. series.open keeps the last time and value of a series whose chunks are gone.
#include "head.h"

#include <assert.h>

static void close_chunk(struct head *h, struct series *s)
{
    chunk_close(&h->chunks, s->newest, &s->last_block, &s->open);
    gorilla_reset(&s->open);
    atomic_fetch_add_explicit(&h->chunk_count, 1, memory_order_relaxed);
}

static void open_chunk(struct head *h, struct series *s, int64_t t_ms, double value)
{
    uint32_t words[GORILLA_WORDS_MAX];
    uint32_t chunk = chunk_begin(&h->chunks, t_ms, value);
    if (s->chunks)
        chunk_block(&h->chunks, s->newest)->head.newer = chunk;
    else
        s->chunks = chunk;
    s->newest = s->last_block = chunk;
    gorilla_append(&s->open, t_ms, value, words);
}

void head_widen(struct head *h, int64_t min_ms, int64_t max_ms)
{
    int64_t old = atomic_load_explicit(&h->max_ms, memory_order_relaxed);
    while (max_ms > old && !atomic_compare_exchange_weak(&h->max_ms, &old, max_ms))
        ;
    old = atomic_load_explicit(&h->min_ms, memory_order_relaxed);
    while (min_ms < old && !atomic_compare_exchange_weak(&h->min_ms, &old, min_ms))
        ;
}

void head_append(struct head *h, struct series *s, int64_t t_ms, double value)
{
    uint32_t words[GORILLA_WORDS_MAX];
    assert(!s->has_sample || t_ms > s->open.t_last_ms);
    unsigned at = s->open.bit_count / 32;
    int count = s->open.sample_count ? gorilla_append(&s->open, t_ms, value, words) : -1;
    if (count < 0) {
        if (s->open.sample_count)
            close_chunk(h, s);
        open_chunk(h, s, t_ms, value);
    } else if (count) {
        chunk_put(&h->chunks, s->newest, &s->last_block, at, words, (unsigned)count);
    }
    s->has_sample = true;
}

// The series' chunks take nothing up to t_ms any more.
static void skip_to(struct head *h, struct series *s, int64_t t_ms)
{
    if (s->open.sample_count)
        close_chunk(h, s);
    s->open.t_last_ms = t_ms;
    s->has_sample = true;
}

void head_append_late(struct head *h, struct series *s, int64_t t_ms, double value)
{
    late_add(&h->late, s->id, t_ms, value);
    if (!s->has_sample || t_ms > s->open.t_last_ms)
        skip_to(h, s, t_ms);
}

int64_t series_min_ms(const struct head *h, const struct series *s)
{
    return s->chunks ? chunk_block(&h->chunks, s->chunks)->head.t_first_ms : INT64_MAX;
}

// Drops what was decoded outside the range, from the columns' end `from` on.
static void clip(struct columns *c, size_t from, int64_t min_ms, int64_t max_ms)
{
    size_t first = from;
    while (first < c->count && c->times_ms[first] < min_ms)
        first++;
    size_t end = c->count;
    while (end > first && c->times_ms[end - 1] > max_ms)
        end--;
    if (first > from) {
        memmove(c->times_ms + from, c->times_ms + first, (end - first) * sizeof(*c->times_ms));
        memmove(c->values + from, c->values + first, (end - first) * sizeof(*c->values));
    }
    c->count = from + (end - first);
}

int columns_decode(struct columns *out, struct str chunk, int64_t min_ms, int64_t max_ms)
{
    columns_reserve(out, out->count + GORILLA_SAMPLES_MAX);
    int count = gorilla_decode(chunk, out->times_ms + out->count, out->values + out->count);
    if (count < 0)
        return count;
    size_t from = out->count;
    out->count += (size_t)count;
    clip(out, from, min_ms, max_ms);
    return OK;
}

// No sample of the chunk comes after it. Of a chunk that another one follows it is not known.
static int64_t chunk_end_ms(const struct head *h, const struct series *s, uint32_t chunk)
{
    uint32_t newer = chunk_block(&h->chunks, chunk)->head.newer;
    return newer ? chunk_block(&h->chunks, newer)->head.t_first_ms - 1 : s->open.t_last_ms;
}

// Caller holds the stripe.
static int read_chunks(const struct head *h, const struct series *s, int64_t min_ms, int64_t max_ms,
                       struct columns *out)
{
    unsigned char bytes[GORILLA_BYTES_MAX + 8];
    int rc = OK;
    for (uint32_t c = s->chunks; c && rc == OK; c = chunk_block(&h->chunks, c)->head.newer) {
        if (chunk_block(&h->chunks, c)->head.t_first_ms > max_ms)
            break;
        if (chunk_end_ms(h, s, c) < min_ms)
            continue;
        bool open = c == s->newest && s->open.sample_count;
        rc = columns_decode(out, chunk_bytes(&h->chunks, c, open ? &s->open : NULL, bytes), min_ms,
                            max_ms);
    }
    return rc;
}

bool head_reaches(struct head *h, const struct series *s, const struct head_view *view,
                  int64_t min_ms, int64_t max_ms)
{
    if (late_reaches(&h->late, s->id, view->late_generation, min_ms, max_ms))
        return true;
    if (min_ms < view->min_ms)
        min_ms = view->min_ms;
    pthread_mutex_lock(head_stripe(h, s->id));
    bool reaches = s->has_sample && s->open.t_last_ms >= min_ms && series_min_ms(h, s) <= max_ms;
    pthread_mutex_unlock(head_stripe(h, s->id));
    return reaches;
}

int head_read(struct head *h, uint32_t id, const struct head_view *view, int64_t min_ms,
              int64_t max_ms, struct columns *out)
{
    int rc = OK;
    size_t from = out->count;
    pthread_rwlock_rdlock(&h->lock);
    const struct series *s = head_get(h, id);
    if (s) {
        pthread_mutex_lock(head_stripe(h, id));
        rc = read_chunks(h, s, min_ms > view->min_ms ? min_ms : view->min_ms, max_ms, out);
        if (rc == OK)
            late_read(&h->late, id, view->late_generation, min_ms, max_ms, out, from);
        pthread_mutex_unlock(head_stripe(h, id));
    }
    pthread_rwlock_unlock(&h->lock);
    return rc;
}

// Writes samples into a new chunk, which is then the newest one.
static void fill_chunk(struct head *h, struct series *s, const struct columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        head_append(h, s, c->times_ms[i], c->values[i]);
}

// Writes the oldest chunk anew with its samples from before_ms on. Caller holds storage.commit and the
// stripe.
static int cut_oldest(struct head *h, struct series *s, int64_t before_ms, struct columns *c)
{
    unsigned char bytes[GORILLA_BYTES_MAX + 8];
    uint32_t old = s->chunks, newer = chunk_block(&h->chunks, old)->head.newer;
    bool open = !newer && s->open.sample_count;
    c->count = 0;
    int rc = columns_decode(c, chunk_bytes(&h->chunks, old, open ? &s->open : NULL, bytes),
                            before_ms, INT64_MAX);
    if (rc || !c->count)
        return rc;
    // The new chunk is written as that of a series that has no other.
    struct series alone = {.id = s->id};
    fill_chunk(h, &alone, c);
    if (!open) {
        close_chunk(h, &alone);
        atomic_fetch_sub_explicit(&h->chunk_count, 1, memory_order_relaxed);
        chunk_block(&h->chunks, alone.chunks)->head.newer = newer;
    }
    chunk_free(&h->chunks, old);
    s->chunks = alone.chunks;
    if (!newer) {
        s->newest = alone.newest;
        s->last_block = alone.last_block;
        if (open)
            s->open = alone.open;
    }
    return rc;
}

static void trim_page(struct head *h, const struct series_page *page, int64_t before_ms,
                      struct columns *c)
{
    for (size_t i = 0; i < PAGE_SERIES; i++) {
        struct series *s = page->items[i];
        if (!s)
            continue;
        pthread_mutex_lock(head_stripe(h, s->id));
        if (series_min_ms(h, s) < before_ms && chunk_end_ms(h, s, s->chunks) >= before_ms)
            cut_oldest(h, s, before_ms, c);
        pthread_mutex_unlock(head_stripe(h, s->id));
    }
}

void head_trim(struct head *h, pthread_mutex_t *commit, int64_t before_ms)
{
    struct columns c;
    columns_init(&c);
    bool more = true;
    for (size_t at = 0; more; at++) {
        pthread_mutex_lock(commit);
        pthread_rwlock_rdlock(&h->lock);
        more = at < h->page_count;
        if (more && h->pages[at])
            trim_page(h, h->pages[at], before_ms, &c);
        pthread_rwlock_unlock(&h->lock);
        pthread_mutex_unlock(commit);
    }
    columns_release(&c);
}

void series_drop_chunks(struct head *h, struct series *s, int64_t before_ms)
{
    uint32_t dropped = 0;
    while (s->chunks && chunk_end_ms(h, s, s->chunks) < before_ms) {
        uint32_t gone = s->chunks;
        s->chunks = chunk_block(&h->chunks, gone)->head.newer;
        chunk_free(&h->chunks, gone);
        dropped++;
    }
    if (!s->chunks && dropped) {
        dropped -= s->open.sample_count != 0;
        gorilla_reset(&s->open);
        s->newest = s->last_block = 0;
    }
    atomic_fetch_sub_explicit(&h->chunk_count, dropped, memory_order_relaxed);
}
