// Selectors and time: lookback, staleness, offset, @, subqueries, steps; and the limits of queries.
#include "fixture.h"

#define MIN 60000

static struct fixture f;

static void test_lookback(void **state)
{
    (void)state;
    load(&f, MIN, "lb 1 2 _ _ _ _ _ _ 9");
    expect(&f, 0, "lb", "lb 1");
    expect(&f, 59999, "lb", "lb 1");
    expect(&f, MIN, "lb", "lb 2");
    expect(&f, 6 * MIN - 1, "lb", "lb 2");
    expect(&f, 6 * MIN, "lb", ""); // (t - 5m, t]
    expect(&f, -1, "lb", "");
    expect(&f, 8 * MIN, "lb", "lb 9");
    expect_range(&f, 0, 8 * MIN, 2 * MIN, "lb", "lb 1@0 2@120 2@240 9@480");
    struct promql_query q = {.start_ms = 2 * MIN, .end_ms = 2 * MIN, .lookback_ms = MIN};
    expect_query(&f, q, "lb", "");
    q.lookback_ms = MIN + 1;
    expect_query(&f, q, "lb", "lb 2");
}

static void test_staleness(void **state)
{
    (void)state;
    load(&f, MIN, "st 1 stale 3 NaN");
    expect_range(&f, 0, 3 * MIN, 30000, "st", "st 1@0 1@30 3@120 3@150 NaN@180");
    expect(&f, 3 * MIN, "count_over_time(st[4m])", "{} 3");
    expect(&f, 3 * MIN, "st[4m]", "st 1@0 3@120 NaN@180");
}

static void test_modifiers(void **state)
{
    (void)state;
    load(&f, MIN, "mo 0+1x20");
    static const struct query_case cases[] = {
        {"mo", "mo 10"},
        {"mo offset 3m", "mo 7"},
        {"mo offset -3m", "mo 13"},
        {"mo @ 120", "mo 2"},
        {"mo @ 120 offset 1m", "mo 1"},
        {"mo offset 1m @ 120", "mo 1"},
        {"mo @ start()", "mo 10"},
        {"mo[2m]", "mo 9@540 10@600"},
        {"mo[2m] offset 1m", "mo 8@480 9@540"},
        {"mo[2m] @ 120", "mo 1@60 2@120"},
        {"sum_over_time(mo[2m] @ 120)", "{} 3"},
        {"mo[3m:1m]", "mo 8@480 9@540 10@600"},
        {"mo[90s:1m] offset 30s", "mo 9@540"},
        {"mo[2m:] @ 120", "mo 1@60 2@120"},
        {"(mo * 2)[2m:30s]", "{} 16@510 18@540 18@570 20@600"},
        {"max_over_time(mo[3m:1m])", "{} 10"},
        {"sum_over_time(sum_over_time(mo[2m:1m])[2m:1m])", "{} 36"},
        {"sum_over_time((mo @ 60)[3m:1m])", "{} 3"},
    };
    expect_all(&f, 10 * MIN, cases);
    expect_range(&f, 0, 4 * MIN, 2 * MIN, "mo @ 60", "mo 1@0 1@120 1@240");
    expect_range(&f, 0, 4 * MIN, 2 * MIN, "mo @ end() - mo", "{} 4@0 2@120 0@240");
    expect_range(&f, 0, 4 * MIN, 2 * MIN, "mo - on() mo @ start()", "{} 0@0 2@120 4@240");
    expect_range(&f, 5 * MIN, 7 * MIN, MIN, "sum_over_time(mo[2m:1m])", "{} 9@300 11@360 13@420");
    expect_range(&f, 5 * MIN, 7 * MIN, MIN, "sum_over_time(mo[2m])", "{} 9@300 11@360 13@420");
    // Steps between samples, and windows shorter than a step.
    expect_range(&f, 30000, 10 * MIN, 4 * MIN, "count_over_time(mo[1m])", "{} 1@30 1@270 1@510");
    expect_range(&f, 0, 16 * MIN, 8 * MIN, "mo[1m:30s] offset 1s",
                 "error: invalid expression type \"range vector\" for range query, must be Scalar "
                 "or instant Vector");
}

// Far apart, windows are read piece by piece.
static void test_sparse_steps(void **state)
{
    (void)state;
    load(&f, MIN, "sp 0+1x1000");
    expect_range(&f, 60 * MIN, 900 * MIN, 240 * MIN, "sp",
                 "sp 60@3600 300@18000 540@32400 780@46800");
    expect_range(&f, 60 * MIN, 900 * MIN, 240 * MIN, "sum_over_time(sp[3m])",
                 "{} 177@3600 897@18000 1617@32400 2337@46800");
}

static void test_scalars_and_strings(void **state)
{
    (void)state;
    static const struct query_case cases[] = {
        {"1", "1"},
        {"1 + 2 * 3", "7"},
        {"-(2 ^ 3 ^ 0)", "-2"},
        {"1 > bool 2", "0"},
        {"time()", "600"},
        {"-time()", "-600"},
        {"time() + 1", "601"},
        {"\"text\"", "text"},
        {"vector(time()) + 1", "{} 601"},
        {"scalar(vector(3))", "3"},
        {"scalar(nothing)", "NaN"},
        {"pi()", "3.141592653589793"},
        {"timestamp(vector(1))", "{} 600"},
        {"start()", "600"},
        {"end() - start()", "0"},
        {"step()", "0"},
        {"range()", "0"},
        {"max_of(1, 2) + min_of(3, 4)", "5"},
        {"minute()", "{} 10"},
    };
    expect_all(&f, 10 * MIN, cases);
    expect_range(&f, 0, 2 * MIN, MIN, "time()", "{} 0@0 60@60 120@120");
    expect_range(&f, 0, 2 * MIN, MIN, "7", "{} 7@0 7@60 7@120");
    expect_range(&f, 0, 2 * MIN, MIN, "step() + range() + end()", "{} 300@0 300@60 300@120");
    expect_range(&f, 0, 2 * MIN, MIN, "vector(1) * time()", "{} 0@0 60@60 120@120");
}

static void test_extended_selectors(void **state)
{
    (void)state;
    load(&f, MIN, "ex_total 0+10x5 5 15");
    static const struct query_case cases[] = {
        {"increase(ex_total[2m] anchored)", "{} 20"},
        {"increase(ex_total[2m] smoothed)", "{} 20"},
        {"rate(ex_total[2m] anchored)", "{} 0.16666666666666666"},
        {"sum_over_time(ex_total[2m] anchored)",
         "error: anchored modifier can only be used with: changes, delta, increase, rate, resets - "
         "not with sum_over_time"},
        {"changes(ex_total[2m] smoothed)",
         "error: smoothed modifier can only be used with: delta, increase, rate - not with "
         "changes"},
        {"changes(ex_total[2m] anchored)", "{} 2"},
    };
    expect_all(&f, 4 * MIN, cases);
    expect(&f, 210000, "increase(ex_total[2m] smoothed)", "{} 20");
    expect(&f, 210000, "delta(ex_total[2m] smoothed)", "{} 20");
    expect(&f, 210000, "ex_total smoothed", "ex_total 35");
    expect(&f, 210000, "increase(ex_total[2m] anchored)", "{} 20");
    expect(&f, 7 * MIN, "increase(ex_total[3m] anchored)", "{} 25");
    expect(&f, 7 * MIN, "resets(ex_total[3m] anchored)", "{} 1");
}

static void test_limits(void **state)
{
    (void)state;
    load(&f, MIN, "li{a=\"1\"} 0+1x99");
    load(&f, MIN, "li{a=\"2\"} 0+1x99");
    struct promql_options saved = f.options;
    f.options.samples_max = 50;
    fixture_restart(&f);
    const char *samples = "error: query processing would load too many samples into memory in "
                          "query execution";
    expect(&f, 50 * MIN, "sum(li)", "{} 100");
    expect(&f, 99 * MIN, "count_over_time(li[100m])", samples);
    expect_range(&f, 0, 60 * MIN, MIN, "li", samples);
    expect_range(&f, 0, 10 * MIN, MIN, "sum(sum_over_time(li[1m]))",
                 "{} 0@0 2@60 4@120 6@180 8@240 10@300 12@360 14@420 16@480 18@540 20@600");
    f.options = saved;
    f.options.memory_max = 20000;
    fixture_restart(&f);
    expect(&f, 50 * MIN, "sum(li)", "{} 100");
    expect_range(&f, 0, 3000 * MIN, MIN, "li",
                 "error: query processing would use more memory than a query may (20000 bytes)");
    expect(&f, 3000 * MIN, "count_over_time(vector(1)[1d:1s])",
           "error: query processing would use more memory than a query may (20000 bytes)");
    f.options = saved;
    fixture_restart(&f);
    expect_range(&f, 0, 11001, 1, "vector(1)",
                 "error: exceeded maximum resolution of 11,000 points per timeseries. Try "
                 "decreasing the query resolution (?step=XX)");
}

static int64_t slow_mono_ns(void *context)
{
    int64_t *now = context;
    *now += 1000000000;
    return *now;
}

static int64_t fixed_wall_ms(void *context)
{
    (void)context;
    return 0;
}

static void test_interruptions(void **state)
{
    (void)state;
    struct cancel cancel;
    cancel_init(&cancel);
    struct promql_query q = {.cancel = &cancel};
    expect_query(&f, q, "vector(1)", "{} 1");
    cancel_raise(&cancel);
    expect_query(&f, q, "vector(1)", "error: query was canceled in expression evaluation");

    struct promql_options saved = f.options;
    int64_t now_ns = 0;
    struct clock slow = {fixed_wall_ms, slow_mono_ns, &now_ns};
    f.options.clock = &slow;
    f.options.timeout_ms = 500;
    fixture_restart(&f);
    expect(&f, 0, "vector(1)", "error: query timed out in expression evaluation");
    f.options = saved;
    fixture_restart(&f);
}

static int setup(void **state)
{
    (void)state;
    fixture_init(&f);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lookback),     TEST(test_staleness),           TEST(test_modifiers),
        TEST(test_sparse_steps), TEST(test_scalars_and_strings), TEST(test_extended_selectors),
        TEST(test_limits),       TEST(test_interruptions),
    };
    return UNIT_RUN(tests);
}
