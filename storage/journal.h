// The journal: every accepted batch, in order, until a window holds it.
//
// A folder of segment files, each readable on its own: the first batch that touches a series in a
// segment also writes its labels, and values are coded against the series' previous value in the
// same segment. Bytes gather in a buffer, go to the kernel when a durable batch or the timer asks
// for it, and to the disk at least every journal_sync_ms. The layout is in storage/FORMAT.md.
//
// Guarded by storage.commit, but for journal_bytes().
#ifndef STORAGE_JOURNAL_H
#define STORAGE_JOURNAL_H

#include "base/buf.h"
#include "base/error.h"
#include "head.h"
#include "journal_replay.h"

struct journal;

enum entry_kind {
    ENTRY_IN_ORDER, // newer than the series' newest sample
    ENTRY_LATE,     // for the late samples
    ENTRY_DROPPED,  // not to be stored after all
};

// One sample of a batch. At the commit the samples of a series lie side by side.
struct entry {
    uint32_t id;         // of the series
    uint32_t place : 30; // in which it was added
    uint32_t kind : 2;   // enum entry_kind
    int64_t t_ms;
    double value;
};

#define ENTRY_PLACE_MAX ((UINT32_C(1) << 30) - 1)

// Opens the folder, replays what is there and starts a new segment at the first append.
int journal_open(struct journal **out, const char *folder, const struct journal_replay *replay,
                 struct error *err);
// Writes and syncs what is buffered, and closes.
void journal_close(struct journal *j);

// How far a batch must have come when journal_append() returns.
enum durability {
    DURABLE_LATER,  // in the buffer: written and synced by the timer
    DURABLE_KERNEL, // would survive kill -9
    DURABLE_DISK,   // would survive a power failure
};

// Adds one batch. On failure the batch is in the journal neither now nor later.
int journal_append(struct journal *j, struct head *head, const struct entry *entries, size_t count,
                   enum durability durability, struct error *err);
// Hands the buffer to the kernel.
int journal_flush(struct journal *j, struct error *err);
// ... and the kernel's to the disk.
int journal_sync(struct journal *j, struct error *err);
// The same in two steps, so that nobody waits for the disk under the lock: journal_sync_begin()
// flushes and opens what is to be synced, journal_sync_run() works without the lock, and
// journal_sync_end() takes note of its result.
struct journal_sync {
    int fd;          // -1: nothing to do
    uint64_t end;    // of what is synced
    uint64_t number; // of this sync
};
int journal_sync_begin(struct journal *j, struct journal_sync *sync, struct error *err);
int journal_sync_run(const struct journal_sync *sync, struct error *err);
void journal_sync_end(struct journal *j, const struct journal_sync *sync, int rc);
// Ends the segment, so that the next append starts another.
int journal_rotate(struct journal *j, struct error *err);
// Unlinks ended segments without a sample at or after `before_ms`.
int journal_drop(struct journal *j, int64_t before_ms, struct error *err);
uint64_t journal_bytes(const struct journal *j);

// What was found at opening.
struct journal_damage {
    uint64_t torn;    // segments whose tail was torn
    uint64_t bytes;   // that could not be read, with sound ones behind them
    uint64_t samples; // in those behind that hang on what could not be read
};
struct journal_damage journal_damage(const struct journal *j);

#endif
