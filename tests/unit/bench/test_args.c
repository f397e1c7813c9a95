#include "args.h"
#include "unit.h"

static void start(struct args *a, int argc, const char *const *argv)
{
    args_init(a, argc, (char **)argv);
}

static void test_options_and_arguments(void **state)
{
    (void)state;
    const char *argv[] = {"first", "--n=3", "--share", "0.5", "--on", "second", "--span=1h30m"};
    struct args a;
    struct error err;
    start(&a, COUNT_OF(argv), argv);
    assert_int_equal(args_integer(&a, "n", 7), 3);
    assert_true(args_number(&a, "share", 0) == 0.5);
    assert_true(args_flag(&a, "on"));
    assert_false(args_flag(&a, "off"));
    assert_int_equal(args_duration(&a, "span", 0), 5400000);
    assert_int_equal(args_integer(&a, "missing", 7), 7);
    assert_string_equal(args_next(&a), "first");
    assert_string_equal(args_next(&a), "second");
    assert_null(args_next(&a));
    assert_int_equal(args_finish(&a, &err), OK);
}

static void test_repeated_options(void **state)
{
    (void)state;
    const char *argv[] = {"--x=1", "--x", "2", "--y=a", "--y=b"};
    struct args a;
    struct error err;
    start(&a, COUNT_OF(argv), argv);
    assert_int_equal(args_integer(&a, "x", 0), 2);
    assert_string_equal(args_each(&a, "y"), "a");
    assert_string_equal(args_each(&a, "y"), "b");
    assert_null(args_each(&a, "y"));
    assert_int_equal(args_finish(&a, &err), OK);
}

static void check_fault(const char *const *argv, int argc, const char *text)
{
    struct args a;
    struct error err;
    start(&a, argc, argv);
    args_integer(&a, "n", 0);
    args_flag(&a, "on");
    args_time(&a, "end", 0);
    args_next(&a);
    assert_int_not_equal(args_finish(&a, &err), OK);
    assert_string_equal(err.text, text);
}

static void test_faults_are_named(void **state)
{
    (void)state;
    const char *number[] = {"--n=x"};
    const char *unknown[] = {"--nn=1"};
    const char *many[] = {"a", "b"};
    const char *no_value[] = {"--n"};
    const char *followed[] = {"--n", "--on"};
    const char *flag[] = {"--on=maybe"};
    const char *when[] = {"--end=yesterday"};
    check_fault(number, 1, "--n: expected a whole number, got \"x\"");
    check_fault(unknown, 1, "no such option: \"--nn=1\"");
    check_fault(many, 2, "one argument too many: \"b\"");
    check_fault(no_value, 1, "--n: expected a value, got \"\"");
    check_fault(followed, 2, "--n: expected a value, got \"\"");
    check_fault(flag, 1, "--on: expected true or false, got \"maybe\"");
    check_fault(when, 1, "--end: expected now, RFC 3339 or Unix seconds, got \"yesterday\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_and_arguments),
        cmocka_unit_test(test_repeated_options),
        cmocka_unit_test(test_faults_are_named),
    };
    return UNIT_RUN(tests);
}
