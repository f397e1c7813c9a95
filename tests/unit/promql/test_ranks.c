// Order statistics of moving windows against a sort of each.
#include "unit.h"

#include <stdlib.h>

#include "base/rng.h"
#include "ranks.h"
#include "window.h"

#define COUNT 3000

static int nan_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void expect_window(struct ranks *r, const double *values, size_t first, size_t end,
                          size_t rank)
{
    static double sorted[COUNT];
    size_t count = end - first, next, above = rank + 1 < count ? rank + 1 : rank;
    memcpy(sorted, values + first, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), nan_first);
    ranks_move(r, first, end);
    size_t at = ranks_find(r, rank, &next);
    assert_in_range(at, first, end - 1);
    assert_in_range(next, first, end - 1);
    if (!same(values[at], sorted[rank]) || !same(values[next], sorted[above]))
        fail_msg("[%zu, %zu) %zu: %g %g, not %g %g", first, end, rank, values[at], values[next],
                 sorted[rank], sorted[above]);
}

static double random_value(struct rng *rng, unsigned kind)
{
    static const double odd[] = {INFINITY, -INFINITY, 0.0, -0.0, 5e-324, 1.7e308};
    switch (kind) {
    case 0:
        return rng_double(rng) * 1e9 - 5e8;
    case 1:
        return 7;
    case 2: // only the last digits differ
        return 1 + (double)rng_below(rng, 1000) * 0x1p-52;
    case 3:
        return (double)rng_below(rng, 20) / 10;
    default:
        return rng_below(rng, 3) ? odd[rng_below(rng, 6)] : NAN;
    }
}

static void test_windows(void **state)
{
    (void)state;
    static double values[COUNT];
    struct ranks r = {0};
    struct rng rng;
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < 60; round++) {
        size_t count = 1 + rng_below(&rng, COUNT), first = 0, end = 0;
        for (size_t i = 0; i < count; i++)
            values[i] = random_value(&rng, round % 5);
        ranks_init(&r, values, count);
        while (end < count) {
            end += 1 + rng_below(&rng, 100);
            end = end < count ? end : count;
            first += rng_below(&rng, end - first);
            expect_window(&r, values, first, end, rng_below(&rng, end - first));
        }
    }
    ranks_release(&r);
}

static void test_quantiles(void **state)
{
    (void)state;
    static double values[COUNT], copy[COUNT];
    struct ranks r = {0};
    struct rng rng;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = random_value(&rng, i < 2000 ? 3 : 4);
    ranks_init(&r, values, COUNT);
    for (size_t first = 0; first + 50 <= COUNT; first += 7) {
        double q = rng_double(&rng) * 1.2 - 0.1;
        memcpy(copy, values + first, 50 * sizeof(*copy));
        double got = quantile_of_ranks(q, values, &r, first, first + 50);
        assert_true(same(got, quantile_of(q, copy, 50)));
    }
    ranks_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows),
                                       cmocka_unit_test(test_quantiles)};
    return UNIT_RUN(tests);
}
