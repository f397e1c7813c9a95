// Quantiles of values by selection: linear time instead of a sort, with the sort's result.
//
// NaNs rank below everything. The quantile between two ranks is their weighted mean.
#include <math.h>

#include "window.h"

static void swap(double *a, double *b)
{
    double t = *a;
    *a = *b;
    *b = t;
}

// Reorders so that values[rank] is what a sort would put there and nothing after it is less
// (Hoare's FIND). No NaNs.
static void select_rank(double *values, size_t count, size_t rank)
{
    size_t low = 0, high = count - 1;
    while (low < high) {
        double pivot = values[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (values[j] > pivot)
                j--;
            if (i > j)
                break;
            swap(&values[i], &values[j]);
            i++;
            if (j == 0 || i > j--)
                break;
        }
        if (rank < i && rank > j)
            return;
        if (rank <= j)
            high = j;
        else
            low = i;
    }
}

static size_t move_nans_first(double *values, size_t count)
{
    size_t nans = 0;
    for (size_t i = 0; i < count; i++)
        if (isnan(values[i]))
            swap(&values[nans++], &values[i]);
    return nans;
}

double quantile_of(double q, double *values, size_t count)
{
    if (count == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    double rank = q * (double)(count - 1);
    double weight = rank - floor(rank);
    size_t lower = (size_t)floor(rank);
    size_t upper = lower + 1 < count ? lower + 1 : count - 1;
    size_t nans = move_nans_first(values, count);
    if (lower < nans)
        return NAN;
    select_rank(values + nans, count - nans, lower - nans);
    double next = values[upper];
    for (size_t i = upper + 1; i < count; i++)
        next = values[i] < next ? values[i] : next;
    return values[lower] * (1 - weight) + next * weight;
}
