// The scraper: discovers targets, fetches each at its interval, appends what they say.
//
// One thread of its own runs every fetch through one libcurl multi handle. A target's scrapes are
// spread over its interval by a hash of its identity, so that load is even and a restart keeps the
// phase.
#ifndef SCRAPE_MANAGER_H
#define SCRAPE_MANAGER_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "config/prometheus.h"
#include "model/labels.h"
#include "storage/storage.h"

struct scrape_manager;

struct scrape_manager_options {
    struct storage *storage;   // borrowed
    const struct clock *clock; // borrowed
    struct metrics *metrics;   // borrowed
    const char *user_agent;    // "Lapwing/1.2.3"
};

// Starts the thread, without targets.
struct scrape_manager *scrape_manager_new(const struct scrape_manager_options *options);
// Writes staleness markers for no target (they end by lookback), stops and frees.
void scrape_manager_free(struct scrape_manager *m);
// Takes its own reference to the configuration. Targets that stay the same keep their state and
// phase; those that go get staleness markers. What cannot be used (a missing CA file) is an error of
// each scrape.
void scrape_manager_apply(struct scrape_manager *m, struct prometheus_config *config);

// The configuration in force, with a reference of the caller's own; NULL before the first.
struct prometheus_config *scrape_manager_config(struct scrape_manager *m);

enum target_health { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN };
const char *target_health_name(enum target_health health); // "unknown", "up", "down"

// One active target as /api/v1/targets shows it; everything lives in the arena.
struct target_status {
    struct labels discovered_labels;
    struct labels labels; // without those that begin with __
    struct str scrape_pool;
    struct str scrape_url;
    struct str last_error;  // empty when the last scrape was fine
    int64_t last_scrape_ms; // 0: never
    double last_scrape_duration_s;
    enum target_health health;
    int64_t interval_ms;
    int64_t timeout_ms;
};

struct dropped_target_status {
    struct labels discovered_labels;
    struct str scrape_pool;
};

struct targets_status {
    struct target_status *active; // sorted by pool, then URL
    size_t active_count;
    struct dropped_target_status *dropped;
    size_t dropped_count;
    struct pool_status {
        struct str name;
        uint64_t dropped_count; // kept or not
    } * pools;                  // sorted by name
    size_t pool_count;
};

void scrape_manager_targets(struct scrape_manager *m, struct arena *arena,
                            struct targets_status *out);

// What a target said about a metric in its last scrape.
struct metric_metadata {
    struct str metric;
    struct str type; // counter, gauge, histogram, summary, info, stateset, unknown
    struct str help;
    struct str unit;
    struct labels target; // labels of the target
};

// Sorted by metric, then target. `metric` empty: every metric.
void scrape_manager_metadata(struct scrape_manager *m, struct str metric, struct arena *arena,
                             struct metric_metadata **out, size_t *count);

#endif
