// A scrape repeats the one before: the same series in the same order. So the cache is an array in
// that order, and the series expected next is compared first. Only when a scrape departs from the
// order (a series came, went or moved) is an index built, for the rest of this scrape, and the
// array is put in the new order at the end. Between scrapes there is nothing but the array.
//
// Texts are known by 64-bit hashes alone: among a million series of one target the odds of a
// collision are 1 in 30 million, and they are the target's own series.
//
// Invariants between scrapes: no slot is `seen`; the first good_count slots are those of the last
// good scrape; live_count is 0 after a failed one, whose series were all ended.
#include "series_cache.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

// Slots of failed scrapes are kept, so that a target that recovers costs nothing; up to here.
#define SURPLUS_MAX 1000

void series_cache_init(struct series_cache *c)
{
    *c = (struct series_cache){.slots = NULL};
}

void series_cache_release(struct series_cache *c)
{
    mem_free(c->slots);
    series_cache_init(c);
}

void series_cache_forget_texts(struct series_cache *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        // Nobody's, and no two the same: equal hashes would crowd the index.
        c->slots[i].hash = hash64(&i, sizeof(i), UINT64_MAX);
        c->slots[i].text_len = 0;
    }
}

void series_walk_begin(struct series_walk *w, struct series_cache *c)
{
    *w = (struct series_walk){.cache = c, .in_order = true};
    hmap_init(&w->index);
}

void series_walk_hint(const struct series_walk *w, struct exposition_hint *hint)
{
    hint->series_len = 0;
    if (w->next < w->cache->count) {
        hint->series_len = w->cache->slots[w->next].text_len;
        hint->series_hash = w->cache->slots[w->next].hash;
    }
}

static bool has_hash(const void *context, uint32_t at, const void *key)
{
    const struct series_cache *c = context;
    return c->slots[at].hash == *(const uint64_t *)key;
}

static void leave_order(struct series_walk *w)
{
    const struct series_cache *c = w->cache;
    w->in_order = false;
    w->in_order_count = w->next;
    for (uint32_t i = 0; i < c->count; i++)
        hmap_insert(&w->index, c->slots[i].hash, i);
}

static void note_order(struct series_walk *w, uint32_t at)
{
    MEM_GROW(w->order, w->order_count, w->order_capacity);
    w->order[w->order_count++] = at;
}

static struct series_slot *take(struct series_walk *w, uint32_t at, bool *again)
{
    struct series_slot *slot = &w->cache->slots[at];
    *again = slot->seen;
    if (!slot->seen && !w->in_order)
        note_order(w, at);
    slot->seen = 1;
    w->next = at + 1;
    return slot;
}

struct series_slot *series_walk_find(struct series_walk *w, uint64_t hash, bool *again)
{
    const struct series_cache *c = w->cache;
    if (w->next < c->count && c->slots[w->next].hash == hash)
        return take(w, w->next, again);
    if (w->in_order)
        leave_order(w);
    uint32_t at = hmap_find(&w->index, hash, has_hash, c, &hash);
    return at == HMAP_NONE ? NULL : take(w, at, again);
}

struct series_slot *series_walk_add(struct series_walk *w, uint64_t hash, size_t text_len)
{
    struct series_cache *c = w->cache;
    assert(!w->in_order);
    MEM_GROW(c->slots, c->count, c->capacity);
    struct series_slot *slot = &c->slots[c->count];
    *slot = (struct series_slot){.hash = hash, .seen = 1};
    if (text_len <= UINT16_MAX)
        slot->text_len = text_len & UINT16_MAX;
    hmap_insert(&w->index, hash, c->count);
    note_order(w, c->count++);
    return slot;
}

struct ref_set {
    series_ref *refs;
    uint32_t count;
    uint32_t capacity;
    struct hmap index;
};

static bool is_ref(const void *context, uint32_t at, const void *key)
{
    return ((const struct ref_set *)context)->refs[at] == *(const series_ref *)key;
}

static void set_add(struct ref_set *set, series_ref ref)
{
    MEM_GROW(set->refs, set->count, set->capacity);
    set->refs[set->count] = ref;
    hmap_insert(&set->index, ref, set->count++);
}

static void set_remove(struct ref_set *set, series_ref ref)
{
    uint32_t at = hmap_find(&set->index, ref, is_ref, set, &ref);
    if (at != HMAP_NONE)
        set->refs[at] = 0;
}

// Series that were live and have not been seen, under no text.
static void end_missing(const struct series_cache *c, void (*ended)(void *context, series_ref ref),
                        void *context)
{
    struct ref_set missing = {.refs = NULL};
    hmap_init(&missing.index);
    for (uint32_t i = 0; i < c->live_count; i++) {
        const struct series_slot *slot = &c->slots[i];
        if (!slot->seen && slot->tracked && slot->ref)
            set_add(&missing, slot->ref);
    }
    for (uint32_t i = 0; i < c->count && missing.count; i++) {
        if (c->slots[i].seen)
            set_remove(&missing, c->slots[i].ref);
    }
    for (uint32_t i = 0; i < missing.count; i++) {
        if (missing.refs[i])
            ended(context, missing.refs[i]);
    }
    mem_free(missing.refs);
    hmap_release(&missing.index);
}

// The array in this scrape's order, without what was not seen.
static void reorder(const struct series_walk *w)
{
    struct series_cache *c = w->cache;
    uint32_t count = w->in_order_count + w->order_count;
    struct series_slot *slots = mem_alloc(count * sizeof(*slots));
    if (w->in_order_count)
        memcpy(slots, c->slots, w->in_order_count * sizeof(*slots));
    for (uint32_t i = 0; i < w->order_count; i++)
        slots[w->in_order_count + i] = c->slots[w->order[i]];
    mem_free(c->slots);
    c->slots = slots;
    c->count = c->capacity = count;
}

static void settle(struct series_walk *w)
{
    struct series_cache *c = w->cache;
    if (w->in_order)
        c->count = w->next;
    else
        reorder(w);
    c->live_count = c->good_count = c->count;
}

static void fail(struct series_cache *c, void (*ended)(void *context, series_ref ref),
                 void *context)
{
    for (uint32_t i = 0; i < c->live_count; i++) {
        if (c->slots[i].tracked && c->slots[i].ref)
            ended(context, c->slots[i].ref);
    }
    c->live_count = 0;
    if (c->count > c->good_count * 2 + SURPLUS_MAX)
        c->count = c->good_count;
}

void series_walk_end(struct series_walk *w, enum scrape_end end,
                     void (*ended)(void *context, series_ref ref), void *context)
{
    struct series_cache *c = w->cache;
    if (end == SCRAPE_FAILED) {
        fail(c, ended, context);
    } else {
        end_missing(c, ended, context);
        settle(w);
    }
    for (uint32_t i = 0; i < c->count; i++)
        c->slots[i].seen = 0;
    mem_free(w->order);
    hmap_release(&w->index);
}
