// Aggregations, with parameters that vary, NaN, overflow, empty groups.
#include "fixture.h"

#define MIN 60000

static struct fixture f;

static void test_folds(void **state)
{
    (void)state;
    load(&f, MIN, "a{g=\"1\",i=\"1\"} 1");
    load(&f, MIN, "a{g=\"1\",i=\"2\"} 3");
    load(&f, MIN, "a{g=\"2\",i=\"1\"} 5");
    load(&f, MIN, "a{g=\"2\",i=\"2\"} 11");
    static const struct query_case cases[] = {
        {"sum(a)", "{} 20"},
        {"sum by (g) (a)", "{g=\"1\"} 4; {g=\"2\"} 16"},
        {"sum without (i) (a)", "{g=\"1\"} 4; {g=\"2\"} 16"},
        {"sum without () (a)",
         "{g=\"1\", i=\"1\"} 1; {g=\"1\", i=\"2\"} 3; {g=\"2\", i=\"1\"} 5; {g=\"2\", i=\"2\"} 11"},
        {"sum by (__name__) (a)", "a 20"},
        {"sum by (absent) (a)", "{} 20"},
        {"sum by (i, g) (a > 4)", "{g=\"2\", i=\"1\"} 5; {g=\"2\", i=\"2\"} 11"},
        {"avg by (g) (a)", "{g=\"1\"} 2; {g=\"2\"} 8"},
        {"count by (g) (a)", "{g=\"1\"} 2; {g=\"2\"} 2"},
        {"min(a)", "{} 1"},
        {"max by (i) (a)", "{i=\"1\"} 5; {i=\"2\"} 11"},
        {"group by (g) (a)", "{g=\"1\"} 1; {g=\"2\"} 1"},
        {"stdvar by (g) (a)", "{g=\"1\"} 1; {g=\"2\"} 9"},
        {"stddev by (g) (a)", "{g=\"1\"} 1; {g=\"2\"} 3"},
        {"sum(nothing)", ""},
        {"count(nothing)", ""},
        {"sum(sum by (g) (a)) + count(a)", "{} 24"},
    };
    expect_all(&f, 0, cases);
}

static void test_odd_values(void **state)
{
    (void)state;
    load(&f, MIN, "big{i=\"1\"} 1e308");
    load(&f, MIN, "big{i=\"2\"} 1e308");
    load(&f, MIN, "big{i=\"3\"} 1e308");
    load(&f, MIN, "odd{i=\"1\"} NaN");
    load(&f, MIN, "odd{i=\"2\"} 1");
    load(&f, MIN, "odd{i=\"3\"} NaN");
    load(&f, MIN, "ends{i=\"1\"} Inf");
    load(&f, MIN, "ends{i=\"2\"} -Inf");
    load(&f, MIN, "kahan{i=\"1\"} 1");
    load(&f, MIN, "kahan{i=\"2\"} 1e100");
    load(&f, MIN, "kahan{i=\"3\"} 1");
    load(&f, MIN, "kahan{i=\"4\"} -1e100");
    static const struct query_case cases[] = {
        {"sum(big)", "{} +Inf"},
        {"avg(big)", "{} 1e+308"},
        {"sum(kahan)", "{} 2"},
        {"avg(kahan)", "{} 0.5"},
        {"min(odd)", "{} 1"},
        {"max(odd)", "{} 1"},
        {"max(odd{i=\"1\"})", "{} NaN"},
        {"sum(odd)", "{} NaN"},
        {"sum(ends)", "{} NaN"},
        {"avg(ends)", "{} NaN"},
        {"stddev(ends)", "{} NaN"},
        {"stdvar(odd{i=\"1\"})", "{} NaN"},
        {"min(ends)", "{} -Inf"},
        {"quantile(0.5, odd)", "{} NaN"},
        {"quantile(1, odd)", "{} 1"},
    };
    expect_all(&f, 0, cases);
}

static void test_topk(void **state)
{
    (void)state;
    load(&f, MIN, "t{i=\"1\"} 1 9");
    load(&f, MIN, "t{i=\"2\"} 5 5");
    load(&f, MIN, "t{i=\"3\"} 3 3");
    load(&f, MIN, "t{i=\"4\"} NaN NaN");
    load(&f, MIN, "k 1 2");
    static const struct query_case cases[] = {
        {"topk(2, t)", "t{i=\"2\"} 5; t{i=\"3\"} 3"},
        {"bottomk(2, t)", "t{i=\"1\"} 1; t{i=\"3\"} 3"},
        {"topk(9, t)", "t{i=\"2\"} 5; t{i=\"3\"} 3; t{i=\"1\"} 1; t{i=\"4\"} NaN"},
        {"bottomk(9, t)", "t{i=\"1\"} 1; t{i=\"3\"} 3; t{i=\"2\"} 5; t{i=\"4\"} NaN"},
        {"topk(1, t) by (i)", "t{i=\"1\"} 1; t{i=\"2\"} 5; t{i=\"3\"} 3; t{i=\"4\"} NaN"},
        {"topk(0, t)", ""},
        {"topk(-1, t)", ""},
        {"topk(NaN, t)", "error: Parameter value is NaN"},
        {"topk(1e300, t)", "error: Scalar value 1e+300 overflows int64"},
        {"topk(scalar(k), t)", "t{i=\"2\"} 5"},
        {"limitk(2, t)", "t{i=\"1\"} 1; t{i=\"2\"} 5"},
        {"limitk(9, t)", "t{i=\"1\"} 1; t{i=\"2\"} 5; t{i=\"3\"} 3; t{i=\"4\"} NaN"},
        {"limit_ratio(1, t)", "t{i=\"1\"} 1; t{i=\"2\"} 5; t{i=\"3\"} 3; t{i=\"4\"} NaN"},
        {"limit_ratio(0, t)", ""},
        {"count(limit_ratio(0.4, t) or limit_ratio(-0.6, t))", "{} 4"},
        {"limit_ratio(0.4, t) and limit_ratio(-0.6, t)", ""},
        {"count(limit_ratio(2, t))",
         "{} 4 | PromQL warning: ratio value should be between -1 and 1, got 2, capping to 1 "
         "(1:19)"},
        {"sort_desc(topk(2, t)) * 2", "{i=\"2\"} 10; {i=\"3\"} 6"},
    };
    expect_all(&f, 0, cases);
    expect_range(&f, 0, MIN, MIN, "topk(1, t)", "t{i=\"1\"} 9@60; t{i=\"2\"} 5@0");
    expect_range(&f, 0, MIN, MIN, "topk(scalar(k), t)", "t{i=\"1\"} 9@60; t{i=\"2\"} 5@0 5@60");
    expect_range(&f, 0, MIN, MIN, "sum(bottomk(2, t))", "{} 4@0 8@60");
}

// Which of equals stay is settled by the heap.
static void test_topk_ties(void **state)
{
    (void)state;
    load(&f, MIN, "e{i=\"a\"} 1");
    load(&f, MIN, "e{i=\"b\"} 1");
    load(&f, MIN, "e{i=\"c\"} 2");
    load(&f, MIN, "e{i=\"d\"} 1");
    expect(&f, 0, "topk(2, e)", "e{i=\"c\"} 2; e{i=\"b\"} 1");
    expect(&f, 0, "topk(1, e{i!=\"c\"})", "e{i=\"a\"} 1");
    expect(&f, 0, "bottomk(2, e)", "e{i=\"a\"} 1; e{i=\"b\"} 1");
}

static void test_quantile(void **state)
{
    (void)state;
    load(&f, MIN, "q{i=\"1\"} 0");
    load(&f, MIN, "q{i=\"2\"} 10");
    load(&f, MIN, "q{i=\"3\"} 20");
    static const struct query_case cases[] = {
        {"quantile(0.5, q)", "{} 10"},
        {"quantile(0.25, q)", "{} 5"},
        {"quantile by (i) (0.9, q)", "{i=\"1\"} 0; {i=\"2\"} 10; {i=\"3\"} 20"},
        {"quantile(2, q)",
         "{} +Inf | PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"},
        {"quantile(-1, q)",
         "{} -Inf | PromQL warning: quantile value should be between 0 and 1, got -1 (1:10)"},
        {"quantile(NaN, q)",
         "{} NaN | PromQL warning: quantile value should be between 0 and 1, got NaN (1:10)"},
    };
    expect_all(&f, 0, cases);
}

static void test_count_values(void **state)
{
    (void)state;
    load(&f, MIN, "c{g=\"1\",i=\"1\"} 1 2");
    load(&f, MIN, "c{g=\"1\",i=\"2\"} 1 1");
    load(&f, MIN, "c{g=\"2\",i=\"1\"} 1e21 NaN");
    static const struct query_case cases[] = {
        {"count_values(\"v\", c)", "{v=\"1\"} 2; {v=\"1000000000000000000000\"} 1"},
        {"count_values(\"v\", c) by (g)",
         "{g=\"1\", v=\"1\"} 2; {g=\"2\", v=\"1000000000000000000000\"} 1"},
        {"count_values(\"i\", c) without (g)", "{i=\"1\"} 2; {i=\"1000000000000000000000\"} 1"},
        {"count_values(\"\", c)", "error: invalid label name \"\""},
    };
    expect_all(&f, 0, cases);
    expect_range(&f, 0, MIN, MIN, "count_values(\"v\", c)",
                 "{v=\"1\"} 2@0 1@60; {v=\"1000000000000000000000\"} 1@0; {v=\"2\"} 1@60; "
                 "{v=\"NaN\"} 1@60");
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
        TEST(test_folds),     TEST(test_odd_values), TEST(test_topk),
        TEST(test_topk_ties), TEST(test_quantile),   TEST(test_count_values),
    };
    return UNIT_RUN(tests);
}
