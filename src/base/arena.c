// An arena is a list of blocks, newest first; memory comes from the newest by moving `next`.
//
//     block -> [header | ......used......|next    end] -> older block -> ...
//
// Blocks double in size up to BLOCK_MAX; an allocation larger than a block gets one of its own, put
// behind the newest so that the newest's free room stays in use.
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>

#include "base/mem.h"

#define BLOCK_MIN ((size_t)4096)
#define BLOCK_MAX ((size_t)1 << 19)
#define ALIGNMENT alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t size; // of data
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

static void free_blocks(struct arena_block *block)
{
    while (block) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

void arena_release(struct arena *a)
{
    free_blocks(a->block);
    *a = (struct arena){.limit = a->limit};
}

void arena_reset(struct arena *a)
{
    struct arena_block *kept = a->block;
    if (kept) {
        free_blocks(kept->older);
        kept->older = NULL;
        a->next = kept->data;
        a->end = kept->data + kept->size;
    }
    a->used = 0;
    a->exceeded = false;
}

bool arena_fits(const struct arena *a, size_t size)
{
    return !a->limit || (a->used <= a->limit && size <= a->limit - a->used);
}

static struct arena_block *block_new(size_t size)
{
    struct arena_block *block = mem_alloc(sizeof(*block) + size);
    block->older = NULL;
    block->size = size;
    return block;
}

static void *alloc_own_block(struct arena *a, size_t size)
{
    struct arena_block *block = block_new(size);
    block->older = a->block->older;
    a->block->older = block;
    return block->data;
}

static void *alloc_new_block(struct arena *a, size_t size)
{
    size_t wanted = a->block ? a->block->size * 2 : BLOCK_MIN;
    if (wanted > BLOCK_MAX)
        wanted = BLOCK_MAX;
    if (size > wanted / 2 && a->block)
        return alloc_own_block(a, size);
    struct arena_block *block = block_new(size > wanted ? size : wanted);
    block->older = a->block;
    a->block = block;
    a->next = block->data + size;
    a->end = block->data + block->size;
    return block->data;
}

static size_t round_up(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
}

void *arena_alloc(struct arena *a, size_t size)
{
    assert(size <= SIZE_MAX / 2);
    size = round_up(size ? size : 1);
    if (!arena_fits(a, size))
        a->exceeded = true;
    a->used += size;
    if (size <= (size_t)(a->end - a->next)) {
        void *result = a->next;
        a->next += size;
        return result;
    }
    return alloc_new_block(a, size);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t bytes;
    bool overflow = __builtin_mul_overflow(count, size, &bytes);
    assert(!overflow);
    (void)overflow;
    return arena_alloc(a, bytes);
}

void *arena_calloc(struct arena *a, size_t count, size_t size)
{
    void *result = arena_array(a, count, size);
    memset(result, 0, count * size);
    return result;
}

struct str arena_copy(struct arena *a, struct str s)
{
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return str_make(copy, s.len);
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return str_make(text, (size_t)len);
}

void *arena_grow(struct arena *a, void *array, size_t old_count, size_t new_count, size_t size)
{
    size_t old_size = round_up(old_count * size);
    size_t new_size = round_up(new_count * size);
    if (old_count && (char *)array + old_size == a->next &&
        new_size - old_size <= (size_t)(a->end - a->next)) {
        if (!arena_fits(a, new_size - old_size))
            a->exceeded = true;
        a->used += new_size - old_size;
        a->next += new_size - old_size;
        return array;
    }
    void *grown = arena_array(a, new_count, size);
    if (old_count)
        memcpy(grown, array, old_count * size);
    return grown;
}
