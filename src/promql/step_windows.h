// Where the windows of all steps begin and end in a column of sample times.
//
// The series of one scrape target share their times, so that what is found out about the windows of
// one holds for the next: bounds, and for the rates how far a series is taken to reach. A memo keeps
// the last columns that were seen, by their times.
#ifndef PROMQL_STEP_WINDOWS_H
#define PROMQL_STEP_WINDOWS_H

#include "plan.h"

// How far a series is taken to reach beyond its samples in a window, by where they stand in it.
struct reach {
    size_t count;                               // of samples; less than two: no rate
    int64_t to_start_ms, to_end_ms, sampled_ms; // between the window's ends and the samples
    double sampled, to_start, to_end;           // seconds
    double factor;
};

struct step_windows {
    // One a step: the samples [first, end) are in its window.
    uint32_t *first, *end;
    // The rates': a step's reach is reaches[reach_of[i]]. Mostly the same few. NULL until a rate
    // asks.
    uint32_t *reach_of;
    struct reach *reaches;
    size_t reach_count;
    size_t reach_capacity;
    // What they were found for.
    uint64_t key;
    int64_t *times_ms; // a copy
    size_t count;
};

// What all windows of a call have in common.
struct window_shape {
    const struct grid *grid;
    const struct lookup *lookup;
    int64_t range_ms;
    int64_t behind_ms, ahead_ms; // of a window's start and end, that count as well
};

#define WINDOW_MEMO_SIZE 32

struct window_memo {
    struct step_windows entries[WINDOW_MEMO_SIZE];
    size_t next; // to be replaced
};

// Few steps, or many more samples than steps, are not worth remembering.
bool window_memo_pays(const struct window_shape *shape, size_t sample_count);
// The windows over a column; valid until the next call. One memo serves one shape.
struct step_windows *window_memo_get(struct window_memo *m, const struct window_shape *shape,
                                     const int64_t *times_ms, size_t count);
// The number of a reach among the steps', which it is added to unless it was one of the last.
uint32_t step_windows_add_reach(struct step_windows *s, const struct reach *r);
void window_memo_release(struct window_memo *m);

#endif
