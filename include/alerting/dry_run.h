// Rules played over stored history: what would have fired, and whom it would have told.
//
// The rule engine and the notification engine run as they are on a virtual clock, over a store in
// memory that lies on top of the history. What the rules record is seen by the rules after them;
// what the history holds of it since the start, ALERTS included, is not. The history's silences
// count. Everything that would be sent counts as delivered.
#ifndef ALERTING_DRY_RUN_H
#define ALERTING_DRY_RUN_H

#include "alerting/history.h"
#include "config/common.h"
#include "config/rules.h"

struct dry_run_options {
    struct storage *history; // borrowed and only read, like all below
    const struct rules_config *rules;
    struct alertmanager_config *alertmanager;
    int64_t evaluation_interval_ms; // of groups without one
    int64_t query_offset_ms;
    struct labels external_labels; // of templates; alerts to be routed get those they lack
    const struct relabel_configs *alert_relabel; // of alerts to be routed; NULL: none
    struct str external_url;
    unsigned features; // promql_feature bits
    int64_t start_ms, end_ms;
    // Called for every event of the ledger, in order of time.
    void (*event)(void *context, const struct history_event *event);
    // Called about once an hour of virtual time.
    void (*progress)(void *context, int64_t now_ms);
    void *context;
};

// A rule that failed, with the first error of each text.
struct dry_run_failure {
    struct str file, group, rule;
    struct str error;
    int64_t first_ms; // when it was noticed
};

struct dry_run_result {
    uint64_t evaluation_count; // of rules
    uint64_t failed_count;
    struct dry_run_failure *failures; // in the arena
    size_t failure_count;
    size_t silence_count; // that the history holds
};

// Fails for bad rules or routing, as the server would.
int dry_run(const struct dry_run_options *options, struct arena *arena, struct dry_run_result *out,
            struct error *err);

#endif
