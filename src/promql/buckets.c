// Quantiles and fractions of classic histograms.
//
// Within a bucket observations are taken to be spread evenly; the lowest bucket starts at 0 when
// its bound is positive, the highest has no upper end. Counts that decrease towards higher bounds
// (from scrapes that raced, or sums of rounded rates) are raised to the count before: differences
// up to a relative 1e-12 silently, larger ones with a note.
#include "buckets.h"

#include <float.h>
#include <math.h>

#define SMALL_DELTA 1e-12

static size_t coalesce(struct bucket *buckets, size_t count)
{
    size_t kept = 0;
    for (size_t i = 1; i < count; i++) {
        if (buckets[i].upper == buckets[kept].upper)
            buckets[kept].count += buckets[i].count;
        else
            buckets[++kept] = buckets[i];
    }
    return kept + 1;
}

static bool almost_equal(double a, double b, double epsilon)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return diff < epsilon * DBL_MIN;
    return diff / fmin(sum, DBL_MAX) < epsilon;
}

static void make_monotonic(struct bucket *buckets, size_t count, struct monotonicity *fixed)
{
    double before = buckets[0].count;
    for (size_t i = 1; i < count; i++) {
        double now = buckets[i].count;
        if (now == before)
            continue;
        if (almost_equal(before, now, SMALL_DELTA)) {
            buckets[i].count = before;
            continue;
        }
        if (now < before) {
            buckets[i].count = before;
            if (!fixed->forced)
                *fixed = (struct monotonicity){true, buckets[i].upper, buckets[i].upper, 0};
            fixed->bucket_max = buckets[i].upper;
            fixed->diff_max = fmax(fixed->diff_max, before - now);
            continue;
        }
        before = now;
    }
}

double buckets_quantile(double q, struct bucket *buckets, size_t count, struct monotonicity *fixed)
{
    *fixed = (struct monotonicity){0};
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (count == 0 || buckets[count - 1].upper != INFINITY)
        return NAN;
    count = coalesce(buckets, count);
    make_monotonic(buckets, count, fixed);
    double observations = buckets[count - 1].count;
    if (count < 2 || observations == 0)
        return NAN;
    double rank = q * observations;
    size_t b = 0;
    for (size_t end = count - 1; b < end;) {
        size_t middle = b + (end - b) / 2;
        if (buckets[middle].count >= rank)
            end = middle;
        else
            b = middle + 1;
    }
    if (b == count - 1)
        return buckets[count - 2].upper;
    if (b == 0 && buckets[0].upper <= 0)
        return buckets[0].upper;
    double start = 0, inside = buckets[b].count;
    if (b > 0) {
        start = buckets[b - 1].upper;
        inside -= buckets[b - 1].count;
        rank -= buckets[b - 1].count;
    }
    return start + (buckets[b].upper - start) * (rank / inside);
}

struct side {
    double at;
    double rank;
    bool found;
};

// Where the value falls when the bucket above `lower` reaches up to `b`.
static void find_rank(struct side *s, double lower, const struct bucket *b, double before)
{
    if (s->found)
        return;
    if (lower >= s->at) {
        s->rank = before;
        s->found = true;
    } else if (b->upper > s->at) {
        s->rank = lower == -INFINITY
                      ? b->count
                      : before + (b->count - before) * (s->at - lower) / (b->upper - lower);
        s->found = true;
    }
}

double buckets_fraction(double lower, double upper, struct bucket *buckets, size_t count)
{
    if (count == 0 || buckets[count - 1].upper != INFINITY)
        return NAN;
    count = coalesce(buckets, count);
    double total = buckets[count - 1].count;
    if (total == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    struct side low = {.at = lower}, high = {.at = upper};
    double before = 0, bound = buckets[0].upper <= 0 ? -INFINITY : 0;
    for (size_t i = 0; i < count && !(low.found && high.found); i++) {
        find_rank(&low, bound, &buckets[i], before);
        find_rank(&high, bound, &buckets[i], before);
        before = buckets[i].count;
        bound = buckets[i].upper;
    }
    if (!low.found || low.rank > total)
        low.rank = total;
    if (!high.found || high.rank > total)
        high.rank = total;
    return (high.rank - low.rank) / total;
}
