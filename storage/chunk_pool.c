#include "chunk_pool.h"

#include "base/mem.h"

// 64 KiB each; a million of them is more than any machine has, and the table of them is address
// space rather than memory until it is used.
#define SLAB_BLOCKS (1U << SLAB_SHIFT)
#define SLABS_MAX   (1U << 20)

void chunk_pool_init(struct chunk_pool *p)
{
    p->slabs = mem_calloc(SLABS_MAX, sizeof(*p->slabs));
    p->slab_count = p->free = 0;
    atomic_init(&p->used, 0);
}

void chunk_pool_release(struct chunk_pool *p)
{
    for (uint32_t i = 0; i < p->slab_count; i++)
        mem_free(p->slabs[i]);
    mem_free(p->slabs);
}

static void add_slab(struct chunk_pool *p)
{
    uint32_t first = p->slab_count << SLAB_SHIFT;
    union block *slab = mem_alloc(SLAB_BLOCKS * sizeof(*slab));
    p->slabs[p->slab_count++] = slab;
    for (uint32_t i = 0; i < SLAB_BLOCKS; i++)
        slab[i].more.next = i + 1 < SLAB_BLOCKS ? first + i + 1 : 0;
    p->free = first ? first : 1; // number 0 means none
}

static uint32_t take(struct chunk_pool *p)
{
    if (!p->free)
        add_slab(p);
    uint32_t number = p->free;
    p->free = chunk_block(p, number)->more.next;
    atomic_fetch_add_explicit(&p->used, 1, memory_order_relaxed);
    return number;
}

uint32_t chunk_begin(struct chunk_pool *p, int64_t t_ms, double value)
{
    uint32_t number = take(p);
    union block *b = chunk_block(p, number);
    memset(b, 0, sizeof(*b));
    b->head.t_first_ms = t_ms;
    b->head.first = value;
    return number;
}

void chunk_put(struct chunk_pool *p, uint32_t chunk, uint32_t *last, unsigned at,
               const uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < count; i++, at++) {
        if (at == 0) {
            chunk_block(p, chunk)->head.word = words[i];
            *last = chunk;
            continue;
        }
        unsigned place = (at - 1) % BLOCK_WORDS;
        if (place == 0) {
            uint32_t number = take(p);
            chunk_block(p, number)->more.next = 0;
            // `next` lies at the same place in both kinds of block.
            chunk_block(p, *last)->more.next = number;
            *last = number;
        }
        chunk_block(p, *last)->more.words[place] = words[i];
    }
}

void chunk_close(struct chunk_pool *p, uint32_t chunk, uint32_t *last, const struct gorilla *g)
{
    uint32_t words[GORILLA_WORDS_MAX];
    unsigned bit_count = gorilla_finish(g, words), at = g->bit_count / 32;
    chunk_put(p, chunk, last, at, words, (bit_count + 31) / 32 - at);
    union block *b = chunk_block(p, chunk);
    b->head.bit_count = (uint16_t)bit_count;
    b->head.sample_count = g->sample_count;
}

// Copies the first `count` words.
static void copy_words(const struct chunk_pool *p, uint32_t chunk, unsigned count,
                       unsigned char *out)
{
    const union block *b = chunk_block(p, chunk);
    if (count == 0)
        return;
    memcpy(out, &b->head.word, 4);
    out += 4;
    count--;
    for (uint32_t next = b->head.next; count; next = b->more.next) {
        b = chunk_block(p, next);
        unsigned here = count < BLOCK_WORDS ? count : BLOCK_WORDS;
        memcpy(out, b->more.words, here * sizeof(uint32_t));
        out += here * sizeof(uint32_t);
        count -= here;
    }
}

struct str chunk_bytes(const struct chunk_pool *p, uint32_t chunk, const struct gorilla *g,
                       unsigned char *out)
{
    const union block *b = chunk_block(p, chunk);
    unsigned bit_count = b->head.bit_count, sample_count = b->head.sample_count;
    unsigned char *bits = out + GORILLA_HEADER_SIZE;
    if (g) {
        uint32_t words[GORILLA_WORDS_MAX];
        unsigned at = g->bit_count / 32U;
        bit_count = gorilla_finish(g, words);
        sample_count = g->sample_count;
        copy_words(p, chunk, at, bits);
        memcpy(bits + at * sizeof(uint32_t), words,
               ((bit_count + 31) / 32 - at) * sizeof(uint32_t));
    } else {
        copy_words(p, chunk, (bit_count + 31) / 32, bits);
    }
    gorilla_header_put(out, sample_count, b->head.t_first_ms, b->head.first);
    return str_make((const char *)out, GORILLA_HEADER_SIZE + (bit_count + 7) / 8);
}

void chunk_free(struct chunk_pool *p, uint32_t chunk)
{
    uint32_t last = chunk;
    size_t count = 0;
    for (uint32_t next = chunk; next; next = chunk_block(p, next)->more.next) {
        last = next;
        count++;
    }
    atomic_fetch_sub_explicit(&p->used, count, memory_order_relaxed);
    chunk_block(p, last)->more.next = p->free;
    p->free = chunk;
}
