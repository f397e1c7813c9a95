#include "base/strmap.h"

#include "base/hash.h"
#include "base/mem.h"

static bool key_equal(const void *context, uint32_t value, const void *key)
{
    const struct strmap_entry *entry = &((const struct strmap *)context)->entries[value];
    return str_eq(str_make(entry->key, entry->key_len), *(const struct str *)key);
}

void strmap_init(struct strmap *map)
{
    *map = (struct strmap){0};
    hmap_init(&map->index);
}

void strmap_release(struct strmap *map)
{
    for (size_t i = 0; i < map->count; i++)
        mem_free(map->entries[i].key);
    mem_free(map->entries);
    hmap_release(&map->index);
    strmap_init(map);
}

static uint32_t find(const struct strmap *map, struct str key)
{
    return hmap_find(&map->index, hash_str(key), key_equal, map, &key);
}

void *strmap_get(const struct strmap *map, struct str key)
{
    uint32_t at = find(map, key);
    return at == HMAP_NONE ? NULL : map->entries[at].value;
}

bool strmap_has(const struct strmap *map, struct str key)
{
    return find(map, key) != HMAP_NONE;
}

void *strmap_put(struct strmap *map, struct str key, void *value)
{
    uint32_t at = find(map, key);
    if (at != HMAP_NONE) {
        void *old = map->entries[at].value;
        map->entries[at].value = value;
        return old;
    }
    MEM_GROW(map->entries, map->count, map->capacity);
    map->entries[map->count] = (struct strmap_entry){mem_copy_str(key), key.len, value};
    hmap_insert(&map->index, hash_str(key), (uint32_t)map->count++);
    return NULL;
}

void *strmap_remove(struct strmap *map, struct str key)
{
    uint32_t at = find(map, key);
    if (at == HMAP_NONE)
        return NULL;
    struct strmap_entry removed = map->entries[at];
    hmap_remove(&map->index, hash_str(key), at);
    mem_free(removed.key);
    uint32_t last = (uint32_t)--map->count;
    if (at != last) {
        struct strmap_entry moved = map->entries[last];
        uint64_t hash = hash64(moved.key, moved.key_len, 0);
        hmap_remove(&map->index, hash, last);
        map->entries[at] = moved;
        hmap_insert(&map->index, hash, at);
    }
    return removed.value;
}
