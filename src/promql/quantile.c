// Quantiles of values by selection: linear time instead of a sort, with the sort's result.
//
// NaNs rank below everything. The quantile between two ranks is their weighted mean.
#include <math.h>

#include "base/lanes.h"
#include "window.h"

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

static void sort_few(double *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        double value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

static double median_of_three(double a, double b, double c)
{
    double low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

// Moves those below the pivot (with `or_equal`, not above it) to the front and returns their count.
// Without branches on values, which nobody could predict.
static inline size_t part(double *values, size_t count, double pivot, bool or_equal)
{
    size_t front = 0;
    for (size_t i = 0; i < count; i++) {
        double value = values[i];
        values[i] = values[front];
        values[front] = value;
        front += or_equal ? value <= pivot : value < pivot;
    }
    return front;
}

#define FEW 12

// Reorders so that values[rank] is what a sort would put there, nothing after it is less and nothing
// before it more (Hoare's FIND). No NaNs.
static void select_rank(double *values, size_t count, size_t rank)
{
    while (count > FEW) {
        double pivot = median_of_three(values[0], values[count / 2], values[count - 1]);
        size_t front = part(values, count, pivot, false);
        if (rank < front) {
            count = front;
            continue;
        }
        // A pivot that is the least: those equal to it are done with.
        if (front == 0)
            front = part(values, count, pivot, true);
        if (rank < front)
            return;
        values += front;
        count -= front;
        rank -= front;
    }
    sort_few(values, count);
}

static size_t move_nans_first(double *values, size_t count)
{
    size_t nans = 0;
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            swap(&values[nans++], &values[i]);
    return nans;
}

// Where the quantile lies among `count` sorted values.
struct place {
    size_t lower, upper; // ranks
    double weight;       // of the upper
};

static struct place find_place(double q, size_t count)
{
    double rank = q * (double)(count - 1), lower = floor(rank);
    size_t at = (size_t)lower;
    return (struct place){at, at + 1 < count ? at + 1 : count - 1, rank - lower};
}

// *out is the quantile where that is known without looking at values.
static bool is_trivial(double q, size_t count, double *out)
{
    *out = count == 0 || isnan(q) ? NAN : q < 0 ? -INFINITY : INFINITY;
    return count == 0 || !(q >= 0 && q <= 1);
}

// Reorders as select_rank() does for the lower rank. No NaNs.
static double select_quantile(struct place p, double *values, size_t count)
{
    select_rank(values, count, p.lower);
    double next = values[p.upper];
    for (size_t i = p.upper + 1; i < count; i++)
        next = values[i] < next ? values[i] : next;
    return values[p.lower] * (1 - p.weight) + next * p.weight;
}

double quantile_of(double q, double *values, size_t count)
{
    double trivial;
    if (is_trivial(q, count, &trivial))
        return trivial;
    struct place p = find_place(q, count);
    size_t nans = move_nans_first(values, count);
    if (p.lower < nans)
        return NAN;
    p.lower -= nans;
    p.upper -= nans;
    return select_quantile(p, values + nans, count - nans);
}

double quantile_of_ranks(double q, const double *values, struct ranks *r, size_t first, size_t end)
{
    double trivial;
    ranks_move(r, first, end);
    if (is_trivial(q, end - first, &trivial))
        return trivial;
    struct place p = find_place(q, end - first);
    size_t next, at = ranks_find(r, p.lower, &next);
    if (isnan(values[at]))
        return NAN;
    return values[at] * (1 - p.weight) + values[next] * p.weight;
}

bool values_rise(const double *values, size_t count)
{
    size_t i = 1;
    for (; i + 4 * LANES <= count; i += 4 * LANES) {
        lane_mask all = ~(lane_mask){0};
        for (size_t k = 0; k < 4 * LANES; k += LANES)
            all &= lanes_get(values + i + k) >= lanes_get(values + i + k - 1);
        if (lanes_any(~all))
            return false;
    }
    for (; i < count; i++) {
        if (!(values[i] >= values[i - 1]))
            return false;
    }
    return count != 1 || !isnan(values[0]);
}

size_t values_until_nan(const double *values, size_t count)
{
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES) {
        lane_mask any = {0};
        for (size_t k = 0; k < 4 * LANES; k += LANES) {
            lanes x = lanes_get(values + i + k);
            any |= x != x;
        }
        if (lanes_any(any))
            break;
    }
    while (i < count && !isnan(values[i]))
        i++;
    return i;
}
