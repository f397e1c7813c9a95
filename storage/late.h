// Samples that came too late for their series' chunks, until windows hold them.
//
// Kept by series, sorted by time, in sets: sealing freezes the newest set and begins another one; the
// frozen goes when no view needs it. A view names the oldest set that windows don't hold for it.
#ifndef STORAGE_LATE_H
#define STORAGE_LATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hmap.h"
#include "model/sample.h"
#include "storage/querier.h"

struct late_series {
    uint32_t id;
    uint32_t count;
    uint32_t capacity;
    struct sample *samples; // owned, by time
};

struct late_set {
    uint64_t generation;
    struct hmap by_id;
    struct late_series *series; // owned
    uint32_t count;
    uint32_t capacity;
    struct late_set *older;
};

struct late {
    pthread_mutex_t mutex;      // guards the rest; a leaf
    struct late_set *sets;      // newest first; never none
    atomic_size_t sample_count; // of all sets
};

void late_init(struct late *l);
void late_release(struct late *l);
// Into the newest set; a sample that it has for this time stays.
void late_add(struct late *l, uint32_t id, int64_t t_ms, double value);
bool late_has(struct late *l, uint32_t id);
// Whether sets from `generation` on may have samples in the range: gaps are not looked at.
bool late_reaches(struct late *l, uint32_t id, uint64_t generation, int64_t min_ms, int64_t max_ms);
// Merges the samples of sets from `generation` on with min_ms <= t <= max_ms into what the columns
// hold from `from` on, which wins where both have a time.
void late_read(struct late *l, uint32_t id, uint64_t generation, int64_t min_ms, int64_t max_ms,
               struct columns *out, size_t from);
// The oldest sample of any set; INT64_MAX without one.
int64_t late_min_ms(struct late *l);
// Begins another set and returns its generation. What the newest one has from `keep_ms` on is
// there, too.
uint64_t late_freeze(struct late *l, int64_t keep_ms);
// Frees the sets before `generation`.
void late_drop(struct late *l, uint64_t generation);

#endif
