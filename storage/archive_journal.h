// The journal of a store that is not being opened: into a bulk load, or to see whether it is sound.
#ifndef STORAGE_ARCHIVE_JOURNAL_H
#define STORAGE_ARCHIVE_JOURNAL_H

#include "bulk.h"

struct journal_counts {
    uint64_t segments, bytes, samples;
    uint64_t damaged; // segments of which a part can't be read
};

// Where samples go. As when a store is opened, those that came in order count from the end of the
// newest file on: files hold the others, or held them until they were deleted.
struct journal_target {
    struct bulk *in_order;
    struct bulk *late; // may be the same
    int64_t in_order_min_ms;
    bool torn_is_normal; // a torn end isn't told: a crash leaves one, and a server that writes
    // Told of each damaged segment; may be NULL.
    void (*say)(void *context, const char *text);
    void *context;
};

// Reads the samples of PATH/journal. A missing folder is empty. ERR_UNSUPPORTED: of another version.
// ERR_NOT_FOUND: a segment was removed meanwhile: begin again.
int journal_load(const struct journal_target *to, const char *path, struct journal_counts *out,
                 struct error *err);

#endif
