// Aggregations by what they need: a running fold a step, or the series themselves.
#ifndef PROMQL_AGGREGATE_H
#define PROMQL_AGGREGATE_H

#include "eval.h"

// topk, bottomk, limitk, limit_ratio: some of the series of each group.
int aggregate_select(struct eval *ev, const struct plan_node *n, struct vector *out);
int aggregate_quantile(struct eval *ev, const struct plan_node *n, struct vector *out);
int aggregate_count_values(struct eval *ev, const struct plan_node *n, struct vector *out);

// The series of a vector by group, in the order of the vector.
struct grouping {
    struct label_index groups;
    uint32_t *of;      // the group of each series
    size_t *sizes;     // the number of series of each group
    size_t *starts;    // of each group in members
    uint32_t *members; // the series, group after group
};

void grouping_init(struct grouping *g, struct eval *ev, const struct plan_node *n,
                   const struct vector *v);
void grouping_release(struct grouping *g);

// What a parameter is over all steps.
struct param_range {
    double min, max; // NaN when any is
    bool has_nan;
};

struct param_range param_range(const struct value *param, size_t step_count);

#endif
