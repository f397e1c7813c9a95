// Loading history into a store that no process has open: samples of any series in any order.
//
// They gather in memory, compressed, and become windows whenever they take too much of it. Nothing
// is in the store before bulk_commit(). One thread uses a bulk.
#ifndef STORAGE_BULK_H
#define STORAGE_BULK_H

#include "base/error.h"
#include "model/labels.h"

struct bulk;

struct bulk_counts {
    uint64_t series;    // with at least one sample
    uint64_t samples;   // stored
    uint64_t repeated;  // same time, same value: once is enough
    uint64_t conflicts; // same time, other value: the first one stays
    uint64_t windows;
    int64_t min_ms, max_ms; // of the samples; INT64_MAX and INT64_MIN without any
};

#define BULK_MEMORY_DEFAULT ((size_t)256 << 20)

// Creates the folder when it is missing. ERR_EXISTS: a process has it open.
int bulk_open(struct bulk **out, const char *path, size_t memory_max, struct error *err);
// Without a commit nothing is stored.
void bulk_free(struct bulk *b); // NULL is allowed

// The number of a label set, which is copied; the same set has the same number.
uint32_t bulk_series(struct bulk *b, struct labels labels);
// ERR_OUT_OF_BOUNDS for a time no store takes, ERR_TOO_FAR_AHEAD for one ahead of the clock, which
// would keep a server from storing what comes before it; ERR_IO, ERR_NO_SPACE: give up.
int bulk_add(struct bulk *b, uint32_t series, int64_t t_ms, double value, struct error *err);
// Makes it all part of the store, which a server may then open. *counts (may be NULL) is filled in.
int bulk_commit(struct bulk *b, struct bulk_counts *counts, struct error *err);

#endif
