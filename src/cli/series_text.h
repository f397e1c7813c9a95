// Series as test scripts write them: `metric{label="value"} 1 2+3x4 _ stale`, the expanding notation
// of promqltest scripts and of unit tests for rules.
#ifndef CLI_SERIES_TEXT_H
#define CLI_SERIES_TEXT_H

#include "base/error.h"
#include "model/labels.h"

enum point_kind {
    POINT_ABSENT,
    POINT_FLOAT, // staleness markers included
    POINT_HISTOGRAM,
};

struct point {
    enum point_kind kind;
    double value;
};

struct series_text {
    struct labels labels;
    struct point *points;
    size_t count;
};

// Points of one series may be this many.
#define SERIES_TEXT_POINTS_MAX 10000000

// Everything lives in the arena. ERR_INVALID says what was expected.
int series_text_parse(struct arena *arena, struct str line, struct series_text *out,
                      struct error *err);
// Only the points, as in the `values` of input_series.
int series_text_points(struct arena *arena, struct str text, struct series_text *out,
                       struct error *err);
// Only the labels: `metric{label="value"}` or `{}`.
int series_text_labels(struct arena *arena, struct str text, struct labels *out, struct error *err);

#endif
