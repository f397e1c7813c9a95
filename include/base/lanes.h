// Doubles side by side, which the compiler makes vector instructions of: two, as all processors
// have it. Each lane gives the same bits as the scalar code.
#ifndef BASE_LANES_H
#define BASE_LANES_H

#include <stdint.h>

#define LANES 2

// Not aligned to their size: columns begin where they like.
typedef double lanes __attribute__((vector_size(LANES * 8), aligned(8), may_alias));
typedef int64_t lane_mask __attribute__((vector_size(LANES * 8), aligned(8), may_alias));

static inline lanes lanes_get(const double *values)
{
    return *(const lanes *)values;
}

static inline void lanes_put(double *values, lanes x)
{
    *(lanes *)values = x;
}

static inline int lanes_any(lane_mask m)
{
    return (m[0] | m[1]) != 0;
}

// a where the mask is set, else b.
static inline lanes lanes_choose(lane_mask m, lanes a, lanes b)
{
    return (lanes)(((lane_mask)a & m) | ((lane_mask)b & ~m));
}

static inline lanes lanes_abs(lanes x)
{
    return (lanes)((lane_mask)x & INT64_MAX);
}

#endif
