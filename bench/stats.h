// Order statistics of measurements, and whether two sets of them differ.
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>

// Measurements in the order they were taken.
struct measurements {
    double *values; // owned
    size_t count;
    size_t capacity;
};

struct summary {
    size_t count;
    double min, p50, p90, p99, max, mean;
    double p50_low, p50_high; // where the median lies with 95 % confidence
};

void measurements_add(struct measurements *m, double value);
void measurements_release(struct measurements *m);
// All zero for no measurement.
struct summary measurements_summary(const struct measurements *m);
// The value that a share of the sorted values does not pass, linear between neighbours.
double quantile_of_sorted(const double *sorted, size_t count, double share);

// Two-sided p value of the Mann-Whitney U test, by its normal approximation with a correction for
// ties; 1 when either has fewer than four measurements.
double mann_whitney(const struct measurements *a, const struct measurements *b);

#endif
