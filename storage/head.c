// Where a sample lives from its commit until a window holds it: the table of series and an inverted
// index over them. Their samples are the matter of head_chunks.c.
//
//     index --labels_hash--> id --pages--> struct series { labels, chunks, open chunk }
//     postings --(name, value)--> ids
//
// Invariants
//   1. Ids are given out ascending and never again; head_get() is NULL once a series is forgotten.
//   2. A page of the table goes with the last of its series, so that a store whose series come and
//      go doesn't grow. A mark, one byte, stays.
//   3. A series that a batch referred to in this or the previous pass of head_truncate() is kept.
#include "head.h"

#include <assert.h>

#include "base/mem.h"

void head_init(struct head *h)
{
    pthread_rwlock_init(&h->lock, NULL);
    symbols_init(&h->symbols);
    postings_init(&h->postings, &h->symbols);
    hmap_init(&h->index);
    series_pool_init(&h->pool);
    chunk_pool_init(&h->chunks);
    late_init(&h->late);
    h->pages = NULL;
    h->page_count = h->page_capacity = 0;
    h->next_id = 0;
    h->label_count = 0;
    for (size_t i = 0; i < STRIPE_COUNT; i++)
        pthread_mutex_init(&h->stripes[i], NULL);
    for (size_t i = 0; i < MARK_PAGES; i++)
        atomic_init(&h->marks[i], NULL);
    atomic_init(&h->series_count, 0);
    atomic_init(&h->chunk_count, 0);
    atomic_init(&h->min_ms, INT64_MAX);
    atomic_init(&h->max_ms, INT64_MIN);
    atomic_init(&h->pass, 1);
}

static size_t series_size(const struct series *s)
{
    return sizeof(*s) + s->label_count * sizeof(s->pairs[0]);
}

static void series_free(struct head *h, struct series *s)
{
    series_pool_free(&h->pool, s, series_size(s));
}

static void page_release(struct head *h, struct series_page *page)
{
    for (size_t i = 0; page && i < PAGE_SERIES; i++) {
        if (page->items[i])
            series_free(h, page->items[i]);
    }
    mem_free(page);
}

void head_release(struct head *h)
{
    for (size_t i = 0; i < h->page_count; i++)
        page_release(h, h->pages[i]);
    mem_free(h->pages);
    for (size_t i = 0; i < MARK_PAGES; i++)
        mem_free(atomic_load(&h->marks[i]));
    hmap_release(&h->index);
    postings_release(&h->postings);
    symbols_release(&h->symbols);
    series_pool_release(&h->pool);
    chunk_pool_release(&h->chunks);
    late_release(&h->late);
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
    return series_has_labels(h, head_get(h, value), *(const struct labels *)key);
}

struct series *head_find(const struct head *h, struct labels labels, uint64_t hash)
{
    uint32_t id = hmap_find(&h->index, hash, series_equal, h, &labels);
    return id == HMAP_NONE ? NULL : head_get(h, id);
}

static void page_put(struct head *h, struct series *s)
{
    size_t at = s->id / PAGE_SERIES;
    while (h->page_count <= at) {
        MEM_GROW(h->pages, h->page_count, h->page_capacity);
        h->pages[h->page_count++] = NULL;
    }
    if (!h->pages[at])
        h->pages[at] = mem_calloc(1, sizeof(*h->pages[at]));
    h->pages[at]->items[s->id % PAGE_SERIES] = s;
    h->pages[at]->live++;
}

static void page_remove(struct head *h, uint32_t id)
{
    struct series_page **page = &h->pages[id / PAGE_SERIES];
    (*page)->items[id % PAGE_SERIES] = NULL;
    if (--(*page)->live == 0) {
        mem_free(*page);
        *page = NULL;
    }
}

static atomic_uchar *mark_of(struct head *h, uint32_t id)
{
    atomic_uchar *page =
        atomic_load_explicit(&h->marks[id >> MARK_PAGE_SHIFT], memory_order_acquire);
    return page ? &page[id & ((1U << MARK_PAGE_SHIFT) - 1)] : NULL;
}

static void mark_begin(struct head *h, uint32_t id)
{
    if (!mark_of(h, id)) {
        atomic_uchar *page = mem_calloc((size_t)1 << MARK_PAGE_SHIFT, sizeof(*page));
        atomic_store_explicit(&h->marks[id >> MARK_PAGE_SHIFT], page, memory_order_release);
    }
    atomic_store(mark_of(h, id), atomic_load(&h->pass));
}

bool head_mark(struct head *h, uint32_t id)
{
    atomic_uchar *mark = id < SERIES_IDS_MAX ? mark_of(h, id) : NULL;
    unsigned char pass = atomic_load_explicit(&h->pass, memory_order_relaxed);
    unsigned char old = mark ? atomic_load_explicit(mark, memory_order_relaxed) : 0;
    while (old && old != pass && !atomic_compare_exchange_weak(mark, &old, pass))
        ;
    return old;
}

struct series *head_create(struct head *h, struct labels labels, uint64_t hash)
{
    assert(labels.count <= UINT16_MAX);
    if (h->next_id == SERIES_IDS_MAX)
        return NULL;
    struct series *s = series_pool_alloc(&h->pool, sizeof(*s) + labels.count * sizeof(s->pairs[0]));
    s->id = h->next_id++;
    s->label_count = (uint16_t)labels.count;
    for (size_t i = 0; i < labels.count; i++)
        s->pairs[i] =
            postings_add(&h->postings, labels.items[i].name, labels.items[i].value, s->id);
    h->label_count += labels.count;
    page_put(h, s);
    mark_begin(h, s->id);
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

int series_cmp(const struct head *h, const struct series *a, const struct series *b)
{
    size_t count = a->label_count < b->label_count ? a->label_count : b->label_count;
    for (size_t i = 0; i < count; i++) {
        if (a->pairs[i] == b->pairs[i])
            continue;
        struct label x = label_of(h, a->pairs[i]), y = label_of(h, b->pairs[i]);
        int order = str_cmp(x.name, y.name);
        return order ? order : str_cmp(x.value, y.value);
    }
    return (a->label_count > b->label_count) - (a->label_count < b->label_count);
}

// Posting lists have a quarter of slack; a symbol's text has a header of the heap's.
size_t head_memory_size(struct head *h)
{
    const struct postings *p = &h->postings;
    const struct symbols *symbols = &h->symbols;
    return h->pool.size + (size_t)h->chunks.slab_count * SLAB_SIZE +
           atomic_load(&h->late.sample_count) * sizeof(struct sample) +
           h->page_count * sizeof(struct series_page) + h->label_count * sizeof(uint32_t) * 5 / 4 +
           hmap_memory_size(&h->index) + hmap_memory_size(&p->by_pair) +
           hmap_memory_size(&p->by_name) + hmap_memory_size(&symbols->index) +
           p->pair_capacity * sizeof(struct pair) + p->name_capacity * sizeof(struct pair_name) +
           symbols->capacity * sizeof(struct symbol) + symbols->text_size + symbols->count * 24UL;
}

// Series on their way out: gone from the table, still in the posting lists.
struct leaving {
    struct series **series;
    size_t count;
    size_t capacity;
};

static void leave(struct head *h, struct leaving *l, struct series *s, struct arena *arena)
{
    arena_reset(arena);
    hmap_remove(&h->index, labels_hash(head_labels(h, s, arena)), s->id);
    h->label_count -= s->label_count;
    MEM_GROW(l->series, l->count, l->capacity);
    l->series[l->count++] = s;
    atomic_fetch_sub_explicit(&h->series_count, 1, memory_order_relaxed);
}

static bool is_gone(const void *context, uint32_t id)
{
    return !head_get(context, id);
}

// One pass over each posting list that changes, however many of its series leave.
static void forget(struct head *h, struct leaving *l)
{
    struct ids pairs = {0};
    for (size_t i = 0; i < l->count; i++) {
        ids_add_all(&pairs, l->series[i]->pairs, l->series[i]->label_count);
        page_remove(h, l->series[i]->id);
    }
    ids_sort(&pairs);
    for (size_t i = 0; i < pairs.count; i++)
        postings_filter(&h->postings, pairs.items[i], is_gone, h);
    for (size_t i = 0; i < l->count; i++)
        series_free(h, l->series[i]);
    ids_release(&pairs);
    mem_free(l->series);
}

// True when no batch has asked for the series lately, and none can any more.
static bool unmark(struct head *h, const struct series *s)
{
    atomic_uchar *mark = mark_of(h, s->id);
    unsigned char old = atomic_load(mark);
    unsigned age = (atomic_load(&h->pass) + 255U - old) % 255;
    return age > 1 && atomic_compare_exchange_strong(mark, &old, 0);
}

static void truncate_page(struct head *h, const struct series_page *page, int64_t before_ms,
                          struct leaving *leaving, struct arena *arena, int64_t *min_ms)
{
    for (size_t i = 0; i < PAGE_SERIES; i++) {
        struct series *s = page->items[i];
        if (!s)
            continue;
        series_drop_chunks(h, s, before_ms);
        int64_t oldest_ms = series_min_ms(h, s);
        bool over = !s->has_sample || s->open.t_last_ms < before_ms;
        if (oldest_ms == INT64_MAX && over && !late_has(&h->late, s->id) && unmark(h, s))
            leave(h, leaving, s, arena);
        else if (oldest_ms < *min_ms)
            *min_ms = oldest_ms;
    }
}

size_t head_truncate(struct head *h, int64_t before_ms)
{
    struct leaving leaving = {0};
    struct arena arena;
    int64_t min_ms = INT64_MAX;
    arena_init(&arena, 0);
    pthread_rwlock_wrlock(&h->lock);
    atomic_store(&h->pass, (unsigned char)(atomic_load(&h->pass) % 255 + 1));
    for (size_t i = 0; i < h->page_count; i++) {
        if (h->pages[i])
            truncate_page(h, h->pages[i], before_ms, &leaving, &arena, &min_ms);
    }
    // A chunk may reach over the edge: what it has before is not the head's any more.
    atomic_store(&h->min_ms, min_ms < before_ms ? before_ms : min_ms);
    forget(h, &leaving);
    pthread_rwlock_unlock(&h->lock);
    arena_release(&arena);
    return leaving.count;
}

static void index_all(void *context, struct ids *out)
{
    const struct head *h = context;
    for (uint32_t i = 0; i < h->next_id; i++) {
        if (head_get(h, i))
            ids_add(out, i);
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
