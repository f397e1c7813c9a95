// The sample times of one series, or of many: the series of a target share theirs, so a window
// stores each column of times once, whoever uses it.
//
// A column is cut into the window's slices, each with a head of its own (FORMAT.md, "Times"): a
// reader of one decodes no other. Regular times take a few bytes a slice, jitter of some milliseconds
// one byte a sample.
#ifndef STORAGE_COLD_TIMES_H
#define STORAGE_COLD_TIMES_H

#include "base/buf.h"
#include "base/error.h"
#include "window.h"

// The first millisecond of a slice; of the one behind the last, the end of the span.
int64_t slice_start_ms(const struct window_span *span, uint32_t slice);
// How many of ascending times are before t_ms.
size_t times_before(const int64_t *times_ms, size_t count, int64_t t_ms);
// How many of a series' times lie before the end of a slice.
size_t slice_end(const struct window_span *span, uint32_t slice, const int64_t *times_ms,
                 size_t count);

// Strictly increasing times within the span.
void cold_times_encode(const struct window_span *span, const int64_t *times_ms, size_t count,
                       struct buf *out);

// What a column has in one slice.
struct slice_times {
    int64_t first_ms;
    size_t count;
    struct str bytes;
};

// ERR_CORRUPT.
int cold_times_find(const struct window_span *span, struct str column, uint32_t slice,
                    struct slice_times *out);
// Decodes t->count times. ERR_CORRUPT, also when a time does not increase.
int cold_times_decode(const struct slice_times *t, int64_t *out);

#endif
