// Label names and values of the head, each stored once and counted by use.
//
// Ids are dense and reused after the last use is gone. The text of a symbol does not move while it
// is in use. Not safe for concurrent use: the head's table lock guards it.
#ifndef STORAGE_SYMBOLS_H
#define STORAGE_SYMBOLS_H

#include "base/hmap.h"
#include "base/str.h"

#define SYMBOL_NONE UINT32_MAX

struct symbol {
    char *ptr; // owned; NULL: the id is free
    uint32_t len;
    uint32_t use_count; // of a free id: the next free one
};

struct symbols {
    struct symbol *items;
    uint32_t count; // ids given out so far, free ones included
    uint32_t capacity;
    uint32_t free;    // first free id, or SYMBOL_NONE
    size_t text_size; // bytes of all texts
    struct hmap index;
};

void symbols_init(struct symbols *s);
void symbols_release(struct symbols *s);
// SYMBOL_NONE when it isn't there.
uint32_t symbols_find(const struct symbols *s, struct str text);
// Finds or adds, and counts one more use.
uint32_t symbols_take(struct symbols *s, struct str text);
// One use less; the last one frees it.
void symbols_drop(struct symbols *s, uint32_t id);

static inline struct str symbols_text(const struct symbols *s, uint32_t id)
{
    return str_make(s->items[id].ptr, s->items[id].len);
}

#endif
