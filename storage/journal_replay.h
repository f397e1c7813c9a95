// Reading the segments of a journal.
#ifndef STORAGE_JOURNAL_REPLAY_H
#define STORAGE_JOURNAL_REPLAY_H

#include "base/buf.h"
#include "base/error.h"
#include "model/labels.h"

// Called for each replayed sample; series by labels.
struct journal_replay {
    void *context;
    // Returns the caller's number for the series, less than UINT32_MAX.
    uint32_t (*series)(void *context, struct labels labels);
    void (*sample)(void *context, uint32_t series, int64_t t_ms, double value);
    void (*late)(void *context, uint32_t series, int64_t t_ms, double value);
};

// What a segment was found to be.
struct segment_report {
    int64_t max_ms;        // newest sample, INT64_MIN: none
    size_t sound;          // where its last sound frame ends
    bool torn;             // what follows that isn't zeros: a write that didn't get to its end
    uint64_t damages;      // places before that that are damaged
    uint64_t damage_first; // the first of them
    uint64_t damage_bytes; // in them
    // Samples of sound frames whose series or value hangs on what was damaged.
    uint64_t lost_samples;
};

// Reads a segment's file; what of it the disk doesn't give is zeros, and said in the log. ERR_NOT_FOUND;
// ERR_CORRUPT: it is no file; ERR_LIMIT: it is no segment, for its size.
int journal_read_segment(const char *path, struct buf *out, struct error *err);

// Replays the bytes of a segment's file. Public for the fuzz driver.
void journal_replay_segment(struct str file, const struct journal_replay *replay,
                            struct segment_report *out);

#endif
