// The index of a window being written: symbols, label pairs with their series, and per series its
// pairs and its column of times.
//
// What it holds in memory is about the size of what it writes, which goes straight to its place.
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
    uint32_t count;     // series
    uint32_t last;      // of them
    uint32_t list_size; // bytes of the list's steps
    uint32_t list_at;   // where the list begins, then where its next step goes
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
    struct buf hashes;  // be64 a series
    struct buf records; // of the series: as in the file, pairs by number
    size_t series_count;
    uint32_t *pair_order; // from index_builder_size() on: pairs by rank
    size_t name_count;
    size_t list_bytes;
    size_t record_bytes;
};

void index_builder_init(struct index_builder *b);
void index_builder_release(struct index_builder *b);
// The number of a label pair.
uint32_t index_builder_pair(struct index_builder *b, struct label label);
// The next series, in order of labels, by the numbers of its pairs and labels_hash() of them. `constant`
// is the stream of one that never changes, else empty.
void index_builder_add(struct index_builder *b, uint64_t hash, const uint32_t *pairs,
                       size_t pair_count, uint32_t column, struct str constant);
// The size of the index, to which nothing can be added any more. `blocks` are whole entries.
size_t index_builder_size(struct index_builder *b, const struct column_store *columns,
                          struct str blocks);
// Writes that many bytes, and gives back on the way what is written.
void index_builder_put(struct index_builder *b, const struct column_store *columns,
                       struct str blocks, char *out);

#endif
