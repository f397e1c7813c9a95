#include "unit.h"

#include "base/regex.h"

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"a|b", "a", true},     {"a|b", "ab", false},     {".*", "", true},
        {"a.b", "a\nb", true},  {"(?i)AbC", "abc", true}, {"5..", "500", true},
        {"5..", "5000", false}, {"", "", true},           {"", "x", false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct regex *re;
        assert_int_equal(regex_new(&re, str_from(cases[i].pattern), NULL), OK);
        assert_int_equal(regex_match(re, str_from(cases[i].text)), cases[i].matches);
        regex_free(re);
    }
}

static void test_bad_patterns(void **state)
{
    (void)state;
    struct regex *re;
    struct error err;
    assert_int_equal(regex_new(&re, STR("a("), &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "missing )"));
    assert_int_equal(regex_new(&re, STR("(?=a)"), &err), ERR_INVALID);
    assert_int_equal(regex_new(&re, STR("((a{1000}){1000}){1000}"), &err) < 0, true);
}

static void test_expand(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text, *replacement, *expected; // NULL: no match
    } cases[] = {
        {"([^:]+)(?::\\d+)?;(\\d+)", "host:80;9100", "$1:$2", "host:9100"},
        {"(.*)", "abc", "$1", "abc"},
        {"(.*)", "abc", "${1}x", "abcx"},
        {"(.*)", "abc", "$1x", ""},
        {"(.*)", "abc", "$$1 $ $9", "$1 $ "},
        {"(?P<n>a+)b", "aab", "<$n>", "<aa>"},
        {"x", "y", "$0", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct regex *re;
        struct buf b = BUF_INIT;
        assert_int_equal(regex_new(&re, str_from(cases[i].pattern), NULL), OK);
        bool matched =
            regex_expand(re, str_from(cases[i].text), str_from(cases[i].replacement), &b);
        assert_int_equal(matched, cases[i].expected != NULL);
        assert_buf(&b, cases[i].expected ? cases[i].expected : "");
        regex_free(re);
        buf_release(&b);
    }
}

static void test_replace_all(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *text, *replacement, *expected;
    } cases[] = {
        {"a", "banana", "o", "bonono"},
        {"a(.)", "banana", "<$1>", "b<n><n>a"},
        {"", "ab", "-", "-a-b-"},
        {"x*", "axxb", "-", "-a-b-"},
        {"b", "", "x", ""},
        {"^a", "aa", "b", "ba"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct regex *re;
        struct buf b = BUF_INIT;
        assert_int_equal(regex_new_unanchored(&re, str_from(cases[i].pattern), NULL), OK);
        regex_replace_all(re, str_from(cases[i].text), str_from(cases[i].replacement), &b);
        assert_buf(&b, cases[i].expected);
        regex_free(re);
        buf_release(&b);
    }
}

static void add_literal(void *context, struct str literal)
{
    buf_char(context, '[');
    buf_str(context, literal);
    buf_char(context, ']');
}

static void test_literals(void **state)
{
    (void)state;
    struct buf b = BUF_INIT;
    assert_true(regex_literals(STR("a|b-c|"), add_literal, &b));
    assert_buf(&b, "[a][b-c][]");
    assert_false(regex_literals(STR("a.c"), add_literal, &b));
    assert_false(regex_literals(STR("(a)|(b)"), add_literal, &b));
    assert_false(regex_literals(STR("(a|b\\)"), add_literal, &b));
    assert_false(regex_literals(STR("a|\\d"), add_literal, &b));
    assert_false(regex_literals(STR("a|\\"), add_literal, &b));
    assert_true(regex_literals(STR("(a\\.b|c\\|d)"), add_literal, &b));
    assert_buf(&b, "[a.b][c|d]");
    assert_true(regex_literals(STR("(?:a|)"), add_literal, &b));
    assert_buf(&b, "[a][]");
    buf_release(&b);
}

// As a dashboard makes it of a variable with many values: more than could be compiled.
static void test_long_list(void **state)
{
    (void)state;
    struct buf pattern = BUF_INIT, out = BUF_INIT;
    struct regex *re;
    struct error err;
    buf_char(&pattern, '(');
    for (int i = 0; i < 50000; i++)
        buf_printf(&pattern, "%shost-%d\\.example:9100", i ? "|" : "", i);
    buf_char(&pattern, ')');
    assert_int_equal(regex_new(&re, buf_view(&pattern), &err), OK);
    assert_true(regex_match(re, STR("host-0.example:9100")));
    assert_true(regex_match(re, STR("host-49999.example:9100")));
    assert_false(regex_match(re, STR("host-50000.example:9100")));
    assert_false(regex_match(re, STR("host-1\\.example:9100")));
    assert_false(regex_match(re, STR("host-1xexample:9100")));
    assert_false(regex_match(re, STR("")));
    assert_true(regex_expand(re, STR("host-7.example:9100"), STR("<$1|$0|$2|$x>"), &out));
    assert_buf(&out, "<host-7.example:9100|host-7.example:9100||>");
    assert_false(regex_expand(re, STR("other"), STR("$1"), &out));
    regex_free(re);
    buf_release(&out);
    buf_release(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),    cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_expand),   cmocka_unit_test(test_replace_all),
        cmocka_unit_test(test_literals), cmocka_unit_test(test_long_list),
    };
    return UNIT_RUN(tests);
}
