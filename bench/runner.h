// Asking targets the queries of a set, side by side.
#ifndef BENCH_RUNNER_H
#define BENCH_RUNNER_H

#include "results.h"

struct runner_options {
    int64_t timeout_ms; // of a query
    int64_t roll_ms;    // the end moves on by this with every repetition, up to the run's; 0: fixed
    bool live;          // each repetition ends now instead
    bool compare;       // whether answers agree
    bool quiet;
};

// Fills the runs of `r`, whose targets, queries, modes and numbers are set and whose runs are
// started. Faults of targets and queries stand in the runs; what is not asked stays pending, and
// r->complete says whether everything was answered. Answers are compared with those of the first
// target that is reached, or of `reference` (an index; SIZE_MAX: none chosen); where it does not
// answer, with those of the first that does.
void runner_run(struct results *r, size_t reference, const struct runner_options *options);

#endif
