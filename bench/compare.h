// Two runs of the same queries: what has become slower.
#ifndef BENCH_COMPARE_H
#define BENCH_COMPARE_H

#include "results.h"

struct compare_options {
    double change_min; // of the median, as a share, that counts
    double p_max;      // of the Mann-Whitney test
};

// Writes a table and returns how many runs are worse: slower by the test and by the share, or
// answered before and no longer. Runs are paired by the names of query and target, and by mode;
// what only one side has is named.
size_t compare_results(const struct results *before, const struct results *after,
                       const struct compare_options *options, struct buf *out);

#endif
