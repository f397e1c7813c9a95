// The scraper's state, for what drives it and for what shows it.
#ifndef SCRAPE_MANAGER_INTERNAL_H
#define SCRAPE_MANAGER_INTERNAL_H

#include <pthread.h>

#include "scrape/target_files.h"
#include "target.h"

struct pool {
    struct scrape_manager *manager;
    const struct scrape_config *config; // of the manager's configuration
    char *accept;                       // owned: the header of the job's requests
    struct target **targets;
    size_t target_count;
    size_t target_capacity;
    bool over_limit;            // of targets: every scrape fails for it
    struct arena dropped_arena; // of the list below, made anew by each synchronisation
    struct labels *dropped;
    size_t dropped_kept;
    uint64_t dropped_count;
    uint64_t files; // fingerprint of the target files
};

struct scrape_manager {
    struct scrape_manager_options options;
    struct scrape_metrics metrics;
    struct metric *target_gauge;
    pthread_t thread;
    pthread_mutex_t mutex; // guards everything below but the transfers
    bool stopping;
    struct prometheus_config *config;
    struct pool *pools;
    size_t pool_count;
    struct target **removed; // to be ended by the thread
    size_t removed_count;
    size_t removed_capacity;
    struct heap due;
    struct target_files *files;
    struct metadata_pool *metadata;
    int64_t files_checked_ms;
    int64_t clock_offset_ms;        // wall minus monotonic
    struct transfer_client *client; // the thread's; likewise below
    struct appender *appender;      // empty between scrapes
};

#endif
