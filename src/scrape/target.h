// One target: what is known of it between scrapes, and what a scrape's answer does to the store.
//
// Free of transport and of the clock, so that a test can feed it bodies. Not safe for concurrent
// use: guarded by the manager's lock.
#ifndef SCRAPE_TARGET_H
#define SCRAPE_TARGET_H

#include "base/heap.h"
#include "base/metrics.h"
#include "metadata.h"
#include "scrape/exposition.h"
#include "scrape/manager.h"
#include "scrape/transfer.h"
#include "series_cache.h"
#include "storage/appender.h"

struct pool; // manager.c

// Why a sample of a good scrape is not stored.
// X(name, label value)
#define REFUSAL_TABLE(X)                                                                           \
    X(OUT_OF_ORDER, "out_of_order")                                                                \
    X(DUPLICATE, "duplicate_timestamp")                                                            \
    X(OUT_OF_BOUNDS, "out_of_bounds")                                                              \
    X(SERIES_LIMIT, "series_limit")

enum refusal {
#define X(name, text) REFUSAL_##name,
    REFUSAL_TABLE(X)
#undef X
        REFUSAL_COUNT
};

struct scrape_metrics {
    struct metric *scrapes, *failures, *samples, *body_bytes, *seconds;
    struct metric *refused[REFUSAL_COUNT];
};

void scrape_metrics_init(struct scrape_metrics *m, struct metrics *registry);

// X(name, metric): written at each scrape; those from TIMEOUT on with extra_scrape_metrics only.
#define REPORT_TABLE(X)                                                                            \
    X(UP, "up")                                                                                    \
    X(DURATION, "scrape_duration_seconds")                                                         \
    X(SCRAPED, "scrape_samples_scraped")                                                           \
    X(POST_RELABEL, "scrape_samples_post_metric_relabeling")                                       \
    X(ADDED, "scrape_series_added")                                                                \
    X(TIMEOUT, "scrape_timeout_seconds")                                                           \
    X(SAMPLE_LIMIT, "scrape_sample_limit")                                                         \
    X(BODY_SIZE, "scrape_body_size_bytes")

enum report_sample {
#define X(name, metric) REPORT_##name,
    REPORT_TABLE(X)
#undef X
        REPORT_COUNT
};

struct target {
    struct heap_node due;           // key: when to scrape next, Unix ms
    struct scrape_manager *manager; // borrowed
    struct pool *pool;              // borrowed; NULL once removed
    uint64_t key;                   // identity: a hash of labels and URL
    bool kept;                      // found again by the synchronisation that runs
    bool removed;                   // to be ended by the thread
    struct labels labels;           // all but __name ones, on the heap
    struct labels discovered;       // on the heap
    char *url;
    int64_t interval_ms;
    int64_t timeout_ms;

    struct transfer *transfer; // while one runs
    int64_t scheduled_ms;
    char *last_error; // owned; NULL: none
    int64_t last_scrape_ms;
    double last_duration_s;
    enum target_health health;

    uint64_t fingerprint; // of the configuration that the cache was filled under
    struct series_cache series;
    struct metadata_table metadata;
    series_ref reports[REPORT_COUNT];
};

struct scrape_answer {
    int64_t t_ms; // when the scrape was due
    double duration_s;
    enum exposition_format format; // EXPOSITION_NONE: failed, for this reason
    struct str error;
    struct str body;
    bool too_large; // the failure is the limit on the body's size
};

// What target_answer() works with, all borrowed.
struct scrape_context {
    struct appender *appender; // empty
    struct metadata_pool *metadata;
    const struct scrape_config *config;
    const struct scrape_metrics *metrics;
};

struct target *target_new(struct pool *pool, struct labels labels, struct labels discovered,
                          struct str url, uint64_t key);
void target_free(struct target *t, struct metadata_pool *metadata);
void target_set_discovered(struct target *t, struct labels discovered);
// Takes an answer in: appends the samples, the staleness markers and the report samples, commits,
// and sets the status fields.
void target_answer(struct target *t, const struct scrape_context *context,
                   const struct scrape_answer *answer);
// Ends every series of the target.
void target_end(struct target *t, struct appender *appender, int64_t t_ms);

#endif
