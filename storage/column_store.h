// The columns of sample times of a window being written, each distinct one once.
#ifndef STORAGE_COLUMN_STORE_H
#define STORAGE_COLUMN_STORE_H

#include "base/buf.h"
#include "base/hmap.h"
#include "window.h"

struct column_entry {
    uint64_t hash;
    int64_t first_ms, last_ms;
    uint32_t count;
    uint32_t offset; // of its bytes
};

#define RECENT_COLUMNS 64

struct column_store {
    struct window_span span;
    struct column_entry *entries;
    size_t count;
    size_t capacity;
    struct hmap index; // of the times' hash
    struct buf bytes;
    struct buf scratch;
    // Raw copies of some columns seen lately, so that a series which shares one isn't encoded.
    struct recent_column {
        int64_t *times_ms;
        uint32_t capacity;
        uint32_t number;
        uint32_t count;
    } recent[RECENT_COLUMNS];
};

void column_store_init(struct column_store *s, struct window_span span);
void column_store_release(struct column_store *s);
// The number of the column with these times, of which there is at least one.
uint32_t column_store_add(struct column_store *s, const int64_t *times_ms, size_t count);

#endif
