// Memory that goes all at once: one arena per query, scrape, rule evaluation and HTTP request.
//
// Allocation never returns NULL. An arena with a limit notes in `exceeded` that it went over; its
// owner looks at its checkpoints and gives up with an error. Before one allocation that a user can
// size (an array as long as a result), ask arena_fits().
// Not safe for concurrent use.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>

#include "base/str.h"

struct arena_block;

struct arena {
    struct arena_block *block; // newest first, owned
    char *next;                // free bytes of the newest block
    char *end;
    size_t used;  // bytes handed out since the last reset
    size_t limit; // bytes; 0 is none
    bool exceeded;
};

void arena_init(struct arena *a, size_t limit);
void arena_release(struct arena *a);
// Forgets every allocation, clears `exceeded`, keeps one block for reuse.
void arena_reset(struct arena *a);
bool arena_fits(const struct arena *a, size_t size);

// Aligned for any type; contents undefined.
void *arena_alloc(struct arena *a, size_t size);
// `count` zeroed elements; the product is checked.
void *arena_calloc(struct arena *a, size_t count, size_t size);
// `count` elements, contents undefined.
void *arena_array(struct arena *a, size_t count, size_t size);
// A copy, NUL-terminated behind its length.
struct str arena_copy(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// A larger copy of an array of `old_count` elements, of at least `new_count`; grows in place where
// it is the newest allocation.
void *arena_grow(struct arena *a, void *array, size_t old_count, size_t new_count, size_t size);

#define ARENA_NEW(a, type) ((type *)arena_calloc((a), 1, sizeof(type)))

// As MEM_GROW, in an arena.
#define ARENA_GROW(a, array, count, capacity)                                                      \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            size_t grown_ = (capacity) ? (size_t)(capacity)*2 : 8;                                 \
            (array) = arena_grow((a), (array), (count), grown_, sizeof(*(array)));                 \
            (capacity) = grown_;                                                                   \
        }                                                                                          \
    } while (0)

#endif
