// What one reader decoded lately from window files: blocks and columns of times.
//
// Neighbouring series share a block, and the series of a target share a column; a query reads series
// after series. A cache belongs to one thread at a time (it hangs at its `struct columns`); a few that
// are not in use are kept, with what they hold, for the next query: dashboards ask the same again.
#ifndef STORAGE_READ_CACHE_H
#define STORAGE_READ_CACHE_H

#include "value_block.h"

#define CACHED_BLOCKS  256
#define CACHED_COLUMNS 1024
// Bytes of columns kept: past it all are dropped and the cache fills anew.
#define CACHED_COLUMN_BYTES ((size_t)4 << 20)
// Idle caches that are kept, and the most that each may hold.
#define IDLE_CACHES      4
#define IDLE_CACHE_BYTES ((size_t)1 << 20)

struct cached_block {
    uint64_t window; // serial; 0: none
    uint32_t number;
    uint32_t first_series;
    struct block_values values;
};

// The times of a column in one slice.
struct cached_column {
    uint64_t window;
    uint32_t number;
    uint32_t slice;
    size_t count;
    int64_t *times_ms; // owned
};

struct read_cache {
    struct zstd_decoder *zstd;
    struct cached_block blocks[CACHED_BLOCKS];
    struct cached_column columns[CACHED_COLUMNS];
    size_t column_bytes;
};

// An idle one or a new one. Safe from every thread.
struct read_cache *read_cache_take(void);
// Keeps it or frees it. NULL is allowed.
void read_cache_give(struct read_cache *c);
// Where the last block of a window's slice stands, whichever it is.
static inline struct cached_block *read_cache_block(struct read_cache *c, uint64_t window,
                                                    uint32_t slice)
{
    return &c->blocks[(window * 16 + slice) % CACHED_BLOCKS];
}
// Where a column stands or may be put with read_cache_set_column().
struct cached_column *read_cache_column(struct read_cache *c, uint64_t window, uint32_t number,
                                        uint32_t slice);
// Replaces what is there by room for `count` times, which the caller fills.
void read_cache_set_column(struct read_cache *c, struct cached_column *place, uint64_t window,
                           uint32_t number, uint32_t slice, size_t count);

#endif
