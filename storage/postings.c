#include "postings.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

struct pair_key {
    uint32_t name;
    uint32_t value;
};

void postings_init(struct postings *p, struct symbols *symbols)
{
    *p = (struct postings){.symbols = symbols, .pair_free = PAIR_NONE};
    hmap_init(&p->by_pair);
    hmap_init(&p->by_name);
}

void postings_release(struct postings *p)
{
    for (uint32_t i = 0; i < p->pair_count; i++) {
        if (p->pairs[i].count && p->pairs[i].capacity)
            mem_free(p->pairs[i].ids.many);
    }
    for (uint32_t i = 0; i < p->name_count; i++)
        mem_free(p->names[i].pairs);
    mem_free(p->pairs);
    mem_free(p->names);
    hmap_release(&p->by_pair);
    hmap_release(&p->by_name);
}

static uint64_t pair_hash(struct pair_key key)
{
    return hash64(&key, sizeof(key), 0);
}

static uint64_t name_hash(uint32_t symbol)
{
    return hash64(&symbol, sizeof(symbol), 0);
}

static bool is_pair(const void *context, uint32_t value, const void *key)
{
    const struct pair *pair = &((const struct postings *)context)->pairs[value];
    const struct pair_key *wanted = key;
    return pair->name == wanted->name && pair->value == wanted->value;
}

static bool is_name(const void *context, uint32_t value, const void *key)
{
    return ((const struct postings *)context)->names[value].symbol == *(const uint32_t *)key;
}

static uint32_t find_name(const struct postings *p, uint32_t symbol)
{
    return hmap_find(&p->by_name, name_hash(symbol), is_name, p, &symbol);
}

static uint32_t find_pair(const struct postings *p, struct pair_key key)
{
    return hmap_find(&p->by_pair, pair_hash(key), is_pair, p, &key);
}

uint32_t postings_find(const struct postings *p, struct str name, struct str value)
{
    struct pair_key key = {symbols_find(p->symbols, name), symbols_find(p->symbols, value)};
    if (key.name == SYMBOL_NONE || key.value == SYMBOL_NONE)
        return PAIR_NONE;
    return find_pair(p, key);
}

const struct pair_name *postings_name(const struct postings *p, struct str name)
{
    uint32_t symbol = symbols_find(p->symbols, name);
    uint32_t index = symbol == SYMBOL_NONE ? HMAP_NONE : find_name(p, symbol);
    return index == HMAP_NONE ? NULL : &p->names[index];
}

static uint32_t take_name(struct postings *p, uint32_t symbol)
{
    uint32_t index = find_name(p, symbol);
    if (index != HMAP_NONE)
        return index;
    MEM_GROW(p->names, p->name_count, p->name_capacity);
    index = p->name_count++;
    p->names[index] = (struct pair_name){.symbol = symbol};
    hmap_insert(&p->by_name, name_hash(symbol), index);
    return index;
}

static uint32_t new_pair_id(struct postings *p)
{
    if (p->pair_free == PAIR_NONE) {
        MEM_GROW(p->pairs, p->pair_count, p->pair_capacity);
        return p->pair_count++;
    }
    uint32_t id = p->pair_free;
    p->pair_free = p->pairs[id].ids.next_free;
    return id;
}

static uint32_t pair_create(struct postings *p, struct pair_key key)
{
    uint32_t id = new_pair_id(p);
    uint32_t index = take_name(p, key.name);
    struct pair_name *name = &p->names[index];
    MEM_GROW(name->pairs, name->count, name->capacity);
    p->pairs[id] = (struct pair){.name = key.name, .value = key.value, .place = name->count};
    name->pairs[name->count++] = id;
    hmap_insert(&p->by_pair, pair_hash(key), id);
    p->pair_live++;
    return id;
}

// The last name takes its place.
static void forget_name(struct postings *p, uint32_t index)
{
    struct pair_name *name = &p->names[index];
    uint32_t last = --p->name_count;
    hmap_remove(&p->by_name, name_hash(name->symbol), index);
    mem_free(name->pairs);
    if (last == index)
        return;
    hmap_remove(&p->by_name, name_hash(p->names[last].symbol), last);
    *name = p->names[last];
    hmap_insert(&p->by_name, name_hash(name->symbol), index);
}

static void pair_free(struct postings *p, uint32_t id)
{
    struct pair *pair = &p->pairs[id];
    struct pair_key key = {pair->name, pair->value};
    uint32_t index = find_name(p, pair->name);
    struct pair_name *name = &p->names[index];
    uint32_t last = name->pairs[--name->count];
    name->pairs[pair->place] = last;
    p->pairs[last].place = pair->place;
    if (name->count == 0)
        forget_name(p, index);
    hmap_remove(&p->by_pair, pair_hash(key), id);
    symbols_drop(p->symbols, key.name);
    symbols_drop(p->symbols, key.value);
    *pair = (struct pair){.ids.next_free = p->pair_free};
    p->pair_free = id;
    p->pair_live--;
}

// Makes room for one more slot; `one` moves into an array when a second comes.
static uint32_t *make_room(struct pair *pair)
{
    if (pair->capacity == 0) {
        uint32_t one = pair->ids.one;
        pair->capacity = 4;
        pair->ids.many = mem_alloc(pair->capacity * sizeof(uint32_t));
        pair->ids.many[0] = one;
    } else if (pair->count == pair->capacity) {
        // Long lists are many: they grow by less.
        pair->capacity += pair->capacity / (pair->capacity < 64 ? 2 : 8);
        pair->ids.many = mem_realloc(pair->ids.many, pair->capacity, sizeof(uint32_t));
    }
    return pair->ids.many;
}

static void add_id(struct pair *pair, uint32_t id)
{
    if (pair->count == 0) {
        pair->ids.one = id;
        pair->count = 1;
        return;
    }
    uint32_t *ids = make_room(pair);
    assert(ids[pair->count - 1] < id);
    ids[pair->count++] = id;
}

uint32_t postings_add(struct postings *p, struct str name, struct str value, uint32_t id)
{
    struct pair_key key = {symbols_take(p->symbols, name), symbols_take(p->symbols, value)};
    uint32_t pair = find_pair(p, key);
    if (pair == PAIR_NONE) {
        pair = pair_create(p, key);
    } else {
        symbols_drop(p->symbols, key.name);
        symbols_drop(p->symbols, key.value);
    }
    add_id(&p->pairs[pair], id);
    return pair;
}

void postings_filter(struct postings *p, uint32_t number, bool (*dead)(const void *, uint32_t),
                     const void *context)
{
    struct pair *pair = &p->pairs[number];
    uint32_t *ids = pair->capacity ? pair->ids.many : &pair->ids.one;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < pair->count; i++) {
        if (!dead(context, ids[i]))
            ids[kept++] = ids[i];
    }
    pair->count = kept;
    if (kept)
        return;
    if (pair->capacity)
        mem_free(ids);
    pair_free(p, number);
}
