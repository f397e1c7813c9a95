// One target: what is known of it between scrapes, and what a scrape's answer does to the store.
//
// Free of transport and of the clock, so that a test can feed it bodies. Not safe for concurrent
// use: guarded by the manager's lock.
#ifndef SCRAPE_TARGET_H
#define SCRAPE_TARGET_H

#include "base/heap.h"
#include "base/strmap.h"
#include "scrape/exposition.h"
#include "scrape/manager.h"
#include "scrape/transfer.h"
#include "storage/appender.h"

struct pool; // manager.c

struct scrape_metrics {
    struct metric *scrapes, *failures, *samples, *dropped_samples, *seconds;
};

// A series as this target writes it.
struct cached_series {
    char *text; // owned: name{labels} as written
    size_t text_len;
    series_ref ref;
    bool dropped;  // by relabelling
    bool tracked;  // gets a staleness marker when it is gone
    uint64_t seen; // number of the scrape
};

struct family {
    char *type, *help, *unit; // owned, NULL until said
};

enum report_sample {
    REPORT_UP,
    REPORT_DURATION,
    REPORT_SCRAPED,
    REPORT_POST_RELABEL,
    REPORT_ADDED,
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
    struct str last_error; // owned text
    int64_t last_scrape_ms;
    double last_duration_s;
    enum target_health health;

    uint64_t scrape_number;
    struct strmap series;         // text -> struct cached_series, owned
    struct cached_series **order; // of the last scrape, as they came
    size_t order_count;
    struct strmap families; // name -> struct family, owned
    series_ref reports[REPORT_COUNT];
};

struct scrape_answer {
    int64_t t_ms; // when the scrape was due
    double duration_s;
    enum exposition_format format; // EXPOSITION_NONE: failed, for this reason
    struct str error;
    struct str body;
};

struct target *target_new(struct pool *pool, struct labels labels, struct labels discovered,
                          struct str url, uint64_t key);
void target_free(struct target *t);
// Takes an answer in: appends the samples, the staleness markers and the report samples, and sets
// the status fields.
void target_answer(struct target *t, struct storage *storage, const struct scrape_config *config,
                   const struct scrape_metrics *metrics, const struct scrape_answer *answer);
// Ends every series of the target.
void target_end(struct target *t, struct storage *storage, int64_t t_ms);

#endif
