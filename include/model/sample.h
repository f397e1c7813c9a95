// One measured value: a time and a float.
//
// A sample is a float today and a float or a native histogram later: whoever switches on what a
// sample is does it through `enum sample_kind`.
#ifndef MODEL_SAMPLE_H
#define MODEL_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum sample_kind { SAMPLE_FLOAT };

struct sample {
    int64_t t_ms; // Unix epoch
    double value;
};

// The NaN with these bits ends a series: from its time on the series has no value. Every other NaN
// is a value; arithmetic may produce SAMPLE_NAN_BITS. (Prometheus model/value.)
#define SAMPLE_STALE_BITS UINT64_C(0x7ff0000000000002)
#define SAMPLE_NAN_BITS   UINT64_C(0x7ff8000000000001)

static inline uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static inline double double_from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}

static inline bool sample_is_stale(double value)
{
    return double_bits(value) == SAMPLE_STALE_BITS;
}

static inline double sample_stale(void)
{
    return double_from_bits(SAMPLE_STALE_BITS);
}

#endif
