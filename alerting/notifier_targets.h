// Who the Alertmanagers of a configuration are. Private to the notifier.
#ifndef ALERTING_NOTIFIER_TARGETS_H
#define ALERTING_NOTIFIER_TARGETS_H

#include <stdatomic.h>

#include "alerting/notifier.h"
#include "scrape/target_files.h"

// What one Alertmanager has of its own in /metrics.
struct notifier_target {
    struct str url;
    const struct alertmanager_target_config *set;
    struct metric *sent, *errors, *latency;
};

// A snapshot: immutable and counted.
struct notifier_targets {
    atomic_int references;
    struct arena arena;
    struct prometheus_config *config; // a reference
    struct notifier_target *items;    // those of a set stand together
    size_t count;
    struct str *dropped;
    size_t dropped_count;
    uint64_t fingerprint; // of the files
};

struct notifier_targets *notifier_targets_new(struct prometheus_config *config,
                                              struct target_files *files, struct metrics *metrics);
struct notifier_targets *notifier_targets_ref(struct notifier_targets *t);
void notifier_targets_unref(struct notifier_targets *t); // NULL is allowed
// Of the files that the configuration's Alertmanagers are named in.
uint64_t notifier_files_fingerprint(const struct prometheus_config *config);

#endif
