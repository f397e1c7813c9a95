// The table of functions, calendars and the arithmetic of operators.
#include "unit.h"

#include "families.h"
#include "operators.h"

static void test_table(void **state)
{
    (void)state;
    size_t count = 0, experimental = 0;
    for (const struct function *f; (f = function_at(count)); count++) {
        if (count > 0)
            assert_true(str_cmp(str_from(function_at(count - 1)->name), str_from(f->name)) < 0);
        assert_ptr_equal(function_find(str_from(f->name)), f);
        assert_non_null(f->map);
        experimental += f->feature == PROMQL_EXPERIMENTAL_FUNCTIONS;
        for (size_t i = 0; i < FUNCTION_ARGS_MAX; i++)
            assert_int_equal(f->args[i] != TYPE_NONE, i < f->arg_count);
    }
    assert_int_equal(count, 90);
    assert_int_equal(experimental, 17);
    assert_null(function_find(STR("")));
    assert_null(function_find(STR("rat")));
    assert_null(function_find(STR("rates")));
    assert_null(function_find(STR("zzz")));
}

static void test_calendar(void **state)
{
    (void)state;
    static const struct {
        double t;
        int year, month, day, week_day, year_day, days, hour, minute;
    } cases[] = {
        {0, 1970, 1, 1, 4, 1, 31, 0, 0},
        {1136239445, 2006, 1, 2, 1, 2, 31, 22, 4},
        {951782400, 2000, 2, 29, 2, 60, 29, 0, 0},
        {1709251199, 2024, 2, 29, 4, 60, 29, 23, 59},
        {4107542399, 2100, 2, 28, 0, 59, 28, 23, 59},
        {4107542400, 2100, 3, 1, 1, 60, 31, 0, 0},
        {1735603200, 2024, 12, 31, 2, 366, 31, 0, 0},
        {-1, 1969, 12, 31, 3, 365, 31, 23, 59},
        {-62135596800, 1, 1, 1, 1, 1, 31, 0, 0},
        {1136239445.9, 2006, 1, 2, 1, 2, 31, 22, 4},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_true(time_year(cases[i].t) == cases[i].year);
        assert_true(time_month(cases[i].t) == cases[i].month);
        assert_true(time_day_of_month(cases[i].t) == cases[i].day);
        assert_true(time_day_of_week(cases[i].t) == cases[i].week_day);
        assert_true(time_day_of_year(cases[i].t) == cases[i].year_day);
        assert_true(time_days_in_month(cases[i].t) == cases[i].days);
        assert_true(time_hour(cases[i].t) == cases[i].hour);
        assert_true(time_minute(cases[i].t) == cases[i].minute);
    }
    // What isn't a time gives something, and always the same.
    assert_true(time_year(NAN) == time_year(INFINITY));
    assert_true(time_month(1e300) >= 1 && time_month(1e300) <= 12);
}

static void test_operators(void **state)
{
    (void)state;
    static const struct {
        enum binary_op op;
        double left, right, want;
    } cases[] = {{OP_ADD, 1, 2, 3},         {OP_SUB, 1, 2, -1},       {OP_MUL, 3, 2, 6},
                 {OP_DIV, 1, 0, INFINITY},  {OP_MOD, -5, 3, -2},      {OP_MOD, 5.5, 2, 1.5},
                 {OP_POW, 2, 10, 1024},     {OP_ATAN2, 1, 0, M_PI_2}, {OP_EQ, 1, 1, 1},
                 {OP_EQ, NAN, NAN, 0},      {OP_NE, NAN, NAN, 1},     {OP_LT, 1, 2, 1},
                 {OP_GT, 1, 2, 0},          {OP_LE, 2, 2, 1},         {OP_GE, NAN, 2, 0},
                 {OP_DIV, -1, 0, -INFINITY}};
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_true(operator_apply(cases[i].op, cases[i].left, cases[i].right) == cases[i].want);
    assert_true(isnan(operator_apply(OP_DIV, 0, 0)));
    assert_true(isnan(operator_apply(OP_MOD, 1, 0)));
}

static void test_bounds(void **state)
{
    (void)state;
    assert_true(float_max(1, 2) == 2 && float_min(1, 2) == 1);
    assert_true(float_max(NAN, INFINITY) == INFINITY && float_min(-INFINITY, NAN) == -INFINITY);
    assert_true(isnan(float_max(NAN, 1)) && isnan(float_min(1, NAN)));
    assert_false(signbit(float_max(-0.0, 0.0)));
    assert_true(signbit(float_min(0.0, -0.0)));
}

static void test_compensated_sum(void **state)
{
    (void)state;
    static const double values[] = {1e100, 1, -1e100, 1};
    double sum = 0, c = 0;
    for (size_t i = 0; i < 4; i++)
        kahan_add(values[i], &sum, &c);
    assert_true(sum + c == 2);
    sum = c = 0;
    kahan_add(INFINITY, &sum, &c);
    kahan_add(1, &sum, &c);
    assert_true(sum + c == INFINITY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),           cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_operators),       cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_compensated_sum),
    };
    return UNIT_RUN(tests);
}
