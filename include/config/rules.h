// Rule files: Prometheus' own format and the PrometheusRule manifest of the Prometheus operator.
//
// Structure, names, durations and label names are validated here; expressions and templates are
// validated by the alerting module, which knows their languages, at the positions kept below.
#ifndef CONFIG_RULES_H
#define CONFIG_RULES_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"

struct rule_config {
    bool is_alert;
    struct str name; // record or alert
    struct str expr;
    int line;                   // of the rule
    int expr_line, expr_column; // of the expression's first character
    int64_t for_ms;
    int64_t keep_firing_for_ms;
    struct labels labels;      // values are templates for alerts
    struct labels annotations; // templates
};

struct rule_group_config {
    struct str name;
    struct str file;
    int line;
    int64_t interval_ms;     // 0: the global evaluation interval
    int64_t query_offset_ms; // -1: the global one
    uint64_t limit;          // 0: none
    struct labels labels;    // added to every rule's
    struct rule_config *rules;
    size_t rule_count;
};

struct rules_config {
    struct arena arena;
    struct rule_group_config *groups;
    size_t group_count;
};

// Reads one file and appends its groups. On error nothing is appended.
int rules_config_load(struct rules_config *c, const char *path, struct error *err);
int rules_config_parse(struct rules_config *c, struct str text, const char *name,
                       struct error *err);
// Expands the patterns (globs) and loads every file, in sorted order; a pattern that matches
// nothing is fine.
int rules_config_load_all(struct rules_config *c, const struct str *patterns, size_t pattern_count,
                          struct error *err);
void rules_config_init(struct rules_config *c);
void rules_config_release(struct rules_config *c);

#endif
