#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/rules.h"

#define GROUP "groups:\n- name: g\n  rules:\n"

static void test_everything(void **state)
{
    struct rules_config c;
    struct error err;
    (void)state;
    rules_config_init(&c);
    int rc = rules_config_parse(&c,
                                STR("groups:\n"
                                    "- name: node\n"
                                    "  interval: 30s\n"
                                    "  query_offset: 10s\n"
                                    "  limit: 100\n"
                                    "  labels: {team: infra}\n"
                                    "  rules:\n"
                                    "  - record: job:up:sum\n"
                                    "    expr: sum by (job) (up)\n"
                                    "    labels:\n"
                                    "      source: rule\n"
                                    "      empty: ''\n"
                                    "  - alert: NodeDown\n"
                                    "    expr: |\n"
                                    "      up\n"
                                    "        == 0\n"
                                    "    for: 5m\n"
                                    "    keep_firing_for: 1m\n"
                                    "    labels:\n"
                                    "      severity: page\n"
                                    "      runbook: 7\n"
                                    "    annotations:\n"
                                    "      summary: '{{ $labels.instance }} is down'\n"
                                    "- name: empty\n"
                                    "- name: constant\n"
                                    "  rules:\n"
                                    "  - {record: one, expr: 1}\n"
                                    "  - {alert: always, expr: \"vector(1)\"}\n"),
                                "r.yml", &err);
    if (rc)
        fail_msg("%s", err.text);
    assert_int_equal(c.group_count, 3);
    const struct rule_group_config *g = &c.groups[0];
    assert_true(str_is(g->name, "node") && str_is(g->file, "r.yml"));
    assert_int_equal(g->interval_ms, 30000);
    assert_int_equal(g->query_offset_ms, 10000);
    assert_int_equal(g->limit, 100);
    assert_true(str_is(labels_get(g->labels, STR("team")), "infra"));
    assert_int_equal(g->rule_count, 2);
    assert_false(g->rules[0].is_alert);
    assert_true(str_is(g->rules[0].name, "job:up:sum"));
    assert_int_equal(g->rules[0].labels.count, 1);
    const struct rule_config *r = &g->rules[1];
    assert_true(r->is_alert);
    assert_true(str_is(r->expr, "up\n  == 0\n"));
    assert_int_equal(r->line, 13);
    assert_int_equal(r->expr_line, 15);
    assert_int_equal(r->expr_column, 7);
    assert_int_equal(r->for_ms, 300000);
    assert_int_equal(r->keep_firing_for_ms, 60000);
    assert_true(str_is(labels_get(r->labels, STR("runbook")), "7"));
    assert_true(
        str_is(labels_get(r->annotations, STR("summary")), "{{ $labels.instance }} is down"));
    assert_int_equal(c.groups[1].rule_count, 0);
    assert_int_equal(c.groups[1].query_offset_ms, -1);
    assert_true(str_is(c.groups[2].rules[0].expr, "1"));
    assert_int_equal(c.groups[2].rules[1].expr_column, 28);
    rules_config_release(&c);
}

static void test_manifest(void **state)
{
    struct rules_config c;
    struct error err;
    (void)state;
    rules_config_init(&c);
    int rc = rules_config_parse(&c,
                                STR("apiVersion: monitoring.coreos.com/v1\n"
                                    "kind: PrometheusRule\n"
                                    "metadata:\n"
                                    "  name: x\n"
                                    "  labels: {role: alert-rules}\n"
                                    "spec:\n"
                                    "  groups:\n"
                                    "  - name: a\n"
                                    "    partial_response_strategy: warn\n"
                                    "    rules:\n"
                                    "    - alert: A\n"
                                    "      expr: up == 0\n"
                                    "status: {}\n"),
                                "m.yml", &err);
    if (rc)
        fail_msg("%s", err.text);
    assert_int_equal(c.group_count, 1);
    assert_int_equal(c.groups[0].rules[0].expr_line, 12);
    rules_config_release(&c);
}

static void test_limit_below_zero(void **state)
{
    struct rules_config c;
    struct error err;
    (void)state;
    rules_config_init(&c);
    struct str text =
        STR("groups: [{name: a, limit: -1}, {name: b, limit: 0}, {name: c, limit: 7}]");
    if (rules_config_parse(&c, text, "f", &err))
        fail_msg("%s", err.text);
    assert_int_equal(c.groups[0].limit, 0);
    assert_int_equal(c.groups[1].limit, 0);
    assert_int_equal(c.groups[2].limit, 7);
    rules_config_release(&c);
}

static const struct {
    const char *yaml, *expected;
} bad_cases[] = {
    {"group: []", "f:1:1: field group not found in rule file: did you mean groups?"},
    {"groups: {}", "f:1:9: expected a list, got a mapping"},
    {"[]", "f:1:1: expected a mapping with groups"},
    {"groups: [~]", "f:1:10: expected a mapping as element of the list, got nothing"},
    {"groups:\n- rules: []\n", "f:2:3: groupname must not be empty"},
    {"groups:\n- name: a\n- name: a\n", "f:3:9: groupname: \"a\" is repeated in the same file"},
    {"groups:\n- name: a\n  partial_response_strategy: x\n",
     "f:3:3: field partial_response_strategy not found in rule group"},
    {"groups:\n- name: a\n  interval: 5\n",
     "f:3:13: expected a duration such as 15s or 1h30m, got \"5\""},
    {"groups:\n- name: a\n  limit: few\n", "f:3:10: expected a whole number from 0, got \"few\""},
    {GROUP "  - expr: up\n", "f:4:5: one of 'record' or 'alert' must be set"},
    {GROUP "  - {alert: a, record: b, expr: up}\n",
     "f:4:5: only one of 'record' and 'alert' must be set"},
    {GROUP "  - alert: a\n", "f:4:5: field 'expr' must be set in rule \"a\""},
    {GROUP "  - {alert: a, expr: ' '}\n", "f:4:5: field 'expr' must be set in rule \"a\""},
    {GROUP "  - {alert: a, expr: [up]}\n", "f:4:22: expected text, got a list"},
    {GROUP "  - {record: a, expr: up, for: 1m}\n", "f:4:27: invalid field 'for' in recording rule"},
    {GROUP "  - {record: a, expr: up, keep_firing_for: 1m}\n",
     "f:4:27: invalid field 'keep_firing_for' in recording rule"},
    {GROUP "  - {record: a, expr: up, annotations: {x: y}}\n",
     "f:4:27: invalid field 'annotations' in recording rule"},
    {GROUP "  - {record: 'a{b=\"c\"}', expr: up}\n",
     "f:4:14: invalid recording rule name: \"a{b=\"c\"}\": braces present in the recording rule "
     "name; "
     "should it be in expr?"},
    {GROUP "  - {alert: a, expr: up, labels: {__name__: x}}\n",
     "f:4:35: invalid label name: __name__ cannot be set by a rule"},
    {GROUP "  - {alert: a, expr: up, labels: {'': x}}\n", "f:4:35: \"\" is not a valid label name"},
    {GROUP "  - {alert: a, expr: up, labels: {a: [x]}}\n",
     "f:4:38: expected a label's value, got a list"},
    {GROUP "  - {alert: a, expr: up, fro: 5m}\n",
     "f:4:26: field fro not found in rule: did you mean for?"},
    {GROUP "  - {alert: a, expr: up, for: 5 minutes}\n",
     "f:4:31: expected a duration such as 15s or 1h30m, got \"5 minutes\""},
    {"kind: ServiceMonitor\napiVersion: monitoring.coreos.com/v1\n",
     "f:1:7: expected rule groups or a manifest of kind PrometheusRule, got kind "
     "\"ServiceMonitor\""},
    {"kind: PrometheusRule\napiVersion: v1\n",
     "f:2:13: expected apiVersion monitoring.coreos.com/v1 of a PrometheusRule"},
    {"kind: PrometheusRule\napiVersion: monitoring.coreos.com/v1\nspec: {group: []}\n",
     "f:3:8: field group not found in PrometheusRule spec: did you mean groups?"},
    {"groups: [\n", "f:2:1: did not find expected node content while parsing a flow node"},
};

static void test_bad(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        struct rules_config c;
        struct error err = {0};
        rules_config_init(&c);
        assert_int_equal(rules_config_parse(&c, STR("groups: [{name: kept}]"), "ok", &err), 0);
        if (!rules_config_parse(&c, str_from(bad_cases[i].yaml), "f", &err))
            fail_msg("accepted: %s", bad_cases[i].yaml);
        if (strcmp(err.text, bad_cases[i].expected) != 0)
            fail_msg("%s\ngot:      %s\nexpected: %s", bad_cases[i].yaml, err.text,
                     bad_cases[i].expected);
        assert_int_equal(c.group_count, 1);
        rules_config_release(&c);
    }
}

static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[128];
    struct error err;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, str_from(text), &err), 0);
}

static void test_load_all(void **state)
{
    struct rules_config c;
    struct error err;
    struct buf all = BUF_INIT;
    struct buf one = BUF_INIT;
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/lapwing_rules_XXXXXX");
    assert_non_null(mkdtemp(folder));
    write_file("b.yml", "groups: [{name: b}]");
    write_file("a.yml", "groups: [{name: a}]");
    write_file("c.txt", "nonsense: [");
    buf_printf(&all, "%s/*.yml", folder);
    buf_printf(&one, "%s/b.yml", folder);
    struct str patterns[] = {buf_view(&one), buf_view(&all), STR("/nonexistent/*.yml")};
    rules_config_init(&c);
    assert_int_equal(rules_config_load_all(&c, patterns, 3, &err), 0);
    assert_int_equal(c.group_count, 2);
    assert_true(str_is(c.groups[0].name, "a") && str_is(c.groups[1].name, "b"));
    write_file("b.yml", "groups: [{name: ''}]");
    assert_int_not_equal(rules_config_load_all(&c, patterns, 3, &err), 0);
    assert_non_null(strstr(err.text, "b.yml:1:10: groupname must not be empty"));
    assert_int_equal(c.group_count, 2);
    assert_int_equal(rules_config_load_all(&c, NULL, 0, &err), 0);
    rules_config_release(&c);
    dir_remove_all(folder, &err);
    buf_release(&all);
    buf_release(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything),       cmocka_unit_test(test_manifest),
        cmocka_unit_test(test_limit_below_zero), cmocka_unit_test(test_bad),
        cmocka_unit_test(test_load_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
