// The time-series store: in-memory head, journal, sealed windows, retention, the meta tables.
//
// One process opens a folder at a time (a lock file says so). All functions are safe from every
// thread. Work that takes time of its own (syncing, sealing, retention) is done by
// storage_maintain(), which the owner calls about once a second from one thread.
#ifndef STORAGE_STORAGE_H
#define STORAGE_STORAGE_H

#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "base/str.h"

struct storage;

struct storage_options {
    const char *path;          // folder, created when missing; NULL: memory only, for tests
    const struct clock *clock; // borrowed
    struct metrics *metrics;   // borrowed
    int64_t retention_ms;      // 0: no limit by time
    uint64_t retention_bytes;  // everything on disk counts; 0: no limit by size
    int64_t window_ms;         // span of a sealed window: 30 min to 2 h
    int64_t journal_sync_ms;   // most that a power failure may lose; 0 syncs every commit
    int64_t out_of_order_ms;   // how late a sample may come behind its series' newest; 0: not
    int64_t future_limit_ms;   // how far ahead of the clock a sample may be; 0: no limit
    size_t series_max;         // active series; 0: no limit
    uint64_t memory_limit;     // bytes for series and samples in memory; 0: no limit
};

#define STORAGE_RETENTION_DEFAULT_MS (INT64_C(15) * 24 * 3600 * 1000)
#define STORAGE_WINDOW_DEFAULT_MS    (INT64_C(2) * 3600 * 1000)
#define STORAGE_SYNC_DEFAULT_MS      INT64_C(5000)
#define STORAGE_FUTURE_DEFAULT_MS    (INT64_C(10) * 60 * 1000)

// Fills in the defaults above, without path, clock or metrics.
void storage_options_init(struct storage_options *o);

// Half of the memory of the machine, or of the control group.
uint64_t storage_memory_limit_default(void);

// Opens or creates, replays the journal, ready to use on return. The caller owns *out.
int storage_open(struct storage **out, const struct storage_options *options, struct error *err);
// Syncs and closes; no appender or querier may be left.
void storage_close(struct storage *s);

// Does what is due: syncs the journal, seals windows, forgets idle series, drops what is past
// retention. Errors are logged and counted, and tried again at a later call.
void storage_maintain(struct storage *s);
// Makes everything appended so far survive a power failure.
int storage_sync(struct storage *s, struct error *err);
// Applied at the next maintenance; from a configuration reload.
void storage_set_out_of_order(struct storage *s, int64_t out_of_order_ms);
void storage_set_retention(struct storage *s, int64_t retention_ms, uint64_t retention_bytes);

// A name and how often it occurs, for the status page.
struct storage_count {
    struct str name; // in the caller's arena
    uint64_t count;
};

#define STORAGE_TOP_COUNT 10

struct storage_stats {
    uint64_t head_series;
    uint64_t head_chunks;
    uint64_t head_label_pairs;
    int64_t head_min_ms; // INT64_MAX and INT64_MIN while the head is empty
    int64_t head_max_ms;
    int64_t lowest_ms; // oldest sample stored anywhere; INT64_MAX when there is none
    uint64_t window_count;
    uint64_t window_bytes;
    uint64_t journal_bytes;
    struct storage_count top_metrics[STORAGE_TOP_COUNT]; // series by metric name
    size_t top_metric_count;
    struct storage_count top_labels[STORAGE_TOP_COUNT]; // values by label name
    size_t top_label_count;
    struct storage_count top_label_memory[STORAGE_TOP_COUNT]; // bytes of values by label name
    size_t top_label_memory_count;
    struct storage_count top_pairs[STORAGE_TOP_COUNT]; // series by name=value
    size_t top_pair_count;
};

struct arena;
void storage_stats(struct storage *s, struct arena *arena, struct storage_stats *out);

#endif
