// The index of a window being written: symbols, label pairs with their series, and per series its
// pairs and its column of times.
#ifndef STORAGE_INDEX_BUILDER_H
#define STORAGE_INDEX_BUILDER_H

#include "base/hmap.h"
#include "column_store.h"
#include "model/labels.h"

// Symbols and pairs are numbered as they come, and renumbered in order of their texts at the end.
struct builder_symbol {
    uint32_t offset; // in text
    uint32_t len;
    uint32_t rank;
};

struct builder_pair {
    uint32_t name, value; // symbols
    uint32_t rank;
    uint32_t count; // series
};

struct index_builder {
    struct buf text;
    struct builder_symbol *symbols;
    size_t symbol_count;
    size_t symbol_capacity;
    struct hmap symbol_index;
    struct builder_pair *pairs;
    size_t pair_count;
    size_t pair_capacity;
    struct hmap pair_index;
    struct buf hashes;      // be64 a series
    uint32_t *series_pairs; // of all series, one after the other
    size_t series_pair_count;
    size_t series_pair_capacity;
    struct builder_series {
        uint32_t label_count;
        uint32_t column;
    } * series;
    size_t series_count;
    size_t series_capacity;
};

void index_builder_init(struct index_builder *b);
void index_builder_release(struct index_builder *b);
// The next series, in order of labels.
void index_builder_add(struct index_builder *b, struct labels labels, uint32_t column);
// Appends the index to *out. `blocks` are `block_count` entries of BLOCK_ENTRY bytes.
void index_builder_finish(struct index_builder *b, const struct column_store *columns,
                          struct str blocks, size_t block_count, struct buf *out);

#endif
