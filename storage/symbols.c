#include "symbols.h"

#include <assert.h>

#include "base/hash.h"
#include "base/mem.h"

void symbols_init(struct symbols *s)
{
    *s = (struct symbols){.free = SYMBOL_NONE};
    hmap_init(&s->index);
}

void symbols_release(struct symbols *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        mem_free(s->items[i].ptr);
    mem_free(s->items);
    hmap_release(&s->index);
}

static bool has_text(const void *context, uint32_t value, const void *key)
{
    return str_eq(symbols_text(context, value), *(const struct str *)key);
}

uint32_t symbols_find(const struct symbols *s, struct str text)
{
    return hmap_find(&s->index, hash_str(text), has_text, s, &text);
}

static uint32_t new_id(struct symbols *s)
{
    if (s->free == SYMBOL_NONE) {
        MEM_GROW(s->items, s->count, s->capacity);
        return s->count++;
    }
    uint32_t id = s->free;
    s->free = s->items[id].use_count;
    return id;
}

uint32_t symbols_take(struct symbols *s, struct str text)
{
    uint64_t hash = hash_str(text);
    uint32_t id = hmap_find(&s->index, hash, has_text, s, &text);
    if (id == HMAP_NONE) {
        id = new_id(s);
        s->items[id] = (struct symbol){.ptr = mem_copy_str(text), .len = (uint32_t)text.len};
        hmap_insert(&s->index, hash, id);
        s->text_size += text.len;
    }
    s->items[id].use_count++;
    return id;
}

void symbols_drop(struct symbols *s, uint32_t id)
{
    struct symbol *symbol = &s->items[id];
    assert(symbol->ptr && symbol->use_count > 0);
    if (--symbol->use_count > 0)
        return;
    hmap_remove(&s->index, hash_str(symbols_text(s, id)), id);
    s->text_size -= symbol->len;
    mem_free(symbol->ptr);
    *symbol = (struct symbol){.use_count = s->free};
    s->free = id;
}
