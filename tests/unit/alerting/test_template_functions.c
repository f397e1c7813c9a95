// Every function of both sets, Go's among them, one line a case; and what HTML mode escapes where.
#include "unit.h"

#include "alerting/template.h"
#include "base/log.h"

static const struct label labels[] = {
    {STR_INIT("alertname"), STR_INIT("Disk")},
    {STR_INIT("evil"), STR_INIT("<b>\"x\" & 'y' + javascript:</b>")},
    {STR_INIT("instance"), STR_INIT("db.example.org:9100")},
};
static const struct label external_labels[] = {{STR_INIT("site"), STR_INIT("north")}};

#define LABELS(array)                                                                              \
    {                                                                                              \
        array, sizeof(array) / sizeof((array)[0])                                                  \
    }

static const struct notification_alert alerts[] = {
    {STR_INIT("firing"), LABELS(labels), LABELS(external_labels), 1700000000000, 0,
     STR_INIT("http://p/graph?g0.expr=a+b&g0.tab=1"), STR_INIT("00ff")},
};
static const struct notification_data notification = {
    .receiver = STR_INIT("ops"),
    .status = STR_INIT("firing"),
    .alerts = alerts,
    .alert_count = 1,
    .group_labels = LABELS(labels),
    .common_labels = LABELS(labels),
    .common_annotations = LABELS(external_labels),
    .external_url = STR_INIT("http://lapwing.example"),
};
static const struct rule_template_data rule = {
    .labels = LABELS(labels),
    .value = 1234567.25,
    .external_labels = LABELS(external_labels),
    .external_url = STR_INIT("https://mon.example:9090/lapwing"),
};

struct line {
    const char *text;
    const char *wanted; // or what the error holds, after "!"
};

static int run_query(void *context, struct str expr, int64_t now_ms, struct arena *arena,
                     struct template_sample **out, size_t *count, struct error *err)
{
    static const struct label first[] = {{STR_INIT("__name__"), STR_INIT("up")},
                                         {STR_INIT("__value__"), STR_INIT("str")},
                                         {STR_INIT("host"), STR_INIT("b")}};
    static const struct label second[] = {{STR_INIT("host"), STR_INIT("a")}};
    (void)context;
    (void)now_ms;
    if (str_is(expr, "bad("))
        return error_set(err, ERR_INVALID, "1:5: parse error: unclosed left parenthesis");
    *count = str_is(expr, "none") ? 0 : 2;
    *out = arena_calloc(arena, 2, sizeof(**out));
    (*out)[0] = (struct template_sample){LABELS(first), 1};
    (*out)[1] = (struct template_sample){LABELS(second), 21};
    return OK;
}

static int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

// All lines that differ are named, not only the first.
static int complain(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc(10, stderr);
    return 1;
}

static void check(enum template_functions functions, enum template_mode mode,
                  const struct line *lines, size_t count)
{
    int failed = 0;
    log_fd_set(-1);
    struct template_set *set = template_set_new(functions);
    for (size_t i = 0; i < count; i++) {
        struct buf out = BUF_INIT;
        struct error err = {0};
        struct template_input in = {.name = "t", .now_ms = 1700003600000, .query = run_query};
        if (functions == TEMPLATE_RULE)
            in.rule = &rule;
        else
            in.notification = &notification;
        int rc = template_execute(set, mode, str_from(lines[i].text), &in, &out, &err);
        bool fails = lines[i].wanted[0] == '!';
        if (!fails && (rc || !str_is(buf_view(&out), lines[i].wanted)))
            failed += complain("%s\n  is \"%s\"%s\n  not \"%s\"", lines[i].text, buf_text(&out),
                               rc ? err.text : "", lines[i].wanted);
        if (fails && (rc == 0 || !strstr(err.text, lines[i].wanted + 1)))
            failed += complain("%s\n  fails with \"%s\"\n  not \"%s\"", lines[i].text,
                               rc ? err.text : "nothing", lines[i].wanted + 1);
        buf_release(&out);
    }
    template_set_free(set);
    assert_int_equal(failed, 0);
}
#define CHECK(functions, mode, lines)                                                              \
    check(functions, mode, lines, sizeof(lines) / sizeof((lines)[0]))

static void test_builtins(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ and 1 2 }} {{ and 0 2 }} {{ or 0 3 }} {{ or 0 \"\" }}|", "2 0 3 |"},
        {"{{ and false (index .Alerts 9) }} {{ or true (index .Alerts 9) }}", "false true"},
        {"{{ 5 | and true }} {{ false | or 0 }}", "5 false"},
        {"{{ not true }} {{ not \"\" }} {{ not 0 }}", "false true true"},
        {"{{ eq 1 1 }} {{ eq 1 2 3 1 }} {{ eq \"a\" \"b\" }} {{ ne 1 2 }}", "true true false true"},
        {"{{ lt 1 2 }} {{ le 2 2 }} {{ gt \"b\" \"a\" }} {{ ge 1.5 2.5 }}", "true true true false"},
        {"{{ eq true true }} {{ eq .Status \"firing\" \"x\" }}", "true true"},
        {"{{ len \"abc\" }} {{ len .CommonLabels }} {{ len (list 1 2) }}", "3 3 2"},
        {"{{ index .CommonLabels \"alertname\" }}{{ index .CommonLabels \"x\" }}", "Disk"},
        {"{{ index (list \"a\" (list \"b\" \"c\")) 1 0 }}", "b"},
        {"{{ index (dict \"k\" (dict \"l\" 7)) \"k\" \"l\" }} {{ index \"A\" 0 }}", "7 65"},
        {"{{ slice \"abcdef\" 1 3 }} {{ slice \"abc\" 2 }} {{ slice (list 1 2 3) 1 }}",
         "bc c [2 3]"},
        {"{{ slice \"abc\" 2 1 }}", "!invalid slice index: 2 > 1"},
        {"{{ slice \"abc\" 9 }}", "!index out of range: 9"},
        {"{{ slice 3 1 }}", "!can't slice item of type int"},
        {"{{ index 3 1 }}", "!can't index item of type int"},
        {"{{ index .CommonLabels 1 }}", "!value has type int; should be string"},
        {"{{ print 1 2 \"a\" 3 true nil }}", "1 2a3 true <nil>"},
        {"{{ println \"a\" 1 }}", "a 1\n"},
        {"{{ html \"<a href='x'>&\" }}", "&lt;a href=&#39;x&#39;&gt;&amp;"},
        {"{{ js \"it's <b> = \\\"x\\\"\\n\" }}", "it\\'s \\u003Cb\\u003E \\u003D \\\"x\\\"\\u000A"},
        {"{{ urlquery \"a b&c=d/e\" \"\xc3\xa9\" }}", "a+b%26c%3Dd%2Fe%C3%A9"},
        {"{{ \"x\" | printf \"%s-%s\" \"y\" }}", "y-x"},
    };
    CHECK(TEMPLATE_NOTIFICATION, TEMPLATE_TEXT, lines);
}

static void test_printf(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ printf \"%d %5d|%-5d|%05d %+d %x %X %#x %o %b %c %U\" 42 42 42 42 42 255 255 255 8 5 "
         "65 "
         "65 }}",
         "42    42|42   |00042 +42 ff FF 0xff 10 101 A U+0041"},
        {"{{ printf \"%f %.2f %8.3f|%-8.1f|%08.2f\" 1.5 1.005 3.14159 2.5 -1.5 }}",
         "1.500000 1.00    3.142|2.5     |-0001.50"},
        {"{{ printf \"%g %.3g %e %.2e %G\" 0.0001 1234567.0 1500000.0 1500000.0 1e-10 }}",
         "0.0001 1.23e+06 1.500000e+06 1.50e+06 1E-10"},
        {"{{ printf \"%v %v %v %v %v\" 1 1.5 \"s\" true .Status }}", "1 1.5 s true firing"},
        {"{{ printf \"%s|%10s|%-10s|%.2s|%q\" \"a\" \"b\" \"c\" \"\xc3\xa9t\xc3\xa9\" \"q\\\"\" }}",
         "a|         b|c         |\xc3\xa9t|\"q\\\"\""},
        {"{{ printf \"%t %v\" true false }}", "true false"},
        {"{{ printf \"%x %X\" \"hi\" \"hi\" }}", "6869 6869"},
        {"{{ printf \"% x %#x %# x\" \"hi\" \"hi\" \"hi\" }}", "68 69 0x6869 0x68 0x69"},
        {"{{ printf \"%O %#b %#U %.3d %+v %#v\" 8 5 65 -7 3 4 }}",
         "0o10 0b101 U+0041 'A' -007 3 4"},
        {"{{ printf \"%#q %#q %+q %#v\" \"ab\" \"a`b\" \"\\u00e9\\U0001F600x\" \"v\" }}",
         "`ab` \"a`b\" \"\\u00e9\\U0001f600x\" \"v\""},
        {"{{ printf \"%b %b %+v\" 1.0 -0.5 2.5 }}",
         "4503599627370496p-52 -4503599627370496p-53 2.5"},
        {"{{ printf \"%08.3d|%.0d|%3.0d|%+06d|%-06d|%#08x|%06b\" 5 0 0 42 42 255 5 }}",
         "     005||   |+00042|42    |0x000000ff|000101"},
        {"{{ printf \"%#U|%#U|%#U|%#.6U|%08U|%#U\" 0 92 160 233 65 1114112 }}",
         "U+0000|U+005C '\\'|U+00A0|U+0000E9 '\xc3\xa9'|  U+0041|U+110000"},
        {"{{ printf \"%d%%\" 5 }}", "5%"},
        {"{{ printf \"%[2]s %[1]s\" \"a\" \"b\" }}", "b a"},
        {"{{ printf \"%*d\" 4 7 }}", "   7"},
        {"{{ printf \"%.*f\" 1 2.25 }}", "2.2"},
        {"{{ printf \"%d\" \"x\" }}", "%!d(string=x)"},
        {"{{ printf \"%s\" 1 }}", "%!s(int=1)"},
        {"{{ printf \"%d\" 1.5 }}", "%!d(float64=1.5)"},
        {"{{ printf \"%s %s\" \"x\" }}", "x %!s(MISSING)"},
        {"{{ printf \"x\" 1 \"b\" }}", "x%!(EXTRA int=1, string=b)"},
        {"{{ printf \"%\" }}", "%!(NOVERB)"},
        {"{{ printf \"%T %T %T %T\" 1 1.5 \"a\" .Alerts }}", "int float64 string template.Alerts"},
        {"{{ printf \"%s %q\" (stringSlice \"a\" \"b\") (stringSlice \"a\" \"b\") }}",
         "[a b] [\"a\" \"b\"]"},
        {"{{ printf \"%q\" 'x' }}", "'x'"},
        {"{{ printf 3 }}", "!expected string; got int"},
    };
    CHECK(TEMPLATE_NOTIFICATION, TEMPLATE_TEXT, lines);
}

static void test_notification_functions(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ toUpper \"a\xc3\xa9\xd0\xb6\" }} {{ \"\xc3\x89X\" | toLower }}",
         "A\xc3\x89\xd0\x96 \xc3\xa9x"},
        {"{{ title \"aa bb-cc DD\" }} {{ trimSpace \" \\t x\\n\" }}|", "Aa Bb-Cc Dd x|"},
        {"{{ join \",\" (stringSlice \"a\" \"b\") }} {{ list 1 2 | join \"-\" }}", "a,b 1-2"},
        {"{{ join \",\" \"x\" }}", "!expected []string; got string"},
        {"{{ match \"^D.*k$\" .CommonLabels.alertname }} {{ match \"is\" \"Disk\" }} {{ match "
         "\"x\" "
         "\"a\" }}",
         "true true false"},
        {"{{ match \"(\" \"a\" }}", "!error parsing regexp"},
        {"{{ reReplaceAll \"(.*):\\\\d+\" \"$1\" .CommonLabels.instance }}", "db.example.org"},
        {"{{ safeHtml \"<b>\" }}{{ safeUrl \"x:y\" }}", "<b>x:y"},
        {"{{ urlUnescape \"a%20b+c%2F\" }}", "a b c/"},
        {"{{ urlUnescape \"%zz\" }}", "!invalid URL escape \"%zz\""},
        {"{{ base64encode \"hello\" }} {{ base64encode \"\" }}{{ base64decode \"aGVsbG8=\" }}",
         "aGVsbG8= hello"},
        {"{{ base64encode \"ab\" }} {{ base64encode \"abc\" }} {{ base64decode \"YWI=\" }}",
         "YWI= YWJj ab"},
        {"{{ base64decode \"a$==\" }}", "!illegal base64 data"},
        {"{{ append (list 1) 2 \"x\" }} {{ append (stringSlice \"a\") \"b\" | join \"+\" }}",
         "[1 2 x] a+b"},
        {"{{ $d := dict \"b\" 1 \"a\" (list 2) }}{{ $d }} {{ $d.b }} {{ $d.none }}",
         "map[a:[2] b:1] 1 <no value>"},
        {"{{ range $k, $v := dict \"z\" 1 \"y\" 2 }}{{ $k }}{{ $v }}{{ end }}", "y2z1"},
        {"{{ dict \"a\" }}", "!dict needs a value for every key"},
        {"{{ toJson .GroupLabels.alertname }} {{ toJson (dict \"a\" 1 \"b\" (list true nil 1.5)) "
         "}}",
         "\"Disk\" {\"a\":1,\"b\":[true,null,1.5]}"},
        {"{{ toJson \"<&>\" }}", "\"\\u003c\\u0026\\u003e\""},
        {"{{ toJson .CommonAnnotations }} {{ toJson (index .Alerts 0).StartsAt }}",
         "{\"site\":\"north\"} \"2023-11-14T22:13:20Z\""},
        {"{{ toJson .CommonAnnotations.SortedPairs }}",
         "[{\"Name\":\"site\",\"Value\":\"north\"}]"},
        {"{{ (index .Alerts 0).StartsAt }}", "2023-11-14 22:13:20 +0000 UTC"},
        {"{{ (index .Alerts 0).EndsAt }}", "0001-01-01 00:00:00 +0000 UTC"},
        {"{{ (index .Alerts 0).EndsAt.IsZero }}", "true"},
        {"{{ now }}", "2023-11-14 23:13:20 +0000 UTC"},
        {"{{ now | date \"2006-01-02 15:04:05 MST\" }}", "2023-11-14 23:13:20 UTC"},
        {"{{ now.Format \"Mon Monday Jan January 2 _2 02 1 01 3 03 4 5 PM pm 06 002\" }}",
         "Tue Tuesday Nov November 14 14 14 11 11 11 11 13 20 PM pm 23 318"},
        {"{{ now.Format \"2006-01-02T15:04:05.000Z07:00 -0700 -07:00 -07\" }}",
         "2023-11-14T23:13:20.000Z +0000 +00:00 +00"},
        {"{{ now | tz \"Europe/Berlin\" | date \"15:04 MST -07:00\" }}", "00:13 CET +01:00"},
        {"{{ now | tz \"Asia/Kolkata\" }}", "2023-11-15 04:43:20 +0530 IST"},
        {"{{ now | tz \"Nowhere/Land\" }}", "!unknown time zone Nowhere/Land"},
        {"{{ since (index .Alerts 0).StartsAt }}", "1h0m0s"},
        {"{{ since (index .Alerts 0).StartsAt | humanizeDuration }}", "1h 0m 0s"},
        {"{{ (since (index .Alerts 0).StartsAt).Hours }}", "1"},
        {"{{ (now.Sub (index .Alerts 0).StartsAt).Minutes }}", "60"},
        {"{{ now.Unix }} {{ now.Year }} {{ now.Month }} {{ now.Weekday }} {{ now.Hour }}",
         "1700003600 2023 November Tuesday 23"},
        {"{{ now.After (index .Alerts 0).StartsAt }}", "true"},
        {"{{ (toDate \"2006-01-02 15:04\" \"2024-02-29 12:30\").Unix }}", "1709209800"},
        {"{{ (toDate \"2006-01-02\" \"x\").IsZero }} {{ toDate \"2006-01-02\" \"x\" | date "
         "\"2006\" }}",
         "true 0001"},
        {"{{ (mustToDate \"2006-01-02\" \"2024-02-29\").Unix }}", "1709164800"},
        {"{{ mustToDate \"2006-01-02\" \"x\" }}", "!parsing time \"x\" as \"2006-01-02\""},
        {"{{ (toDate \"Jan _2, 2006 3:04PM -0700\" \"Mar  5, 2024 1:02PM +0200\").UTC }}",
         "2024-03-05 11:02:00 +0000 UTC"},
        {"{{ humanizeDuration 3661 }} {{ humanizeDuration 0.5 }} {{ humanizeDuration \"90\" }}",
         "1h 1m 1s 500ms 1m 30s"},
        {"{{ humanize 1 }}", "!function \"humanize\" not defined"},
        {"{{ query \"up\" }}", "!function \"query\" not defined"},
    };
    CHECK(TEMPLATE_NOTIFICATION, TEMPLATE_TEXT, lines);
}

static void test_rule_functions(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ $value }} {{ .Value }} {{ $labels.alertname }} {{ .Labels.alertname }}",
         "1.23456725e+06 1.23456725e+06 Disk Disk"},
        {"{{ $labels.none }}|{{ $externalLabels.site }} {{ $externalURL }}",
         "|north https://mon.example:9090/lapwing"},
        {"{{ externalURL }} {{ pathPrefix }} {{ externalLabels.site }}",
         "https://mon.example:9090/lapwing /lapwing north"},
        {"{{ $externalLabels }}", "map[site:north]"},
        {"{{ humanize 1234567.0 }} {{ humanize 0.00012 }} {{ humanize 0.0 }} {{ humanize \"NaN\" "
         "}}",
         "1.235M 120u 0 NaN"},
        {"{{ humanize1024 1048576.0 }} {{ humanize1024 \"+Inf\" }} {{ humanize1024 12 }}",
         "1Mi +Inf 12"},
        {"{{ humanizeDuration 0 }} {{ humanizeDuration 899.99 }} {{ humanizeDuration 90061.0 }}",
         "0s 14m 59s 1d 1h 1m 1s"},
        {"{{ humanizeDuration 12.345678 }} {{ humanizeDuration -5.5 }} {{ humanizeDuration .001 }}",
         "12.35s -5.5s 1ms"},
        {"{{ humanizePercentage 0.12345 }} {{ humanizePercentage \"NaN\" }}", "12.35% NaN%"},
        {"{{ humanizeTimestamp 1435065584.128 }}", "2015-06-23 13:19:44.128 +0000 UTC"},
        {"{{ humanizeTimestamp \"+Inf\" }}", "+Inf"},
        {"{{ humanizeTimestamp 1e300 }}", "!overflows int64"},
        {"{{ (toTime 1435065584.128).Year }} {{ toTime 0 }}", "2015 1970-01-01 00:00:00 +0000 UTC"},
        {"{{ toDuration 90.5 }} {{ toDuration 0.0000015 }} {{ toDuration 0 }}",
         "1m30.5s 1.5\xc2\xb5s 0s"},
        {"{{ toDuration \"NaN\" }}", "!value is NaN or Inf"},
        {"{{ now }} {{ now | toTime }}", "1.7000036e+09 2023-11-14 23:13:20 +0000 UTC"},
        {"{{ parseDuration \"1h30m\" }}", "5400"},
        {"{{ parseDuration \"x\" }}", "!not a valid duration string: \"x\""},
        {"{{ humanize \"abc\" }}", "!strconv.ParseFloat: parsing \"abc\": invalid syntax"},
        {"{{ title \"aa bb CC\" }} {{ toUpper \"x\" }}{{ toLower \"Y\" }}", "Aa Bb CC Xy"},
        {"{{ humanizeTimestamp 1e200 }}", "!1e+200 cannot be represented"},
        {"{{ title \"it's o_k\" }}", "It'S O_k"},
        {"{{ reReplaceAll \"localhost:(.*)\" \"my.domain:$1\" \"localhost:3000\" }}",
         "my.domain:3000"},
        {"{{ match \"a+\" \"xaay\" }}", "true"},
        {"{{ graphLink \"rate(x[5m]) > 1\" }}",
         "/graph?g0.expr=rate%28x%5B5m%5D%29+%3E+1&g0.tab=0"},
        {"{{ tableLink \"up\" }}", "/graph?g0.expr=up&g0.tab=1"},
        {"{{ stripPort \"a.b:9\" }} {{ stripPort \"[::1]:9\" }} {{ stripPort \"a.b\" }} {{ "
         "stripPort "
         "\"::1\" }}",
         "a.b ::1 a.b ::1"},
        {"{{ stripDomain \"a.b.c:9\" }} {{ stripDomain \"10.0.0.1:9\" }} {{ stripDomain \"h\" }} "
         "{{ "
         "stripDomain \"x.y\" }}",
         "a:9 10.0.0.1:9 h x"},
        {"{{ urlQueryEscape \"a b/&\" }} {{ safeHtml \"<\" }}", "a+b%2F%26 <"},
        {"{{ range query \"up\" }}{{ .Labels.host }}={{ .Value }} {{ end }}", "b=1 a=21 "},
        {"{{ query \"up\" | first | value }} {{ query \"up\" | first | label \"host\" }}", "1 b"},
        {"{{ query \"up\" | first | strvalue }}", "str"},
        {"{{ range query \"up\" | sortByLabel \"host\" }}{{ .Labels.host }}{{ end }}", "ab"},
        {"{{ query \"none\" | first | value }}",
         "!at <first>: error calling first: first() called on vector with no elements"},
        {"{{ with query \"none\" }}x{{ else }}empty{{ end }}", "empty"},
        {"{{ query \"bad(\" }}", "!error calling query: 1:5: parse error"},
        {"{{ define \"d\" }}{{ .arg0 }}+{{ .arg1 }}{{ end }}{{ tmpl \"d\" (args 1 \"x\") }}",
         "1+x"},
        {"{{ define \"d\" }}{{ .arg0 }}{{ end }}{{ template \"d\" (args $value) }}",
         "1.23456725e+06"},
        {"{{ if gt $value 100.0 }}high{{ end }}", "high"},
        {"{{ if gt $value 100 }}high{{ end }}", "!incompatible types for comparison"},
        {"{{ printf \"%.1f\" $value }}", "1234567.2"},
        {"{{ $labels.SortedPairs }}|", "|"},
        {"{{ toJson 1 }}", "!function \"toJson\" not defined"},
    };
    CHECK(TEMPLATE_RULE, TEMPLATE_TEXT, lines);
}

static void test_html(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"<p>{{ .CommonLabels.evil }}</p>",
         "<p>&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39; &#43; javascript:&lt;/b&gt;</p>"},
        {"<p title=\"{{ .CommonLabels.evil }}\">",
         "<p title=\"&lt;b&gt;&#34;x&#34; &amp; &#39;y&#39; &#43; javascript:&lt;/b&gt;\">"},
        {"<p title={{ \"a b>\" }}>", "<p title=a&#32;b&gt;>"},
        {"<a href=\"{{ (index .Alerts 0).GeneratorURL }}\">",
         "<a href=\"http://p/graph?g0.expr=a&#43;b&amp;g0.tab=1\">"},
        {"<a href=\"{{ \"javascript:alert(1)\" }}\">", "<a href=\"#ZgotmplZ\">"},
        {"<a href='/x?q={{ \"a b&c\" }}#{{ \"/\" }}'>", "<a href='/x?q=a%20b%26c#%2f'>"},
        {"<a href=\"{{ safeUrl \"app:x\" }}\">", "<a href=\"app:x\">"},
        {"<a href=\"x?{{ urlquery \"a b\" }}\">", "<a href=\"x?a&#43;b\">"},
        {"<script>var x = {{ .CommonLabels.alertname }};</script><p>{{ \"<\" }}</p>",
         "<script>var x = \"Disk\";</script><p>&lt;</p>"},
        {"<script>f({{ \"</script>\" }})</script>",
         "<script>f(\"\\u003c/script\\u003e\")</script>"},
        {"<script>var c = \"{{ .CommonLabels.evil }}\", d = '\\'{{ \"a'b\" }}';</script>",
         "<script>var c = \"\\u003cb\\u003e\\\"x\\\" \\u0026 \\u0027y\\u0027 + "
         "javascript:\\u003c/b\\u003e\", d = '\\'a\\u0027b';</script>"},
        {"<p onclick=\"f({{ \"a\" }})\">", "<p onclick=\"f(&#34;a&#34;)\">"},
        {"<p style=\"color: {{ \"red\" }}\">", "<p style=\"color: red\">"},
        {"<p style=\"color: {{ \"expression(x)\" }}\">", "<p style=\"color: ZgotmplZ\">"},
        {"<title>{{ \"<b>\" }}</title>", "<title>&lt;b&gt;</title>"},
        {"a<!-- {{ .Status }} <p> -->b", "ab"},
        {"{{ safeHtml \"<b>\" }}{{ \"<b>\" }}{{ html \"<i>\" }}", "<b>&lt;b&gt;&lt;i&gt;"},
        {"{{ define \"x\" }}{{ . }}{{ end }}<p title=\"{{ template \"x\" \"\\\"\" }}\">{{ 1 }}",
         "<p title=\"&#34;\">1"},
        {"1 < 2 {{ \"<\" }}", "1 &lt; 2 &lt;"},
    };
    CHECK(TEMPLATE_NOTIFICATION, TEMPLATE_HTML, lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtins),
        cmocka_unit_test(test_printf),
        cmocka_unit_test(test_notification_functions),
        cmocka_unit_test(test_rule_functions),
        cmocka_unit_test(test_html),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
