// Rules over restarts, reloads, missed evaluations and a clock that is set.
#include "rule_fixture.h"

static const char plain[] = RULES("", "    for: 30s\n    labels: {severity: page}\n"
                                      "    annotations: {summary: \"{{ $labels.host }} has "
                                      "{{ $value }} of {{ $labels.__name__ }}\"}\n");

static void test_restart(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 11);
    evaluate(&f, 2);
    check_alert(&f, ALERT_PENDING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    restart(&f, plain, 20 * 60000);
    check_alert(&f, ALERT_PENDING, 1);
    assert_in_range(status_of(&f, "High").alerts[0].active_at_ms, since_ms + 20 * 60000,
                    since_ms + 20 * 60000 + INTERVAL_MS);
    evaluate(&f, 2);
    check_alert(&f, ALERT_FIRING, 1);
    since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    int64_t fired_ms = f.last.starts_ms;
    restart(&f, plain, 5 * 3600000);
    check_alert(&f, ALERT_FIRING, 1);
    evaluate(&f, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].active_at_ms, since_ms);
    assert_int_equal(f.last.starts_ms, fired_ms);
    unset(&f, "a");
    evaluate(&f, 1);
    assert_true(alert_is_resolved(&f.last, f.clock.now_ms));
    assert_string_equal(ask(&f, "ALERTS"), "");
    restart(&f, plain, 1000);
    check_alert(&f, ALERT_INACTIVE, 0);
    fixture_release(&f);
}

// What a restart leaves of a wait: the 1 h and 10 min rules.
static void test_resume(void **state)
{
    (void)state;
    static const struct {
        int for_min, waited_min, down_min;
        int left_min; // until it fires
    } cases[] = {
        {5, 2, 0, 3},    {5, 2, 30, 3},     {5, 0, 59, 5},   {5, 4, 61, 5},
        {30, 10, 5, 20}, {30, 25, 5, 10},   {30, 20, 5, 10}, {30, 19, 5, 11},
        {10, 9, 1, 10},  {120, 30, 60, 90}, {9, 8, 1, 1},    {30, 25, 61, 30},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t now_ms = START_MS, minute_ms = 60000, for_ms = cases[i].for_min * minute_ms;
        int64_t down_at_ms = now_ms - cases[i].down_min * minute_ms;
        struct rule_alert a = {.state = ALERT_PENDING,
                               .active_at_ms = down_at_ms - cases[i].waited_min * minute_ms};
        const struct rule_timing timing = {0, 60 * minute_ms, 10 * minute_ms};
        rule_alert_resume(&a, &timing, for_ms, down_at_ms, now_ms);
        int64_t left_min = (a.active_at_ms + for_ms - now_ms) / minute_ms;
        if (left_min != cases[i].left_min)
            fail_msg("line %zu: %lld minutes left, expected %d", i, (long long)left_min,
                     cases[i].left_min);
    }
}

static void test_reload(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 11);
    evaluate(&f, 3);
    check_alert(&f, ALERT_FIRING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    // Another annotation and expression: the same alert.
    apply(&f, "groups:\n- name: g\n  rules:\n  - record: x\n    expr: vector(1)\n  - alert: High\n"
              "    expr: m > 9\n    for: 30s\n    labels: {severity: page}\n");
    check_alert(&f, ALERT_FIRING, 1);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].active_at_ms, since_ms);
    // Other labels: another alert, and the old one's series end.
    apply(&f, RULES("", "    for: 30s\n    labels: {severity: info}\n"));
    check_alert(&f, ALERT_INACTIVE, 0);
    assert_string_equal(ask(&f, "ALERTS"), "");
    restart(&f, plain, 1000);
    check_alert(&f, ALERT_INACTIVE, 0);
    fixture_release(&f);
}

static void test_missed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    evaluate(&f, 2);
    struct buf text = BUF_INIT;
    rule_manager_tick(f.rules, f.clock.now_ms);
    clock_virtual_advance(&f.clock, 10 * INTERVAL_MS);
    rule_manager_tick(f.rules, f.clock.now_ms);
    int64_t at_ms = status_of(&f, "High").last_evaluation_ms;
    assert_in_range(f.clock.now_ms - at_ms, 0, INTERVAL_MS - 1);
    metrics_render(f.metrics, &text);
    assert_non_null(strstr(buf_text(&text), "\nlapwing_rule_group_iterations_missed_total 9\n"));
    assert_non_null(strstr(buf_text(&text), "\nlapwing_rule_group_iterations_total 12\n"));
    buf_release(&text);
    fixture_release(&f);
}

static int64_t jumped_ms;

static int64_t before_jump(void *context)
{
    const struct clock_virtual *v = context;
    return (v->now_ms - jumped_ms) * 1000000;
}

// The wall clock is set by hours, forwards and back, while an alert waits and while it fires.
static void test_clock_set(void **state)
{
    (void)state;
    for (int forwards = 0; forwards < 2; forwards++) {
        struct fixture f;
        const int64_t jump_ms = (forwards ? 1 : -1) * INT64_C(5) * 3600000;
        // Of no samples, as the store takes none that are older than those it has.
        fixture_init(
            &f, "groups:\n- name: g\n  rules:\n  - {alert: High, expr: vector(11), for: 1h}\n");
        evaluate(&f, 2);
        check_alert(&f, ALERT_PENDING, 1);
        int64_t waited_ms = f.clock.now_ms - status_of(&f, "High").alerts[0].active_at_ms;
        // What the monotonic clock says does not change.
        f.clock.now_ms += jump_ms;
        f.clock.clock.mono_ns = before_jump;
        jumped_ms = jump_ms;
        rule_manager_tick(f.rules, f.clock.now_ms);
        check_alert(&f, ALERT_PENDING, 1);
        assert_int_equal(f.clock.now_ms - status_of(&f, "High").alerts[0].active_at_ms, waited_ms);
        evaluate(&f, 4 * 60);
        check_alert(&f, ALERT_FIRING, 1);
        assert_true(str_has_prefix(buf_view(&f.sent), STR(" firing 0\n")));
        fixture_release(&f);
    }
}

// Groups of one interval are due at moments of their own, the same after a restart.
static void test_spread(void **state)
{
    (void)state;
    static const char yaml[] = "groups:\n- name: a\n  rules: [{record: a, expr: time()}]\n"
                               "- name: b\n  rules: [{record: b, expr: time()}]\n"
                               "- name: c\n  rules: [{record: c, expr: time()}]\n";
    static const char *const names[] = {"a", "b", "c"};
    struct fixture f;
    int64_t phases[3];
    fixture_init(&f, yaml);
    evaluate(&f, 1);
    for (size_t i = 0; i < 3; i++)
        phases[i] = status_of(&f, names[i]).last_evaluation_ms % INTERVAL_MS;
    assert_true(phases[0] != phases[1] && phases[1] != phases[2]);
    restart(&f, yaml, 123456);
    evaluate(&f, 2);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(status_of(&f, names[i]).last_evaluation_ms % INTERVAL_MS, phases[i]);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_restart),   cmocka_unit_test(test_resume),
        cmocka_unit_test(test_reload),    cmocka_unit_test(test_missed),
        cmocka_unit_test(test_clock_set), cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
