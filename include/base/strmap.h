// A map from strings to pointers. Keys are copied; values are the caller's.
// Not safe for concurrent use.
#ifndef BASE_STRMAP_H
#define BASE_STRMAP_H

#include "base/hmap.h"
#include "base/str.h"

struct strmap_entry {
    char *key; // owned
    size_t key_len;
    void *value;
};

struct strmap {
    struct hmap index;
    struct strmap_entry *entries; // dense, in no order once something was removed
    size_t count;
    size_t capacity;
};

void strmap_init(struct strmap *map);
void strmap_release(struct strmap *map); // keys only
// NULL when absent.
void *strmap_get(const struct strmap *map, struct str key);
bool strmap_has(const struct strmap *map, struct str key);
// Returns the value it replaced, or NULL.
void *strmap_put(struct strmap *map, struct str key, void *value);
// Returns the removed value, or NULL. The last entry takes the removed one's place.
void *strmap_remove(struct strmap *map, struct str key);

#endif
