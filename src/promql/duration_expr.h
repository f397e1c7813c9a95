// Durations that are expressions: their value, once the query's step and range are known.
#ifndef PROMQL_DURATION_EXPR_H
#define PROMQL_DURATION_EXPR_H

#include "ast.h"

struct duration_context {
    int64_t step_ms;  // 0 in an instant query
    int64_t range_ms; // end - start
};

// `may_be_negative`: offsets; ranges and steps must come out above 0. ERR_EXECUTION with a text
// that begins with the bytes where it stands, as in Prometheus ("2:8: ...", from 0, half open).
int duration_expr_eval(const struct duration_expr *d, const struct duration_context *context,
                       bool may_be_negative, int64_t *ms, struct error *err);
// Whether range() occurs in it. NULL is allowed.
bool duration_expr_uses_range(const struct duration_expr *d);

#endif
