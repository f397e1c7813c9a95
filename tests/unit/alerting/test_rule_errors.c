// Rules that fail: what they say, write and keep.
#include "rule_fixture.h"

static void check_error(const char *yaml, const char *rule, const char *wanted)
{
    struct fixture f;
    fixture_init(&f, yaml);
    set(&f, "m", "a", 11);
    set(&f, "m", "b", 12);
    evaluate(&f, 1);
    struct rule_status s = status_of(&f, rule);
    if (s.health != RULE_ERROR || !str_is(s.last_error, wanted))
        fail_msg("%s: \"%.*s\", expected \"%s\"", rule, STR_ARG(s.last_error), wanted);
    assert_int_equal(s.alert_count, 0);
    assert_string_equal(ask(&f, "{__name__=~\"ALERTS.*|r\"}"), "");
    fixture_release(&f);
}

static void test_errors(void **state)
{
    (void)state;
    check_error(RULES("", "    labels: {host: same}\n"), "High",
                "vector contains metrics with the same labelset after applying alert labels");
    check_error("groups:\n- name: g\n  rules:\n  - record: r\n    expr: m\n    labels: {host: x}\n",
                "r", "vector contains metrics with the same labelset after applying rule labels");
    check_error(RULES("  limit: 1\n", ""), "High", "exceeded limit of 1 with 2 alerts");
    check_error("groups:\n- name: g\n  limit: 1\n  rules:\n  - record: r\n    expr: m\n", "r",
                "exceeded limit of 1 with 2 series");
    check_error("groups:\n- name: g\n  rules:\n  - record: r\n    expr: m[5m]\n", "r",
                "rule result is not a vector or scalar");
    check_error("groups:\n- name: g\n  rules:\n  - alert: r\n    expr: '\"text\"'\n", "r",
                "rule result is not a vector or scalar");
}

// A failing rule keeps its alerts, and recovers.
static void test_limit_clears(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("  limit: 1\n", ""));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    set(&f, "m", "b", 12);
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    unset(&f, "b");
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_int_equal(status_of(&f, "High").health, RULE_OK);
    assert_int_equal(status_of(&f, "High").last_error.len, 0);
    fixture_release(&f);
}

static void test_template_errors(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f,
                 RULES("", "    labels: {l: \"{{ $externalLabels.site }}\"}\n"
                           "    annotations:\n      bad: \"{{ humanize $labels.host }}\"\n"
                           "      asks: '{{ with query \"m\" }}{{ . | first | value }}{{ end }}'\n"
                           "      url: '{{ externalURL }} {{ pathPrefix }}'\n"));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_string_equal(buf_text(&f.sent), "a firing 0\n");
    assert_true(str_is(labels_get(f.last.labels, STR("l")), "north"));
    assert_true(str_is(labels_get(f.last.annotations, STR("asks")), "11"));
    assert_true(
        str_is(labels_get(f.last.annotations, STR("url")), "http://lapwing.example:9090/sub /sub"));
    struct str bad = labels_get(f.last.annotations, STR("bad"));
    assert_true(str_has_prefix(bad, STR("<error expanding template: error executing template "
                                        "__alert_High: template: __alert_High:1:")));
    assert_true(str_search(bad, STR("error calling humanize")) < bad.len);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limit_clears),
        cmocka_unit_test(test_template_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
