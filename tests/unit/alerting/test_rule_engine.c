// Rules while all goes well: what they write, how alerts move, what is sent.
#include "rule_fixture.h"

static const char plain[] = RULES("", "    for: 30s\n    labels: {severity: page}\n"
                                      "    annotations: {summary: \"{{ $labels.host }} has "
                                      "{{ $value }} of {{ $labels.__name__ }}\"}\n");

static void test_life(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 5);
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    assert_int_equal(status_of(&f, "High").health, RULE_OK);
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    check_alert(&f, ALERT_PENDING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    assert_string_equal(ask(&f, "ALERTS"), "ALERTS{alertname=\"High\", alertstate=\"pending\", "
                                           "host=\"a\", severity=\"page\"} 1");
    assert_int_equal(f.sent.len, 0);
    evaluate(&f, 2);
    check_alert(&f, ALERT_FIRING, 1);
    assert_string_equal(ask(&f, "ALERTS"), "ALERTS{alertname=\"High\", alertstate=\"firing\", "
                                           "host=\"a\", severity=\"page\"} 1");
    struct buf since = BUF_INIT;
    buf_cstr(&since, "{} ");
    buf_float(&since, (double)(since_ms / 1000), FLOAT_G);
    assert_string_equal(ask(&f, "sum(ALERTS_FOR_STATE)"), buf_text(&since));
    buf_release(&since);
    assert_int_equal(status_of(&f, "High").alerts[0].active_at_ms, since_ms);
    assert_string_equal(buf_text(&f.sent), "a firing 0\n");
    assert_true(str_is(labels_get(f.last.annotations, STR("summary")), "a has 11 of m"));
    assert_true(str_is(f.last.generator_url,
                       "http://lapwing.example:9090/sub/graph?g0.expr=m+%3E+10&g0.tab=1"));
    assert_int_equal(f.last.ends_ms - f.last.starts_ms, 4 * 60000);
    set(&f, "m", "a", 1);
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    assert_string_equal(ask(&f, "{__name__=~\"ALERTS.*\"}"), "");
    assert_string_equal(buf_text(&f.sent), "a firing 0\na resolved 15\n");
    fixture_release(&f);
}

// Every minute while it fires, for 15 minutes after it resolved, then no more.
static void test_resend(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("", ""));
    set(&f, "m", "a", 11);
    evaluate(&f, 9);
    assert_string_equal(buf_text(&f.sent), "a firing 0\na firing 60\na firing 120\n");
    buf_reset(&f.sent);
    unset(&f, "a");
    evaluate(&f, 4 * 20);
    size_t lines = 0;
    for (size_t i = 0; i < f.sent.len; i++)
        lines += f.sent.ptr[i] == '\n';
    assert_int_equal(lines, 16);
    assert_true(str_search(buf_view(&f.sent), STR("firing")) == f.sent.len);
    fixture_release(&f);
}

// Who was being told when everything stopped may not have written it down: all is said again.
static void test_sent_again(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("", ""));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    assert_string_equal(buf_text(&f.sent), "a firing 0\n");
    buf_reset(&f.sent);
    restart(&f, RULES("", ""), 1000);
    evaluate(&f, 2);
    assert_true(str_has_prefix(buf_view(&f.sent), STR("a firing ")));
    assert_int_equal(str_find(buf_view(&f.sent), '\n'), f.sent.len - 1);
    buf_reset(&f.sent);
    unset(&f, "a");
    evaluate(&f, 1);
    assert_true(str_has_prefix(buf_view(&f.sent), STR("a resolved ")));
    buf_reset(&f.sent);
    restart(&f, RULES("", ""), 1000);
    evaluate(&f, 1);
    assert_true(str_has_prefix(buf_view(&f.sent), STR("a resolved ")));
    fixture_release(&f);
}

static void test_pending_ends(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 11);
    evaluate(&f, 2);
    unset(&f, "a");
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    set(&f, "m", "a", 11);
    evaluate(&f, 2);
    check_alert(&f, ALERT_PENDING, 1);
    assert_int_equal(f.sent.len, 0);
    // Each wait is noted once, also over a restart, and its end unless the alert fires.
    restart(&f, plain, 1000);
    evaluate(&f, 3);
    check_alert(&f, ALERT_FIRING, 1);
    assert_string_equal(buf_text(&f.stages), "a pending\na lapsed\na pending\n");
    fixture_release(&f);
}

static void test_keep_firing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("", "    keep_firing_for: 30s\n"));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    unset(&f, "a");
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].keep_firing_since_ms;
    assert_true(since_ms > 0);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].keep_firing_since_ms, since_ms);
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].keep_firing_since_ms, 0);
    unset(&f, "a");
    evaluate(&f, 3);
    check_alert(&f, ALERT_INACTIVE, 0);
    fixture_release(&f);
}

static void test_recording(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "groups:\n- name: g\n  labels: {team: x, tier: '1'}\n  rules:\n"
                     "  - record: m:double\n    expr: m * 2\n    labels: {tier: '2'}\n"
                     "  - record: m:sum\n    expr: sum(m:double)\n"
                     "  - record: answer\n    expr: 42\n");
    set(&f, "m", "a", 1);
    set(&f, "m", "b", 2);
    evaluate(&f, 1);
    assert_string_equal(ask(&f, "m:double"), "m:double{host=\"a\", team=\"x\", tier=\"2\"} 2; "
                                             "m:double{host=\"b\", team=\"x\", tier=\"2\"} 4");
    assert_string_equal(ask(&f, "m:sum"), "m:sum{team=\"x\", tier=\"1\"} 6");
    assert_string_equal(ask(&f, "answer"), "answer{team=\"x\", tier=\"1\"} 42");
    unset(&f, "b");
    evaluate(&f, 1);
    assert_string_equal(ask(&f, "m:double"), "m:double{host=\"a\", team=\"x\", tier=\"2\"} 2");
    apply(&f, "groups:\n- name: g\n  labels: {team: x, tier: '1'}\n  rules:\n"
              "  - record: m:sum\n    expr: sum(m)\n");
    assert_string_equal(ask(&f, "m:double"), "");
    assert_string_equal(ask(&f, "m:sum"), "m:sum{team=\"x\", tier=\"1\"} 2");
    apply(&f, "groups: []\n");
    assert_string_equal(ask(&f, "m:sum"), "");
    fixture_release(&f);
}

static void test_query_offset(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "groups:\n- name: g\n  query_offset: 1m\n  rules:\n"
                     "  - record: r\n    expr: m\n  - record: t\n    expr: time()\n");
    set(&f, "m", "a", 1);
    evaluate(&f, 6);
    double at_s = (double)status_of(&f, "t").last_evaluation_ms / 1000;
    struct buf text = BUF_INIT;
    buf_cstr(&text, "{} ");
    buf_float(&text, at_s - 60, FLOAT_G);
    assert_string_equal(ask(&f, "timestamp(t)"), buf_text(&text));
    assert_string_equal(ask(&f, "t + 0"), buf_text(&text));
    buf_release(&text);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),         cmocka_unit_test(test_resend),
        cmocka_unit_test(test_sent_again),   cmocka_unit_test(test_pending_ends),
        cmocka_unit_test(test_keep_firing),  cmocka_unit_test(test_recording),
        cmocka_unit_test(test_query_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
