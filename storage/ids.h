// Sorted lists of series numbers and the set operations that matchers are made of.
#ifndef STORAGE_IDS_H
#define STORAGE_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids {
    uint32_t *items; // owned, ascending, unique once ids_sort() ran
    size_t count;
    size_t capacity;
};

void ids_release(struct ids *s);
void ids_add(struct ids *s, uint32_t id);
void ids_add_all(struct ids *s, const uint32_t *items, size_t count);
// Sorts and drops repetitions.
void ids_sort(struct ids *s);
// s = s AND other; both sorted.
void ids_intersect(struct ids *s, const struct ids *other);
// s = s minus other; both sorted.
void ids_subtract(struct ids *s, const struct ids *other);

#endif
