// The plan of one query: the syntax tree with everything resolved that is the same at every step.
//
// Times: each part of an expression is evaluated over a grid of steps (the query's own, a
// subquery's, or one step for what @ pins), and each selector knows where it looks from each step.
// Durations are numbers, constants are folded, equal selectors share one selection in storage,
// label lists are sorted.
#ifndef PROMQL_PLAN_H
#define PROMQL_PLAN_H

#include "functions.h"
#include "storage/querier.h"

struct grid {
    int64_t start_ms;
    int64_t step_ms; // > 0
    size_t count;    // may be 0 in a subquery
    int64_t end_ms;  // of what the steps are laid over: the last one's time or later
};

static inline int64_t grid_time(const struct grid *g, size_t step)
{
    return g->start_ms + (int64_t)step * g->step_ms;
}

// Where something looks when it is evaluated at a time.
struct lookup {
    bool pinned; // by @
    int64_t pinned_ms;
    int64_t offset_ms;
};

static inline int64_t lookup_time(const struct lookup *l, int64_t t_ms)
{
    return (l->pinned ? l->pinned_ms : t_ms) - l->offset_ms;
}

enum plan_kind {
    PLAN_NUMBER,
    PLAN_STRING,
    PLAN_SELECTOR,
    PLAN_MATRIX,
    PLAN_SUBQUERY,
    PLAN_CALL,
    PLAN_AGGREGATE,
    PLAN_BINARY,
    PLAN_NEGATE,
    PLAN_REPEAT, // what @ pins: evaluated at one step, repeated at all
};

// Which labels of a set make a group or a signature: the listed ones, or all but those.
struct label_filter {
    const struct str *names; // sorted
    size_t name_count;
    bool keep;             // the listed ones
    bool drop_metric_name; // besides, with keep false
};

struct plan_node {
    enum plan_kind kind;
    enum expr_type type;
    const struct promql_expr *expr; // without parentheses: names, operators
    struct position position;       // for annotations
    const struct grid *grid;
    // No two of its series can become equal by losing their metric names.
    bool nameless_unique;
    union {
        double number;
        struct str string;
        struct {
            size_t selection; // index into the plan's
            struct lookup lookup;
            int64_t range_ms;       // PLAN_MATRIX
            int64_t before_ms;      // how far behind the window, or the lookup, samples count
            int64_t after_ms;       // how far ahead
            bool smoothed;          // PLAN_SELECTOR: between samples
            bool values_ignored;    // it matters only when there are samples
            int64_t min_ms, max_ms; // samples outside are not seen; of info series
        } selector;
        struct {
            struct plan_node *inner;
            struct lookup lookup;
            int64_t range_ms;
        } subquery;
        struct {
            struct plan_node **args;
            size_t arg_count;
            struct plan_node *info; // info(): the selector of info series
        } call;
        struct {
            struct plan_node *inner;
            struct plan_node *param; // NULL: none
            struct label_filter filter;
        } aggregate;
        struct {
            struct plan_node *left, *right;
            struct label_filter signature;
        } binary;
        struct plan_node *inner; // PLAN_NEGATE, PLAN_REPEAT
    };
};

// One look into the index, shared by all selectors with these matchers.
struct selection {
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t min_ms, max_ms;
    bool all_labels;    // matter, or else
    struct str *labels; // these
    size_t label_count;
    size_t label_capacity;
    bool done;
    struct series_set set;
};

struct plan {
    struct arena *arena;
    const struct promql_query *query;
    struct grid grid;
    int64_t lookback_ms;
    int64_t subquery_step_ms;
    struct selection *selections;
    size_t selection_count;
    size_t selection_capacity;
    int64_t min_ms, max_ms; // that any selector looks at
    bool fixed;             // steps depend on where the query starts or ends
    // Steps of subqueries, in sum: how much nearer to a step's own time than this plan's steps
    // another step's samples may be.
    int64_t slack_ms;
    struct plan_node *root;
    struct error *err;
};

// The caller fills in arena, query, lookback_ms and subquery_step_ms. ERR_EXECUTION for a duration
// that comes out impossible.
int plan_make(struct plan *plan, struct error *err);
// Finds out which labels matter in each selection; part of plan_make().
void plan_labels(struct plan *plan);
// Without parentheses around it.
const struct promql_expr *expr_unwrap(const struct promql_expr *e);

#endif
