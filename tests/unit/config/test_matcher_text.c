// Matchers in both syntaxes; what is expected is how Alertmanager reads them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/matcher_text.h"

static void print(struct buf *out, const struct matcher_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buf_cstr(out, i ? "," : "");
        matcher_format(out, &list->items[i]);
    }
}

static void test_lists(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"{}", ""},
        {"foo=bar", "foo=\"bar\""},
        {" foo = bar ", "foo=\"bar\""},
        {"foo=\"bar\"", "foo=\"bar\""},
        {"foo=", "foo=\"\""},
        {"foo!=", "foo!=\"\""},
        {"{foo=\"bar\", dings!=\"bums\",}", "foo=\"bar\",dings!=\"bums\""},
        {"severity=~\"warning|critical\"", "severity=~\"warning|critical\""},
        {"service!~a.*", "service!~\"a.*\""},
        {"a=\"x,y\",b=z", "a=\"x,y\",b=\"z\""},
        {"a=\"say \\\"hi\\\"\"", "a=\"say \\\"hi\\\"\""},
        {"a=~\"\\\\d+\"", "a=~\"\\\\d+\""},
        {"a=~\"\\d+\"", "a=~\"\\\\d+\""}, // classic: a lone backslash is one
        {"a=~\\d+", "a=~\"\\\\d+\""},
        {"a=b c", "a=\"b c\""}, // classic alone takes spaces
        {"a=b=c", "a=\"b=c\""},
        {"\"a.b\"=\"c\"", "\"a.b\"=\"c\""},
        {"a.b=c", "\"a.b\"=\"c\""},
        {"\xce\xa0=\xf0\x9f\x99\x82", "\"\xce\xa0\"=\"\xf0\x9f\x99\x82\""},
        {"\"a b\"=\"\\u00e9\\x41\\101\"", "\"a b\"=\"\xc3\xa9"
                                          "AA\""},
        // Both read it and differ: the classic reading counts.
        {"a=\"\\u00e9\"", "a=\"\\\\u00e9\""},
        {"{\n  alertname = \"Watchdog\",\n  severity =~ \"x\",\n}",
         "alertname=\"Watchdog\",severity=~\"x\""},
        {"a:b=c", "\"a:b\"=\"c\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct matcher_list list;
        struct error err;
        struct buf out = BUF_INIT;
        if (matcher_list_parse(&list, str_from(cases[i].text), &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        print(&out, &list);
        assert_string_equal(buf_text(&out), cases[i].expected);
        buf_release(&out);
        matcher_list_release(&list);
    }
}

static void test_bad_lists(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"bad{", "bad matcher format: bad{"},
        {"foo", "bad matcher format: foo"},
        {"=bar", "bad matcher format: =bar"},
        {"foo=bar,,", "bad matcher format: "},
        {"{{a=\"b\"}}", "bad matcher format: {a=\"b\"}"},
        {"a=\"b", "matcher value contains unescaped double quote: \"b"},
        {"a=b\"c", "matcher value contains unescaped double quote: b\"c"},
        {"a=~\"(\"", "missing )"},
        {"a.b=c d", "bad matcher format: a.b=c d"},
        {"\"\"=a", "bad matcher format: \"\"=a"},
        {"a=\xff", "matcher value not valid UTF-8"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct matcher_list list;
        struct error err;
        assert_int_not_equal(matcher_list_parse(&list, str_from(cases[i].text), &err), 0);
        if (!strstr(err.text, cases[i].expected))
            fail_msg("%s: got %s", cases[i].text, err.text);
    }
}

static void test_one(void **state)
{
    struct matcher m;
    struct error err;
    (void)state;
    assert_int_equal(matcher_parse_one(&m, STR("alertname=~\"Node.*\""), &err), 0);
    assert_int_equal(m.type, MATCH_REGEX);
    assert_true(matcher_match(&m, STR("NodeDown")));
    matcher_release(&m);
    assert_int_equal(matcher_parse_one(&m, STR("a=b,c=d"), &err), 0); // classic: one value
    assert_true(str_is(m.value, "b,c=d"));
    matcher_release(&m);
    assert_int_not_equal(matcher_parse_one(&m, STR("{a=\"b\"}"), &err), 0);
    assert_int_not_equal(matcher_parse_one(&m, STR(""), &err), 0);
    assert_string_equal(err.text, "bad matcher format: ");
}

static void test_order(void **state)
{
    struct matcher_list list;
    struct buf out = BUF_INIT;
    (void)state;
    assert_int_equal(matcher_list_parse(&list, STR("b=x,a=z,a=y,a!=y"), NULL), 0);
    matchers_sort(list.items, list.count);
    print(&out, &list);
    assert_string_equal(buf_text(&out), "a=\"y\",a!=\"y\",a=\"z\",b=\"x\"");
    buf_release(&out);
    matcher_list_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_bad_lists),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
