// The journal of a store that is not being opened: into a bulk load, or to see whether it is sound.
#ifndef STORAGE_ARCHIVE_JOURNAL_H
#define STORAGE_ARCHIVE_JOURNAL_H

#include "bulk.h"

struct journal_counts {
    uint64_t segments, bytes, samples;
    uint64_t torn; // segments that don't end in zeros or a sound record
};

// Adds the samples of PATH/journal to the load. `say` (may be NULL) is told of each torn segment.
// A missing folder is empty. ERR_UNSUPPORTED: of another version. ERR_NOT_FOUND: a segment was
// removed meanwhile: begin again.
int journal_load(struct bulk *b, const char *path, void (*say)(void *context, const char *text),
                 void *context, struct journal_counts *out, struct error *err);

#endif
