// A group of rules and its evaluation. Private to the rule manager, whose lock guards it.
#ifndef ALERTING_RULE_GROUP_H
#define ALERTING_RULE_GROUP_H

#include "alerting/template.h"
#include "rule_series.h"
#include "rule_state.h"

struct rule_metrics {
    struct metric *evaluations, *failures, *iterations, *missed, *seconds, *last, *alerts_sent;
};

// What every group needs of its surroundings.
struct rule_context {
    struct rule_manager_options options;
    struct rule_metrics metrics;
    struct template_set *templates;
    struct labels external_labels; // on the heap
    int64_t query_offset_ms;
};

// A label or annotation of an alerting rule, parsed once.
struct rule_text {
    struct str name;
    struct str text;
    struct template *template; // NULL: the text as it is
};

struct rule {
    const struct rule_config *config; // in the group's rules_config
    struct promql_expr *expr;         // in the group's arena
    struct str printed;
    struct rule_text *labels; // of an alerting rule, in the group's arena
    struct rule_text *annotations;
    const char *template_name; // __alert_NAME, in the group's arena
    struct rule_alerts alerts;
    struct rule_series written; // last time
    bool restored;              // its alerts are, and their series not yet known as written
    enum rule_health health;
    char *last_error; // owned
    int64_t last_evaluation_ms;
    double evaluation_time_s;
    bool taken; // its state went over to a new version of the rule
};

struct rule_group {
    struct rule_group_config config;
    struct arena arena;   // of everything that lives as long
    uint64_t fingerprint; // of the configuration
    int64_t interval_ms;
    int64_t next_ms;
    int64_t last_evaluation_ms;
    double evaluation_time_s;
    struct rule *rules;
    struct buf orphans; // keys on disk that are no alert's any more, one behind the other
    bool kept;
};

struct rule_group *rule_group_new(const struct rule_context *context,
                                  const struct rule_group_config *config, int64_t interval_ms,
                                  unsigned features, struct error *err);
// Ends its series when `ended_ms` isn't 0.
void rule_group_free(const struct rule_context *context, struct rule_group *g, int64_t ended_ms);
// Moves alerts and series of the rules that both have from `old`, which is freed afterwards.
void rule_group_take_over(struct rule_group *g, struct rule_group *old);
// Returns the bytes that its largest evaluation took for a moment.
size_t rule_group_evaluate(const struct rule_context *context, struct rule_group *g,
                           int64_t now_ms);
uint64_t rule_group_fingerprint(const struct rule_group_config *config, int64_t interval_ms);

// rule_store.c: reads the alerts' states that an earlier run kept.
void rule_store_restore(const struct rule_context *context, struct rule_group *g, int64_t now_ms);
// Writes what changed since the last time.
void rule_store_save(const struct rule_context *context, struct rule_group *g, int64_t now_ms);
// Before alerts of `old` move to `g`: they are to be written anew, and what stands on disk to go.
void rule_store_orphan(struct rule_group *g, struct rule_group *old);
// Removes what is kept of groups that are none of `groups`.
void rule_store_prune(const struct rule_context *context, struct rule_group *const *groups,
                      size_t count);

#endif
