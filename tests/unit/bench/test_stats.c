#include "stats.h"
#include "unit.h"

static void fill(struct measurements *m, const double *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        measurements_add(m, values[i]);
}

static void test_summary(void **state)
{
    (void)state;
    struct measurements m = {0};
    for (int i = 100; i >= 0; i--)
        measurements_add(&m, i);
    struct summary s = measurements_summary(&m);
    assert_int_equal(s.count, 101);
    assert_true(s.min == 0 && s.p50 == 50 && s.p90 == 90 && s.p99 == 99 && s.max == 100);
    assert_true(fabs(s.mean - 50) < 1e-9);
    assert_true(s.p50_low == 40 && s.p50_high == 60);
    measurements_release(&m);
}

static void test_summary_of_few(void **state)
{
    (void)state;
    struct measurements m = {0};
    struct summary none = measurements_summary(&m);
    assert_true(none.count == 0 && none.p50 == 0);
    measurements_add(&m, 4);
    struct summary one = measurements_summary(&m);
    assert_true(one.min == 4 && one.p50 == 4 && one.p99 == 4 && one.p50_low == 4 &&
                one.p50_high == 4);
    measurements_add(&m, 8);
    assert_true(measurements_summary(&m).p50 == 6);
    measurements_release(&m);
}

// 1..5 against 6..10: U = 0, by hand z = (12.5 - 0.5) / sqrt(5 * 5 * 11 / 12) = 2.5067.
static void test_mann_whitney(void **state)
{
    (void)state;
    const double low[] = {1, 2, 3, 4, 5}, high[] = {6, 7, 8, 9, 10};
    struct measurements a = {0}, b = {0}, c = {0};
    fill(&a, low, 5);
    fill(&b, high, 5);
    assert_true(fabs(mann_whitney(&a, &b) - 0.012186) < 1e-5);
    assert_true(mann_whitney(&a, &b) == mann_whitney(&b, &a));
    assert_true(mann_whitney(&a, &a) == 1);
    assert_true(mann_whitney(&a, &c) == 1);
    fill(&c, (const double[]){3, 3, 3, 3}, 4);
    assert_true(mann_whitney(&c, &c) == 1);
    measurements_release(&a);
    measurements_release(&b);
    measurements_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_summary),
        cmocka_unit_test(test_summary_of_few),
        cmocka_unit_test(test_mann_whitney),
    };
    return UNIT_RUN(tests);
}
