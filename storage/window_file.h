// The inside of an open window, shared by the files that implement window.h.
#ifndef STORAGE_WINDOW_FILE_H
#define STORAGE_WINDOW_FILE_H

#include <pthread.h>
#include <stdatomic.h>

#include "lmdb_env.h"
#include "window.h"
#include "window_index.h"

struct window {
    atomic_size_t references;
    uint64_t serial; // never the same for two windows of this process
    struct lmdb_env *env;
    unsigned table;
    char *path;
    struct window_span span;
    int64_t slice_starts_ms[SLICES_MAX + 1]; // and the end
    uint64_t bytes;
    uint32_t series_count;
    uint64_t sample_count;
    uint64_t *sources;
    size_t source_count;
    atomic_bool corrupt;
    atomic_bool lost; // nothing of it can be read

    // Of the maintenance: the next block to be looked at, where scrubbing is wanted.
    bool scrub_wanted, scrub_begun;
    uint32_t scrub_next;

    // Set by window_load(), then read without a lock.
    pthread_mutex_t load_mutex;
    atomic_bool loaded;
    struct window_index index;
    struct str index_bytes; // view of the map
    struct str *extents;    // views of the map
    struct str mapped;      // from the first of these to the last
    uint32_t extent_count;
    // A bit per block: its sum held, and the pages haven't been given back since.
    atomic_uint_least64_t *checked;
};

static inline bool window_block_is_checked(const struct window *w, uint32_t number)
{
    return atomic_load_explicit(&w->checked[number / 64], memory_order_relaxed) >> number % 64 & 1;
}

static inline void window_set_block_checked(struct window *w, uint32_t number)
{
    atomic_fetch_or_explicit(&w->checked[number / 64], UINT64_C(1) << number % 64,
                             memory_order_relaxed);
}

#endif
