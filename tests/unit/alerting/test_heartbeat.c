// Heartbeats in: told of when they stop, over restarts too. Heartbeats out: only while all is well.
#include "notify_fixture.h"

#include "alerting/heartbeat.h"

static const char *const yaml = "route:\n"
                                "  receiver: hook\n"
                                "  group_by: [alertname]\n"
                                "  group_wait: 10s\n"
                                "  group_interval: 1m\n"
                                "receivers:\n"
                                "- name: hook\n"
                                "  webhook_configs:\n"
                                "  - url: http://127.0.0.1:1/\n"
                                "- name: watcher\n"
                                "  heartbeat_configs:\n"
                                "  - url: http://127.0.0.1:2/ping\n"
                                "    interval: 30s\n";

static void beat(struct fixture *f, const char *name)
{
    static const struct label labels[] = {{STR_INIT("severity"), STR_INIT("page")}};
    struct error err = {0};
    if (alertmanager_beat(f->engine, str_from(name), 300000, (struct labels){labels, 1},
                          f->clock.now_ms, &err))
        fail_msg("%s", err.text);
}

static bool told(const struct fixture *f, const char *text)
{
    return str_search(buf_view(&f->last_body), str_from(text)) < f->last_body.len;
}

static void beat_for(struct fixture *f, const char *name, int64_t ms)
{
    for (int64_t done_ms = 0; done_ms < ms; done_ms += 60000) {
        beat(f, name);
        fixture_run_for(f, 60000);
    }
}

static void test_inbound(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(yaml));
    beat_for(&f, "backup", 3600000);
    assert_int_equal(f.delivered, 0);
    fixture_run_for(&f, 239000 + 9000);
    assert_int_equal(f.delivered, 0);
    fixture_run_for(&f, 3000); // the last was 60 s before, 300 s and group_wait are over
    assert_int_equal(f.delivered, 1);
    assert_true(told(&f, "\"alertname\":\"HeartbeatMissing\",\"heartbeat\":\"backup\","
                         "\"severity\":\"page\""));
    assert_true(told(&f, "\"startsAt\":\"2023-11-14T23:17:20Z\""));
    fixture_kill(&f);
    fixture_run_for(&f, 1800000);
    assert_int_equal(f.delivered, 1); // still, and nobody is told twice
    beat(&f, "backup");
    fixture_run_for(&f, 120000);
    assert_int_equal(f.delivered, 2);
    assert_true(told(&f, "\"status\":\"resolved\""));
    fixture_release(&f);
}

static void test_inbound_restart(void **state)
{
    (void)state;
    struct fixture f;
    struct arena arena;
    size_t count;
    fixture_init(&f, str_from(yaml));
    arena_init(&arena, 0);
    beat_for(&f, "a", 600000);
    // Off for an hour: who was beating has half of its timeout to be heard of.
    fixture_kill(&f);
    clock_virtual_advance(&f.clock, 3600000);
    fixture_restart(&f);
    fixture_run_for(&f, 140000);
    assert_int_equal(f.delivered, 0);
    beat_for(&f, "a", 600000);
    assert_int_equal(f.delivered, 0);
    fixture_restart(&f);
    fixture_run_for(&f, 500000);
    assert_int_equal(f.delivered, 1);
    const struct heartbeat_status *all = alertmanager_heartbeats(f.engine, &arena, &count);
    assert_int_equal(count, 1);
    assert_true(all[0].missing && str_is(all[0].name, "a"));
    assert_int_equal(alertmanager_forget_heartbeat(f.engine, STR("a"), f.clock.now_ms), 0);
    fixture_run_for(&f, 120000);
    assert_int_equal(f.delivered, 2);
    fixture_restart(&f);
    (void)alertmanager_heartbeats(f.engine, &arena, &count);
    assert_int_equal(count, 0);
    arena_release(&arena);
    fixture_release(&f);
}

static void test_inbound_refused(void **state)
{
    (void)state;
    struct fixture f;
    struct error err;
    char name[16];
    fixture_init(&f, str_from(yaml));
    const struct labels none = {NULL, 0};
    assert_int_equal(alertmanager_beat(f.engine, STR("a b"), 5000, none, 1, &err), ERR_INVALID);
    assert_int_equal(alertmanager_beat(f.engine, STR(""), 5000, none, 1, &err), ERR_INVALID);
    assert_int_equal(alertmanager_beat(f.engine, STR("a"), 999, none, 1, &err), ERR_INVALID);
    for (int i = 0; i < HEARTBEAT_COUNT_MAX; i++) {
        snprintf(name, sizeof(name), "h%d", i);
        beat(&f, name);
    }
    assert_int_equal(alertmanager_beat(f.engine, STR("more"), 5000, none, 1, &err), ERR_LIMIT);
    assert_int_equal(alertmanager_forget_heartbeat(f.engine, STR("more"), 1), ERR_NOT_FOUND);
    fixture_release(&f);
}

static size_t pings_in(struct fixture *f, int64_t ms)
{
    size_t before = f->attempts;
    for (int64_t done_ms = 0; done_ms < ms; done_ms += 1000) {
        while (pings_send(f->engine))
            assert_string_equal(buf_text(&f->last_url), "http://127.0.0.1:2/ping");
        clock_virtual_advance(&f->clock, 1000);
    }
    return f->attempts - before;
}

static void test_outbound(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(yaml));
    assert_int_equal(pings_in(&f, 300000), 10);
    // Rules that are not evaluated any more.
    alertmanager_rules_ran(f.engine, 15000, f.clock.now_ms);
    assert_int_equal(pings_in(&f, 300000), 3);
    alertmanager_rules_ran(f.engine, 3600000, f.clock.now_ms);
    assert_int_equal(pings_in(&f, 300000), 10);
    // A notification that does not arrive.
    static const struct label labels[] = {{STR_INIT("alertname"), STR_INIT("A")}};
    const struct alert alert = {.labels = {labels, 1}, .ends_ms = f.clock.now_ms + 36000000};
    alertmanager_put(f.engine, &alert, 1, f.clock.now_ms);
    f.status = 500;
    fixture_run_for(&f, 400000);
    assert_int_equal(pings_in(&f, 60000), 0);
    f.status = 200;
    fixture_run_for(&f, 100000);
    assert_int_equal(f.delivered > 0, 1);
    assert_int_equal(pings_in(&f, 60000), 2);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inbound),
        cmocka_unit_test(test_inbound_restart),
        cmocka_unit_test(test_inbound_refused),
        cmocka_unit_test(test_outbound),
    };
    return UNIT_RUN(tests);
}
