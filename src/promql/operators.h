// The arithmetic of binary operators on two floats.
#ifndef PROMQL_OPERATORS_H
#define PROMQL_OPERATORS_H

#include "ast.h"

// The result between two scalars: a comparison gives 1 or 0. Not for set operators.
double operator_apply(enum binary_op op, double left, double right);

// math.Max and math.Min of Go: a NaN wins unless the other is the infinity that bounds everything,
// and -0 is below +0.
double float_max(double a, double b);
double float_min(double a, double b);

// One step of a compensated sum (Neumaier's variant of Kahan's), as Prometheus does it: *sum + *c
// is the sum.
static inline void kahan_add(double value, double *sum, double *c)
{
    double t = *sum + value;
    if (__builtin_isinf(t))
        *c = 0;
    else if (__builtin_fabs(*sum) >= __builtin_fabs(value))
        *c += (*sum - t) + value;
    else
        *c += (value - t) + *sum;
    *sum = t;
}

#endif
