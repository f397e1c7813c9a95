// Aggregation of a window's samples: the *_over_time() family.
//
// Sums walk their window, because a compensated sum depends on the order of its terms. Minimum and
// maximum keep the candidates of the window in a queue (each sample enters and leaves it once), so
// that long windows cost no more than short ones.
#include <math.h>

#include "families.h"
#include "operators.h"
#include "window.h"

int range_sum(struct window *w, double *out)
{
    double sum = 0, c = 0;
    for (size_t i = w->first; i < w->end; i++)
        kahan_add(w->values[i], &sum, &c);
    *out = isinf(sum) ? sum : sum + c;
    return 1;
}

// The mean of a sum while that doesn't overflow, of means from there on.
int range_avg(struct window *w, double *out)
{
    double sum = w->values[w->first], c = 0, count = 1;
    size_t i = w->first + 1;
    for (; i < w->end; i++) {
        double next = sum, next_c = c;
        kahan_add(w->values[i], &next, &next_c);
        if (isinf(next))
            break;
        sum = next;
        c = next_c;
        count++;
    }
    double mean = sum / count;
    c /= count;
    for (; i < w->end; i++) {
        count++;
        double q = (count - 1) / count;
        mean *= q;
        c *= q;
        kahan_add(w->values[i] / count, &mean, &c);
    }
    *out = mean + c;
    return 1;
}

int range_count(struct window *w, double *out)
{
    *out = (double)window_count(w);
    return 1;
}

int range_present(struct window *w, double *out)
{
    (void)w;
    *out = 1;
    return 1;
}

int range_first(struct window *w, double *out)
{
    *out = w->values[w->first];
    return 1;
}

int range_last(struct window *w, double *out)
{
    *out = w->values[w->end - 1];
    return 1;
}

int range_ts_of_first(struct window *w, double *out)
{
    *out = (double)w->times_ms[w->first] / 1000;
    return 1;
}

int range_ts_of_last(struct window *w, double *out)
{
    // Prometheus looks for the latest from 0 on.
    int64_t last_ms = w->times_ms[w->end - 1];
    *out = last_ms > 0 ? (double)last_ms / 1000 : 0;
    return 1;
}

// Whether `newer` takes the place of `older` for good.
typedef bool beats_fn(double newer, double older);

static bool is_greater(double newer, double older)
{
    return newer > older;
}

static bool is_less(double newer, double older)
{
    return newer < older;
}

static bool is_greater_or_equal(double newer, double older)
{
    return newer >= older;
}

static bool is_less_or_equal(double newer, double older)
{
    return newer <= older;
}

// The index of the extreme sample: marks[mark_first, mark_end) are the candidates, oldest first,
// each beaten by none after it; mark_count is how far the series was looked at. NaNs only: the
// last.
static size_t extreme(struct window *w, beats_fn *beats)
{
    if (!w->prepared) {
        w->prepared = true;
        window_reserve_marks(w, w->count);
        w->mark_first = w->mark_end = 0;
        w->mark_count = w->first;
    }
    if (w->mark_count < w->first)
        w->mark_count = w->first;
    for (; w->mark_count < w->end; w->mark_count++) {
        double value = w->values[w->mark_count];
        if (isnan(value))
            continue;
        while (w->mark_end > w->mark_first && beats(value, w->values[w->marks[w->mark_end - 1]]))
            w->mark_end--;
        w->marks[w->mark_end++] = (uint32_t)w->mark_count;
    }
    while (w->mark_first < w->mark_end && w->marks[w->mark_first] < w->first)
        w->mark_first++;
    return w->mark_first < w->mark_end ? w->marks[w->mark_first] : w->end - 1;
}

int range_max(struct window *w, double *out)
{
    *out = w->values[extreme(w, is_greater)];
    return 1;
}

int range_min(struct window *w, double *out)
{
    *out = w->values[extreme(w, is_less)];
    return 1;
}

// Of equals the last.
int range_ts_of_max(struct window *w, double *out)
{
    *out = (double)w->times_ms[extreme(w, is_greater_or_equal)] / 1000;
    return 1;
}

int range_ts_of_min(struct window *w, double *out)
{
    *out = (double)w->times_ms[extreme(w, is_less_or_equal)] / 1000;
    return 1;
}

static double variance(const struct window *w)
{
    double count = 0, mean = 0, mean_c = 0, squares = 0, squares_c = 0;
    for (size_t i = w->first; i < w->end; i++) {
        count++;
        double delta = w->values[i] - (mean + mean_c);
        kahan_add(delta / count, &mean, &mean_c);
        kahan_add(delta * (w->values[i] - (mean + mean_c)), &squares, &squares_c);
    }
    return (squares + squares_c) / count;
}

int range_stdvar(struct window *w, double *out)
{
    *out = variance(w);
    return 1;
}

int range_stddev(struct window *w, double *out)
{
    *out = sqrt(variance(w));
    return 1;
}

static double *copy_values(struct window *w)
{
    double *copy = window_numbers(w, window_count(w));
    memcpy(copy, w->values + w->first, window_count(w) * sizeof(*copy));
    return copy;
}

// When a sample is in so many windows, and those hold more than some, the samples of a series are
// better sorted once.
#define OVERLAP_MIN 4
#define SAMPLES_MIN 100

static bool windows_overlap(const struct window *w)
{
    const struct grid *grid = w->call->grid;
    return w->count >= SAMPLES_MIN && w->count < UINT32_MAX && grid->count > OVERLAP_MIN &&
           w->range_ms / grid->step_ms >= OVERLAP_MIN;
}

int range_quantile(struct window *w, double *out)
{
    if (!w->prepared) {
        w->prepared = true;
        w->uses_ranks = windows_overlap(w);
        if (w->uses_ranks)
            ranks_init(&w->ranks, w->values, w->count);
    }
    if (w->uses_ranks)
        *out = quantile_of_ranks(w->params[0], w->values, &w->ranks, w->first, w->end);
    else
        *out = quantile_of(w->params[0], copy_values(w), window_count(w));
    return 1;
}

// The median of the distances from the median.
int range_mad(struct window *w, double *out)
{
    double *values = copy_values(w);
    size_t count = window_count(w);
    *out = NAN;
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            return 1;
    double median = quantile_of(0.5, values, count);
    for (size_t i = 0; i < count; i++)
        values[i] = fabs(values[i] - median);
    *out = quantile_of(0.5, values, count);
    return 1;
}
