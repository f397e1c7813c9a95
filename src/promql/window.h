// What a range function sees: the samples of one series in one window.
//
// A function is called for the windows of a series in the order of time, which lets it keep things
// in the window's scratch from one call to the next: `first` and `end` never go back.
#ifndef PROMQL_WINDOW_H
#define PROMQL_WINDOW_H

#include "eval.h"
#include "ranks.h"
#include "step_windows.h"

struct window {
    struct eval *ev;
    const struct plan_node *call;
    const struct plan_node *range; // the range vector among its arguments
    const struct lookup *lookup;   // its
    const int64_t *times_ms;       // all samples of the series, no staleness markers
    const double *values;
    const int64_t *starts_ms; // when the counter began, by sample, 0: unknown; NULL: none known
    struct labels labels;     // the series', where start times are known
    size_t count;
    bool is_rising;    // no value is below the one before it, or NaN; false: not known
    size_t first, end; // those in the window: [first, end), never empty
    int64_t start_ms;  // the window is (start_ms, end_ms]; with anchored and smoothed there are
    int64_t end_ms;    // samples from around it, too
    int64_t t_ms;      // of the step
    int64_t range_ms;
    bool anchored, smoothed;
    double params[FUNCTION_ARGS_MAX]; // its scalar arguments at this step
    bool prepared; // scratch holds what the function keeps for this series; set by it

    // Scratch, on the heap, as large as any series needed.
    uint32_t *marks; // indices into the columns
    size_t mark_capacity;
    size_t mark_first, mark_end; // as the function likes
    size_t mark_count;
    double *numbers; // window_numbers()
    size_t number_capacity;
    bool uses_ranks; // quantiles
    struct ranks ranks;
    struct reach reach; // the rates' memory from one window to the next
};

// Of sorted or unsorted values, which it reorders: as quantile() of Prometheus.
double quantile_of(double q, double *values, size_t count);
// The same of the samples [first, end), by the ranks of all values. Neither may go back.
double quantile_of_ranks(double q, const double *values, struct ranks *r, size_t first, size_t end);
// Whether no value is below the one before it, or NaN.
bool values_rise(const double *values, size_t count);
// How many stand before the first NaN.
size_t values_until_nan(const double *values, size_t count);

// Room for `count` marks or numbers.
void window_reserve_marks(struct window *w, size_t count);
double *window_numbers(struct window *w, size_t count);
// Marks are in order of time; moves [mark_first, mark_end) on to those whose sample and the one
// before are both in the window.
void window_seek_marks(struct window *w);

// True when it turned out on the way that no value is below the one before it, or NaN.
bool columns_drop_stale(struct columns *c);
// The value at t between two samples: the first of which is at times_ms[0]. A counter that went
// down started again from 0.
double interpolate(const int64_t *times_ms, const double *values, int64_t t_ms, bool is_counter);
// The index of the first sample in [first, end) with a time > t_ms, or `end`.
size_t first_after(const int64_t *times_ms, size_t first, size_t end, int64_t t_ms);

// The same when it is likely near `first`.
static inline size_t next_after(const int64_t *times_ms, size_t first, size_t end, int64_t t_ms)
{
    size_t stride = 4;
    while (first + stride < end && times_ms[first + stride] <= t_ms) {
        first += stride + 1;
        stride *= 2;
    }
    size_t limit = first + stride < end ? first + stride : end;
    if (limit - first > 8)
        return first_after(times_ms, first, limit, t_ms);
    while (first < limit && times_ms[first] <= t_ms)
        first++;
    return first;
}

static inline size_t window_count(const struct window *w)
{
    return w->end - w->first;
}

// As time.Duration.Seconds() of Go.
static inline double seconds_of_ms(int64_t ms)
{
    return (double)(ms / 1000) + (double)(ms % 1000 * 1000000) / 1e9;
}

#endif
