// One batch as the records of a journal segment (storage/FORMAT.md, "Journal").
#ifndef STORAGE_JOURNAL_BATCH_H
#define STORAGE_JOURNAL_BATCH_H

#include "base/arena.h"
#include "head.h"
#include "ids.h"
#include "journal_rounds.h"

// A set of series.
struct series_bits {
    uint64_t *words; // owned, by series number
    size_t word_count;
};

// What the segment being written knows of the series, and working memory.
struct batch_writer {
    uint32_t declared;                // series in the segment: their journal_id counts them
    struct series_bits declared_bits; // the segment has their labels
    struct series_bits known;         // ... and lately their value
    struct ids repeated;              // of the batch being written, declared but not known
    struct rounds rounds;
    struct arena arena; // labels of one series
};

void batch_writer_init(struct batch_writer *w);
void batch_writer_release(struct batch_writer *w);
// Another segment begins.
void batch_writer_restart(struct batch_writer *w);
// From now on each series says its value before its next sample.
void batch_writer_repeat(struct batch_writer *w);
// Appends the batch; raises *max_ms to its newest time. Caller holds head's lock for reading, under
// storage.commit.
void batch_write(struct batch_writer *w, struct buf *out, const struct head *head,
                 const struct entry *entries, size_t count, int64_t *max_ms);
// The last batch written, before which `declared` series were, was not kept after all.
void batch_forget(struct batch_writer *w, const struct head *head, const struct entry *entries,
                  size_t count, uint32_t declared);

#endif
