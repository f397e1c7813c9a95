// The parser by its printer: what is accepted reads back the same, what is refused says why and
// where.
#include "unit.h"

#include "promql/promql.h"
#include "promql/selector.h"

#include "base/mem.h"

#define ALL_FEATURES 0x1fu

static void check_print(const char *text, const char *expected)
{
    struct arena arena;
    struct promql_expr *e, *again;
    struct error err = {.text = ""};
    struct buf out = BUF_INIT, twice = BUF_INIT;
    arena_init(&arena, 0);
    if (promql_parse(&e, str_from(text), ALL_FEATURES, &arena, &err))
        fail_msg("%s: %s", text, err.text);
    promql_print(&out, e);
    if (!str_is(buf_view(&out), expected))
        fail_msg("%s printed as %s, expected %s", text, buf_text(&out), expected);
    if (promql_parse(&again, buf_view(&out), ALL_FEATURES, &arena, &err))
        fail_msg("printed %s: %s", buf_text(&out), err.text);
    promql_print(&twice, again);
    assert_string_equal(buf_text(&out), buf_text(&twice));
    promql_expr_free(e);
    promql_expr_free(again);
    buf_release(&out);
    buf_release(&twice);
    arena_release(&arena);
}

static void test_print(void **state)
{
    static const char *const cases[][2] = {
        {"1", "1"},
        {"0x1F", "31"},
        {"1_000.5e-1", "100.05"},
        {"-1", "-1"},
        {"+Inf", "+Inf"},
        {"nan", "NaN"},
        {"5m * 2", "5m * 2"},
        {"'a\\'b'", "\"a'b\""},
        {"`a\\b`", "\"a\\\\b\""},
        {"foo", "foo"},
        {"foo{}", "foo"},
        {"foo{a='b',c!=\"d\",e=~'f.*',g!~'h',}", "foo{a=\"b\",c!=\"d\",e=~\"f.*\",g!~\"h\"}"},
        {"{\"a.b\", \"x.y\"='z'}", "{\"x.y\"=\"z\",__name__=\"a.b\"}"},
        {"{__name__=~'a.+'}", "{__name__=~\"a.+\"}"},
        {"foo[5m]", "foo[5m]"},
        {"foo[300]", "foo[5m]"},
        {"foo offset 1h", "foo offset 1h"},
        {"foo[5m] offset -1d", "foo[5m] offset -1d"},
        {"foo @ 1700000000 offset 5m", "foo @ 1700000000.000 offset 5m"},
        {"foo offset 5m @ end()", "foo @ end() offset 5m"},
        {"foo[1h:5m] @ start()", "foo[1h:5m] @ start()"},
        {"rate(foo[5m])[1h:]", "rate(foo[5m])[1h:]"},
        {"sum(foo)", "sum(foo)"},
        {"sum by (a, b) (foo)", "sum by (a, b) (foo)"},
        {"SUM(foo) WITHOUT(a)", "sum without (a) (foo)"},
        {"topk(5, foo)", "topk(5, foo)"},
        {"sum by () (foo)", "sum(foo)"},
        {"sum", "sum"},
        {"sum + by", "sum + by"},
        {"a + b * c ^ d", "a + b * c ^ d"},
        {"2 ^ 3 ^ 2", "2 ^ 3 ^ 2"},
        {"-a ^ 2", "-a ^ 2"},
        {"a and b or c unless d", "a and b or c unless d"},
        {"a == bool on (x) b", "a == bool on (x) b"},
        {"a / on(x) group_left(y) b", "a / on (x) group_left (y) b"},
        {"a * ignoring(x) group_right b", "a * ignoring (x) group_right () b"},
        {"a + on(x) fill(0) b", "a + on (x) fill (0) b"},
        {"a atan2 b", "a atan2 b"},
        {"Inf ^ 2 + Inf", "Inf ^ 2 + +Inf"},
        {"a == {'bool'} + {'NaN'}", "a == {__name__=\"bool\"} + {__name__=\"NaN\"}"},
        {"foo[5m:step()]", "foo[5m:step()]"},
        {"(a)", "(a)"},
        {"# comment\nfoo # more", "foo"},
        {"histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
         "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))"},
        {"rate(foo[step() * 2])", "rate(foo[step() * 2])"},
        {"rate(foo[max_of(1m, range() / 4)])", "rate(foo[max_of(1m, range() / 4)])"},
        {"foo offset (5m + 1m)", "foo offset (5m + 1m)"},
        {"increase(foo[5m] anchored)", "increase(foo[5m] anchored)"},
        {"time()", "time()"},
        {"label_replace(up, 'a', '$1', 'b', '(.*)')",
         "label_replace(up, \"a\", \"$1\", \"b\", \"(.*)\")"},
        {"foo{on='x', sum='y', inf='z'}", "foo{inf=\"z\",on=\"x\",sum=\"y\"}"},
        {":a:b", ":a:b"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_print(cases[i][0], cases[i][1]);
}

static void test_pretty(void **state)
{
    static const char *const cases[][2] = {
        {"sum(foo)", "sum(foo)"},
        {"sum by (job) (rate(a_quite_long_metric_name_total{job=\"api\", instance=\"one\"}[5m])) / "
         "sum by (job) (rate(b_total[5m]))",
         "  sum by (job) (rate(a_quite_long_metric_name_total{instance=\"one\",job=\"api\"}[5m]))\n"
         "/\n"
         "  sum by (job) (rate(b_total[5m]))"},
        {"histogram_quantile(0.9, sum by (le, job) "
         "(rate(some_request_duration_seconds_bucket{job=\"api\", handler=~\"/a.*\"}[5m])))",
         "histogram_quantile(\n"
         "  0.9,\n"
         "  sum by (le, job) "
         "(rate(some_request_duration_seconds_bucket{handler=~\"/a.*\",job=\"api\"}[5m]))\n"
         ")"},
        {"-(some_long_metric_name_of_the_left_side{job=\"api\"} + on (job, instance) group_left "
         "(version) some_long_metric_name_of_the_right)",
         "-(\n"
         "    some_long_metric_name_of_the_left_side{job=\"api\"}\n"
         "  + on (job, instance) group_left (version)\n"
         "    some_long_metric_name_of_the_right\n"
         ")"},
        {"max_over_time((some_long_metric_name_of_the_left_side{job=\"api\"} > bool "
         "some_long_metric_name_of_the_right)[1h:1m] offset 5m)",
         "max_over_time(\n"
         "  (some_long_metric_name_of_the_left_side{job=\"api\"} > bool "
         "some_long_metric_name_of_the_right)[1h:1m] offset 5m\n"
         ")"},
        {"topk(5, label_replace(some_long_metric_name_of_the_left_side{job=\"api\"}, \"target\", "
         "\"$1-$2\", \"source\", \"(.*)-(.*)\"))",
         "topk(\n"
         "  5,\n"
         "  label_replace(\n"
         "    some_long_metric_name_of_the_left_side{job=\"api\"},\n"
         "    \"target\",\n"
         "    \"$1-$2\",\n"
         "    \"source\",\n"
         "    \"(.*)-(.*)\"\n"
         "  )\n"
         ")"},
        {"quantile_over_time(0.5, some_long_metric_name_of_the_left_side{job=\"api\", "
         "instance=\"a\", version=\"1.2.3\", zone=\"z\"}[10m] @ end())",
         "quantile_over_time(\n"
         "  0.5,\n"
         "  "
         "some_long_metric_name_of_the_left_side{instance=\"a\",job=\"api\",version=\"1.2.3\",zone="
         "\"z\"}[10m] @ end()\n"
         ")"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct promql_expr *e;
        struct error err = {.text = ""};
        struct buf text = BUF_INIT;
        arena_init(&arena, 0);
        assert_int_equal(promql_parse(&e, str_from(cases[i][0]), ALL_FEATURES, &arena, &err), OK);
        promql_print_pretty(&text, e);
        assert_string_equal(buf_text(&text), cases[i][1]);
        promql_expr_free(e);
        buf_release(&text);
        arena_release(&arena);
    }
}

static void test_errors(void **state)
{
    static const char *const cases[][2] = {
        {"", "unknown position: parse error: no expression found in input"},
        {"# only", "1:1: parse error: no expression found in input"},
        {"1 +", "1:4: parse error: unexpected end of input"},
        {"(1", "1:3: parse error: unclosed left parenthesis"},
        {"1)", "1:3: parse error: unexpected right parenthesis ')'"},
        {"foo{", "1:5: parse error: unexpected end of input inside braces"},
        {"foo[5m", "1:7: parse error: unclosed left bracket"},
        {"sum(foo[5m", "1:11: parse error: unclosed left parenthesis"},
        {"foo[5m]]", "1:8: parse error: unexpected right bracket ']'"},
        {"foo}", "1:4: parse error: unexpected character: '}'"},
        {"foo{a}", "1:6: parse error: unexpected \"}\" in label matching, expected label "
                   "matching operator"},
        {"foo{a=1}", "1:7: parse error: unexpected character inside braces: '1'"},
        {"foo{{", "1:5: parse error: unexpected left brace '{'"},
        {"foo{a=='b'}", "1:7: parse error: unexpected \"=\" in label matching, expected string"},
        {"foo by", "1:5: parse error: unexpected <by>"},
        {"foo sum", "1:5: parse error: unexpected <aggr:sum>"},
        {"on", "1:1: parse error: unexpected <on>"},
        {"foo 'a longer string'", "1:5: parse error: unexpected string \"'a longer \"..."},
        {"foo offset", "1:11: parse error: unexpected end of input in offset, expected number, "
                       "duration, step(), or range()"},
        {"foo @ x", "1:7: parse error: unexpected identifier \"x\" in @, expected timestamp"},
        {"'a\\q'", "1:1: parse error: unknown escape sequence U+0071 'q'"},
        {"'a\\xg1'", "1:1: parse error: illegal character U+0067 'g' in escape sequence"},
        {"1e", "1:1: parse error: bad number or duration syntax: \"1e\""},
        {"0x1p2", "1:1: parse error: bad number or duration syntax: \"0x1\""},
        {"0x1.5", "1:1: parse error: bad number or duration syntax: \"0x1.\""},
        {"1__0", "1:1: parse error: bad number or duration syntax: \"1__\""},
        {"1_ + 1", "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1_\": "
                   "invalid syntax"},
        {"1e3s", "1:1: parse error: unknown unit \"e\" in duration \"1e3s\""},
        {"1y1y", "1:1: parse error: bad number or duration syntax: \"1y1\""},
        {"1m1h", "1:1: parse error: not a valid duration string: \"1m1h\""},
        {"1000000000000y", "1:1: parse error: duration out of range"},
        {"\"\\ud800\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        {"'\\400'", "1:1: parse error: escape sequence is an invalid Unicode code point"},
        {"sum by (without) (m)",
         "1:9: parse error: unexpected <without> in grouping opts, expected label"},
        {"m\xc2\xa0", "1:2: parse error: unexpected character: '\\u00a0'"},
        {"1 @ x", "1:5: parse error: unexpected identifier \"x\" in @, expected timestamp"},
        {"m[0", "1:4: parse error: unclosed left bracket"},
        {"m offset 1m[5m", "1:15: parse error: unclosed left bracket"},
        {"sum(m)[5m] + )", "1:15: parse error: unexpected right parenthesis ')'"},
        {"{\"a\" \"b\"}", "1:6: parse error: unexpected string \"\\\"b\\\"\" in label matching, "
                          "expected \",\" or \"}\""},
        {"m fill n", "1:3: parse error: unexpected identifier \"fill\""},
        {"or(m)", "1:3: parse error: unexpected \"(\""},
        {"m[Inf]", "1:3: parse error: unexpected character in duration expression: 'I'"},
        {"m[5m:Inf]", "1:6: parse error: unexpected character: 'I', expected ':'"},
        {"m['a']", "1:3: parse error: unexpected character in duration expression: '\\''"},
        {"m{5=\"1\"}", "1:3: parse error: unexpected character inside braces: '5'"},
        {"(m):", "1:4: parse error: unexpected metric identifier \":\""},
        {"m!\n", "1:2: parse error: unexpected character after '!': '\\n'"},
        {"m{a!}", "1:4: parse error: unexpected character after '!' inside braces: '}'"},
        {"foo{a=b}",
         "1:7: parse error: unexpected identifier \"b\" in label matching, expected string"},
        {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"{a=~'.*'}",
         "1:1: parse error: vector selector must contain at least one non-empty matcher"},
        {"foo{__name__='b'}",
         "1:1: parse error: metric name must not be set twice: \"foo\" or \"b\""},
        {"nope(1)", "1:1: parse error: unknown function with name \"nope\""},
        {"abs()", "1:1: parse error: expected 1 argument(s) in call to \"abs\", got 0"},
        {"abs(1)",
         "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar"},
        {"rate(foo)", "1:6: parse error: expected type range vector in call to function \"rate\", "
                      "got instant vector"},
        {"sum(1)",
         "1:5: parse error: expected type instant vector in aggregation expression, got scalar"},
        {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
        {"1 and 1",
         "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
        {"a + bool b", "1:3: parse error: bool modifier can only be used on comparison operators"},
        {"a and on(x) group_left b", "1:1: parse error: no grouping allowed for \"and\" operation"},
        {"a + on(x) group_left(x) b",
         "1:3: parse error: label \"x\" must not occur in ON and GROUP clause at once"},
        {"(a + b)[5m]", "1:8: parse error: ranges only allowed for vector selectors"},
        {"foo offset 1m [5m]", "1:15: parse error: no offset modifiers allowed before range"},
        {"foo offset 1m offset 2m", "1:1: parse error: offset may not be set multiple times"},
        {"foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""},
        {"foo[0]", "1:5: parse error: duration must be greater than 0"},
        {"1[5m:]",
         "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
        {"'abc", "1:1: parse error: unterminated quoted string"},
        {"a ! b", "1:3: parse error: unexpected character after '!': ' '"},
        {"foo{a=~'('}", "1:5: parse error: error parsing regexp: missing closing ): `(`"},
        {"foo{a=~'*'}",
         "1:5: parse error: error parsing regexp: missing argument to repetition operator: `*`"},
        {"a\n+\n$", "3:1: parse error: unexpected character: '$'"},
        {"foo @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"},
        {"-'a'", "1:1: parse error: unary expression only allowed on expressions of type scalar or "
                 "instant vector, got \"string\""},
        {"sum(a,)", "1:6: parse error: trailing commas not allowed in function call args"},
        {"topk(1)", "1:1: parse error: wrong number of arguments for aggregate expression "
                    "provided, expected 2, got 1"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct promql_expr *e;
        struct error err = {.text = ""};
        arena_init(&arena, 0);
        int rc = promql_parse(&e, str_from(cases[i][0]), ALL_FEATURES, &arena, &err);
        if (rc != ERR_INVALID || strcmp(err.text, cases[i][1]) != 0)
            fail_msg("%s: got \"%s\", expected \"%s\"", cases[i][0], err.text, cases[i][1]);
        arena_release(&arena);
    }
}

#define DURATION(text, is_duration)                                                                \
    "{\"duration\":" is_duration ",\"type\":\"numberLiteral\",\"val\":\"" text "\"}"
#define OPERATION(left, op, right, wrapped)                                                        \
    "{\"lhs\":" left ",\"op\":\"" op "\",\"rhs\":" right                                           \
    ",\"type\":\"durationExpr\",\"wrapped\":" wrapped "}"

// Durations that are expressions have a tree; constants are milliseconds alone.
static void test_duration_trees(void **state)
{
    static const char *const cases[][2] = {
        {"m[1m30s]", "\"range\":90000,\"rangeExpr\":null,"},
        {"m[(90)]", "\"range\":90000,\"rangeExpr\":null,"},
        {"m[-step()]", "\"rangeExpr\":" OPERATION(
                           "null", "-", OPERATION("null", "step", "null", "false"), "false") ","},
        {"m[2*(1m+range())]", "\"range\":0,\"rangeExpr\":" OPERATION(
                                  DURATION("2", "false"), "*",
                                  OPERATION(DURATION("60", "true"), "+",
                                            OPERATION("null", "range", "null", "false"), "true"),
                                  "false") ","},
        {"m offset (1m % 7)", "\"offset\":0,\"offsetExpr\":" OPERATION(
                                  DURATION("60", "true"), "%", DURATION("7", "false"), "true") ","},
        {"m[1h:min_of(1m,5)]",
         "\"step\":0,\"stepExpr\":" OPERATION(DURATION("60", "true"), "min_of",
                                              DURATION("5", "false"), "false") ","},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct promql_expr *e;
        struct arena arena;
        struct error err;
        struct buf out = BUF_INIT;
        arena_init(&arena, 0);
        assert_int_equal(promql_parse(&e, str_from(cases[i][0]), ALL_FEATURES, &arena, &err), OK);
        promql_print_tree(&out, e);
        if (!strstr(buf_text(&out), cases[i][1]))
            fail_msg("%s: %s\nexpected in it: %s", cases[i][0], buf_text(&out), cases[i][1]);
        promql_expr_free(e);
        buf_release(&out);
        arena_release(&arena);
    }
}

static void test_features(void **state)
{
    static const char *const cases[] = {"rate(foo[step()])", "foo[5m] anchored",
                                        "a + on(x) fill(0) b", "limitk(1, foo)",
                                        "mad_over_time(foo[5m])"};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct promql_expr *e;
        struct error err;
        arena_init(&arena, 0);
        assert_int_equal(promql_parse(&e, str_from(cases[i]), 0, &arena, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "enabled"));
        arena_release(&arena);
    }
}

static void test_depth(void **state)
{
    struct buf text = BUF_INIT;
    struct arena arena;
    struct promql_expr *e;
    struct error err;
    (void)state;
    arena_init(&arena, 0);
    for (int i = 0; i < 100000; i++)
        buf_cstr(&text, i % 2 ? "(" : "-");
    assert_int_equal(promql_parse(&e, buf_view(&text), 0, &arena, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "nested too deep"));
    buf_release(&text);
    arena_release(&arena);
}

static void test_selector(void **state)
{
    struct matcher *matchers;
    size_t count;
    struct error err;
    (void)state;
    assert_int_equal(promql_parse_selector(STR("up{job=\"a\"}"), &matchers, &count, &err), OK);
    assert_int_equal(count, 2);
    for (size_t i = 0; i < count; i++)
        matcher_release(&matchers[i]);
    mem_free(matchers);
    assert_int_equal(promql_parse_selector(STR("up[5m]"), &matchers, &count, &err), ERR_INVALID);
    assert_int_equal(promql_parse_selector(STR("up offset 5m"), &matchers, &count, &err),
                     ERR_INVALID);
    assert_int_equal(promql_parse_selector(STR("1"), &matchers, &count, &err), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_print),          cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_features),
        cmocka_unit_test(test_depth),          cmocka_unit_test(test_selector),
        cmocka_unit_test(test_duration_trees),
    };
    return UNIT_RUN(tests);
}
