// One batch as the records of a journal segment (storage/FORMAT.md, "Journal").
#ifndef STORAGE_JOURNAL_BATCH_H
#define STORAGE_JOURNAL_BATCH_H

#include "base/arena.h"
#include "head.h"
#include "journal_rounds.h"

// What the segment being written knows of the series, and working memory.
struct batch_writer {
    uint32_t declared; // series in the segment: their journal_id counts them
    uint64_t *known;   // bit by series number: declared
    size_t known_words;
    struct rounds rounds;
    struct arena arena; // labels of one series
};

void batch_writer_init(struct batch_writer *w);
void batch_writer_release(struct batch_writer *w);
// Another segment begins.
void batch_writer_restart(struct batch_writer *w);
// Appends the batch; raises *max_ms to its newest time. Caller holds head's lock for reading, under
// storage.commit.
void batch_write(struct batch_writer *w, struct buf *out, const struct head *head,
                 const struct entry *entries, size_t count, int64_t *max_ms);
// The last batch written, before which `declared` series were, was not kept after all.
void batch_forget(struct batch_writer *w, const struct head *head, const struct entry *entries,
                  size_t count, uint32_t declared);

#endif
