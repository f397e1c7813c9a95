#include "base/hmap.h"

#include <assert.h>

#include "base/mem.h"

void hmap_init(struct hmap *map)
{
    *map = (struct hmap){0};
}

void hmap_release(struct hmap *map)
{
    mem_free(map->slots);
    hmap_init(map);
}

uint32_t hmap_find(const struct hmap *map, uint64_t hash, hmap_equal_fn *equal, const void *context,
                   const void *key)
{
    if (!map->slots)
        return HMAP_NONE;
    for (size_t i = hash & map->mask;; i = (i + 1) & map->mask) {
        const struct hmap_slot *slot = &map->slots[i];
        if (slot->value == HMAP_NONE)
            return HMAP_NONE;
        if (slot->hash == (uint32_t)hash && equal(context, slot->value, key))
            return slot->value;
    }
}

static void place(struct hmap *map, struct hmap_slot entry)
{
    size_t i = entry.hash & map->mask;
    while (map->slots[i].value != HMAP_NONE)
        i = (i + 1) & map->mask;
    map->slots[i] = entry;
}

static void grow(struct hmap *map)
{
    struct hmap old = *map;
    size_t capacity = old.slots ? (old.mask + 1) * 2 : 16;
    map->slots = mem_alloc(capacity * sizeof(*map->slots));
    memset(map->slots, 0xff, capacity * sizeof(*map->slots));
    map->mask = capacity - 1;
    for (size_t i = 0; old.slots && i <= old.mask; i++) {
        if (old.slots[i].value != HMAP_NONE)
            place(map, old.slots[i]);
    }
    mem_free(old.slots);
}

void hmap_insert(struct hmap *map, uint64_t hash, uint32_t value)
{
    assert(value != HMAP_NONE);
    if (!map->slots || (map->count + 1) * 4 > (map->mask + 1) * 3)
        grow(map);
    place(map, (struct hmap_slot){(uint32_t)hash, value});
    map->count++;
}

// Moves back the entries behind a hole that would no longer be found from their home slot.
static void close_hole(struct hmap *map, size_t hole)
{
    for (size_t i = (hole + 1) & map->mask; map->slots[i].value != HMAP_NONE;
         i = (i + 1) & map->mask) {
        size_t home = map->slots[i].hash & map->mask;
        if (((i - home) & map->mask) >= ((i - hole) & map->mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].value = HMAP_NONE;
}

bool hmap_remove(struct hmap *map, uint64_t hash, uint32_t value)
{
    if (!map->slots)
        return false;
    for (size_t i = hash & map->mask; map->slots[i].value != HMAP_NONE; i = (i + 1) & map->mask) {
        if (map->slots[i].value == value && map->slots[i].hash == (uint32_t)hash) {
            close_hole(map, i);
            map->count--;
            return true;
        }
    }
    return false;
}

size_t hmap_memory_size(const struct hmap *map)
{
    return map->slots ? (map->mask + 1) * sizeof(*map->slots) : 0;
}
