// Operators between vectors and scalars: values, names, matching and its errors.
#include "fixture.h"

#define MIN 60000

static struct fixture f;

static void test_scalar_operands(void **state)
{
    (void)state;
    load(&f, MIN, "x{a=\"1\"} 1");
    load(&f, MIN, "x{a=\"2\"} 2");
    static const struct query_case cases[] = {
        {"x + 1", "{a=\"1\"} 2; {a=\"2\"} 3"},
        {"1 - x", "{a=\"1\"} 0; {a=\"2\"} -1"},
        {"-x", "{a=\"1\"} -1; {a=\"2\"} -2"},
        {"+x", "x{a=\"1\"} 1; x{a=\"2\"} 2"},
        {"x > 1", "x{a=\"2\"} 2"},
        {"1 < x", "x{a=\"2\"} 2"},
        {"x > bool 1", "{a=\"1\"} 0; {a=\"2\"} 1"},
        {"x == 3", ""},
        {"x % 2", "{a=\"1\"} 1; {a=\"2\"} 0"},
        {"x ^ 2", "{a=\"1\"} 1; {a=\"2\"} 4"},
        {"2 ^ x", "{a=\"1\"} 2; {a=\"2\"} 4"},
        {"x / 0", "{a=\"1\"} +Inf; {a=\"2\"} +Inf"},
    };
    expect_all(&f, 0, cases);
}

static void test_one_to_one(void **state)
{
    (void)state;
    load(&f, MIN, "l{a=\"1\",b=\"x\"} 10");
    load(&f, MIN, "l{a=\"2\",b=\"x\"} 20");
    load(&f, MIN, "r{a=\"1\",c=\"y\"} 3");
    load(&f, MIN, "r{a=\"2\",c=\"y\"} 50");
    static const struct query_case cases[] = {
        {"l + r", ""},
        {"l + on(a) r", "{a=\"1\"} 13; {a=\"2\"} 70"},
        {"l - ignoring(b, c) r", "{a=\"1\"} 7; {a=\"2\"} -30"},
        {"l > on(a) r", "{a=\"1\"} 10"},
        {"l > ignoring(b, c) r", "l{a=\"1\"} 10"},
        {"l > bool on(a) r", "{a=\"1\"} 1; {a=\"2\"} 0"},
        {"l * on(a, __name__) r", ""},
        {"l atan2 on(a) l", "{a=\"1\"} 0.7853981633974483; {a=\"2\"} 0.7853981633974483"},
        {"l + on(b) r", "error: multiple matches for labels: many-to-one matching must be explicit "
                        "(group_left/group_right)"},
    };
    for (size_t i = 0; i + 1 < COUNT_OF(cases); i++)
        expect(&f, 0, cases[i].text, cases[i].want);
    expect(&f, 0, "l + on() r",
           "error: found duplicate series for the match group {} on the right hand-side of the "
           "operation: [{__name__=\"r\", a=\"2\", c=\"y\"}, {__name__=\"r\", a=\"1\", "
           "c=\"y\"}];many-to-many matching not "
           "allowed: matching labels must be unique on one side");
    expect(&f, 0, "l + on(b) sum by (b) (l)", cases[COUNT_OF(cases) - 1].want);
    expect(&f, 0, "nothing + on() r", "");
}

static void test_grouping(void **state)
{
    (void)state;
    load(&f, MIN, "m{a=\"1\",v=\"p\"} 1");
    load(&f, MIN, "m{a=\"1\",v=\"q\"} 2");
    load(&f, MIN, "m{a=\"2\",v=\"p\"} 3");
    load(&f, MIN, "o{a=\"1\",n=\"one\"} 10");
    load(&f, MIN, "o{a=\"2\"} 20");
    static const struct query_case cases[] = {
        {"m * on(a) group_left o", "{a=\"1\", v=\"p\"} 10; {a=\"1\", v=\"q\"} 20; "
                                   "{a=\"2\", v=\"p\"} 60"},
        {"m * on(a) group_left(n) o", "{a=\"1\", n=\"one\", v=\"p\"} 10; "
                                      "{a=\"1\", n=\"one\", v=\"q\"} 20; {a=\"2\", v=\"p\"} 60"},
        {"o - on(a) group_right m", "{a=\"1\", v=\"p\"} 9; {a=\"1\", v=\"q\"} 8; "
                                    "{a=\"2\", v=\"p\"} 17"},
        {"o > on(a) group_right(n) m", "m{a=\"1\", n=\"one\", v=\"p\"} 10; "
                                       "m{a=\"1\", n=\"one\", v=\"q\"} 10; m{a=\"2\", v=\"p\"} 20"},
        {"m * on(a) group_left(v) o",
         "error: multiple matches for labels: grouping labels must ensure unique matches"},
        {"o * on(a) group_left m",
         "error: found duplicate series for the match group {a=\"1\"} on the right hand-side of "
         "the operation: [{__name__=\"m\", a=\"1\", v=\"q\"}, {__name__=\"m\", a=\"1\", "
         "v=\"p\"}];many-to-many matching not "
         "allowed: matching labels must be unique on one side"},
        {"m * on(a) group_right o",
         "error: found duplicate series for the match group {a=\"1\"} on the left hand-side of "
         "the operation: [{__name__=\"m\", a=\"1\", v=\"q\"}, {__name__=\"m\", a=\"1\", "
         "v=\"p\"}];many-to-many matching not "
         "allowed: matching labels must be unique on one side"},
    };
    expect_all(&f, 0, cases);
}

static void test_sets(void **state)
{
    (void)state;
    load(&f, MIN, "s{a=\"1\"} 1 1 _");
    load(&f, MIN, "s{a=\"2\"} 2 2 2");
    load(&f, MIN, "t{a=\"2\"} 20 _ _");
    load(&f, MIN, "t{a=\"3\"} 30 30 30");
    static const struct query_case cases[] = {
        {"s and t", "s{a=\"2\"} 2"},
        {"s or t", "s{a=\"1\"} 1; s{a=\"2\"} 2; t{a=\"3\"} 30"},
        {"s unless t", "s{a=\"1\"} 1"},
        {"s and on() t", "s{a=\"1\"} 1; s{a=\"2\"} 2"},
        {"s or on() t", "s{a=\"1\"} 1; s{a=\"2\"} 2"},
        {"s unless on() t", ""},
        {"nothing or t", "t{a=\"2\"} 20; t{a=\"3\"} 30"},
        {"s and nothing", ""},
        {"s unless nothing", "s{a=\"1\"} 1; s{a=\"2\"} 2"},
    };
    expect_all(&f, 0, cases);
    struct promql_query q = {.end_ms = 2 * MIN, .step_ms = MIN, .lookback_ms = 1000};
    expect_query(&f, q, "s and t", "s{a=\"2\"} 2@0");
    expect_query(&f, q, "s or t",
                 "s{a=\"1\"} 1@0 1@60; s{a=\"2\"} 2@0 2@60 2@120; t{a=\"3\"} 30@0 30@60 30@120");
    expect_query(&f, q, "s unless t", "s{a=\"1\"} 1@0 1@60; s{a=\"2\"} 2@60 2@120");
    expect_query(&f, q, "s{a=\"1\"} or (s * 2)", "s{a=\"1\"} 1@0 1@60; {a=\"2\"} 4@0 4@60 4@120");
    // Series may take turns on the one side.
    load(&f, MIN, "turn{b=\"1\"} 5 _ _");
    load(&f, MIN, "turn{b=\"2\"} _ 6 _");
    expect_query(&f, q, "s * on() group_left turn", "{a=\"1\"} 5@0 6@60; {a=\"2\"} 10@0 12@60");
    expect_query(&f, q, "turn + 0", "{b=\"1\"} 5@0; {b=\"2\"} 6@60");
}

static void test_duplicates(void **state)
{
    (void)state;
    load(&f, MIN, "d1{a=\"1\"} 1 _");
    load(&f, MIN, "d2{a=\"1\"} 2 3");
    const char *same = "error: vector cannot contain metrics with the same labelset";
    expect(&f, 0, "{a=\"1\"} + 1", same);
    expect(&f, 0, "-{a=\"1\"}", same);
    expect(&f, 0, "abs({a=\"1\"})", same);
    expect(&f, 0, "rate({a=\"1\"}[5m])", "");
    expect(&f, MIN, "sum_over_time({a=\"1\"}[5m])", same);
    expect(&f, MIN, "last_over_time({a=\"1\"}[5m])", "d1{a=\"1\"} 1; d2{a=\"1\"} 3");
    expect(&f, 0, "{a=\"1\"}", "d1{a=\"1\"} 1; d2{a=\"1\"} 2");
    // One after the other they are one series.
    load(&f, MIN, "e1{k=\"1\"} 1 stale");
    load(&f, MIN, "e2{k=\"1\"} _ 2");
    expect_range(&f, 0, MIN, MIN, "{k=\"1\"} * 10", "{k=\"1\"} 10@0 20@60");
}

static void test_fill(void **state)
{
    (void)state;
    load(&f, MIN, "fl{a=\"1\"} 1");
    load(&f, MIN, "fl{a=\"2\"} 2");
    load(&f, MIN, "fr{a=\"2\"} 20");
    load(&f, MIN, "fr{a=\"3\"} 30");
    static const struct query_case cases[] = {
        {"fl + fr", "{a=\"2\"} 22"},
        {"fl + fill(0) fr", "{a=\"1\"} 1; {a=\"2\"} 22; {a=\"3\"} 30"},
        {"fl - fill_left(5) fr", "{a=\"2\"} -18; {a=\"3\"} -25"},
        {"fl - fill_right(5) fr", "{a=\"1\"} -4; {a=\"2\"} -18"},
        {"fl + fill(0) nothing", "{a=\"1\"} 1; {a=\"2\"} 2"},
    };
    expect_all(&f, 0, cases);
}

static void test_delayed_names(void **state)
{
    (void)state;
    f.options.features |= PROMQL_DELAYED_NAME_REMOVAL;
    fixture_restart(&f);
    load(&f, MIN, "n1_total{a=\"1\"} 0+60x5");
    load(&f, MIN, "n2_total{a=\"1\"} 0+120x5");
    static const struct query_case cases[] = {
        {"sum by (__name__) (rate({a=\"1\"}[5m]))", "error: vector cannot contain metrics with "
                                                    "the same labelset"},
        {"label_replace(rate({a=\"1\"}[5m]), \"m\", \"$1\", \"__name__\", \"(.+)_total\")",
         "{a=\"1\", m=\"n1\"} 1; {a=\"1\", m=\"n2\"} 2"},
        {"rate(n1_total[5m])", "{a=\"1\"} 1"},
        {"rate({a=\"1\"}[5m])", "error: vector cannot contain metrics with the same labelset"},
        {"n1_total * 1", "{a=\"1\"} 300"},
    };
    expect_all(&f, 5 * MIN, cases);
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
        TEST(test_scalar_operands), TEST(test_one_to_one),
        TEST(test_grouping),        TEST(test_sets),
        TEST(test_duplicates),      TEST(test_fill),
        TEST(test_delayed_names),
    };
    return UNIT_RUN(tests);
}
