// Rules: evaluates recording and alerting rules when they are due, keeps the alerts' states.
//
// rule_manager_tick() does what is due at `now_ms` and does no I/O but through the store, so that a
// test drives it with a virtual clock.
#ifndef ALERTING_RULE_MANAGER_H
#define ALERTING_RULE_MANAGER_H

#include "alerting/alert.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "config/rules.h"
#include "promql/promql.h"
#include "storage/storage.h"

struct rule_manager;

// 0 stands for the default: 1 min, 1 h, 10 min.
struct rule_timing {
    int64_t resend_delay_ms;     // between repetitions of an alert
    int64_t outage_tolerance_ms; // pending alerts go on waiting after a shorter pause
    int64_t grace_period_ms; // what is left of a wait as long as this, at least, after a restart
};

struct rule_manager_options {
    struct storage *storage; // borrowed, like all below
    struct promql_engine *engine;
    const struct clock *clock;
    struct metrics *metrics;
    struct str external_url; // "http://host:9090", for generator URLs and templates
    struct rule_timing timing;
    // Takes firing and resolved alerts that are due to be sent; called from rule_manager_tick().
    void (*send)(void *context, const struct alert *alerts, size_t count, int64_t now_ms);
    void *send_context;
};

struct rule_manager *rule_manager_new(const struct rule_manager_options *options);
void rule_manager_free(struct rule_manager *m);

// Checks expressions and templates of every rule without running anything; the first error, as
// FILE:LINE:COLUMN: text.
int rules_check(const struct rules_config *rules, unsigned features, struct error *err);

// Replaces the rules. Groups that did not change keep their state and phase; series of rules that
// are gone end with a staleness marker. Copies what it keeps. On error nothing changes.
int rule_manager_apply(struct rule_manager *m, const struct rules_config *rules,
                       int64_t evaluation_interval_ms, int64_t query_offset_ms,
                       struct labels external_labels, struct error *err);
// Evaluates the groups that are due and returns the milliseconds until the next one.
int64_t rule_manager_tick(struct rule_manager *m, int64_t now_ms);
// Evaluates every group at this moment instead, due or not, in the order of the files but that those
// named in `order` keep their order; returns how many rules failed. For unit tests of rules.
size_t rule_manager_evaluate(struct rule_manager *m, const struct str *order, size_t order_count,
                             int64_t now_ms);

// Of rules, since the metrics were made.
void rule_manager_counts(const struct rule_manager *m, uint64_t *evaluated, uint64_t *failed);

enum alert_state { ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING };
enum rule_health { RULE_UNKNOWN, RULE_OK, RULE_ERROR };
const char *alert_state_name(enum alert_state state);  // "inactive", "pending", "firing"
const char *rule_health_name(enum rule_health health); // "unknown", "ok", "err"

struct active_alert_status {
    struct labels labels;
    struct labels annotations;
    enum alert_state state;
    int64_t active_at_ms;
    int64_t keep_firing_since_ms; // 0: not so
    double value;
};

struct rule_status {
    bool is_alert;
    struct str name;
    struct str query; // printed
    struct labels labels;
    struct labels annotations;
    int64_t for_ms;
    int64_t keep_firing_for_ms;
    enum alert_state state;
    enum rule_health health;
    struct str last_error;
    int64_t last_evaluation_ms; // 0: never
    double evaluation_time_s;
    struct active_alert_status *alerts;
    size_t alert_count;
};

struct rule_group_status {
    struct str name;
    struct str file;
    int64_t interval_ms;
    uint64_t limit;
    int64_t last_evaluation_ms;
    double evaluation_time_s;
    struct rule_status *rules;
    size_t rule_count;
};

// A consistent copy in the arena, sorted by file and group name.
void rule_manager_status(struct rule_manager *m, struct arena *arena,
                         struct rule_group_status **out, size_t *count);

#endif
