#include "symbols.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

void symbols_init(struct symbols *s)
{
    *s = (struct symbols){0};
    arena_init(&s->text, 0);
    hmap_init(&s->index);
}

void symbols_release(struct symbols *s)
{
    arena_release(&s->text);
    mem_free(s->items);
    hmap_release(&s->index);
}

static bool symbol_equal(const void *context, uint32_t value, const void *key)
{
    return str_eq(((const struct symbols *)context)->items[value], *(const struct str *)key);
}

uint32_t symbols_find(const struct symbols *s, struct str text)
{
    return hmap_find(&s->index, hash_str(text), symbol_equal, s, &text);
}

uint32_t symbols_intern(struct symbols *s, struct str text)
{
    uint32_t symbol = symbols_find(s, text);
    if (symbol != SYMBOL_NONE)
        return symbol;
    assert(s->count < SYMBOL_NONE);
    MEM_GROW(s->items, s->count, s->capacity);
    symbol = (uint32_t)s->count++;
    s->items[symbol] = arena_copy(&s->text, text);
    hmap_insert(&s->index, hash_str(text), symbol);
    return symbol;
}
