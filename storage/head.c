// Where a sample lives from its commit until its window is sealed: per series an open chunk, the
// closed ones before it, and an inverted index over all series.
//
//     index --labels_hash--> id --table--> struct series { labels, chunks, open chunk }
//     postings --(name, value)--> ids
//
// Invariants
//   1. Ids are given out ascending and never again; table[id] is NULL once the series is forgotten.
//   2. A series' chunks are ordered by time, do not overlap, and lie before its open chunk.
//   3. No chunk crosses a multiple of window_ms: sealing takes whole chunks.
//   4. last_ms and last_value outlive the chunks they were in.
//   5. A series that a batch referred to in this or the previous pass of head_truncate() is kept.
#include "head.h"

#include <assert.h>

#include "base/mem.h"

void head_init(struct head *h, int64_t window_ms)
{
    *h = (struct head){.window_ms = window_ms};
    pthread_rwlock_init(&h->lock, NULL);
    symbols_init(&h->symbols);
    postings_init(&h->postings);
    hmap_init(&h->index);
    for (size_t i = 0; i < STRIPE_COUNT; i++)
        pthread_mutex_init(&h->stripes[i], NULL);
    atomic_init(&h->min_ms, INT64_MAX);
    atomic_init(&h->max_ms, INT64_MIN);
}

static void series_free(struct series *s)
{
    for (uint32_t i = 0; i < s->chunk_count; i++)
        mem_free(s->chunks[i].bytes);
    mem_free(s->chunks);
    gorilla_release(&s->open);
    mem_free(s);
}

void head_release(struct head *h)
{
    for (size_t i = 0; i < h->table_count; i++) {
        if (h->table[i])
            series_free(h->table[i]);
    }
    mem_free(h->table);
    hmap_release(&h->index);
    postings_release(&h->postings);
    symbols_release(&h->symbols);
    for (size_t i = 0; i < STRIPE_COUNT; i++)
        pthread_mutex_destroy(&h->stripes[i]);
    pthread_rwlock_destroy(&h->lock);
}

static bool series_has_labels(const struct head *h, const struct series *s, struct labels labels)
{
    if (s->label_count != labels.count)
        return false;
    for (size_t i = 0; i < labels.count; i++) {
        if (!str_eq(symbols_get(&h->symbols, s->labels[i].value), labels.items[i].value) ||
            !str_eq(symbols_get(&h->symbols, s->labels[i].name), labels.items[i].name))
            return false;
    }
    return true;
}

static bool series_equal(const void *context, uint32_t value, const void *key)
{
    const struct head *h = context;
    return series_has_labels(h, h->table[value], *(const struct labels *)key);
}

struct series *head_find(const struct head *h, struct labels labels, uint64_t hash)
{
    uint32_t id = hmap_find(&h->index, hash, series_equal, h, &labels);
    return id == HMAP_NONE ? NULL : h->table[id];
}

struct series *head_create(struct head *h, struct labels labels, uint64_t hash)
{
    assert(labels.count <= UINT16_MAX && h->table_count < HMAP_NONE);
    struct series *s = mem_calloc(1, sizeof(*s) + labels.count * sizeof(s->labels[0]));
    s->hash = hash;
    s->id = (uint32_t)h->table_count;
    s->label_count = (uint16_t)labels.count;
    gorilla_init(&s->open);
    atomic_init(&s->touched, h->pass);
    for (size_t i = 0; i < labels.count; i++) {
        s->labels[i].name = symbols_intern(&h->symbols, labels.items[i].name);
        s->labels[i].value = symbols_intern(&h->symbols, labels.items[i].value);
        postings_add(&h->postings, s->labels[i].name, s->labels[i].value, s->id);
    }
    MEM_GROW(h->table, h->table_count, h->table_capacity);
    h->table[h->table_count++] = s;
    hmap_insert(&h->index, hash, s->id);
    atomic_fetch_add_explicit(&h->series_count, 1, memory_order_relaxed);
    return s;
}

struct labels head_labels(const struct head *h, const struct series *s, struct arena *arena)
{
    struct label *items = arena_array(arena, s->label_count, sizeof(*items));
    for (size_t i = 0; i < s->label_count; i++) {
        items[i].name = symbols_get(&h->symbols, s->labels[i].name);
        items[i].value = symbols_get(&h->symbols, s->labels[i].value);
    }
    return (struct labels){items, s->label_count};
}

static int64_t floor_to(int64_t t_ms, int64_t span_ms)
{
    int64_t rest = t_ms % span_ms;
    return t_ms - (rest < 0 ? rest + span_ms : rest);
}

// Turns the open chunk into a closed one of exactly its size.
static void close_chunk(struct head *h, struct series *s)
{
    struct str bytes = gorilla_bytes(&s->open);
    if (s->open.sample_count == 0)
        return;
    MEM_GROW(s->chunks, s->chunk_count, s->chunk_capacity);
    struct chunk *c = &s->chunks[s->chunk_count++];
    c->min_ms = s->open.t_first_ms;
    c->max_ms = s->open.t_last_ms;
    c->size = (uint32_t)bytes.len;
    c->bytes = mem_alloc(bytes.len);
    memcpy(c->bytes, bytes.ptr, bytes.len);
    gorilla_reset(&s->open);
    atomic_fetch_add_explicit(&h->chunk_count, 1, memory_order_relaxed);
}

static void widen(struct head *h, int64_t t_ms)
{
    int64_t old = atomic_load_explicit(&h->max_ms, memory_order_relaxed);
    while (t_ms > old && !atomic_compare_exchange_weak(&h->max_ms, &old, t_ms))
        ;
    old = atomic_load_explicit(&h->min_ms, memory_order_relaxed);
    while (t_ms < old && !atomic_compare_exchange_weak(&h->min_ms, &old, t_ms))
        ;
}

void head_append(struct head *h, struct series *s, int64_t t_ms, double value)
{
    assert(!s->has_sample || t_ms > s->last_ms);
    // No chunk crosses a window's edge, so that sealing a window takes whole chunks.
    if (s->open.sample_count &&
        floor_to(s->open.t_first_ms, h->window_ms) != floor_to(t_ms, h->window_ms))
        close_chunk(h, s);
    if (!gorilla_append(&s->open, t_ms, value)) {
        close_chunk(h, s);
        bool appended = gorilla_append(&s->open, t_ms, value);
        assert(appended);
        (void)appended;
    }
    s->last_ms = t_ms;
    s->last_value = value;
    s->has_sample = true;
    widen(h, t_ms);
}

int64_t series_min_ms(const struct series *s)
{
    if (s->chunk_count)
        return s->chunks[0].min_ms;
    return s->open.sample_count ? s->open.t_first_ms : INT64_MAX;
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

int series_read(const struct series *s, int64_t min_ms, int64_t max_ms, struct columns *out)
{
    int rc = OK;
    for (uint32_t i = 0; i < s->chunk_count && rc == OK; i++) {
        const struct chunk *c = &s->chunks[i];
        if (c->max_ms >= min_ms && c->min_ms <= max_ms)
            rc = columns_decode(out, str_make((const char *)c->bytes, c->size), min_ms, max_ms);
    }
    if (rc == OK && s->open.sample_count && s->open.t_last_ms >= min_ms &&
        s->open.t_first_ms <= max_ms)
        rc = columns_decode(out, gorilla_bytes(&s->open), min_ms, max_ms);
    return rc;
}

static void forget(struct head *h, struct series *s)
{
    for (size_t i = 0; i < s->label_count; i++)
        postings_remove(&h->postings, s->labels[i].name, s->labels[i].value, s->id);
    hmap_remove(&h->index, s->hash, s->id);
    h->table[s->id] = NULL;
    series_free(s);
    atomic_fetch_sub_explicit(&h->series_count, 1, memory_order_relaxed);
}

static void drop_chunks(struct head *h, struct series *s, int64_t before_ms)
{
    uint32_t dropped = 0;
    while (dropped < s->chunk_count && s->chunks[dropped].max_ms < before_ms)
        mem_free(s->chunks[dropped++].bytes);
    if (dropped) {
        s->chunk_count -= dropped;
        memmove(s->chunks, s->chunks + dropped, s->chunk_count * sizeof(*s->chunks));
        atomic_fetch_sub_explicit(&h->chunk_count, dropped, memory_order_relaxed);
    }
    if (s->open.sample_count && s->open.t_last_ms < before_ms) {
        gorilla_release(&s->open);
        gorilla_init(&s->open);
    }
}

static bool may_forget(const struct head *h, const struct series *s, int64_t before_ms)
{
    uint32_t age = h->pass - atomic_load_explicit(&s->touched, memory_order_relaxed);
    return age > 1 && (!s->has_sample || s->last_ms < before_ms);
}

size_t head_truncate(struct head *h, int64_t before_ms)
{
    size_t forgotten = 0;
    int64_t min_ms = INT64_MAX;
    pthread_rwlock_wrlock(&h->lock);
    h->pass++;
    for (size_t i = 0; i < h->table_count; i++) {
        struct series *s = h->table[i];
        if (!s)
            continue;
        drop_chunks(h, s, before_ms);
        int64_t oldest_ms = series_min_ms(s);
        if (oldest_ms == INT64_MAX && may_forget(h, s, before_ms)) {
            forget(h, s);
            forgotten++;
        } else if (oldest_ms < min_ms) {
            min_ms = oldest_ms;
        }
    }
    atomic_store(&h->min_ms, min_ms);
    pthread_rwlock_unlock(&h->lock);
    return forgotten;
}

static void index_all(void *context, struct ids *out)
{
    const struct head *h = context;
    for (size_t i = 0; i < h->table_count; i++) {
        if (h->table[i])
            ids_add(out, (uint32_t)i);
    }
}

static int index_value(void *context, struct str name, struct str value, index_value_fn *each,
                       void *each_context)
{
    const struct head *h = context;
    uint32_t n = symbols_find(&h->symbols, name);
    uint32_t v = symbols_find(&h->symbols, value);
    const struct posting *p =
        n == SYMBOL_NONE || v == SYMBOL_NONE ? NULL : postings_find(&h->postings, n, v);
    if (p && p->ids.count)
        each(each_context, value, p->ids.items, p->ids.count);
    return OK;
}

static int index_values(void *context, struct str name, index_value_fn *each, void *each_context)
{
    const struct head *h = context;
    uint32_t n = symbols_find(&h->symbols, name);
    const struct posting *p = n == SYMBOL_NONE ? NULL : postings_first(&h->postings, n);
    for (; p; p = postings_next(&h->postings, p)) {
        if (p->ids.count)
            each(each_context, symbols_get(&h->symbols, p->value), p->ids.items, p->ids.count);
    }
    return OK;
}

struct series_index head_index(struct head *h)
{
    return (struct series_index){h, index_all, index_value, index_values};
}
