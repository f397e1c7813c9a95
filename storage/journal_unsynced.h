// What of a journal segment the disk may not hold yet.
#ifndef STORAGE_JOURNAL_UNSYNCED_H
#define STORAGE_JOURNAL_UNSYNCED_H

#include "base/buf.h"

struct unsynced {
    struct buf bytes; // of the segment from `from` on
    uint64_t from;    // everything before was synced
    bool lost;        // a sync failed: what the kernel still holds of the bytes isn't known
};

void unsynced_release(struct unsynced *u);
// A new segment, whose first `from` bytes are safe.
void unsynced_restart(struct unsynced *u, uint64_t from);
// Written at the end.
void unsynced_add(struct unsynced *u, struct str bytes);
// The segment's end was moved back to `end`, which is not before `from`.
void unsynced_cut(struct unsynced *u, uint64_t end);
// Everything up to `end` is synced.
void unsynced_done(struct unsynced *u, uint64_t end);
// Hands the bytes to the kernel once more.
int unsynced_rewrite(struct unsynced *u, int fd);

#endif
