// One test script being run, in the language of Prometheus' promqltest.
#ifndef CLI_SCRIPT_H
#define CLI_SCRIPT_H

#include "cli/series_text.h"
#include "promql/promql.h"

// What a case expects beside its series.
enum expect_kind {
    EXPECT_FAIL,
    EXPECT_WARN,
    EXPECT_NO_WARN,
    EXPECT_INFO,
    EXPECT_NO_INFO,
    EXPECT_ORDERED, // never in a case: a field of its own
};

struct expectation {
    enum expect_kind kind;
    bool is_regex;
    struct str text; // empty: any
};

// One `eval` with the lines under it; in the case's arena.
struct eval_case {
    unsigned line; // from 1
    struct str expression;
    bool instant;                      // evaluated at end_ms
    int64_t start_ms, end_ms, step_ms; // of the points that are expected
    bool ordered;
    bool complete;                          // no more lines belong to it
    bool has_number, has_string, has_range; // `expect range vector`: the times are its
    bool old_fail, old_warn, old_info;      // eval_fail and so on: any will do
    double number;
    struct str string;
    struct expectation *expectations; // of `expect` and expected_fail_...
    size_t expectation_count, expectation_capacity;
    struct series_text *series;
    size_t *places; // of each series in an ordered result, from 1
    size_t series_count, series_capacity, place_capacity;
    size_t lines; // that take a place
};

bool eval_case_expects(const struct eval_case *c, enum expect_kind kind);
// Whether a result, or a failure (rc != 0, err), is what the case expects; the first difference goes
// to *why.
bool eval_case_holds(const struct eval_case *c, int rc, const struct error *failure,
                     const struct promql_result *result, struct buf *why);
// The same of one step of a range query's result.
bool eval_case_holds_at(const struct eval_case *c, int64_t t_ms, const struct promql_result *result,
                        struct arena *arena, struct buf *why);

// Runs the text of one script; differences go to stdout as NAME:LINE: text.
struct script_counts {
    uint64_t passed, failed;
};
void script_run(const char *name, struct str text, struct script_counts *counts);

#endif
