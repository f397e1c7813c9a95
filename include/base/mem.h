// Heap allocation that does not fail: out of memory ends the process with a line on stderr.
//
// What a user can size (queries, scrapes, series) is kept in a budget and refused before the heap
// runs out: see base/arena.h and the modules' own limits. Everything else is small and bounded, so
// no caller checks for NULL.
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/str.h"

void *mem_alloc(size_t size);
// `count` elements of `size` zeroed bytes; the product is checked.
void *mem_calloc(size_t count, size_t size);
// `count` elements of `size` bytes; the product is checked.
void *mem_realloc(void *ptr, size_t count, size_t size);
void mem_free(void *ptr);
// After a moment that took much: what is free goes back to the system.
void mem_trim(void);
// A NUL-terminated copy on the heap; the caller owns it.
char *mem_copy_str(struct str s);

// Makes room for one more element in a growing array: doubles the capacity when full.
#define MEM_GROW(array, count, capacity)                                                           \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity)*2 : 8;                                            \
            (array) = mem_realloc((array), (capacity), sizeof(*(array)));                          \
        }                                                                                          \
    } while (0)

#endif
