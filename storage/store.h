// The store's parts and how they hang together; private to storage.
#ifndef STORAGE_STORE_H
#define STORAGE_STORE_H

#include "base/metrics.h"
#include "change_log.h"
#include "head.h"
#include "journal.h"
#include "window.h"

struct meta;
struct merge;
struct tombstones;

// What a querier sees: windows, and what of the head they don't hold. Immutable and counted. What no
// view sees of the head is free to go.
struct view {
    size_t references; // guarded by storage.view_mutex
    struct view *next; // all that live
    struct head_view head;
    struct window **windows; // by (min, sequence); a reference each
    size_t window_count;
};

// How far a sample may lie behind the newest of all, newer than its series' newest though it is. As
// Prometheus has it with blocks of two hours.
#define LATE_MAX_MS (INT64_C(3600) * 1000)

// Between two attempts at a seal or a merge that fails, as on a full disk: each writes what it can, in
// vain.
#define STORE_RETRY_NS INT64_C(10000000000)

struct storage_metrics {
    struct metric *series, *series_created, *series_removed, *chunks, *samples, *min_time,
        *max_time;
    struct metric *out_of_order, *out_of_bounds, *duplicate, *too_old, *too_far_ahead,
        *series_refused;
    struct metric *late_samples, *memory, *memory_limit, *commit_seconds, *bytes_per_sample,
        *failing;
    struct metric *journal_bytes, *journal_cut, *journal_damaged, *journal_lost;
    struct metric *journal_failures, *sync_seconds;
    struct metric *windows, *window_bytes, *seals, *seal_failures, *seal_seconds;
    struct metric *merges, *merge_failures, *merge_seconds;
    struct metric *retention_drops, *corrupt_windows, *corrupt_values, *written_bytes, *lowest;
};

struct storage {
    struct storage_options options; // path, clock, metrics borrowed; the rest copied
    char *path;                     // owned; NULL in memory
    int lock_fd;
    struct head head;
    struct meta *meta;
    struct storage_metrics metrics;

    pthread_mutex_t commit;  // one batch at a time: the journal's order is the head's
    struct journal *journal; // NULL in memory
    int64_t synced_ns;       // monotonic, of the last sync
    _Atomic uint64_t window_bytes_written;
    _Atomic uint64_t next_sequence;    // of window files
    bool failing;                      // the journal can't be written; has been said
    int64_t commit_failed_ns;          // monotonic, of the last batch refused for it; or 0
    struct error commit_error;         // ... and why; both guarded by `commit`
    atomic_int_least64_t committed_ns; // monotonic, of the last batch
    unsigned bad_pages_seen;           // of bad_pages_count(); of the maintenance
    uint64_t other_bytes;              // on disk beside windows and journal; of the maintenance
    int64_t others_counted_ns;         // when, monotonic; 0: not yet
    int64_t pages_forgotten_ns;        // monotonic; of the maintenance
    int64_t seal_failed_ns;            // likewise; 0: the last one went well
    int64_t merge_failed_ns;           // likewise
    atomic_int_least64_t refusal_logged_ns; // monotonic; 0: never
    atomic_int_least64_t commit_gap_ns;     // the longest between two lately

    // Samples before this are in windows or too late: refused. Grows.
    atomic_int_least64_t sealed_ms;
    atomic_int_least64_t out_of_order_ms;
    atomic_int_least64_t retention_ms;
    _Atomic uint64_t retention_bytes;

    struct change_log change_log; // noted once visible

    pthread_mutex_t maintenance;     // files come and go under it; taken before any other lock
    pthread_mutex_t tombstone_mutex; // whoever changes the next, under view_mutex; see delete.c
    struct tombstones *tombstones;   // current
    struct merge *merge;             // under way, of the maintenance thread; or NULL

    pthread_mutex_t view_mutex; // guards the two below and tombstones
    struct view *view;          // current
    struct view *views;         // all
};

void storage_metrics_init(struct storage *s);
// The current view, with a reference for the caller.
struct view *view_get(struct storage *s);
void view_put(struct storage *s, struct view *v);
// Makes a new current view out of these windows, whose references it takes.
void view_publish(struct storage *s, struct window **windows, size_t count, struct head_view head);
// The same windows but those removed, and `added`, whose reference it takes (NULL: none). Only the
// maintenance thread changes views.
void view_replace(struct storage *s, struct window *const *removed, size_t removed_count,
                  struct window *added, struct head_view head);
// Into the order of a view.
void windows_sort(struct window **windows, size_t count);
// The most of the head that some view still needs.
struct head_view views_head(struct storage *s);
// Newest sample stored anywhere; INT64_MIN when there is none.
int64_t storage_newest_ms(struct storage *s);
// Samples before this are past retention by time; INT64_MIN without one. See retention.c.
int64_t retention_floor_ms(struct storage *s);

// querier.c: every value of a label in the sources within the range, some more than once.
int querier_each_value(struct querier *q, struct str name, index_value_fn *each, void *context);

// limits.c: whether there is room for another series; caller holds head.lock for writing.
bool storage_takes_series(struct storage *s);
// What the head and its surroundings take; caller holds head.lock.
uint64_t storage_memory_bytes(struct storage *s);
// How many bytes of samples the head may hold.
size_t head_bytes_max(struct storage *s);

// seal.c: seals the windows that are due.
void seal_due(struct storage *s);
// ... and at closing, all of it that is worth it.
void seal_all(struct storage *s);
// merge.c: a slice of work on merging the windows of a finished day.
void merge_due(struct storage *s);
// Drops a merge under way; nothing of it is left.
void merge_abort(struct storage *s);
// retention.c: removes windows past retention, sets aside those of which nothing can be read.
void retire_windows(struct storage *s);
void set_aside_log(struct storage *s, const char *path, const char *why);

// snapshot.c: removes what a killed process left of snapshots.
void snapshots_open(struct storage *s);

// meta.c
int meta_open(struct meta **out, const char *path, struct error *err);
// Damaged values that were dropped at opening.
uint64_t meta_dropped_count(const struct meta *m);
// meta_check.c: ERR_CORRUPT when LMDB can't read the folder's file, or couldn't without crashing. Nobody has it
// open.
int meta_check(const char *folder, bool values, struct error *err);
void meta_close(struct meta *m);
// Copies the tables as they are now into an empty folder, synced.
int meta_copy(struct meta *m, const char *folder, struct error *err);
void meta_forget_pages(struct meta *m);

#endif
