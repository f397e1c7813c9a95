// Which series of the store a sender means by the bytes of its labels, so that labels sent again and
// again are neither decoded nor looked up.
//
// Keys are 64-bit hashes with a seed that nobody outside knows; 16 bytes each, a million at most.
#ifndef WEB_SERIES_KEYS_H
#define WEB_SERIES_KEYS_H

#include <pthread.h>

#include "base/str.h"
#include "storage/appender.h"

struct series_key {
    uint64_t hash; // 0: the slot is free
    series_ref series;
};

struct series_keys {
    pthread_rwlock_t lock; // guards the rest, for the caller to hold
    uint64_t seed;
    struct series_key *slots; // owned
    size_t mask;
    size_t count;
};

void series_keys_init(struct series_keys *k);
void series_keys_release(struct series_keys *k);
// Never 0.
uint64_t series_keys_hash(const struct series_keys *k, struct str labels);
// 0 when it isn't known. Caller holds lock for reading.
series_ref series_keys_find(const struct series_keys *k, uint64_t hash);
// Caller holds lock for writing.
void series_keys_put(struct series_keys *k, uint64_t hash, series_ref series);

#endif
