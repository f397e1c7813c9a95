// Label names and values, each stored once for the life of the head.
//
// Symbols are numbered from 0 in the order they came; the bytes behind a number never move, so that
// views of them may be handed out without a copy. Guarded by the head's lock.
#ifndef STORAGE_SYMBOLS_H
#define STORAGE_SYMBOLS_H

#include "base/arena.h"
#include "base/hmap.h"

#define SYMBOL_NONE HMAP_NONE

struct symbols {
    struct arena text;
    struct str *items; // by number
    size_t count;
    size_t capacity;
    struct hmap index;
};

void symbols_init(struct symbols *s);
void symbols_release(struct symbols *s);
// SYMBOL_NONE when there is none.
uint32_t symbols_find(const struct symbols *s, struct str text);
uint32_t symbols_intern(struct symbols *s, struct str text);
static inline struct str symbols_get(const struct symbols *s, uint32_t symbol)
{
    return s->items[symbol];
}

#endif
