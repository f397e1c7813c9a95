// A hash index: from a 64-bit hash to the caller's own 32-bit element numbers.
//
// It holds eight bytes an entry and no keys: the caller keeps the elements in an array of its own
// and passes an equality test. Open addressing with linear probing, backward-shift deletion, at
// most 3/4 full. Elements with equal hashes may stand beside each other.
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HMAP_NONE UINT32_MAX

struct hmap_slot {
    uint32_t hash; // low half
    uint32_t value;
};

struct hmap {
    struct hmap_slot *slots; // owned; NULL while empty
    size_t mask;             // capacity - 1
    size_t count;
};

typedef bool hmap_equal_fn(const void *context, uint32_t value, const void *key);

void hmap_init(struct hmap *map);
void hmap_release(struct hmap *map);
// The value under `hash` for which equal(context, value, key) holds, or HMAP_NONE.
uint32_t hmap_find(const struct hmap *map, uint64_t hash, hmap_equal_fn *equal, const void *context,
                   const void *key);
// Adds; the caller has made sure that it isn't there. value != HMAP_NONE.
void hmap_insert(struct hmap *map, uint64_t hash, uint32_t value);
// Removes exactly this pair; false when absent.
bool hmap_remove(struct hmap *map, uint64_t hash, uint32_t value);
size_t hmap_memory_size(const struct hmap *map);

#endif
