// The log of changes against a list that keeps everything.
#include "change_log.h"
#include "unit.h"

#include "base/rng.h"

static int64_t naive_since(const int64_t *times, size_t count, uint64_t version)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = version; i < count; i++)
        oldest = times[i] < oldest ? times[i] : oldest;
    return oldest;
}

static void test_exact_while_it_fits(void **state)
{
    (void)state;
    struct change_log c;
    struct rng rng;
    int64_t times[400];
    change_log_init(&c);
    rng_seed(&rng, 7);
    assert_int_equal(change_log_since(&c, 0), INT64_MAX);
    for (size_t i = 0; i < 400; i++) {
        times[i] = (int64_t)i * 100 - (int64_t)rng_below(&rng, 5000);
        change_log_note(&c, times[i]);
        assert_int_equal(change_log_version(&c), i + 1);
        for (uint64_t v = 0; v <= i + 1; v += 1 + i / 20)
            assert_int_equal(change_log_since(&c, v), naive_since(times, i + 1, v));
    }
    change_log_release(&c);
}

// Past its room it may only claim more than the truth, and recent answers stay exact.
static void test_never_too_little(void **state)
{
    (void)state;
    enum { COUNT = 5000 };
    struct change_log c;
    static int64_t times[COUNT];
    change_log_init(&c);
    for (size_t i = 0; i < COUNT; i++) {
        times[i] = (int64_t)i;
        change_log_note(&c, times[i]);
    }
    for (uint64_t v = 0; v <= COUNT; v++) {
        int64_t truth = naive_since(times, COUNT, v), said = change_log_since(&c, v);
        assert_true(said <= truth);
        if (v > COUNT - CHANGE_LOG_MAX + 1)
            assert_int_equal(said, truth);
    }
    change_log_note(&c, INT64_MIN);
    assert_int_equal(change_log_since(&c, COUNT), INT64_MIN);
    assert_int_equal(change_log_since(&c, COUNT + 1), INT64_MAX);
    change_log_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_while_it_fits),
        cmocka_unit_test(test_never_too_little),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
