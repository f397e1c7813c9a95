#include "postings.h"

#include "base/hash.h"
#include "base/mem.h"

struct pair {
    uint32_t name, value;
};

void postings_init(struct postings *p)
{
    *p = (struct postings){0};
}

void postings_release(struct postings *p)
{
    for (size_t i = 0; i < p->count; i++)
        ids_release(&p->items[i].ids);
    mem_free(p->items);
    hmap_release(&p->pairs);
    hmap_release(&p->names);
}

static uint64_t pair_hash(struct pair pair)
{
    return hash64(&pair, sizeof(pair), 0);
}

static uint64_t name_hash(uint32_t name)
{
    return hash64(&name, sizeof(name), 0);
}

static bool pair_equal(const void *context, uint32_t value, const void *key)
{
    const struct posting *item = &((const struct postings *)context)->items[value];
    const struct pair *pair = key;
    return item->name == pair->name && item->value == pair->value;
}

static bool name_equal(const void *context, uint32_t value, const void *key)
{
    return ((const struct postings *)context)->items[value].name == *(const uint32_t *)key;
}

static uint32_t find_pair(const struct postings *p, struct pair pair)
{
    return hmap_find(&p->pairs, pair_hash(pair), pair_equal, p, &pair);
}

static uint32_t find_name(const struct postings *p, uint32_t name)
{
    return hmap_find(&p->names, name_hash(name), name_equal, p, &name);
}

static uint32_t add_pair(struct postings *p, struct pair pair)
{
    uint32_t first = find_name(p, pair.name);
    MEM_GROW(p->items, p->count, p->capacity);
    uint32_t item = (uint32_t)p->count++;
    p->items[item] = (struct posting){pair.name, pair.value, first, {0}};
    hmap_insert(&p->pairs, pair_hash(pair), item);
    if (first != HMAP_NONE)
        hmap_remove(&p->names, name_hash(pair.name), first);
    hmap_insert(&p->names, name_hash(pair.name), item);
    return item;
}

void postings_add(struct postings *p, uint32_t name, uint32_t value, uint32_t id)
{
    struct pair pair = {name, value};
    uint32_t item = find_pair(p, pair);
    if (item == HMAP_NONE)
        item = add_pair(p, pair);
    ids_add(&p->items[item].ids, id);
}

void postings_remove(struct postings *p, uint32_t name, uint32_t value, uint32_t id)
{
    uint32_t item = find_pair(p, (struct pair){name, value});
    if (item != HMAP_NONE)
        ids_remove(&p->items[item].ids, id);
}

static const struct posting *item_at(const struct postings *p, uint32_t item)
{
    return item == HMAP_NONE ? NULL : &p->items[item];
}

const struct posting *postings_find(const struct postings *p, uint32_t name, uint32_t value)
{
    return item_at(p, find_pair(p, (struct pair){name, value}));
}

const struct posting *postings_first(const struct postings *p, uint32_t name)
{
    return item_at(p, find_name(p, name));
}

const struct posting *postings_next(const struct postings *p, const struct posting *item)
{
    return item_at(p, item->next);
}
