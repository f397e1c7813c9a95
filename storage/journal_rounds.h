// The order in which a batch is journaled: round by round.
//
// A remote write brings several samples of each series one after the other; a scrape brings one of
// each. The journal's runs of unchanged samples want the latter: the first sample of every series,
// then the second of every series, and so on, which is the order of their times.
#ifndef STORAGE_JOURNAL_ROUNDS_H
#define STORAGE_JOURNAL_ROUNDS_H

#include "journal.h"

// Batches with more distinct times than this stay in the order they came in.
#define ROUNDS_MAX 64

struct rounds {
    uint32_t *order; // of entries, owned
    size_t capacity;
};

void rounds_release(struct rounds *r);
// The numbers of the entries in the order of their times, otherwise as they stand; NULL when they
// may stay as they are. Borrowed until the next call.
const uint32_t *rounds_order(struct rounds *r, const struct entry *entries, size_t count);

#endif
