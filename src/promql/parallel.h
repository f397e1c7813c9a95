// The rows of many series, computed on several threads and taken in order.
//
// What takes time is reading a series and walking its windows; what must be done in order (folding,
// labels, annotations, the arena) is little. So a batch of series is computed at once, each into a
// row of its own, and then taken one after the other: the result is the same to the bit as on one
// thread. Few or short series are computed and taken one by one.
#ifndef PROMQL_PARALLEL_H
#define PROMQL_PARALLEL_H

#include "window.h"

// To open a series is as much work as so many of its samples, which are about so far apart.
#define SERIES_WORK        16
#define SCRAPE_DISTANCE_MS 15000

// What one thread works with. `ev` is its own: columns, checks, error; the arena is not to be used.
struct row_worker {
    struct eval *ev;
    struct window window;
    struct window_memo memo;
    int64_t *starts_ms; // on the heap
    size_t start_capacity;
};

struct row_job {
    struct eval *ev;
    size_t series_count;
    size_t step_count;
    int64_t span_ms;     // that is read of each series
    int64_t window_work; // what looking at its windows takes beside, in samples
    void *context;
    // Computes the row of a series, on any thread: > 0, or 0 when it has no value, or an error.
    int (*compute)(void *context, struct row_worker *w, size_t series, struct row *row);
    // Takes it, in order, on the calling thread. The row's arrays are not kept.
    int (*take)(void *context, size_t series, struct row *row);
};

int row_job_run(const struct row_job *job);
void row_worker_release(struct row_worker *w);

#endif
