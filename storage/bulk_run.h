// The samples of one series on their way into windows: times increasing, a few bytes each.
#ifndef STORAGE_BULK_RUN_H
#define STORAGE_BULK_RUN_H

#include "base/buf.h"
#include "storage/querier.h"

struct run_state {
    int64_t t_ms;
    uint64_t delta_ms;
    uint64_t bits;
};

// All zero is an empty one.
struct run {
    struct buf bytes;
    struct run_state last; // the newest sample, when count > 0
    size_t count;
};

void run_release(struct run *r);
// Later than the newest one.
void run_append(struct run *r, int64_t t_ms, double value);

// Reads from the oldest on; borrows the run, which must not change.
struct run_reader {
    const unsigned char *pos;
    struct run_state next; // when left > 0
    size_t left;
};

void run_reader_init(struct run_reader *reader, const struct run *r);
// Moves the samples before max_ms behind what the columns hold.
void run_read(struct run_reader *reader, int64_t max_ms, struct columns *out);

#endif
