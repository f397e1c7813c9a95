// What receivers have taken and no commit has written down yet: a file beside the tables.
//
// A commit waits for the disk, for milliseconds or for long, and other threads' commits before it.
// A process that is killed meanwhile must not tell the same again: so the thread that got the
// receiver's answer notes it here at once, in one write() that needs no lock of the engine and no
// disk. What the kernel took outlives the process. A power cut may lose a note: then the
// notification is sent again, as it is when the answer itself is lost.
//
// A note counts for as long as the file has it. It is emptied when all of it is committed; notes
// that were committed in between do no harm, because they name the stored notification by its
// content and say when it arrived.
#ifndef ALERTING_ARRIVALS_H
#define ALERTING_ARRIVALS_H

#include <pthread.h>
#include <sys/types.h>

#include "told.h"
#include "unsaved.h"

struct arrival {
    struct unsaved_key key; // nflog_key()
    uint64_t id;            // of the outbox's entry
    int64_t at_ms;
    int64_t repeat_interval_ms;
    struct told told; // borrowed, as the memo; when read back, owned by the reader
    struct str memo;
};

struct arrivals {
    pthread_mutex_t lock; // guards all; a leaf
    int fd;               // negative: nothing is noted
    bool failing;
    off_t size;
    uint64_t noted_count;
    uint64_t settled_count; // of them their results are at least pending
};

// `path` NULL: a store in memory, nothing is noted. A file that cannot be opened is logged, and
// alerting goes on without.
void arrivals_init(struct arrivals *a, const char *path);
void arrivals_release(struct arrivals *a);
// From any thread; in the kernel's hands when this returns. False when it could not be noted; each
// true is followed by one arrivals_settle().
bool arrivals_note(struct arrivals *a, const struct arrival *arrival);
// The note's result has joined the changes that the next commit writes.
void arrivals_settle(struct arrivals *a);
// All changes that were pending are written.
void arrivals_committed(struct arrivals *a);
// Calls each() with every note of an earlier process, oldest first, up to a damaged one; before
// anything is noted. each() must not note. They are dropped by the next arrivals_committed().
void arrivals_each(struct arrivals *a, void (*each)(void *context, const struct arrival *arrival),
                   void *context);

#endif
