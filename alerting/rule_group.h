// A group of rules and its evaluation. Private to the rule manager, whose lock guards it.
#ifndef ALERTING_RULE_GROUP_H
#define ALERTING_RULE_GROUP_H

#include "alerting/template.h"
#include "base/strmap.h"
#include "rule_state.h"
#include "storage/appender.h"

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
    struct strmap written; // keys of the series written last time -> struct labels on the heap
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
    struct strmap stored; // keys of the alerts that are on disk -> the group itself
    bool kept;
};

struct rule_group *rule_group_new(const struct rule_context *context,
                                  const struct rule_group_config *config, int64_t interval_ms,
                                  unsigned features, struct error *err);
// Ends its series when `ended_ms` isn't 0.
void rule_group_free(const struct rule_context *context, struct rule_group *g, int64_t ended_ms);
// As if the series of an alert that an earlier run left had been written by this one: they end
// with it.
void rule_note_alert(struct rule *r, const struct rule_alert *a);
// Moves alerts and series of the rules that both have from `old`, which is freed afterwards.
void rule_group_take_over(struct rule_group *g, struct rule_group *old);
void rule_group_evaluate(const struct rule_context *context, struct rule_group *g, int64_t now_ms);
uint64_t rule_group_fingerprint(const struct rule_group_config *config, int64_t interval_ms);

// rule_store.c: reads the alerts' states that an earlier run kept.
void rule_store_restore(const struct rule_context *context, struct rule_group *g, int64_t now_ms);
// Writes what changed since the last time.
void rule_store_save(const struct rule_context *context, struct rule_group *g, int64_t now_ms);
// Removes what is kept of groups that are none of `groups`.
void rule_store_prune(const struct rule_context *context, struct rule_group *const *groups,
                      size_t count);

#endif
