// The ledger: what it says afterwards of a timeline, over restarts, and that it stays bounded.
#include "notify_fixture.h"

#include "alerting/history.h"
#include "alerting/preview.h"
#include "alerting/silence.h"
#include "config/matcher_text.h"

static const char *const yaml = "route:\n"
                                "  receiver: hook\n"
                                "  group_by: [alertname]\n"
                                "  group_wait: 10s\n"
                                "  group_interval: 1m\n"
                                "  routes:\n"
                                "  - receiver: quiet\n"
                                "    matchers: [ team=\"night\" ]\n"
                                "    mute_time_intervals: [ always ]\n"
                                "time_intervals:\n"
                                "- name: always\n"
                                "  time_intervals: [ { years: ['2000:2100'] } ]\n"
                                "inhibit_rules:\n"
                                "- source_matchers: [ kind=\"src\" ]\n"
                                "  target_matchers: [ kind=\"dst\" ]\n"
                                "receivers:\n"
                                "- name: hook\n"
                                "  webhook_configs:\n"
                                "  - url: http://127.0.0.1:1/\n"
                                "- name: quiet\n"
                                "  webhook_configs:\n"
                                "  - url: http://127.0.0.1:1/\n";

static void put(struct fixture *f, const char *name, const char *label, const char *value,
                bool fires)
{
    const struct label labels[] = {{STR("alertname"), str_from(name)},
                                   {str_from(label), str_from(value)}};
    const struct alert alert = {.labels = {labels, 2},
                                .starts_ms = 1700000000000,
                                .ends_ms = f->clock.now_ms + (fires ? 3600000 : 0)};
    alertmanager_put(f->engine, &alert, 1, f->clock.now_ms);
}

// "SECONDS: text" a line.
static void explain(struct fixture *f, const char *filter, struct buf *out)
{
    struct matcher_list list;
    struct history_event *events;
    struct arena arena;
    size_t count;
    bool truncated;
    arena_init(&arena, 0);
    assert_int_equal(matcher_list_parse(&list, str_from(filter), NULL), 0);
    const struct history_query query = {
        .matchers = list.items, .matcher_count = list.count, .end_ms = INT64_MAX};
    assert_int_equal(alertmanager_history(f->engine, &query, &arena, &events, &count, &truncated),
                     0);
    for (size_t i = 0; i < count; i++) {
        buf_printf(out, "%lld: ", (long long)(events[i].time_ms - 1700000000000) / 1000);
        history_describe(out, &events[i]);
        buf_char(out, '\n');
    }
    matcher_list_release(&list);
    arena_release(&arena);
}

// Its beginning: how often something is tried again is left to chance.
static void check(struct fixture *f, const char *filter, const char *expected)
{
    struct buf text = BUF_INIT;
    explain(f, filter, &text);
    if (!str_has_prefix(buf_view(&text), str_from(expected)) || (*expected == '\0' && text.len))
        fail_msg("%s: got\n%sexpected\n%s", filter, buf_text(&text), expected);
    buf_release(&text);
}

static void silence_b(struct fixture *f, char id[SILENCE_ID_SIZE])
{
    const struct silence_matcher m = {MATCH_EQUAL, STR("alertname"), STR("B")};
    const struct silence_spec spec = {.matchers = &m,
                                      .matcher_count = 1,
                                      .starts_ms = f->clock.now_ms,
                                      .ends_ms = f->clock.now_ms + 100000,
                                      .created_by = STR("me"),
                                      .comment = STR("c")};
    assert_int_equal(alertmanager_set_silence(f->engine, &spec, f->clock.now_ms, id, NULL), 0);
}

#define GROUP(name)        "group {}:{alertname=\"" name "\"}"
#define HOOK(status, name) " as " status ": webhook[0] of hook, " GROUP(name)

static void test_timeline(void **state)
{
    (void)state;
    struct fixture f;
    struct buf expected = BUF_INIT;
    const struct label labels[] = {{STR("alertname"), STR("A")}, {STR("kind"), STR("src")}};
    uint64_t source = labels_fingerprint((struct labels){labels, 2});
    char id[SILENCE_ID_SIZE];
    fixture_init(&f, str_from(yaml));
    silence_b(&f, id);
    put(&f, "A", "kind", "src", true);
    put(&f, "B", "x", "y", true);
    put(&f, "T", "kind", "dst", true);
    put(&f, "N", "team", "night", true);
    fixture_run_for(&f, 30000);
    f.status = 500;
    put(&f, "A", "kind", "src", false);
    fixture_run_for(&f, 60000);
    fixture_kill(&f);
    f.status = 200;
    fixture_run_for(&f, 120000);
    check(&f, "alertname=A",
          "0: firing\n"
          "10: routed to hook, " GROUP(
              "A") "\n"
                   "10: queued" HOOK(
                       "firing", "A") "\n"
                                      "10: delivered" HOOK(
                                          "firing",
                                          "A") ", attempt 1\n"
                                               "30: resolved\n"
                                               "70: routed to hook, " GROUP(
                                                   "A") "\n"
                                                        "70: queued" HOOK(
                                                            "resolved",
                                                            "A") "\n"
                                                                 "70: failed" HOOK(
                                                                     "resolved",
                                                                     "A") ", attempt 1: unexpected "
                                                                          "status code 500: \n");
    buf_printf(&expected,
               "0: firing\n10: silenced by the silence %s for hook, " GROUP(
                   "B") "\n"
                        "130: routed to hook, " GROUP("B") "\n130: queued" HOOK("firing", "B") "\n",
               id);
    check(&f, "alertname=B", buf_text(&expected));
    buf_reset(&expected);
    buf_printf(&expected,
               "0: firing\n10: inhibited by the alert %016llx for hook, " GROUP(
                   "T") "\n"
                        "70: routed to hook, " GROUP("T") "\n",
               (unsigned long long)source);
    check(&f, "alertname=T", buf_text(&expected));
    check(&f, "alertname=N",
          "0: firing\n10: muted by the time interval always for quiet, "
          "group {}/{team=\"night\"}:{alertname=\"N\"}\n");
    buf_release(&expected);
    fixture_release(&f);
}

// Ten thousand events into a ledger of 64 KB: the oldest are gone, the newest are there.
static void test_waits(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, str_from(yaml));
    const struct label labels[] = {{STR("alertname"), STR("Wait")}, {STR("job"), STR("a")}};
    struct alert alert = {.labels = {labels, 2}, .stage = ALERT_STAGE_PENDING};
    alertmanager_put(f.engine, &alert, 1, f.clock.now_ms);
    fixture_run_for(&f, 60000);
    alert.stage = ALERT_STAGE_LAPSED;
    alertmanager_put(f.engine, &alert, 1, f.clock.now_ms);
    fixture_run_for(&f, 60000);
    fixture_kill(&f);
    check(&f, "alertname=Wait", "0: pending\n60: lapsed: it ended before it fired\n");
    check(&f, "job=b", "");
    assert_int_equal(f.attempts, 0);
    assert_int_equal(alert_store_count(&f.engine->store), 0);
    put(&f, "Wait", "job", "a", true);
    fixture_run_for(&f, 1000);
    check(&f, "alertname=Wait", "0: pending\n60: lapsed: it ended before it fired\n120: firing\n");
    fixture_release(&f);
}

static void test_bounds(void **state)
{
    (void)state;
    struct fixture f;
    struct buf text = BUF_INIT;
    fixture_init(&f, str_from(yaml));
    f.engine->ledger.size_max = 65536;
    for (int i = 0; i < 400; i++) {
        put(&f, "A", "kind", "src", i % 2 == 0);
        fixture_run_for(&f, 61000);
    }
    fixture_run_for(&f, 1000000);
    assert_true(f.engine->ledger.size <= 65536);
    explain(&f, "alertname=A", &text);
    assert_true(text.len > 0);
    assert_true(str_has_prefix(buf_view(&text), STR("0: ")) == false);
    // After the retention nothing is left, labels neither.
    fixture_run_for(&f, HISTORY_RETENTION_MS + 3 * INT64_C(86400000));
    fixture_run_for(&f, 2000000);
    buf_reset(&text);
    explain(&f, "alertname=A", &text);
    assert_string_equal(buf_text(&text), "");
    fixture_restart(&f);
    assert_int_equal(f.engine->ledger.size, 0);
    buf_release(&text);
    fixture_release(&f);
}

static void test_preview(void **state)
{
    (void)state;
    struct fixture f;
    struct arena arena;
    struct alert_status status;
    struct test_result *results;
    size_t count;
    fixture_init(&f, str_from(yaml));
    arena_init(&arena, 0);
    put(&f, "A", "kind", "src", true);
    const struct label labels[] = {
        {STR("alertname"), STR("Z")}, {STR("kind"), STR("dst")}, {STR("team"), STR("night")}};
    const struct route_preview *routes = alertmanager_preview(
        f.engine, (struct labels){labels, 3}, f.clock.now_ms, &arena, &count, &status);
    assert_int_equal(count, 1);
    assert_true(str_is(routes[0].receiver, "quiet"));
    assert_true(str_is(routes[0].group, "{}/{team=\"night\"}:{alertname=\"Z\"}"));
    assert_int_equal(routes[0].muted_count, 1);
    assert_true(status.is_inhibited);
    assert_int_equal(
        alertmanager_send_test(f.engine, STR("hook"), f.clock.now_ms, &arena, &results, &count), 0);
    assert_int_equal(count, 1);
    assert_true(results[0].delivered && str_is(results[0].integration, "webhook[0]"));
    assert_true(str_search(buf_view(&f.last_body), STR("TestNotification")) < f.last_body.len);
    f.status = 404;
    assert_int_equal(
        alertmanager_send_test(f.engine, STR("hook"), f.clock.now_ms, &arena, &results, &count), 0);
    assert_true(!results[0].delivered && results[0].status == 404 && results[0].error.len > 0);
    assert_int_equal(
        alertmanager_send_test(f.engine, STR("no"), f.clock.now_ms, &arena, &results, &count),
        ERR_NOT_FOUND);
    arena_release(&arena);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_timeline),
                                       cmocka_unit_test(test_waits), cmocka_unit_test(test_bounds),
                                       cmocka_unit_test(test_preview)};
    return UNIT_RUN(tests);
}
