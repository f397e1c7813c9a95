// Order statistics of a window that moves along a column of values.
//
// The values are sorted once; a set of the ranks that are in the window then gives its k-th value,
// however large the window is.
#ifndef PROMQL_RANKS_H
#define PROMQL_RANKS_H

#include <stddef.h>
#include <stdint.h>

struct ranks {
    uint32_t *rank_of;   // of a sample among all; owned, with all that follows
    uint32_t *sample_of; // of a rank
    uint64_t *keys;      // what samples are sorted by
    uint64_t *words;     // for sorting
    size_t capacity;
    uint64_t *present;      // a bit a rank
    uint32_t *block_counts; // of bits in RANKS_BLOCK_WORDS words
    size_t count;
    size_t first, end; // the samples that are present
};

#define RANKS_BLOCK_WORDS 8

// Of `count` values, fewer than 2^32: NaNs rank lowest. The window is empty. What `r` (zeroes at
// first) has is used again.
void ranks_init(struct ranks *r, const double *values, size_t count);
void ranks_release(struct ranks *r);
// Neither end may go back.
void ranks_move(struct ranks *r, size_t first, size_t end);
// The sample with `rank` others of the window below it, rank < end - first; *next is the one above
// it, or itself when there is none.
size_t ranks_find(const struct ranks *r, size_t rank, size_t *next);

#endif
