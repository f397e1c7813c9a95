// The order of a batch in the journal.
#include "unit.h"

#include "base/rng.h"
#include "journal_rounds.h"

static void test_one_time_stays(void **state)
{
    (void)state;
    struct rounds r = {0};
    struct entry entries[3] = {{.id = 1, .t_ms = 5}, {.id = 2, .t_ms = 5}, {.id = 3, .t_ms = 5}};
    assert_null(rounds_order(&r, entries, 3));
    assert_null(rounds_order(&r, entries, 0));
    rounds_release(&r);
}

// Every entry once, times ascending, entries of one time as they stood.
static void check(struct rounds *r, const struct entry *entries, size_t count)
{
    const uint32_t *order = rounds_order(r, entries, count);
    assert_non_null(order);
    for (size_t i = 1; i < count; i++) {
        int64_t before = entries[order[i - 1]].t_ms, t = entries[order[i]].t_ms;
        assert_true(before < t || (before == t && order[i - 1] < order[i]));
    }
}

static void test_rounds(void **state)
{
    (void)state;
    struct rounds r = {0};
    struct rng rng;
    struct entry entries[500];
    rng_seed(&rng, 1);
    for (unsigned round = 0; round < 200; round++) {
        size_t count = 2 + rng_below(&rng, 498), times = 2 + rng_below(&rng, ROUNDS_MAX - 2);
        for (size_t i = 0; i < count; i++)
            entries[i] = (struct entry){.id = (uint32_t)i, .t_ms = (int64_t)rng_below(&rng, times)};
        entries[0].t_ms = -1;
        check(&r, entries, count);
    }
    rounds_release(&r);
}

static void test_many_times_stay(void **state)
{
    (void)state;
    struct rounds r = {0};
    struct entry entries[ROUNDS_MAX + 1];
    for (size_t i = 0; i < ROUNDS_MAX + 1; i++)
        entries[i] = (struct entry){.id = 1, .t_ms = -(int64_t)i};
    assert_null(rounds_order(&r, entries, ROUNDS_MAX + 1));
    assert_non_null(rounds_order(&r, entries, ROUNDS_MAX));
    rounds_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_time_stays),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_many_times_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
