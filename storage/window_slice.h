// The slices of a window: equal parts of its span, each compressed for itself.
#ifndef STORAGE_WINDOW_SLICE_H
#define STORAGE_WINDOW_SLICE_H

#include "window.h"

// How many of the times are before t_ms.
static inline size_t count_before(const int64_t *times_ms, size_t count, int64_t t_ms)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (times_ms[middle] < t_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The first millisecond of a slice; of the one behind the last, the end of the span.
static inline int64_t slice_start_ms(const struct window_span *span, uint32_t slice)
{
    uint64_t whole = (uint64_t)span->max_ms - (uint64_t)span->min_ms;
    uint64_t each = whole / span->slice_count, rest = whole % span->slice_count;
    return (int64_t)((uint64_t)span->min_ms + each * slice + rest * slice / span->slice_count);
}

// How many of a series' times lie before the end of a slice.
static inline uint32_t slice_end(const struct window_span *span, uint32_t slice,
                                 const int64_t *times_ms, size_t count)
{
    if (slice + 1 == span->slice_count)
        return (uint32_t)count;
    return (uint32_t)count_before(times_ms, count, slice_start_ms(span, slice + 1));
}

#endif
