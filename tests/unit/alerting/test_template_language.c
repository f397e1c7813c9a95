// The template language, one line a case: what a text makes of the data, or the error it is.
#include "unit.h"

#include "alerting/template.h"
#include "base/log.h"

static const struct label alert_labels[] = {
    {STR_INIT("alertname"), STR_INIT("HighLoad")},
    {STR_INIT("instance"), STR_INIT("node-1:9100")},
    {STR_INIT("severity"), STR_INIT("critical")},
};
static const struct label other_labels[] = {
    {STR_INIT("alertname"), STR_INIT("HighLoad")},
    {STR_INIT("instance"), STR_INIT("node-2:9100")},
    {STR_INIT("severity"), STR_INIT("critical")},
};
static const struct label annotations[] = {{STR_INIT("summary"), STR_INIT("load > 4 & rising")}};
static const struct label group_labels[] = {{STR_INIT("alertname"), STR_INIT("HighLoad")}};
static const struct label common_labels[] = {{STR_INIT("alertname"), STR_INIT("HighLoad")},
                                             {STR_INIT("severity"), STR_INIT("critical")}};

#define LABELS(array)                                                                              \
    {                                                                                              \
        array, sizeof(array) / sizeof((array)[0])                                                  \
    }

static const struct notification_alert alerts[] = {
    {STR_INIT("firing"), LABELS(alert_labels), LABELS(annotations), 1700000000000, 0,
     STR_INIT("http://prom/graph?g0.expr=up&g0.tab=1"), STR_INIT("0123456789abcdef")},
    {STR_INIT("resolved"), LABELS(other_labels), LABELS(annotations), 1700000000000, 1700000060500,
     STR_INIT("http://prom/graph"), STR_INIT("fedcba9876543210")},
};
static const struct notification_data data = {
    .receiver = STR_INIT("team x"),
    .status = STR_INIT("firing"),
    .alerts = alerts,
    .alert_count = 2,
    .group_labels = LABELS(group_labels),
    .common_labels = LABELS(common_labels),
    .common_annotations = LABELS(annotations),
    .external_url = STR_INIT("http://lapwing.example:9090"),
};

struct line {
    const char *text;
    const char *wanted; // or what the error holds, after "!"
};

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

static void check(const struct line *lines, size_t count)
{
    int failed = 0;
    log_fd_set(-1);
    struct template_set *set = template_set_new(TEMPLATE_NOTIFICATION);
    for (size_t i = 0; i < count; i++) {
        struct buf out = BUF_INIT;
        struct error err = {0};
        const struct template_input in = {
            .name = "t", .now_ms = 1700003600000, .notification = &data};
        int rc = template_execute(set, TEMPLATE_TEXT, str_from(lines[i].text), &in, &out, &err);
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
#define CHECK(lines) check(lines, sizeof(lines) / sizeof((lines)[0]))

static void test_actions(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"", ""},
        {"plain", "plain"},
        {"{{ .Status }}", "firing"},
        {"{{.Status}}", "firing"},
        {"a{{ .Status }}b{{ .Receiver }}c", "afiringbteam xc"},
        {"{{ \"quoted \\\"x\\\"\\n\\u00e9\" }}", "quoted \"x\"\n\xc3\xa9"},
        {"{{ \"\\x41\\101\\U0001F600\\a\" }}", "AA\xf0\x9f\x98\x80\a"},
        {"{{ '\\n' }} {{ '\\x41' }} {{ '\\'' }}", "10 65 39"},
        {"{{ `raw \\n` }}", "raw \\n"},
        {"{{ 'a' }}", "97"},
        {"{{ 1 }} {{ -2 }} {{ 1.5 }} {{ 1e3 }} {{ 1e6 }} {{ 0x10 }}", "1 -2 1.5 1000 1e+06 16"},
        {"{{ 1_000 }} {{ 0b11 }} {{ 0o17 }} {{ 017 }} {{ -0x1f }} {{ 0 }}", "1000 3 15 15 -31 0"},
        {"{{ true }} {{ false }}", "true false"},
        {"{{ .CommonLabels.severity }}", "critical"},
        {"{{ .CommonLabels.absent }}|", "|"},
        {"{{ (index .Alerts 0).Labels.instance }}", "node-1:9100"},
        {"{{ (index .Alerts 1).Status }}", "resolved"},
        {"{{ .GroupLabels }}", "alertname=HighLoad"},
        {"{{ .CommonLabels }}", "alertname=HighLoad, severity=critical"},
        {"{{ .CommonLabels.SortedPairs }}", "alertname=HighLoad, severity=critical"},
        {"{{ .CommonLabels.Names }}", "[alertname severity]"},
        {"{{ .CommonLabels.SortedPairs.Values | join \"+\" }}", "HighLoad+critical"},
        {"{{ .CommonLabels.Remove .GroupLabels.Names }}", "severity=critical"},
        {"{{ (.CommonLabels.Remove (stringSlice \"severity\")).Values }}", "[HighLoad]"},
        {"{{ .Alerts.Firing | len }}/{{ .Alerts.Resolved | len }}/{{ len .Alerts }}", "1/1/2"},
        {"{{/* a comment */}}x", "x"},
        {"a {{- /* trimmed */ -}} b", "ab"},
        {"a  {{- 1 -}}  b", "a1b"},
        {"a\n{{- 1 }}\nb", "a1\nb"},
        {"{{ -1 }}", "-1"},
        {"{{ print -1 -}} x", "-1x"},
        {"{{ . | len }}", "!len of type *template.Data"},
        {"{{ nil }}", "!nil is not a command"},
    };
    CHECK(lines);
}

static void test_control(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ if true }}a{{ else }}b{{ end }}", "a"},
        {"{{ if false }}a{{ else }}b{{ end }}", "b"},
        {"{{ if false }}a{{ else if true }}b{{ else }}c{{ end }}", "b"},
        {"{{ if 0 }}a{{ else if \"\" }}b{{ else if .CommonLabels.x }}c{{ else }}d{{ end }}", "d"},
        {"{{ if .Alerts.Firing }}yes{{ end }}", "yes"},
        {"{{ if not .Alerts.Firing }}no{{ end }}", ""},
        {"{{ if 0.0 }}a{{ end }}{{ if 0.1 }}b{{ end }}", "b"},
        {"{{ range .Alerts }}[{{ .Status }}]{{ end }}", "[firing][resolved]"},
        {"{{ range $i, $a := .Alerts }}{{ $i }}={{ $a.Status }} {{ end }}", "0=firing 1=resolved "},
        {"{{ range $a := .Alerts }}{{ $a.Labels.instance }} {{ end }}", "node-1:9100 node-2:9100 "},
        {"{{ range $k, $v := .CommonLabels }}{{ $k }}:{{ $v }};{{ end }}",
         "alertname:HighLoad;severity:critical;"},
        {"{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}",
         "alertname=HighLoad severity=critical "},
        {"{{ range stringSlice }}x{{ else }}none{{ end }}", "none"},
        {"{{ range 3 }}{{ . }}{{ end }}", "012"},
        {"{{ range $i := 2 }}<{{ $i }}>{{ end }}", "<0><1>"},
        {"{{ range stringSlice \"a\" \"b\" \"c\" }}{{ if eq . \"b\" }}{{ continue }}{{ end }}{{ . "
         "}}"
         "{{ end }}",
         "ac"},
        {"{{ range stringSlice \"a\" \"b\" \"c\" }}{{ if eq . \"b\" }}{{ break }}{{ end }}{{ . }}"
         "{{ end }}",
         "a"},
        {"{{ range 2 }}{{ range 3 }}{{ if eq . 1 }}{{ break }}{{ end }}{{ . }}{{ end }};{{ end }}",
         "0;0;"},
        {"{{ with .CommonLabels.severity }}{{ . }}{{ end }}", "critical"},
        {"{{ with .CommonLabels.x }}{{ . }}{{ else }}none{{ end }}", "none"},
        {"{{ with .CommonLabels.x }}1{{ else with .CommonLabels.severity }}2{{ . }}{{ else }}3{{ "
         "end }}",
         "2critical"},
        {"{{ with $x := .Status }}{{ $x }}{{ $.Receiver }}{{ end }}", "firingteam x"},
        {"{{ range .Alerts }}{{ $.Status }},{{ end }}", "firing,firing,"},
        {"{{ if true }}{{ end", "!unclosed action"},
        {"{{ if true }}a", "!unexpected EOF"},
        {"{{ end }}", "!unexpected {{end}}"},
        {"{{ else }}", "!unexpected {{else}}"},
        {"{{ if true }}a{{ else }}b{{ else }}c{{ end }}", "!expected end; found {{else}}"},
        {"{{ break }}", "!{{break}} outside {{range}}"},
        {"{{ if true }}{{ continue }}{{ end }}", "!{{continue}} outside {{range}}"},
        {"{{ range .Status }}{{ end }}", "!range can't iterate over firing"},
    };
    CHECK(lines);
}

static void test_variables(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ $x := 1 }}{{ $x }}", "1"},
        {"{{ $x := 1 }}{{ $x = 2 }}{{ $x }}", "2"},
        {"{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"},
        {"{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"},
        {"{{ $n := 0 }}{{ range .Alerts }}{{ $n = len .Status }}{{ end }}{{ $n }}", "8"},
        {"{{ $p := .Alerts | len }}{{ $p }}", "2"},
        {"{{ $d := . }}{{ $d.Status }}", "firing"},
        {"{{ if $x := .Status }}{{ $x }}{{ end }}", "firing"},
        {"{{ $x }}", "!undefined variable \"$x\""},
        {"{{ $x = 1 }}", "!undefined variable \"$x\""},
        {"{{ if true }}{{ $x := 1 }}{{ end }}{{ $x }}", "!undefined variable \"$x\""},
        {"{{ range $i, $a := .Alerts }}{{ end }}{{ $i }}", "!undefined variable \"$i\""},
        {"{{ define \"d\" }}{{ $x }}{{ end }}", "!undefined variable \"$x\""},
    };
    CHECK(lines);
}

static void test_templates(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"{{ define \"a\" }}[{{ . }}]{{ end }}{{ template \"a\" .Status }}", "[firing]"},
        {"{{ define \"a\" }}x{{ end }}{{ template \"a\" }}{{ template \"a\" }}", "xx"},
        {"{{ template \"late\" . }}{{ define \"late\" }}{{ .Status }}{{ end }}", "firing"},
        {"{{ block \"b\" .Status }}<{{ . }}>{{ end }}", "<firing>"},
        {"{{ define \"a\" }}{{ $ }}{{ end }}{{ template \"a\" 5 }}", "5"},
        {"{{ define \"a\" }}1{{ end }}{{ define \"a\" }}2{{ end }}{{ template \"a\" }}", "2"},
        {"{{ define \"__subject\" }}mine{{ end }}{{ template \"slack.default.title\" . }}", "mine"},
        {"{{ template \"slack.default.title\" . }}", "[FIRING:1] HighLoad (critical)"},
        {"{{ template \"slack.default.username\" . }}", "Alertmanager"},
        {"{{ template \"slack.default.fallback\" . }}",
         "[FIRING:1] HighLoad (critical) | "
         "http://lapwing.example:9090/#/alerts?receiver=team+x"},
        {"{{ template \"email.default.subject\" . }}", "[FIRING:1] HighLoad (critical)"},
        {"{{ template \"pagerduty.default.instances\" .Alerts.Resolved }}",
         "Labels:\n - alertname = HighLoad\n - instance = node-2:9100\n - severity = critical\n"
         "Annotations:\n - summary = load > 4 & rising\nSource: http://prom/graph\n"},
        {"{{ template \"none\" . }}", "!template \"none\" not defined"},
        {"{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}",
         "!exceeded maximum template depth"},
        {"{{ template x }}", "!expected a quoted template name"},
        {"{{ define \"a\" }}", "!unexpected EOF"},
    };
    CHECK(lines);
}

static void test_errors(void **state)
{
    (void)state;
    static const struct line lines[] = {
        {"\n\n  {{ .Nope }}", "!template: t:3:6: executing \"t\" at <.Nope>: can't evaluate field "
                              "Nope in type *template.Data"},
        {"{{ .Status.x.y }}", "!executing \"t\" at <.Status.x.y>: can't evaluate field x in type "
                              "string"},
        {"{{ range .Alerts }}{{ .Foo }}{{ end }}", "!can't evaluate field Foo in type "
                                                   "template.Alert"},
        {"{{ nope 1 }}", "!template: t:1:4: function \"nope\" not defined"},
        {"{{ call .Status }}", "!function \"call\" is not supported"},
        {"{{ .Status | }}", "!missing value for command"},
        {"{{ }}", "!missing value for command"},
        {"{{ ( .Status }}", "!unclosed left paren"},
        {"{{ \"abc }}", "!unterminated quoted string"},
        {"{{ `abc }}", "!unterminated raw quoted string"},
        {"{{ 'ab' }}", "!malformed character constant"},
        {"{{ 1x }}", "!bad number syntax: \"1x\""},
        {"{{ .Status ", "!unclosed action"},
        {"{{/* x ", "!unclosed comment"},
        {"{{ .Status ! }}", "!unexpected \"!\" in operand"},
        {"{{ index .Alerts 9 }}",
         "!at <index .Alerts 9>: error calling index: index out of range: 9"},
        {"{{ len 3 }}", "!at <len 3>: error calling len: len of type int"},
        {"{{ toUpper }}", "!wrong number of args for toUpper: want 1 got 0"},
        {"{{ .Status \"x\" }}", "!can't evaluate field Status"},
        {"{{ \"x\" \"y\" }}", "!can't give argument to non-function"},
        {"{{ eq 1 }}", "!missing argument for comparison"},
        {"{{ lt 1 1.5 }}", "!incompatible types for comparison"},
        {"{{ eq 1 \"1\" }}", "!incompatible types for comparison"},
        {"{{ lt true false }}", "!invalid type for comparison"},
        {"{{ eq .Alerts .Alerts }}", "!invalid type for comparison"},
        {"{{ define \"d\" }}{{ .Bad }}{{ end }}{{ template \"d\" . }}",
         "!executing \"d\" at <.Bad>"},
        {"{{ range 100000 }}{{ range 100000 }}x{{ end }}{{ end }}", "!too much work"},
    };
    CHECK(lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_actions),   cmocka_unit_test(test_control),
        cmocka_unit_test(test_variables), cmocka_unit_test(test_templates),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
