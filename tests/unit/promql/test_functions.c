// Every family of functions, by hand.
#include "fixture.h"

#define MIN 60000

static struct fixture f;

#define NON_COUNTER(name, position)                                                                \
    " | PromQL info: metric might not be a counter, name does not end in "                         \
    "_total/_sum/_count/_bucket: \"" name "\" (" position ")"

static void test_rates(void **state)
{
    (void)state;
    load(&f, MIN, "c_total 0+60x5 30+60x4"); // 0 60 120 180 240 300 30 90 150 210 270
    load(&f, MIN, "gauge 5 3 8 _ 8 NaN NaN 1");
    static const struct query_case cases[] = {
        {"rate(c_total[5m])", "{} 1"},
        {"increase(c_total[5m])", "{} 300"},
        {"rate(c_total[1m])", ""},
        {"rate(c_total[90s])", "{} 1"},
        {"irate(c_total[5m])", "{} 1"},
        {"idelta(c_total[5m])", "{} 60"},
        {"delta(c_total[5m])", "{} 300"},
        {"changes(c_total[6m])", "{} 5"},
        {"resets(c_total[6m])", "{} 0"},
        {"deriv(c_total[5m])", "{} 1"},
        {"predict_linear(c_total[5m], 60)", "{} 360"},
    };
    expect_all(&f, 5 * MIN, cases);
    static const struct query_case later[] = {
        {"increase(c_total[5m])", "{} 262.5"}, // 300 -> 30 90 150 210: 210 + extrapolation
        {"resets(c_total[10m])", "{} 1"},
        {"irate(c_total[3m1s] @ 360)", "{} 0.5"},
        {"idelta(c_total[3m1s] @ 360)", "{} -270"},
    };
    expect_all(&f, 9 * MIN, later);
    // A counter is not extrapolated below zero: 10 at the first sample, 2 a second.
    load(&f, MIN, "z_total _ _ _ 10 130 250");
    expect(&f, 5 * MIN, "increase(z_total[5m])", "{} 250.00000000000003");
    expect(&f, 5 * MIN, "delta(z_total[5m])", "{} 300");
    expect(&f, 7 * MIN, "changes(gauge[8m])", "{} 4");
    expect(&f, 3 * MIN, "rate(gauge[4m])", "{} 0.06666666666666667" NON_COUNTER("gauge", "1:6"));
    expect(&f, 3 * MIN, "\n  increase(gauge[4m])", "{} 16" NON_COUNTER("gauge", "2:12"));
    expect_range(&f, 0, 10 * MIN, 5 * MIN, "rate(c_total[5m])", "{} 1@300 0.8999999999999999@600");
}

static void test_over_time(void **state)
{
    (void)state;
    load(&f, MIN, "o{i=\"1\"} 3 1 2 NaN 5 5 -1");
    load(&f, MIN, "n NaN NaN");
    static const struct query_case cases[] = {
        {"sum_over_time(o[3m] @ 120)", "{i=\"1\"} 6"},
        {"avg_over_time(o[3m] @ 120)", "{i=\"1\"} 2"},
        {"min_over_time(o[7m])", "{i=\"1\"} -1"},
        {"max_over_time(o[7m])", "{i=\"1\"} 5"},
        {"count_over_time(o[7m])", "{i=\"1\"} 7"},
        {"last_over_time(o[7m])", "o{i=\"1\"} -1"},
        {"first_over_time(o[7m])", "o{i=\"1\"} 3"},
        {"present_over_time(o[7m])", "{i=\"1\"} 1"},
        {"stdvar_over_time(o[3m] @ 120)", "{i=\"1\"} 0.6666666666666666"},
        {"stddev_over_time(o[2m] @ 120)", "{i=\"1\"} 0.5"},
        {"quantile_over_time(0.5, o[3m] @ 120)", "{i=\"1\"} 2"},
        {"quantile_over_time(2, o[3m] @ 120)",
         "{i=\"1\"} +Inf | PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)"},
        {"mad_over_time(o[3m] @ 120)", "{i=\"1\"} 1"},
        {"mad_over_time(o[7m])", "{i=\"1\"} NaN"},
        {"ts_of_first_over_time(o[7m])", "{i=\"1\"} 0"},
        {"ts_of_last_over_time(o[7m])", "{i=\"1\"} 360"},
        {"ts_of_max_over_time(o[7m])", "{i=\"1\"} 300"},
        {"ts_of_min_over_time(o[7m])", "{i=\"1\"} 360"},
        {"max_over_time(n[7m])", "{} NaN"},
        {"ts_of_max_over_time(n[7m])", "{} 60"},
        {"absent_over_time(o[7m])", ""},
        {"absent_over_time(missing{a=\"b\",c!=\"d\"}[7m])", "{a=\"b\"} 1"},
        {"double_exponential_smoothing(o[3m] @ 120, 0.5, 0.5)", "{i=\"1\"} 0.5"},
        {"double_exponential_smoothing(o[3m], 1, 0.5)",
         "error: invalid smoothing factor. Expected: 0 < sf < 1, got: 1.000000"},
    };
    expect_all(&f, 6 * MIN, cases);
    // Long windows over many steps against one window at a time.
    expect_range(&f, 2 * MIN, 6 * MIN, MIN, "max_over_time(o[3m])",
                 "{i=\"1\"} 3@120 2@180 5@240 5@300 5@360");
    expect_range(&f, 2 * MIN, 6 * MIN, MIN, "min_over_time(o[3m])",
                 "{i=\"1\"} 1@120 1@180 2@240 5@300 -1@360");
    expect_range(&f, 0, 8 * MIN, 4 * MIN, "absent_over_time(o[1m])", "{} 1@480");
    expect_range(&f, 0, 12 * MIN, 6 * MIN, "absent(o)", "{} 1@720");
}

static void test_maths(void **state)
{
    (void)state;
    load(&f, MIN, "m{i=\"1\"} -1.5");
    load(&f, MIN, "m{i=\"2\"} 2.25");
    static const struct query_case cases[] = {
        {"abs(m)", "{i=\"1\"} 1.5; {i=\"2\"} 2.25"},
        {"ceil(m)", "{i=\"1\"} -1; {i=\"2\"} 3"},
        {"floor(m)", "{i=\"1\"} -2; {i=\"2\"} 2"},
        {"round(m)", "{i=\"1\"} -1; {i=\"2\"} 2"},
        {"round(m, 0.5)", "{i=\"1\"} -1.5; {i=\"2\"} 2.5"},
        {"sgn(m)", "{i=\"1\"} -1; {i=\"2\"} 1"},
        {"sqrt(m)", "{i=\"1\"} NaN; {i=\"2\"} 1.5"},
        {"clamp(m, -1, 2)", "{i=\"1\"} -1; {i=\"2\"} 2"},
        {"clamp(m, 2, -1)", ""},
        {"clamp_min(m, 0)", "{i=\"1\"} 0; {i=\"2\"} 2.25"},
        {"clamp_max(m, 0)", "{i=\"1\"} -1.5; {i=\"2\"} 0"},
        {"clamp_max(m, NaN)", "{i=\"1\"} NaN; {i=\"2\"} NaN"},
        {"exp(m * 0)", "{i=\"1\"} 1; {i=\"2\"} 1"},
        {"deg(vector(pi()))", "{} 180"},
        {"rad(vector(180))", "{} 3.141592653589793"},
        {"log2(vector(8)) + log10(vector(100)) + ln(vector(1))", "{} 5"},
        {"cos(vector(0)) + sin(vector(0)) + tan(vector(0))", "{} 1"},
        {"cosh(vector(0)) + acosh(vector(1)) + asinh(vector(0)) + atanh(vector(0))", "{} 1"},
        {"hour(vector(86399)) + minute(vector(86399))", "{} 82"},
        {"day_of_week(vector(0))", "{} 4"},
        {"days_in_month(vector(1709251199))", "{} 29"},
        {"scalar(m)", "NaN"},
        {"scalar(m{i=\"2\"})", "2.25"},
        {"histogram_count(m)", ""},
        {"start_timestamp(m)", ""},
        {"timestamp(m)", "{i=\"1\"} 0; {i=\"2\"} 0"},
        {"timestamp(m + 0)", "{i=\"1\"} 60; {i=\"2\"} 60"},
        {"timestamp(timestamp(m))", "{i=\"1\"} 60; {i=\"2\"} 60"},
        {"absent(m)", ""},
        {"absent(missing{a=\"1\",a=\"2\",b=\"x\"})", "{b=\"x\"} 1"},
        {"absent(sum(missing))", "{} 1"},
    };
    expect_all(&f, MIN, cases);
    expect_range(&f, 0, 2 * MIN, MIN, "clamp_max(vector(90), time())", "{} 0@0 60@60 90@120");
}

static void test_histograms(void **state)
{
    (void)state;
    load(&f, MIN, "h_bucket{a=\"1\",le=\"1\"} 10");
    load(&f, MIN, "h_bucket{a=\"1\",le=\"2\"} 30");
    load(&f, MIN, "h_bucket{a=\"1\",le=\"+Inf\"} 40");
    load(&f, MIN, "h_bucket{a=\"2\",le=\"1\"} 5");
    load(&f, MIN, "h_bucket{a=\"2\",le=\"2\"} 3");
    load(&f, MIN, "h_bucket{a=\"2\",le=\"+Inf\"} 10");
    load(&f, MIN, "bad{le=\"x\"} 10");
    const char *url = "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                      "#histogram_quantile";
    char repaired[512];
    snprintf(repaired, sizeof(repaired),
             "{a=\"1\"} 1.5; {a=\"2\"} 1 | PromQL info: input to histogram_quantile needed to be "
             "fixed for monotonicity (see %s), from buckets 2 to 2, with a max diff of 2, over 1 "
             "samples from 1970-01-01T00:00:00Z to 1970-01-01T00:00:00Z (1:25)",
             url);
    expect(&f, 0, "histogram_quantile(0.5, h_bucket)", repaired);
    static const struct query_case cases[] = {
        {"histogram_quantile(0.5, h_bucket{a=\"1\"})", "{a=\"1\"} 1.5"},
        {"histogram_quantile(3, h_bucket{a=\"1\"})",
         "{a=\"1\"} +Inf | PromQL warning: quantile value should be between 0 and 1, got 3 (1:20)"},
        {"histogram_quantile(0.5, sum by (le) (h_bucket{a=\"1\"}))", "{} 1.5"},
        {"histogram_quantile(0.5, h_bucket{le!=\"+Inf\",a=\"1\"})", "{a=\"1\"} NaN"},
        {"histogram_fraction(0, 1, h_bucket{a=\"1\"})", "{a=\"1\"} 0.25"},
        {"histogram_quantiles(h_bucket{a=\"1\"}, \"q\", 0.25, 1)",
         "{a=\"1\", q=\"0.25\"} 1; {a=\"1\", q=\"1.0\"} 2"},
        {"histogram_quantile(0.5, bad)",
         " | PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" "
         "(1:25)"},
        {"histogram_quantile(0.5, nothing)", ""},
        {"histogram_quantile(0.5, +(bad))",
         " | PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" "
         "(1:25)"},
        {"histogram_quantile(0.5, ((bad)))",
         " | PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" "
         "(1:27)"},
        {"quantile(+2, bad)",
         "{} +Inf | PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"},
        // A subquery's annotations are about the query's beginning.
        {"abs( increase( bad[2m:1m] @ 60))",
         "{le=\"x\"} 0 | PromQL info: metric might not be a counter, name does not end in "
         "_total/_sum/_count/_bucket: \"bad\" (1:1)"},
    };
    expect_all(&f, 0, cases);
}

static void test_labels(void **state)
{
    (void)state;
    load(&f, MIN, "l{a=\"x-1\",b=\"p\"} 1");
    load(&f, MIN, "l{a=\"x-2\",b=\"p\"} 2");
    static const struct query_case cases[] = {
        {"label_replace(l, \"n\", \"$1\", \"a\", \"x-(.*)\")",
         "l{a=\"x-1\", b=\"p\", n=\"1\"} 1; l{a=\"x-2\", b=\"p\", n=\"2\"} 2"},
        {"label_replace(l, \"n\", \"$1\", \"a\", \"x\")", "l{a=\"x-1\", b=\"p\"} 1; "
                                                          "l{a=\"x-2\", b=\"p\"} 2"},
        {"label_replace(l, \"b\", \"\", \"a\", \".*\")", "l{a=\"x-1\"} 1; l{a=\"x-2\"} 2"},
        {"label_replace(l, \"a\", \"\", \"a\", \".*\")",
         "error: vector cannot contain metrics with the same labelset"},
        {"label_replace(l, \"n\", \"\", \"a\", \"(\")",
         "error: invalid regular expression in label_replace(): ("},
        {"label_replace(l, \"\", \"\", \"a\", \"\")",
         "error: invalid destination label name in label_replace(): "},
        {"label_join(l, \"j\", \"/\", \"a\", \"b\", \"no\")",
         "l{a=\"x-1\", b=\"p\", j=\"x-1/p/\"} 1; l{a=\"x-2\", b=\"p\", j=\"x-2/p/\"} 2"},
        {"label_join(l, \"b\", \"\")", "l{a=\"x-1\"} 1; l{a=\"x-2\"} 2"},
        {"label_join(l, \"\", \"\", \"a\")",
         "error: invalid destination label name in label_join(): "},
    };
    expect_all(&f, 0, cases);
}

static void test_sorting(void **state)
{
    (void)state;
    load(&f, MIN, "s{i=\"a10\"} 2");
    load(&f, MIN, "s{i=\"a2\"} NaN");
    load(&f, MIN, "s{i=\"a1\"} 3");
    static const struct query_case cases[] = {
        {"sort(s)", "s{i=\"a10\"} 2; s{i=\"a1\"} 3; s{i=\"a2\"} NaN"},
        {"sort_desc(s)", "s{i=\"a1\"} 3; s{i=\"a10\"} 2; s{i=\"a2\"} NaN"},
        {"sort_by_label(s, \"i\")", "s{i=\"a1\"} 3; s{i=\"a2\"} NaN; s{i=\"a10\"} 2"},
        {"sort_by_label_desc(s, \"i\")", "s{i=\"a10\"} 2; s{i=\"a2\"} NaN; s{i=\"a1\"} 3"},
    };
    expect_all(&f, 0, cases);
    // The outermost of several, where it stands itself.
    expect_range(&f, 0, MIN, MIN, "+sort(sort(s{i=\"a1\"}))",
                 "s{i=\"a1\"} 3@0 3@60 | PromQL warning: sort is ineffective for range queries "
                 "since results are always ordered by labels (1:2)");
    expect_range(&f, 0, MIN, MIN, "sort(s{i=\"a1\"})",
                 "s{i=\"a1\"} 3@0 3@60 | PromQL warning: sort is ineffective for range queries "
                 "since results are always ordered by labels (1:1)");
}

static void test_info(void **state)
{
    (void)state;
    load(&f, MIN, "r{instance=\"i\",job=\"j\",x=\"1\"} 5 5");
    load(&f, MIN, "r{instance=\"other\",job=\"j\"} 6 6");
    load(&f, MIN, "target_info{instance=\"i\",job=\"j\",v=\"1\",x=\"9\"} 1 stale");
    load(&f, MIN, "target_info{instance=\"i\",job=\"j\",v=\"2\",w=\"3\"} _ 1");
    static const struct query_case cases[] = {
        {"info(r)", "r{instance=\"i\", job=\"j\", v=\"1\", x=\"1\"} 5; "
                    "r{instance=\"other\", job=\"j\"} 6"},
        {"info(r, {v=\"1\"})", "r{instance=\"i\", job=\"j\", v=\"1\", x=\"1\"} 5"},
        {"info(r, {v=~\".*\"})", "r{instance=\"i\", job=\"j\", v=\"1\", x=\"1\"} 5; "
                                 "r{instance=\"other\", job=\"j\"} 6"},
        {"info(r, {__name__=\"build_info\"})", "r{instance=\"i\", job=\"j\", x=\"1\"} 5; "
                                               "r{instance=\"other\", job=\"j\"} 6"},
    };
    expect_all(&f, 0, cases);
    expect_range(&f, 0, MIN, MIN, "info(r{x=\"1\"})",
                 "r{instance=\"i\", job=\"j\", v=\"1\", x=\"1\"} 5@0; "
                 "r{instance=\"i\", job=\"j\", v=\"2\", w=\"3\", x=\"1\"} 5@60");
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
        TEST(test_rates),  TEST(test_over_time), TEST(test_maths), TEST(test_histograms),
        TEST(test_labels), TEST(test_sorting),   TEST(test_info),
    };
    return UNIT_RUN(tests);
}
