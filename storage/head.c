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
    postings_init(&h->postings, &h->symbols);
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

static struct label label_of(const struct head *h, uint32_t number)
{
    const struct pair *p = &h->postings.pairs[number];
    return (struct label){symbols_text(&h->symbols, p->name), symbols_text(&h->symbols, p->value)};
}

static bool series_has_labels(const struct head *h, const struct series *s, struct labels labels)
{
    if (s->label_count != labels.count)
        return false;
    for (size_t i = 0; i < labels.count; i++) {
        struct label label = label_of(h, s->pairs[i]);
        if (!str_eq(label.value, labels.items[i].value) ||
            !str_eq(label.name, labels.items[i].name))
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
    struct series *s = mem_calloc(1, sizeof(*s) + labels.count * sizeof(s->pairs[0]));
    s->hash = hash;
    s->id = (uint32_t)h->table_count;
    s->label_count = (uint16_t)labels.count;
    gorilla_init(&s->open);
    atomic_init(&s->touched, h->pass);
    for (size_t i = 0; i < labels.count; i++)
        s->pairs[i] =
            postings_add(&h->postings, labels.items[i].name, labels.items[i].value, s->id);
    MEM_GROW(h->table, h->table_count, h->table_capacity);
    h->table[h->table_count++] = s;
    hmap_insert(&h->index, hash, s->id);
    atomic_fetch_add_explicit(&h->series_count, 1, memory_order_relaxed);
    return s;
}

struct labels head_labels(const struct head *h, const struct series *s, struct arena *arena)
{
    struct label *items = arena_array(arena, s->label_count, sizeof(*items));
    for (size_t i = 0; i < s->label_count; i++)
        items[i] = label_of(h, s->pairs[i]);
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

// Series on their way out: gone from the table, still in the posting lists.
struct leaving {
    struct series **series;
    size_t count;
    size_t capacity;
};

static void leave(struct head *h, struct leaving *l, struct series *s)
{
    hmap_remove(&h->index, s->hash, s->id);
    h->table[s->id] = NULL;
    MEM_GROW(l->series, l->count, l->capacity);
    l->series[l->count++] = s;
    atomic_fetch_sub_explicit(&h->series_count, 1, memory_order_relaxed);
}

static bool is_gone(const void *context, uint32_t id)
{
    return !((const struct head *)context)->table[id];
}

// One pass over each posting list that changes, however many of its series leave.
static void forget(struct head *h, struct leaving *l)
{
    struct ids pairs = {0};
    for (size_t i = 0; i < l->count; i++)
        ids_add_all(&pairs, l->series[i]->pairs, l->series[i]->label_count);
    ids_sort(&pairs);
    for (size_t i = 0; i < pairs.count; i++)
        postings_filter(&h->postings, pairs.items[i], is_gone, h);
    for (size_t i = 0; i < l->count; i++)
        series_free(l->series[i]);
    ids_release(&pairs);
    mem_free(l->series);
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
    struct leaving leaving = {0};
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
            leave(h, &leaving, s);
        } else if (oldest_ms < min_ms) {
            min_ms = oldest_ms;
        }
    }
    atomic_store(&h->min_ms, min_ms);
    forget(h, &leaving);
    pthread_rwlock_unlock(&h->lock);
    return leaving.count;
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
    uint32_t number = postings_find(&h->postings, name, value);
    if (number != PAIR_NONE) {
        const struct pair *pair = &h->postings.pairs[number];
        each(each_context, value, pair_ids(pair), pair->count);
    }
    return OK;
}

static int index_values(void *context, struct str name, index_value_fn *each, void *each_context)
{
    const struct head *h = context;
    const struct pair_name *values = postings_name(&h->postings, name);
    for (uint32_t i = 0; values && i < values->count; i++) {
        const struct pair *pair = &h->postings.pairs[values->pairs[i]];
        each(each_context, symbols_text(&h->symbols, pair->value), pair_ids(pair), pair->count);
    }
    return OK;
}

struct series_index head_index(struct head *h)
{
    return (struct series_index){h, index_all, index_value, index_values};
}
