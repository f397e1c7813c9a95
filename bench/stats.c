// Latencies are skewed and have outliers, so nothing here supposes a distribution: medians with
// the confidence interval that the binomial distribution of ranks gives, and a test on ranks.
#include "stats.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

void measurements_add(struct measurements *m, double value)
{
    MEM_GROW(m->values, m->count, m->capacity);
    m->values[m->count++] = value;
}

void measurements_release(struct measurements *m)
{
    mem_free(m->values);
    *m = (struct measurements){0};
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile_of_sorted(const double *sorted, size_t count, double share)
{
    double rank = share * (double)(count - 1);
    size_t below = (size_t)rank;
    if (below + 1 >= count)
        return sorted[count - 1];
    return sorted[below] + (rank - (double)below) * (sorted[below + 1] - sorted[below]);
}

// Ranks between which the median lies with 95 %: count/2 -+ 1.96 * sqrt(count)/2.
static void median_interval(const double *sorted, size_t count, struct summary *s)
{
    double half = (double)count / 2, width = 0.98 * sqrt((double)count);
    double low = floor(half - width), high = ceil(half + width) - 1;
    s->p50_low = sorted[low < 0 ? 0 : (size_t)low];
    s->p50_high = sorted[high > (double)(count - 1) ? count - 1 : (size_t)high];
}

struct summary measurements_summary(const struct measurements *m)
{
    struct summary s = {.count = m->count};
    if (!m->count)
        return s;
    double *sorted = mem_calloc(m->count, sizeof(*sorted));
    memcpy(sorted, m->values, m->count * sizeof(*sorted));
    qsort(sorted, m->count, sizeof(*sorted), by_value);
    for (size_t i = 0; i < m->count; i++)
        s.mean += sorted[i] / (double)m->count;
    s.min = sorted[0];
    s.p50 = quantile_of_sorted(sorted, m->count, 0.5);
    s.p90 = quantile_of_sorted(sorted, m->count, 0.9);
    s.p99 = quantile_of_sorted(sorted, m->count, 0.99);
    s.max = sorted[m->count - 1];
    median_interval(sorted, m->count, &s);
    mem_free(sorted);
    return s;
}

struct ranked {
    double value;
    bool first; // of the first set
};

static int by_ranked_value(const void *a, const void *b)
{
    return by_value(&((const struct ranked *)a)->value, &((const struct ranked *)b)->value);
}

// Sum of the ranks of the first set; *ties becomes the sum of t^3 - t over groups of equals.
static double rank_sum(const struct ranked *all, size_t count, double *ties)
{
    double sum = 0;
    *ties = 0;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && all[end].value == all[i].value;)
            end++;
        double t = (double)(end - i), rank = (double)(i + 1 + end) / 2;
        *ties += t * t * t - t;
        for (size_t j = i; j < end; j++)
            sum += all[j].first ? rank : 0;
    }
    return sum;
}

double mann_whitney(const struct measurements *a, const struct measurements *b)
{
    if (a->count < 4 || b->count < 4)
        return 1;
    size_t count = a->count + b->count;
    struct ranked *all = mem_calloc(count, sizeof(*all));
    for (size_t i = 0; i < a->count; i++)
        all[i] = (struct ranked){a->values[i], true};
    for (size_t i = 0; i < b->count; i++)
        all[a->count + i] = (struct ranked){b->values[i], false};
    qsort(all, count, sizeof(*all), by_ranked_value);
    double ties, sum = rank_sum(all, count, &ties);
    mem_free(all);
    double n = (double)count, n1 = (double)a->count, n2 = (double)b->count;
    double u = sum - n1 * (n1 + 1) / 2;
    double variance = n1 * n2 / 12 * (n + 1 - ties / (n * (n - 1)));
    if (variance <= 0)
        return 1;
    double distance = fabs(u - n1 * n2 / 2) - 0.5;
    return distance <= 0 ? 1 : erfc(distance / sqrt(2 * variance));
}
