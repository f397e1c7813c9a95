// The families of series that targets of each kind show: names, labels, and how values move.
#ifndef BENCH_SHAPES_H
#define BENCH_SHAPES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

enum value_kind {
    VALUE_CONSTANT,    // `scale` itself
    VALUE_COUNTER,     // integer, about `scale` a second
    VALUE_SECONDS,     // counter of two decimals, about `scale` a second
    VALUE_NANOSECONDS, // counter of nine decimals, about `scale` a second
    VALUE_FLOAT_SUM,   // the same added up as floats, whose last digits drift
    VALUE_BYTES,       // gauge around `scale` in pages of 4096
    VALUE_NUMBER,      // integer gauge around `scale`
    VALUE_DECIMAL,     // gauge of two decimals around `scale`
    VALUE_DURATION,    // gauge of nine decimals around `scale`
    VALUE_QUANTILE,    // as VALUE_DURATION, but moves with one scrape in thirty
    VALUE_RATIO,       // gauge of full precision around `scale`
    VALUE_CLOCK,       // the time of the scrape in seconds
    VALUE_START,       // when the host started, in seconds
    VALUE_HISTOGRAM,   // _bucket, _sum and _count of `scale` observations of seconds a second
    VALUE_SIZES,       // the same of observations of bytes
    VALUE_SUMMARY,     // quantiles, _sum and _count
};

// `labels` is blank-separated: name:value,value,... where 0-7 stands for eight values; the family
// has one series for each combination. A value of "%" becomes the host's number.
struct family {
    const char *name;
    enum value_kind kind;
    const char *labels;
    double scale;
};

struct shape {
    const char *name;
    const char *job;
    int port;
    const struct family *families;
    size_t count;
};

extern const struct shape shape_node, shape_prometheus, shape_kubernetes, shape_service, shape_ml,
    shape_devops;

static inline bool value_is_histogram(enum value_kind kind)
{
    return kind == VALUE_HISTOGRAM || kind == VALUE_SIZES;
}

// NULL when there is none.
const struct shape *shape_find(struct str name);
// Upper bounds of the buckets of every histogram, "+Inf" last.
extern const char *const shape_bounds[];
extern const size_t shape_bound_count;

#endif
