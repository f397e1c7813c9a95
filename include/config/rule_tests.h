// Files of unit tests for rules, in promtool's format.
//
// Structure, durations and label names are validated here; series, values and expressions stay text
// for whoever runs the tests. Positions are those of the file's lines.
#ifndef CONFIG_RULE_TESTS_H
#define CONFIG_RULE_TESTS_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"

struct rule_test_series {
    struct str series; // metric{label="value"}
    struct str values; // 1+2x3 _ stale
    int line;
};

struct rule_test_alert {
    struct labels labels;
    struct labels annotations;
};

struct rule_test_alert_case {
    struct str alert_name;
    int64_t eval_ms; // since the start
    struct rule_test_alert *alerts;
    size_t alert_count;
    int line;
};

struct rule_test_sample {
    struct str labels;
    double value;
    struct str histogram; // a literal; empty for a float
};

struct rule_test_expr_case {
    struct str expr;
    int64_t eval_ms;
    struct rule_test_sample *samples;
    size_t sample_count;
    int line;
};

struct rule_test {
    struct str name; // may be empty
    int line;
    int64_t interval_ms; // of the input series
    int64_t start_ms;
    struct rule_test_series *series;
    size_t series_count;
    struct rule_test_alert_case *alert_cases;
    size_t alert_case_count;
    struct rule_test_expr_case *expr_cases;
    size_t expr_case_count;
    struct labels external_labels;
    struct str external_url;
};

struct rule_tests_config {
    struct arena arena;
    struct str *rule_files; // patterns, relative ones resolved
    size_t rule_file_count;
    int64_t evaluation_interval_ms;
    bool fuzzy_compare; // values may differ in the last bit
    struct str *group_eval_order;
    size_t group_count;
    struct rule_test *tests;
    size_t test_count;
};

// Reads a file. Errors read "FILE:LINE:COLUMN: what, and what was expected". Release it in both
// cases.
int rule_tests_load(struct rule_tests_config *c, const char *path, struct error *err);
int rule_tests_parse(struct rule_tests_config *c, struct str text, const char *name,
                     const char *folder, struct error *err);
void rule_tests_release(struct rule_tests_config *c);

#endif
