// Which series a target exposes, in which order, and what they are called in the store.
//
// A scrape walks the cache:
//
//     series_walk_begin(&walk, &cache);
//     per sample: slot = series_walk_find(&walk, hash, &again); NULL: series_walk_add()
//     series_walk_end(&walk, SCRAPE_GOOD, ended, context);
#ifndef SCRAPE_SERIES_CACHE_H
#define SCRAPE_SERIES_CACHE_H

#include <assert.h>

#include "base/hmap.h"
#include "scrape/exposition.h"
#include "storage/appender.h"

#define SERIES_REF_BITS 44

// 16 bytes a series: this is what the scraper adds to the store's memory.
struct series_slot {
    uint64_t hash;                  // of the text, name{labels}
    uint64_t ref : SERIES_REF_BITS; // 0: dropped by relabelling
    uint64_t text_len : 16;         // 0: too long, never expected
    uint64_t tracked : 1;           // gets a staleness marker when it is gone
    uint64_t seen : 1;              // in the scrape that runs
};

_Static_assert(sizeof(struct series_slot) == 16, "one slot for each series scraped");

static inline void series_slot_set_ref(struct series_slot *slot, series_ref ref)
{
    assert(ref >> SERIES_REF_BITS == 0);
    slot->ref = ref & ((UINT64_C(1) << SERIES_REF_BITS) - 1);
}

struct series_cache {
    struct series_slot *slots; // owned; the last good scrape's in their order, then newer ones
    uint32_t count;
    uint32_t capacity;
    uint32_t live_count; // slots from the front whose series have no end yet
    uint32_t good_count; // slots after the last good scrape
};

void series_cache_init(struct series_cache *c);
void series_cache_release(struct series_cache *c);
// The texts may mean other series from now on: none is recognised, those that do not come up again
// end at the next scrape.
void series_cache_forget_texts(struct series_cache *c);

struct series_walk {
    struct series_cache *cache;
    uint32_t next;   // slot expected
    bool in_order;   // every sample so far was in the slot expected
    uint32_t *order; // owned: slots in the order of this scrape behind those in order
    uint32_t order_count;
    uint32_t order_capacity;
    uint32_t in_order_count;
    struct hmap index; // hash -> slot, once out of order
};

void series_walk_begin(struct series_walk *w, struct series_cache *c);
void series_walk_hint(const struct series_walk *w, struct exposition_hint *hint);
// NULL: never seen. *again: it was found in this scrape before. The slot is valid until the next
// series_walk_add().
struct series_slot *series_walk_find(struct series_walk *w, uint64_t hash, bool *again);
struct series_slot *series_walk_add(struct series_walk *w, uint64_t hash, size_t text_len);

enum scrape_end { SCRAPE_GOOD, SCRAPE_FAILED };

// Calls ended() for each series that was live, is tracked, and is no longer: after a failure for
// all of them. A series that goes on under another text has not ended.
void series_walk_end(struct series_walk *w, enum scrape_end end,
                     void (*ended)(void *context, series_ref ref), void *context);

#endif
