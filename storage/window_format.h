// The layout of a window file (storage/FORMAT.md, "Window"), shared by those who write and read it.
#ifndef STORAGE_WINDOW_FORMAT_H
#define STORAGE_WINDOW_FORMAT_H

#include "base/coding.h"
#include "base/hash.h"

#define WINDOW_VERSION    3
#define WINDOW_TABLE      "window"
#define WINDOW_KEY_DATA   "data" // with a be32 behind it: an extent of blocks
#define WINDOW_KEY_HEADER STR("header")
#define WINDOW_KEY_INDEX  STR("index")
#define WINDOW_SUM_SIZE   8
#define DATA_KEY_SIZE     8

// Blocks close at this many bytes of heads and bits, or this many series.
#define BLOCK_SIZE 32768
// A slice of time is about so many samples of a series, or the whole of it.
#define SLICE_SAMPLES    360
#define SLICES_MAX       24
#define BLOCK_SERIES_MAX 256
#define BLOCK_SIZE_MAX   (64u << 20)
// Extents close past this size: each is one run of pages.
#define EXTENT_SIZE (1u << 20)

// Entries of the index's tables.
#define NAME_SIZE   8  // be32 symbol, be32 first pair
#define PAIR_SIZE   12 // be32 name, be32 value's symbol, be32 offset of its list
#define COLUMN_SIZE 24 // be64 first time, be64 last time, be32 count, be32 offset of its bytes
// be32 slice, first series, extent, offset, stored size, size of heads, size of bits, be64 sum
#define BLOCK_ENTRY 36

// What the index begins with: be64 each.
enum index_size {
    INDEX_SYMBOLS,
    INDEX_NAMES,
    INDEX_PAIRS,
    INDEX_SERIES,
    INDEX_COLUMNS,
    INDEX_BLOCKS,
    INDEX_SYMBOL_BYTES,
    INDEX_LIST_BYTES,
    INDEX_RECORD_BYTES,
    INDEX_COLUMN_BYTES,
    INDEX_SIZE_COUNT
};

// "header" and "index" are eight bytes of hash64() over the rest, then the rest.
static inline bool window_value_check(struct str stored, struct str *payload)
{
    if (stored.len < WINDOW_SUM_SIZE)
        return false;
    *payload = str_skip(stored, WINDOW_SUM_SIZE);
    return hash64(payload->ptr, payload->len, 0) == be64_get(stored.ptr);
}

static inline struct str window_data_key(uint32_t extent, char key[DATA_KEY_SIZE])
{
    memcpy(key, WINDOW_KEY_DATA, 4);
    be32_put(key + 4, extent);
    return str_make(key, DATA_KEY_SIZE);
}

#endif
