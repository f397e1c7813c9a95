// Quantiles by selection against a sort, and classic buckets by hand.
#include "unit.h"

#include <stdlib.h>

#include "base/rng.h"
#include "buckets.h"
#include "window.h"

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static int nan_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

static double by_sort(double q, double *values, size_t count)
{
    qsort(values, count, sizeof(*values), nan_first);
    double rank = q * (double)(count - 1);
    size_t lower = (size_t)floor(rank), upper = lower + 1 < count ? lower + 1 : count - 1;
    double weight = rank - floor(rank);
    return values[lower] * (1 - weight) + values[upper] * weight;
}

static void test_selection_is_a_sort(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 1);
    for (int round = 0; round < 20000; round++) {
        double a[24], b[24];
        size_t count = 1 + rng_below(&rng, 24);
        uint64_t spread = 1 + rng_below(&rng, 30);
        for (size_t i = 0; i < count; i++) {
            a[i] = (double)rng_below(&rng, spread) - 3;
            if (rng_below(&rng, 16) == 0)
                a[i] = NAN;
            b[i] = a[i];
        }
        double q = rng_below(&rng, 4) ? rng_double(&rng) : (double)rng_below(&rng, 2);
        double got = quantile_of(q, a, count), want = by_sort(q, b, count);
        if (!same(got, want))
            fail_msg("round %d: quantile %g of %zu is %g, not %g", round, q, count, got, want);
    }
}

static void test_quantile_limits(void **state)
{
    (void)state;
    double values[] = {3, 1, 2};
    assert_true(isnan(quantile_of(0.5, values, 0)));
    assert_true(isnan(quantile_of(NAN, values, 3)));
    assert_true(quantile_of(-0.1, values, 3) == -INFINITY);
    assert_true(quantile_of(1.1, values, 3) == INFINITY);
    assert_true(quantile_of(0, values, 3) == 1);
    assert_true(quantile_of(1, values, 3) == 3);
    assert_true(quantile_of(0.25, values, 3) == 1.5);
}

static double quantile(double q, struct monotonicity *fixed, size_t count, const double (*pairs)[2])
{
    struct bucket buckets[8];
    for (size_t i = 0; i < count; i++)
        buckets[i] = (struct bucket){pairs[i][0], pairs[i][1]};
    return buckets_quantile(q, buckets, count, fixed);
}

static void test_bucket_quantiles(void **state)
{
    (void)state;
    static const double plain[][2] = {{1, 10}, {2, 30}, {4, 40}, {INFINITY, 50}};
    static const double negative[][2] = {{-1, 10}, {0, 20}, {INFINITY, 20}};
    static const struct {
        double q, want;
    } cases[] = {{0, 0},     {0.1, 0.5}, {0.2, 1}, {0.4, 1.5}, {0.6, 2},          {0.7, 3},
                 {0.8, 4},   {0.9, 4},   {1, 4},   {NAN, NAN}, {-0.1, -INFINITY}, {1.1, INFINITY},
                 {0.3, 1.25}};
    struct monotonicity fixed;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_true(same(quantile(cases[i].q, &fixed, 4, plain), cases[i].want));
    assert_false(fixed.forced);
    assert_true(quantile(0.25, &fixed, 3, negative) == -1);
    assert_true(quantile(0.75, &fixed, 3, negative) == -0.5);
    assert_true(isnan(quantile(0.5, &fixed, 3, plain))); // no +Inf bucket
    assert_true(isnan(quantile(0.5, &fixed, 1, plain + 3)));
    assert_true(isnan(quantile(0.5, &fixed, 0, plain)));
}

static void test_bucket_repairs(void **state)
{
    (void)state;
    static const double decreasing[][2] = {{1, 10}, {2, 8}, {4, 9}, {INFINITY, 20}};
    static const double noise[][2] = {{1, 10}, {2, 10 - 1e-13}, {INFINITY, 20}};
    static const double twice[][2] = {{1, 4}, {1, 6}, {INFINITY, 20}};
    static const double none[][2] = {{1, 0}, {INFINITY, 0}};
    struct monotonicity fixed;
    assert_true(quantile(0.5, &fixed, 4, decreasing) == 1);
    assert_true(fixed.forced);
    assert_true(fixed.bucket_min == 2 && fixed.bucket_max == 4 && fixed.diff_max == 2);
    quantile(0.5, &fixed, 3, noise);
    assert_false(fixed.forced);
    assert_true(quantile(0.25, &fixed, 3, twice) == 0.5);
    assert_true(isnan(quantile(0.5, &fixed, 2, none)));
}

static double fraction(double lower, double upper)
{
    struct bucket buckets[] = {{1, 10}, {2, 30}, {4, 40}, {INFINITY, 50}};
    return buckets_fraction(lower, upper, buckets, 4);
}

static void test_bucket_fractions(void **state)
{
    (void)state;
    assert_true(fraction(-INFINITY, INFINITY) == 1);
    assert_true(fraction(0, 1) == 0.2);
    assert_true(fraction(0, 1.5) == 0.4);
    assert_true(fraction(1, 2) == 0.4);
    assert_true(fraction(2, 1) == 0);
    assert_true(fraction(4, INFINITY) == 0.2);
    assert_true(fraction(5, 6) == 0);
    assert_true(isnan(fraction(NAN, 1)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selection_is_a_sort), cmocka_unit_test(test_quantile_limits),
        cmocka_unit_test(test_bucket_quantiles),    cmocka_unit_test(test_bucket_repairs),
        cmocka_unit_test(test_bucket_fractions),
    };
    return UNIT_RUN(tests);
}
