// The results of a run of queries: what was asked of whom, how long every answer took, and whether
// answers agreed. Kept as JSON, so that runs can be looked at and compared later.
#ifndef BENCH_RESULTS_H
#define BENCH_RESULTS_H

#include "base/buf.h"
#include "process.h"
#include "query_set.h"
#include "stats.h"

enum run_mode {
    MODE_NOCACHE, // asks for an answer that comes from no cache of results
    MODE_CACHE,   // takes what the target's caches have
    MODE_COUNT
};

extern const char *const run_mode_names[MODE_COUNT];

enum run_status {
    RUN_PENDING, // was not asked
    RUN_OK,
    RUN_REFUSED,     // answered with an error, or with no answer to a query
    RUN_UNREACHABLE, // no connection, or no answer in time
    RUN_STATUS_COUNT
};

enum agreement {
    AGREEMENT_UNKNOWN,   // nothing to compare with
    AGREEMENT_REFERENCE, // the others are compared with it
    AGREEMENT_SAME,
    AGREEMENT_KNOWN,   // differs, as the query set says it does
    AGREEMENT_DIFFERS, // a fault
    AGREEMENT_COUNT
};

// One query at one target in one mode. `note` is the error or the difference in words.
struct run {
    enum run_status status;
    enum agreement agreement;
    struct str note;
    size_t series_count, sample_count, body_size; // of the first answer
    double first_ms;                              // before anything was warm; < 0: not measured
    struct measurements latencies_ms;             // after the warm-up
    double seconds; // in which all of these were asked, for the throughput
};

struct target {
    struct str name;
    struct str url;  // without slash at the end
    struct str data; // its folder, when named; else empty
    enum target_kind kind;
    pid_t pid; // 0 unless local
    struct process_usage before, after;
    uint64_t disk_bytes; // 0: unknown
};

struct results {
    struct arena arena; // of texts, targets and queries read from a file
    struct str title, date, machine;
    bool complete;
    int64_t end_ms;
    unsigned repetitions, warmup, concurrency;
    bool modes[MODE_COUNT];
    struct target *targets;
    size_t target_count;
    struct query *queries;
    size_t query_count;
    struct run *runs; // of query, target, mode, in this order: see results_run()
};

void results_init(struct results *r);
// Makes the runs, all pending, for the queries and targets set.
void results_start(struct results *r);
void results_release(struct results *r);
struct run *results_run(const struct results *r, size_t query, size_t target, enum run_mode mode);
// Of the medians of the queries that all targets answered in all measured modes; 0 when there are
// none. Their number in *count.
double results_geometric_mean(const struct results *r, size_t target, enum run_mode mode,
                              size_t *count);
// Runs with that status; with AGREEMENT_DIFFERS.
size_t results_count_status(const struct results *r, enum run_status status);
size_t results_count_differing(const struct results *r);

void results_write_json(const struct results *r, struct buf *out);
// ERR_INVALID for what no results_write_json() wrote.
int results_read_json(struct results *r, struct str text, struct error *err);
int results_read_file(struct results *r, const char *path, struct error *err);
void results_write_csv(const struct results *r, struct buf *out);
// One self-contained page with plots.
void results_write_html(const struct results *r, struct buf *out);
// Tables for a terminal.
void results_write_text(const struct results *r, struct buf *out);

#endif
