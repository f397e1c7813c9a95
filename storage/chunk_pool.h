// Where the head's chunks lie: blocks of 32 bytes, linked, all of one size.
//
// Chunks grow by a few bits at a time, a hundred thousand of them side by side, and go together.
// In blocks they grow without being moved and leave no holes: every free block serves any chunk.
//
//     head block   next | newer | first time | first value | bits, samples | word
//     more         next | 7 words
//
// A chunk is named by the number of its head block, 0 being none. `newer` links the chunks of one
// series. Blocks are taken under storage.commit with head.lock held for reading, and given back with it
// held for writing; a chunk's contents are guarded by its series' stripe.
#ifndef STORAGE_CHUNK_POOL_H
#define STORAGE_CHUNK_POOL_H

#include <stdatomic.h>

#include "storage/gorilla.h"

#define BLOCK_WORDS 7

union block {
    struct {
        uint32_t next;
        uint32_t words[BLOCK_WORDS];
    } more;
    struct {
        uint32_t next;
        uint32_t newer; // the series' next chunk
        int64_t t_first_ms;
        double first;
        uint16_t bit_count; // once closed, as the next one
        uint8_t sample_count;
        uint32_t word;
    } head;
};

_Static_assert(sizeof(union block) == 32, "half a cache line");

struct chunk_pool {
    union block **slabs; // room for all there can be: never moved
    uint32_t slab_count;
    uint32_t free;      // linked by more.next
    atomic_size_t used; // blocks
};

void chunk_pool_init(struct chunk_pool *p);
void chunk_pool_release(struct chunk_pool *p);

#define SLAB_SHIFT 11
#define SLAB_SIZE  (sizeof(union block) << SLAB_SHIFT)

static inline union block *chunk_block(const struct chunk_pool *p, uint32_t number)
{
    return &p->slabs[number >> SLAB_SHIFT][number & ((1U << SLAB_SHIFT) - 1)];
}

// A new chunk of one sample.
uint32_t chunk_begin(struct chunk_pool *p, int64_t t_ms, double value);
// Puts words behind the `at` that the chunk has; *last is the block of its last word.
void chunk_put(struct chunk_pool *p, uint32_t chunk, uint32_t *last, unsigned at,
               const uint32_t *words, unsigned count);
// Writes the end of the chunk's bits and what is kept of it.
void chunk_close(struct chunk_pool *p, uint32_t chunk, uint32_t *last, const struct gorilla *g);
// The chunk's bytes, put together at `out`, which has room for GORILLA_BYTES_MAX and 8 more; `g` is
// the writer's state of an open chunk, NULL for a closed one.
struct str chunk_bytes(const struct chunk_pool *p, uint32_t chunk, const struct gorilla *g,
                       unsigned char *out);
void chunk_free(struct chunk_pool *p, uint32_t chunk);

#endif
