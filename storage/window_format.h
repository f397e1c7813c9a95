// Names of a window file's tables and the sum in front of each of its values (storage/FORMAT.md).
#ifndef STORAGE_WINDOW_FORMAT_H
#define STORAGE_WINDOW_FORMAT_H

#include "base/coding.h"
#include "base/hash.h"

#define WINDOW_VERSION        1
#define WINDOW_TABLE_META     "meta"     // "header" -> version, span, counts
#define WINDOW_TABLE_SERIES   "series"   // be32 number -> labels
#define WINDOW_TABLE_CHUNKS   "chunks"   // be32 number -> chunks
#define WINDOW_TABLE_POSTINGS "postings" // be64 hash of name, be64 hash of value -> numbers
#define WINDOW_TABLE_COUNT    4
#define WINDOW_HEADER_KEY     STR("header")
#define WINDOW_SUM_SIZE       8

// A value is eight bytes of hash64() over the rest, then the rest.
static inline bool window_value_check(struct str stored, struct str *payload)
{
    if (stored.len < WINDOW_SUM_SIZE)
        return false;
    *payload = str_skip(stored, WINDOW_SUM_SIZE);
    return hash64(payload->ptr, payload->len, 0) == be64_get(stored.ptr);
}

static inline void window_pair_key(struct str name, struct str value, char key[16])
{
    be64_put(key, hash_str(name));
    be64_put(key + 8, hash_str(value));
}

#endif
