// Classic histograms as arrays of cumulative buckets.
#ifndef PROMQL_BUCKETS_H
#define PROMQL_BUCKETS_H

#include "annotations.h"

struct bucket {
    double upper; // inclusive
    double count; // cumulative
};

// The quantile q of sorted buckets, which it changes: equal bounds are merged, counts made
// monotonic. NaN without a +Inf bucket, without observations, with fewer than two buckets.
double buckets_quantile(double q, struct bucket *buckets, size_t count, struct monotonicity *fixed);
// The share of observations between two values; changes the buckets, too.
double buckets_fraction(double lower, double upper, struct bucket *buckets, size_t count);

#endif
