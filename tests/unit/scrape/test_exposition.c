// Both formats line by line: what is read, what is refused and in which words, and that a hint
// changes nothing but speed.
#include "unit.h"

#include "base/float_text.h"
#include "base/hash.h"
#include "model/sample.h"
#include "scrape/exposition.h"

struct reading {
    struct arena arena;
    struct exposition x;
    struct exposition_entry e;
    struct error err;
};

static void begin(struct reading *r, const char *body, enum exposition_format format)
{
    arena_init(&r->arena, 0);
    r->err.text[0] = 0;
    exposition_init(&r->x, str_from(body), format, &r->arena);
}

static int next(struct reading *r)
{
    return exposition_next(&r->x, &r->e, &r->err);
}

static void end(struct reading *r)
{
    arena_release(&r->arena);
}

// All entries in one text: "series value[@time]" and "KIND family text".
static void read_all(const char *body, enum exposition_format format, struct buf *out)
{
    static const char *const kinds[] = {"", "HELP", "TYPE", "UNIT"};
    struct reading r;
    int rc;
    begin(&r, body, format);
    while ((rc = next(&r)) == OK) {
        if (r.e.kind == EXPOSITION_SAMPLE) {
            buf_printf(out, "%.*s ", STR_ARG(r.e.series));
            buf_float(out, r.e.value, FLOAT_G);
            if (r.e.has_time)
                buf_printf(out, "@%lld", (long long)r.e.t_ms);
        } else {
            buf_printf(out, "%s %.*s %s", kinds[r.e.kind], STR_ARG(r.e.name),
                       r.e.kind == EXPOSITION_TYPE ? metric_type_name(r.e.type) : "");
            if (r.e.kind != EXPOSITION_TYPE)
                buf_str(out, r.e.text);
        }
        buf_char(out, '\n');
    }
    if (rc != ERR_END)
        buf_printf(out, "! %s\n", r.err.text);
    end(&r);
}

struct body_case {
    const char *body, *expected;
};

static void check_bodies(const struct body_case *cases, size_t count, enum exposition_format format)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        read_all(cases[i].body, format, &out);
        assert_buf(&out, cases[i].expected);
    }
    buf_release(&out);
}

static void test_text(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"", ""},
        {"a 1", "a 1\n"},
        {"a 1\n", "a 1\n"},
        {"a 1\r\nb 2\r\n", "a 1\nb 2\n"},
        {"\n\n  a\t 1 \t\n", "a 1\n"},
        {"a 1 1234\nb 2 -5\n", "a 1@1234\nb 2@-5\n"},
        {"a{x=\"y\"} 1\n", "a{x=\"y\"} 1\n"},
        {"a{x=\"y\"}1\n", "a{x=\"y\"} 1\n"},
        {"a {x=\"}\\\"\"} 1 7\n", "a {x=\"}\\\"\"} 1@7\n"},
        {"a{} 1\n", "a{} 1\n"},
        {"{\"a.b\",x=\"y\"} 1\n", "{\"a.b\",x=\"y\"} 1\n"},
        {"a:b_C9 1.5e+09\n", "a:b_C9 1.5e+09\n"},
        {"a NaN\nb +Inf\nc -Inf\nd inf\ne -nan\n", "a NaN\nb +Inf\nc -Inf\nd +Inf\ne NaN\n"},
        {"a 1e400\n", "a +Inf\n"},
        {"# just words\n#\n# EOF\na 1\n", "a 1\n"},
        {"# HELP a What \\\\ is\\n it \\\"?\n", "HELP a What \\ is\n it \\\"?\n"},
        {"# HELP a\n# HELP\n", "HELP a \n"},
        {"#TYPE a   counter \n", "TYPE a counter\n"},
        {"# TYPE a untyped\n# TYPE \"a.b\" summary\n", "TYPE a unknown\nTYPE a.b summary\n"},
        {"# UNIT a_seconds seconds\na 1\n", "a 1\n"},
        {"a\n", "! line 1: expected a value, got \"\"\n"},
        {"a 1\nb x\n", "a 1\n! line 2: expected a value, got \"x\"\n"},
        {"a 0x1p4\n", "! line 1: expected a value, got \"0x1p4\"\n"},
        {"a 1_000\n", "! line 1: expected a value, got \"1_000\"\n"},
        {"a 1 2.5\n", "! line 1: expected a timestamp, got \"2.5\"\n"},
        {"a 1 2 3\n", "! line 1: expected the end of the line, got \"3\"\n"},
        {"a 1 # {x=\"y\"} 1\n",
         "! line 1: expected the end of the line, got \"# {x=\\\"y\\\"} 1\"\n"},
        {"a{x=\"y\" 1\n", "! line 1: expected a metric name, and labels in closed braces, got "
                          "\"a{x=\\\"y\\\" 1\"\n"},
        {"a{x=\"y} 1\n",
         "! line 1: expected a metric name, and labels in closed braces, got \"a{x=\\\"y} 1\"\n"},
        {"9a 1\n", "! line 1: expected a valid metric name, got \"9a\"\n"},
        {"a-b 1\n", "! line 1: expected a valid metric name, got \"a-b\"\n"},
        {"\xff\xfe 1\n", "! line 1: expected a valid metric name, got \"\\xff\\xfe\"\n"},
        {"# TYPE a thing\n", "! line 1: expected a metric type, got \"thing\"\n"},
        {"# TYPE a info\n", "! line 1: expected a metric type, got \"info\"\n"},
        {"# TYPE a-b gauge\n", "! line 1: expected a metric name, got \"a-b gauge\"\n"},
        {"# HELP a \xff\n", "! line 1: expected UTF-8, got \"\\xff\"\n"},
        {"<html><body>404</body></html>\n",
         "! line 1: expected a valid metric name, got \"<html><body>404</body></html>\"\n"},
    };
    check_bodies(cases, COUNT_OF(cases), EXPOSITION_TEXT);
}

static void test_openmetrics(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"# EOF\n", ""},
        {"# EOF", ""},
        {"a_total 1\n# EOF\n", "a_total 1\n"},
        {"a 1 1.5\nb 1 1520879607.789\n# EOF\n", "a 1@1500\nb 1@1520879607789\n"},
        {"a_created 1520430000.123\n# EOF\n", "a_created 1.520430000123e+09\n"},
        {"# TYPE a stateset\n# HELP a \\\"x\\\"\n# EOF\n", "TYPE a stateset\nHELP a \"x\"\n"},
        {"# TYPE a gaugehistogram\n# TYPE b info\n# TYPE c unknown\n# EOF\n",
         "TYPE a gaugehistogram\nTYPE b info\nTYPE c unknown\n"},
        {"# UNIT a_seconds seconds\n# UNIT b \n# EOF\n", "UNIT a_seconds seconds\nUNIT b \n"},
        {"a_bucket{le=\"1.0\"} 3 # {trace_id=\"x\"} 0.7\n# EOF\n", "a_bucket{le=\"1.0\"} 3\n"},
        {"a 1 2 # {} 0.7 1.5\n# EOF\n", "a 1@2000\n"},
        {"{\"a.b\",\"x y\"=\"z\"} 1\n# EOF", "{\"a.b\",\"x y\"=\"z\"} 1\n"},
        {"", "! data does not end with # EOF\n"},
        {"a 1\n", "a 1\n! data does not end with # EOF\n"},
        {"a 1\n# EOF\nb 2\n", "a 1\n! line 3: expected nothing behind # EOF, got \"b 2\"\n"},
        {"\na 1\n", "! line 1: expected a sample or a comment, got \"\"\n"},
        {"a  1\n", "! line 1: expected a value, got \"\"\n"},
        {"a\t1\n", "! line 1: expected a value, got \"\"\n"},
        {"# free text\n",
         "! line 1: expected # HELP, # TYPE, # UNIT or # EOF, got \"# free text\"\n"},
        {"# UNIT a seconds\n",
         "! line 1: expected a unit that the metric's name ends in, got \"seconds\"\n"},
        {"# TYPE a untyped\n", "! line 1: expected a metric type, got \"untyped\"\n"},
        {"a 1 NaN\n", "! line 1: expected a timestamp, got \"NaN\"\n"},
        {"a 1 1e300\n", "! line 1: expected a timestamp, got \"1e300\"\n"},
        {"a 1 # x 1\n", "! line 1: expected the labels of an exemplar in braces, got \"# x 1\"\n"},
        {"a 1 # {x=\"y\"}\n",
         "! line 1: expected the value of an exemplar, got \"# {x=\\\"y\\\"}\"\n"},
        {"a 1 # {x} 1\n", "! line 1: expected labels of an exemplar, got \"{x} 1\"\n"},
        {"a 1 # {} 1 x\n", "! line 1: expected the timestamp of an exemplar, got \"# {} 1 x\"\n"},
        {"a 1 # {} 1 2 3\n", "! line 1: expected the end of the line, got \"3\"\n"},
    };
    check_bodies(cases, COUNT_OF(cases), EXPOSITION_OPENMETRICS);
}

static void test_labels(void **state)
{
    (void)state;
    static const struct body_case cases[] = {
        {"a", "a"},
        {"a{}", "a"},
        {"a{x=\"1\"}", "a{x=\"1\"}"},
        {"a{ x = \"1\" , y=\"2\", }", "a{x=\"1\", y=\"2\"}"},
        {"a{y=\"1\",x=\"\\\\ \\\" \\n \\t\"}", "a{x=\"\\\\ \\\" \\n \\\\t\", y=\"1\"}"},
        {"{\"a\"}", "a"},
        {"{\"a.b\",x=\"1\"}", "{\"a.b\", x=\"1\"}"},
        {"{x=\"1\",\"a.b\"}", "{\"a.b\", x=\"1\"}"},
        {"a{\"x y\"=\"1\"}", "a{\"x y\"=\"1\"}"},
        {"a{x=\"\xc3\xa9\"}", "a{x=\"\xc3\xa9\"}"},
        {"a{\"b\"}", "! label name \"__name__\" is not unique"},
        {"a{x=\"1\",x=\"2\"}", "! label name \"x\" is not unique"},
        {"{x=\"1\"}", "! expected a metric name"},
        {"a{x}", "! expected \"=\", got \"\""},
        {"a{x=1}", "! expected a label value in quotes, got \"1\""},
        {"a{x=\"1\" y=\"2\"}", "! expected \",\" or \"}\", got \"y=\\\"2\\\"\""},
        {"a{,}", "! expected a label name, got \",\""},
        {"a{1x=\"1\"}", "! expected a label name, got \"1x=\\\"1\\\"\""},
        {"a{x:y=\"1\"}", "! expected a label name, got \"x:y=\\\"1\\\"\""},
        {"a{x=\"\xff\"}", "! the value of label \"x\" is not UTF-8"},
    };
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct arena arena;
        struct labels_builder set;
        struct error err;
        arena_init(&arena, 0);
        labels_builder_init(&set, &arena, (struct labels){0});
        if (exposition_labels(str_from(cases[i].body), &set, &err))
            buf_printf(&out, "! %s", err.text);
        else
            labels_format(&out, labels_builder_finish(&set));
        assert_buf(&out, cases[i].expected);
        arena_release(&arena);
    }
    buf_release(&out);
}

static void test_empty_values(void **state)
{
    struct arena arena;
    struct labels_builder set;
    (void)state;
    arena_init(&arena, 0);
    labels_builder_init(&set, &arena, (struct labels){0});
    assert_int_equal(exposition_labels(STR("a{x=\"\",y=\"1\"}"), &set, NULL), OK);
    assert_int_equal(set.count, 3);
    exposition_drop_empty(&set);
    assert_int_equal(set.count, 2);
    assert_str(labels_builder_get(&set, STR("y")), "1");
    arena_release(&arena);
}

static void test_hints(void **state)
{
    struct reading r;
    (void)state;
    begin(&r, "a{x=\"1\"} 5\nab 6\na {x=\"2\"} 7\n# TYPE a gauge\n# TYPE a gauge\na 8\n",
          EXPOSITION_TEXT);
    r.x.hint.series_len = 8;
    r.x.hint.series_hash = hash_str(STR("a{x=\"1\"}"));
    assert_int_equal(next(&r), OK);
    assert_true(r.e.known && r.e.value == 5);
    assert_str(r.e.series, "a{x=\"1\"}");
    assert_true(r.e.hash == hash_str(STR("a{x=\"1\"}")));
    // Neither a prefix nor a name in front of a blank and braces is the series.
    r.x.hint.series_len = 1;
    r.x.hint.series_hash = hash_str(STR("a"));
    assert_int_equal(next(&r), OK);
    assert_true(!r.e.known && r.e.value == 6);
    assert_int_equal(next(&r), OK);
    assert_true(!r.e.known && r.e.value == 7);
    assert_str(r.e.series, "a {x=\"2\"}");
    assert_int_equal(next(&r), OK);
    assert_int_equal(r.e.kind, EXPOSITION_TYPE);
    r.x.hint.comment_len = (uint32_t)r.e.series.len;
    r.x.hint.comment_hash = (uint32_t)r.e.hash;
    assert_int_equal(next(&r), OK);
    assert_int_equal(r.e.kind, EXPOSITION_REPEATED);
    assert_int_equal(next(&r), OK);
    assert_true(r.e.known && r.e.value == 8);
    assert_int_equal(next(&r), ERR_END);
    end(&r);
}

static void expect(struct reading *r, const char *series, bool known, double value, int64_t t_ms)
{
    r->x.hint.series_len = strlen(series);
    r->x.hint.series_hash = hash_str(str_from(series));
    assert_int_equal(next(r), OK);
    assert_int_equal(r->e.known, known);
    assert_true(r->e.value == value);
    assert_int_equal(r->e.has_time, t_ms != 0);
    if (t_ms)
        assert_int_equal(r->e.t_ms, t_ms);
}

static void test_hints_with_tails(void **state)
{
    struct reading r;
    (void)state;
    begin(&r, "a 1 5\na 2 6 \r\na\t3\na 4\na 5", EXPOSITION_TEXT);
    expect(&r, "a", true, 1, 5);
    expect(&r, "a", false, 2, 6);
    expect(&r, "a", false, 3, 0);
    expect(&r, "a", true, 4, 0);
    expect(&r, "a", true, 5, 0);
    assert_int_equal(r.x.line, 5);
    assert_int_equal(next(&r), ERR_END);
    end(&r);
    begin(&r, "a 1 5.5\na 2 # {} 1\na 3 # {} \n", EXPOSITION_OPENMETRICS);
    expect(&r, "a", true, 1, 5500);
    expect(&r, "a", true, 2, 0);
    assert_int_equal(next(&r), ERR_INVALID);
    assert_string_equal(r.err.text, "line 3: expected the value of an exemplar, got \"# {} \"");
    end(&r);
}

static void test_no_forged_marker(void **state)
{
    struct reading r;
    (void)state;
    begin(&r, "a nan\n", EXPOSITION_TEXT);
    assert_int_equal(next(&r), OK);
    assert_true(isnan(r.e.value) && !sample_is_stale(r.e.value));
    end(&r);
}

static void test_content_types(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum exposition_format format;
    } cases[] = {
        {"", EXPOSITION_NONE},
        {"text/html", EXPOSITION_NONE},
        {"text/plain", EXPOSITION_TEXT},
        {"Text/Plain; version=0.0.4; charset=utf-8", EXPOSITION_TEXT},
        {"text/plain;version=1.0.0;escaping=allow-utf-8", EXPOSITION_TEXT},
        {"application/openmetrics-text; version=1.0.0; charset=utf-8", EXPOSITION_OPENMETRICS},
        {"application/json", EXPOSITION_NONE},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(exposition_format_of(str_from(cases[i].type)), cases[i].format);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_openmetrics),
        cmocka_unit_test(test_labels),
        cmocka_unit_test(test_empty_values),
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_hints_with_tails),
        cmocka_unit_test(test_no_forged_marker),
        cmocka_unit_test(test_content_types),
    };
    return UNIT_RUN(tests);
}
