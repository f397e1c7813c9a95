// Parts of printed expressions, for both printers.
#ifndef PROMQL_PRINT_H
#define PROMQL_PRINT_H

#include "ast.h"

// `sum by (a, b) `, what stands before an aggregation's parenthesis.
void print_aggregate_head(struct buf *out, const struct promql_expr *e);
// `+ on (a) group_left (b)`, what stands between the operands.
void print_binary_operator(struct buf *out, const struct promql_expr *e);
// What stands behind a subquery's expression.
void print_subquery_suffix(struct buf *out, const struct promql_expr *e);

#endif
