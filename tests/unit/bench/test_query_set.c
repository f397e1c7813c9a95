#include "query_set.h"
#include "unit.h"

static void test_lines(void **state)
{
    (void)state;
    struct query_set set;
    struct error err;
    query_set_init(&set);
    int result = query_set_parse(
        &set, "f",
        STR("# a comment\n\n"
            "now instant up\n"
            "cpu   range 6h/60s  tolerance=1% victoria-metrics=differs offset=2h  \\\n"
            "   sum by (mode) (rate(x{a=\"b\"}[5m]))\n"
            "like_attribute instant a == 1\n"),
        &err);
    assert_int_equal(result, OK);
    assert_int_equal(set.count, 3);
    assert_str(set.queries[0].name, "now");
    assert_str(set.queries[0].expr, "up");
    assert_false(set.queries[0].range);
    assert_true(set.queries[0].tolerances[KIND_LAPWING] == TOLERANCE_DEFAULT);
    const struct query *q = &set.queries[1];
    assert_true(q->range);
    assert_int_equal(q->span_ms, 6 * 3600 * 1000);
    assert_int_equal(q->step_ms, 60000);
    assert_int_equal(q->offset_ms, 2 * 3600 * 1000);
    assert_true(q->tolerances[KIND_PROMETHEUS] == 0.01);
    assert_true(q->tolerances[KIND_VICTORIA_METRICS] == TOLERANCE_DIFFERS);
    assert_str(q->expr, "sum by (mode) (rate(x{a=\"b\"}[5m]))");
    assert_str(set.queries[2].expr, "a == 1");
    query_set_release(&set);
}

static void check_fault(const char *text, const char *expected)
{
    struct query_set set;
    struct error err;
    query_set_init(&set);
    assert_int_not_equal(query_set_parse(&set, "f", str_from(text), &err), OK);
    assert_string_equal(err.text, expected);
    query_set_release(&set);
}

static void test_faults_are_named(void **state)
{
    (void)state;
    check_fault("a instant up\nb often up\n",
                "f:2: expected \"instant\" or \"range\", got \"often\"");
    check_fault("a range 6h up\n", "f:1: expected SPAN/STEP such as 6h/60s, got \"6h\"");
    check_fault("a range 6h/0s up\n", "f:1: expected SPAN/STEP such as 6h/60s, got \"6h/0s\"");
    check_fault("a instant\n", "f:1: expected an expression");
    check_fault("a instant tolerance=much up\n",
                "f:1: tolerance: expected 1e-6, 5% or differs, got \"much\"");
    check_fault("a instant offset=x up\n", "f:1: offset: expected a duration, got \"x\"");
    check_fault("a instant 1\n# c\n\na instant 2\n", "f:4: a second query is called \"a\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_faults_are_named),
    };
    return UNIT_RUN(tests);
}
