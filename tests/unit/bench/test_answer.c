#include "answer.h"
#include "unit.h"

#define HEAD "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":["
#define TAIL "]}}"
#define ONE  "{\"metric\":{\"b\":\"2\",\"a\":\"1\"},\"values\":[[10,\"1\"],[20,\"2\"],[30,\"NaN\"]]}"
#define TWO  "{\"metric\":{},\"values\":[[10.5,\"-Inf\"]]}"

static void parse(struct answer *a, const char *text)
{
    struct error err;
    assert_int_equal(answer_parse(a, str_from(text), &err), OK);
}

static void test_parses(void **state)
{
    (void)state;
    struct answer a;
    parse(&a, HEAD ONE "," TWO TAIL);
    assert_int_equal(a.count, 2);
    assert_int_equal(a.sample_count, 4);
    assert_str(a.series[0].labels, "");
    assert_int_equal(a.series[0].samples[0].t_ms, 10500);
    assert_true(isinf(a.series[0].samples[0].value));
    assert_str(a.series[1].labels, "a=\"1\",b=\"2\"");
    answer_release(&a);
    parse(&a,
          "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2.5\"]}}");
    assert_int_equal(a.sample_count, 1);
    assert_true(a.series[0].samples[0].value == 2.5);
    answer_release(&a);
    parse(&a, "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":"
              "[{\"metric\":{},\"value\":[1,\"7\"]}]}}");
    assert_true(a.series[0].samples[0].value == 7);
    answer_release(&a);
}

static void check_fault(const char *text, int code, const char *expected)
{
    struct answer a;
    struct error err;
    assert_int_equal(answer_parse(&a, str_from(text), &err), code);
    assert_string_equal(err.text, expected);
}

static void test_faults(void **state)
{
    (void)state;
    check_fault("<html>", ERR_INVALID, "no JSON: <html>");
    check_fault("{\"status\":\"error\",\"errorType\":\"bad_data\",\"error\":\"no\"}", ERR_EXECUTION,
                "bad_data: no");
    check_fault("{\"status\":\"success\",\"data\":{}}", ERR_INVALID,
                "no vector, matrix or scalar in the answer");
    check_fault(HEAD "{\"metric\":{},\"values\":[[1]]}" TAIL, ERR_INVALID,
                "no vector, matrix or scalar in the answer");
}

static void check_difference(const char *left, const char *right, double tolerance,
                             const char *expected)
{
    struct answer a, b;
    struct answer_difference d;
    struct buf text = BUF_INIT;
    parse(&a, left);
    parse(&b, right);
    answer_compare(&d, &a, &b, tolerance);
    answer_difference_text(&text, &d);
    assert_int_equal(answer_agrees(&d), !*expected);
    assert_buf(&text, expected);
    buf_release(&text);
    answer_release(&a);
    answer_release(&b);
}

#define SERIES(values) HEAD "{\"metric\":{},\"values\":[" values "]}" TAIL

static void test_differences(void **state)
{
    (void)state;
    check_difference(HEAD ONE "," TWO TAIL, HEAD TWO "," ONE TAIL, 0, "");
    check_difference(HEAD ONE TAIL, HEAD TWO TAIL, 0, "1 series are missing; 1 series too many");
    check_difference(SERIES("[1,\"100\"]"), SERIES("[1,\"101\"]"), 0.01, "");
    check_difference(SERIES("[1,\"100\"],[2,\"5\"]"), SERIES("[1,\"104\"],[2,\"5\"]"), 0.01,
                     "1 of 2 values differ, by at most 3.85 %");
    check_difference(SERIES("[1,\"1\"],[2,\"1\"]"), SERIES("[2,\"1\"],[3,\"1\"]"), 0,
                     "1 values are missing; 1 values too many");
    check_difference(SERIES("[1,\"NaN\"]"), SERIES("[1,\"NaN\"]"), 0, "");
    check_difference(SERIES("[1,\"+Inf\"]"), SERIES("[1,\"+Inf\"]"), 0, "");
    check_difference(SERIES("[1,\"NaN\"]"), SERIES("[1,\"1\"]"), 1,
                     "1 of 1 values differ, by at most inf %");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parses),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_differences),
    };
    return UNIT_RUN(tests);
}
