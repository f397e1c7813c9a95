// A block holds the values that neighbouring series have in one slice of time: a stream a series
// (storage/FORMAT.md, "Values"). Heads of all streams are compressed together, bits follow as they
// are; a stream equal to an earlier one of the block (the +Inf bucket and the count, buckets that
// nothing falls between, constants) is a reference to it.
#ifndef STORAGE_VALUE_BLOCK_H
#define STORAGE_VALUE_BLOCK_H

#include "base/compress.h"
#include "cold_values.h"
#include "window_index.h"

// The block being filled.
struct block_writer {
    struct buf heads, bits;
    struct buf stream_heads, stream_bits; // of the stream being added
    uint32_t first_series;
    uint32_t count;
    struct written_stream {
        uint32_t hash;
        uint32_t head_at, head_size;
        uint32_t bits_at, bits_size;
    } streams[BLOCK_SERIES_MAX];
};

void block_writer_release(struct block_writer *b);
// Adds the stream of the next series, maybe of no values.
void block_writer_add(struct block_writer *b, const double *values, size_t count);
bool block_writer_is_full(const struct block_writer *b);
// Appends the block to *out and empties the writer. Of *entry it sets what it knows: first series,
// sizes and sum.
void block_writer_finish(struct block_writer *b, struct zstd_encoder *zstd, struct buf *out,
                         struct index_block *entry);

// A block that was read.
struct block_values {
    struct buf bytes;
    struct cold_stream *streams; // owned; views of `bytes`
    uint32_t count, capacity;
};

void block_values_release(struct block_values *v);
// Of memory.
static inline size_t block_values_bytes(const struct block_values *v)
{
    return v->bytes.cap + v->capacity * sizeof(*v->streams);
}
// Whether what is stored is what was written.
bool block_sum_holds(struct str stored, const struct index_block *entry);
// Replaces what is there. ERR_CORRUPT when the sizes or a reference is wrong; the sum is not looked at.
int block_values_read(struct block_values *v, struct str stored, const struct index_block *entry,
                      struct zstd_decoder *zstd);

#endif
