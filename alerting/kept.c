// Two tables of the process: texts, and sets of pairs that point to these texts.
//
//     text    uses | length | bytes, 0
//     set     uses | count | hash | (name, value)...
//
// A view that is given out points into its block, so that a use is given back without a search for
// its block; only the last one looks the table up, to take it out. Sets are compared by the
// addresses of their texts once these are kept.
//
// Invariants
// 1. A block is in its table exactly while it is used.
// 2. A set holds one use of each of its texts.
//
// One lock guards both tables and all counts: it is held for the time of a few look-ups.
#include "kept.h"

#include <assert.h>
#include <pthread.h>
#include <stddef.h>

#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"

struct text {
    uint32_t uses;
    uint32_t len;
    char bytes[];
};

struct set {
    uint32_t uses;
    uint32_t count;
    uint64_t hash;
    struct label items[];
};

// Blocks by number; the last takes the place of one that goes.
struct table {
    struct hmap index;
    void **items;
    size_t count;
    size_t capacity;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table texts;
static struct table sets;

static uint64_t text_hash(const void *block)
{
    const struct text *t = block;
    return hash64(t->bytes, t->len, 0);
}

static uint64_t set_hash(const void *block)
{
    return ((const struct set *)block)->hash;
}

static bool is_text(const void *context, uint32_t at, const void *key)
{
    const struct text *t = ((const struct table *)context)->items[at];
    return str_eq(str_make(t->bytes, t->len), *(const struct str *)key);
}

static bool is_set(const void *context, uint32_t at, const void *key)
{
    const struct set *s = ((const struct table *)context)->items[at];
    const struct labels *wanted = key;
    if (s->count != wanted->count)
        return false;
    for (size_t i = 0; i < wanted->count; i++)
        if (s->items[i].name.ptr != wanted->items[i].name.ptr ||
            s->items[i].value.ptr != wanted->items[i].value.ptr)
            return false;
    return true;
}

static bool is_block(const void *context, uint32_t at, const void *key)
{
    return ((const struct table *)context)->items[at] == key;
}

static void table_add(struct table *t, void *block, uint64_t hash)
{
    MEM_GROW(t->items, t->count, t->capacity);
    t->items[t->count] = block;
    hmap_insert(&t->index, hash, (uint32_t)t->count++);
}

static void table_remove(struct table *t, const void *block, uint64_t (*hash_of)(const void *))
{
    uint64_t hash = hash_of(block);
    uint32_t at = hmap_find(&t->index, hash, is_block, t, block);
    assert(at != HMAP_NONE);
    hmap_remove(&t->index, hash, at);
    uint32_t last = (uint32_t)--t->count;
    if (at != last) {
        hash = hash_of(t->items[last]);
        hmap_remove(&t->index, hash, last);
        t->items[at] = t->items[last];
        hmap_insert(&t->index, hash, at);
    }
    if (t->count)
        return;
    hmap_release(&t->index);
    mem_free(t->items);
    *t = (struct table){.count = 0};
}

static struct str take_text(struct str s)
{
    uint64_t hash = hash_str(s);
    uint32_t at = hmap_find(&texts.index, hash, is_text, &texts, &s);
    struct text *t;
    if (at != HMAP_NONE) {
        t = texts.items[at];
    } else {
        t = mem_alloc(sizeof(*t) + s.len + 1);
        *t = (struct text){.len = (uint32_t)s.len};
        if (s.len)
            memcpy(t->bytes, s.ptr, s.len);
        t->bytes[s.len] = '\0';
        table_add(&texts, t, hash);
    }
    t->uses++;
    return str_make(t->bytes, t->len);
}

static void drop_text(struct str s)
{
    struct text *t = (struct text *)(uintptr_t)(s.ptr - offsetof(struct text, bytes));
    assert(t->uses > 0);
    if (--t->uses > 0)
        return;
    table_remove(&texts, t, text_hash);
    mem_free(t);
}

static void drop_texts(const struct label *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        drop_text(items[i].name);
        drop_text(items[i].value);
    }
}

static struct set *set_new(const struct label *items, size_t count)
{
    struct set *s = mem_alloc(sizeof(*s) + count * sizeof(*items));
    *s = (struct set){.count = (uint32_t)count};
    for (size_t i = 0; i < count; i++)
        s->items[i] = (struct label){take_text(items[i].name), take_text(items[i].value)};
    s->hash = hash64(s->items, count * sizeof(*items), 0);
    return s;
}

struct str kept_text(struct str text)
{
    pthread_mutex_lock(&lock);
    struct str kept = take_text(text);
    pthread_mutex_unlock(&lock);
    return kept;
}

void kept_text_drop(struct str text)
{
    if (!text.ptr)
        return;
    pthread_mutex_lock(&lock);
    drop_text(text);
    pthread_mutex_unlock(&lock);
}

// Its texts are taken first: sets are known by their addresses.
struct labels kept_labels(struct labels set)
{
    if (set.count == 0)
        return (struct labels){0};
    pthread_mutex_lock(&lock);
    struct set *s = set_new(set.items, set.count);
    struct labels kept = {s->items, s->count};
    uint32_t at = hmap_find(&sets.index, s->hash, is_set, &sets, &kept);
    if (at == HMAP_NONE) {
        table_add(&sets, s, s->hash);
    } else {
        drop_texts(s->items, s->count);
        mem_free(s);
        s = sets.items[at];
        kept.items = s->items;
    }
    s->uses++;
    pthread_mutex_unlock(&lock);
    return kept;
}

void kept_labels_drop(struct labels set)
{
    if (set.count == 0)
        return;
    struct set *s = (struct set *)((uintptr_t)set.items - offsetof(struct set, items));
    pthread_mutex_lock(&lock);
    assert(s->uses > 0);
    if (--s->uses == 0) {
        table_remove(&sets, s, set_hash);
        drop_texts(s->items, s->count);
        mem_free(s);
    }
    pthread_mutex_unlock(&lock);
}

size_t kept_text_count(void)
{
    pthread_mutex_lock(&lock);
    size_t count = texts.count;
    pthread_mutex_unlock(&lock);
    return count;
}

size_t kept_labels_count(void)
{
    pthread_mutex_lock(&lock);
    size_t count = sets.count;
    pthread_mutex_unlock(&lock);
    return count;
}
