// What a target answered to a query, and whether two answers say the same.
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/sample.h"

struct answer_series {
    struct str labels; // canonical text
    struct sample *samples;
    size_t count;
};

// Series in the order of their labels.
struct answer {
    struct arena arena;
    struct answer_series *series;
    size_t count;
    size_t sample_count;
};

struct answer_difference {
    size_t series_missing; // that only the reference has
    size_t series_extra;   // that the reference lacks
    size_t samples_compared;
    size_t samples_unequal; // beyond the tolerance
    size_t samples_missing; // of series that both have
    size_t samples_extra;
    double relative_max; // of samples compared
};

// Reads the JSON of /api/v1/query or query_range. ERR_INVALID when it is none, ERR_EXECUTION with
// the target's words when it is an error. On OK the caller releases it.
int answer_parse(struct answer *a, struct str json, struct error *err);
void answer_release(struct answer *a);

// Values agree when they differ by at most `tolerance` of the larger. NaN agrees with NaN.
void answer_compare(struct answer_difference *d, const struct answer *reference,
                    const struct answer *other, double tolerance);
bool answer_agrees(const struct answer_difference *d);
// "3 of 240 values differ, by at most 0.4 %; 2 series are missing"
void answer_difference_text(struct buf *out, const struct answer_difference *d);

#endif
