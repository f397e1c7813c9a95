// What leaves: payloads of each kind, outcomes by answer, and what is written down meanwhile.
#include "notify_fixture.h"

#include "model/duration.h"

static const char *const webhook_yaml = "route:\n"
                                        "  receiver: hook\n"
                                        "  group_by: [alertname]\n"
                                        "  group_wait: 10s\n"
                                        "  group_interval: 1m\n"
                                        "receivers:\n"
                                        "- name: hook\n"
                                        "  webhook_configs:\n"
                                        "  - url: http://127.0.0.1:1/x\n"
                                        "    max_alerts: 2\n";

static void put(struct fixture *f, const char *instance, int64_t ends_ms)
{
    const struct label labels[] = {{STR("alertname"), STR("Down")},
                                   {STR("instance"), str_from(instance)},
                                   {STR("job"), STR("node")}};
    const struct label annotations[] = {{STR("summary"), STR("it is down")}};
    const struct alert alert = {
        .labels = {labels, 3},
        .annotations = {annotations, 1},
        .starts_ms = 1700000000000,
        .ends_ms = ends_ms,
        .generator_url = STR("http://lapwing.example:9090/graph?g0.expr=up"),
    };
    alertmanager_put(f->engine, &alert, 1, f->clock.now_ms);
}

static void test_webhook(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    put(&f, "b", 0);
    put(&f, "a", 0);
    put(&f, "c", 0);
    fixture_run_for(&f, 11000);
    assert_string_equal(
        buf_text(&f.last_body),
        "{\"receiver\":\"hook\",\"status\":\"firing\",\"alerts\":["
        "{\"status\":\"firing\",\"labels\":{\"alertname\":\"Down\",\"instance\":\"a\",\"job\":"
        "\"node\"},\"annotations\":{\"summary\":\"it is down\"},\"startsAt\":\"2023-11-14T22:13:"
        "20Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://lapwing.example:9090/"
        "graph?g0.expr=up\",\"fingerprint\":\"fa1f18494c760c21\"},"
        "{\"status\":\"firing\",\"labels\":{\"alertname\":\"Down\",\"instance\":\"b\",\"job\":"
        "\"node\"},\"annotations\":{\"summary\":\"it is down\"},\"startsAt\":\"2023-11-14T22:13:"
        "20Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://lapwing.example:9090/"
        "graph?g0.expr=up\",\"fingerprint\":\"a267578ac33945e8\"}],"
        "\"groupLabels\":{\"alertname\":\"Down\"},"
        "\"commonLabels\":{\"alertname\":\"Down\",\"job\":\"node\"},"
        "\"commonAnnotations\":{\"summary\":\"it is down\"},"
        "\"externalURL\":\"http://lapwing.example:9090\",\"version\":\"4\","
        "\"groupKey\":\"{}:{alertname=\\\"Down\\\"}\",\"truncatedAlerts\":1}\n");
    // Alerts without an end resolve after resolve_timeout.
    fixture_run_for(&f, 10 * 60000);
    assert_non_null(strstr(buf_text(&f.last_body), "\"status\":\"resolved\",\"alerts\""));
    assert_non_null(strstr(buf_text(&f.last_body), "\"endsAt\":\"2023-11-14T22:18:20Z\""));
    assert_int_equal(f.delivered, 2);
    assert_int_equal(alert_store_count(&f.engine->store), 0);
    assert_int_equal(f.engine->groups.by_id.count, 0);
    fixture_release(&f);
}

static void test_retries(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    f.status = 0;
    put(&f, "a", f.clock.now_ms + 2 * 3600000);
    fixture_run_for(&f, 40000);
    assert_in_range(f.attempts, 4, 12); // 1, 2, 4, 8, 16 seconds, less jitter
    assert_int_equal(f.delivered, 0);
    assert_int_equal(outbox_count(&f.engine->outbox), 1);
    f.status = 500;
    fixture_run_for(&f, 3600000 - 60000);
    assert_int_equal(f.delivered, 0);
    f.status = 204;
    fixture_run_for(&f, 61000);
    assert_true(f.delivered >= 1);
    fixture_release(&f);
}

static void test_retry_after(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    f.status = 429;
    f.retry_after_ms = 600000;
    put(&f, "a", f.clock.now_ms + 3600000);
    fixture_run_for(&f, 15000);
    assert_int_equal(f.attempts, 1);
    f.status = 200;
    fixture_run_for(&f, 590000);
    assert_int_equal(f.attempts, 1);
    fixture_run_for(&f, 10000);
    assert_int_equal(f.attempts, 2);
    assert_int_equal(f.delivered, 1);
    fixture_release(&f);
}

static void test_gives_up(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    f.status = 500;
    put(&f, "a", f.clock.now_ms + OUTBOX_GIVE_UP_MS * 2);
    fixture_run_for(&f, OUTBOX_GIVE_UP_MS + 200000);
    assert_int_equal(outbox_count(&f.engine->outbox), 0);
    size_t attempts = f.attempts;
    fixture_run_for(&f, 3600000); // the log says told: quiet until the repeat
    assert_int_equal(f.attempts, attempts);
    fixture_release(&f);
}

// A change while a notification is on its way waits behind it.
static void resolve_now(struct fixture *f)
{
    f->on_sending = NULL;
    put(f, "a", f->clock.now_ms);
    clock_virtual_advance(&f->clock, 61000);
    (void)alertmanager_tick(f->engine, f->clock.now_ms);
}

static void test_change_in_flight(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    f.on_sending = resolve_now;
    put(&f, "a", f.clock.now_ms + 3600000);
    fixture_run_for(&f, 11000);
    assert_int_equal(f.delivered, 2);
    assert_non_null(strstr(buf_text(&f.last_body), "\"status\":\"resolved\",\"alerts\""));
    fixture_run_for(&f, 300000);
    assert_int_equal(f.delivered, 2);
    assert_int_equal(f.engine->groups.by_id.count, 0);
    fixture_release(&f);
}

static void work_again(struct fixture *f)
{
    f->on_sending = NULL;
    f->status = 200;
}

static void resolve_while_failing(struct fixture *f)
{
    resolve_now(f);
    f->on_sending = work_again;
}

// What would have told of both fails: nobody need hear that one has ended.
static void test_change_in_failed_flight(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    f.status = 500;
    f.on_sending = resolve_while_failing;
    put(&f, "a", f.clock.now_ms + 3600000);
    put(&f, "b", f.clock.now_ms + 3600000);
    fixture_run_for(&f, 100000);
    assert_int_equal(f.delivered, 1);
    assert_null(strstr(buf_text(&f.last_body), "\"status\":\"resolved\""));
    assert_null(strstr(buf_text(&f.last_body), "\"instance\":\"a\""));
    assert_non_null(strstr(buf_text(&f.last_body), "\"instance\":\"b\""));
    fixture_release(&f);
}

static int count_row(void *context, struct str key, struct str value)
{
    (void)key, (void)value;
    ++*(size_t *)context;
    return 0;
}

static size_t rows(struct fixture *f, enum meta_table table)
{
    size_t count = 0;
    assert_int_equal(meta_each(f->storage, table, STR(""), count_row, &count), 0);
    return count;
}

static void test_tables(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    f.status = 0;
    put(&f, "a", f.clock.now_ms + 20000);
    fixture_run_for(&f, 12000);
    assert_int_equal(rows(&f, META_OUTBOX), 1);
    assert_int_equal(rows(&f, META_NOTIFICATIONS), 0);
    assert_int_equal(rows(&f, META_GROUPS), 2); // the group and its alert
    f.status = 200;
    fixture_run_for(&f, 5 * 60000);
    assert_int_equal(rows(&f, META_OUTBOX), 0);
    assert_int_equal(rows(&f, META_GROUPS), 0);
    assert_int_equal(rows(&f, META_NOTIFICATIONS), 1);
    fixture_run_for(&f, INT64_C(9) * 3600000); // twice the repeat interval
    assert_int_equal(rows(&f, META_NOTIFICATIONS), 0);
    fixture_release(&f);
}

static void test_slack(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, STR("route:\n"
                         "  receiver: team\n"
                         "  group_wait: 10s\n"
                         "receivers:\n"
                         "- name: team\n"
                         "  slack_configs:\n"
                         "  - api_url: http://127.0.0.1:1/services/secret\n"
                         "    channel: '#ops'\n"
                         "    username: bird\n"
                         "    title: T\n"
                         "    title_link: L\n"
                         "    text: hello\n"
                         "    fallback: F\n"
                         "    pretext: P\n"
                         "    icon_url: I\n"
                         "    color: danger\n"
                         "    footer: ''\n"
                         "    fields: [ {title: a, value: b}, {title: c, value: d, short: true} ]\n"
                         "    actions: [ {type: button, text: go, url: 'http://x'} ]\n"));
    put(&f, "a", f.clock.now_ms + 3600000);
    fixture_run_for(&f, 11000);
    assert_string_equal(buf_text(&f.last_url), "http://127.0.0.1:1/services/secret");
    assert_string_equal(
        buf_text(&f.last_body),
        "{\"channel\":\"#ops\",\"username\":\"bird\",\"icon_url\":\"I\",\"attachments\":[{"
        "\"title\":\"T\",\"title_link\":\"L\",\"pretext\":\"P\",\"text\":\"hello\","
        "\"fallback\":\"F\",\"callback_id\":\"\","
        "\"fields\":[{\"title\":\"a\",\"value\":\"b\",\"short\":false},"
        "{\"title\":\"c\",\"value\":\"d\",\"short\":true}],"
        "\"actions\":[{\"type\":\"button\",\"text\":\"go\",\"url\":\"http://x\"}],"
        "\"footer\":\"\",\"color\":\"danger\","
        "\"mrkdwn_in\":[\"fallback\",\"pretext\",\"text\"]}]}");
    // The secret never reaches the disk.
    assert_int_equal(rows(&f, META_OUTBOX), 0);
    fixture_release(&f);
}

static void test_email(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, STR("global:\n"
                         "  smtp_smarthost: 127.0.0.1:1\n"
                         "  smtp_from: Lapwing <lapwing@example.org>\n"
                         "route:\n"
                         "  receiver: team\n"
                         "  group_wait: 10s\n"
                         "receivers:\n"
                         "- name: team\n"
                         "  email_configs:\n"
                         "  - to: a@example.org, Bee <b@example.org>\n"
                         "    headers: { Subject: \"alert\\r\\nBcc: x@y.org\", X-One: one }\n"
                         "    text: \"plain = text\"\n"
                         "    html: '<b>rich</b>'\n"));
    put(&f, "a", f.clock.now_ms + 3600000);
    fixture_run_for(&f, 11000);
    assert_int_equal(f.delivered, 1);
    assert_string_equal(buf_text(&f.last_url), "lapwing@example.org a@example.org b@example.org");
    const char *message = buf_text(&f.last_body);
    static const char *const parts[] = {
        "From: Lapwing <lapwing@example.org>\r\nSubject: alert  Bcc: x@y.org\r\n"
        "To: a@example.org,\r\n Bee <b@example.org>\r\nX-One: one\r\n",
        "\r\nDate: Tue, 14 Nov 2023 22:13:30 +0000\r\n",
        "\r\nContent-Type: multipart/alternative; boundary=\"=_lapwing_",
        "\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        "Content-Type: text/plain; charset=UTF-8\r\n\r\nplain =3D text\r\n",
        "Content-Type: text/html; charset=UTF-8\r\n\r\n<b>rich</b>\r\n",
        "\r\nMessage-Id: <1700000010000.",
    };
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (!strstr(message, parts[i]))
            fail_msg("no \"%s\" in\n%s", parts[i], message);
    assert_null(strstr(message, "\nBcc:"));
    fixture_release(&f);
}

// A receiver that a reload removed takes its queue along.
static void test_orphans(void **state)
{
    (void)state;
    struct fixture f;
    struct buf warnings = BUF_INIT;
    struct alertmanager_config *other;
    fixture_init(&f, str_from(webhook_yaml));
    f.status = 0;
    put(&f, "a", f.clock.now_ms + 3600000);
    fixture_run_for(&f, 12000);
    assert_int_equal(alertmanager_config_parse(&other,
                                               STR("route: {receiver: b}\nreceivers:\n- name: b\n"),
                                               "b.yml", ".", &warnings, NULL),
                     0);
    assert_int_equal(alertmanager_apply(f.engine, other, NULL), 0);
    alertmanager_config_unref(other);
    fixture_run_for(&f, 60000);
    assert_int_equal(outbox_count(&f.engine->outbox), 0);
    assert_int_equal((int)metric_value(f.engine->metrics.outbox_dropped), 1);
    buf_release(&warnings);
    fixture_release(&f);
}

static void test_clock_set_back(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, str_from(webhook_yaml));
    fixture_run_for(&f, 1000);
    put(&f, "a", f.clock.now_ms + INT64_C(86400000));
    (void)alertmanager_tick(f.engine, f.clock.now_ms);
    clock_virtual_advance(&f.clock, -3600000);
    fixture_run_for(&f, 12000);
    assert_int_equal(f.delivered, 1);
    fixture_release(&f);
}

static void test_needs_update(void **state)
{
    (void)state;
    static const struct {
        const char *log; // firing letters, '/', resolved letters; NULL: never told
        const char *now;
        bool send_resolved;
        int64_t age_ms;
        bool expected;
    } cases[] = {
        {NULL, "a/", true, 0, true},      {NULL, "/a", true, 0, false},
        {"a/", "a/", true, 0, false},     {"a/", "ab/", true, 0, true},
        {"ab/", "a/", true, 0, false},    {"ab/", "a/b", true, 0, true},
        {"ab/", "a/b", false, 0, false},  {"a/b", "a/b", true, 0, false},
        {"a/", "/a", true, 0, true},      {"a/", "/a", false, 0, true},
        {"/a", "/a", true, 0, false},     {"/a", "a/", true, 0, true},
        {"a/", "a/", true, 1000, false},  {"a/", "a/", true, 1001, true},
        {"/a", "/ab", true, 5000, false},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct nflog_entry entry = {.timestamp_ms = 100000 - cases[i].age_ms};
        struct told now = {0};
        bool resolved = false;
        for (const char *c = cases[i].log; c && *c; c++)
            if (*c == '/')
                resolved = true;
            else
                told_add(&entry.told, (uint64_t)*c, resolved);
        resolved = false;
        for (const char *c = cases[i].now; *c; c++)
            if (*c == '/')
                resolved = true;
            else
                told_add(&now, (uint64_t)*c, resolved);
        bool needs = nflog_needs_update(cases[i].log ? &entry : NULL, &now, cases[i].send_resolved,
                                        1000, 100000);
        if (needs != cases[i].expected)
            fail_msg("case %zu: %s then %s", i, cases[i].log, cases[i].now);
        told_release(&entry.told);
        told_release(&now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_retries),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_gives_up),
        cmocka_unit_test(test_change_in_flight),
        cmocka_unit_test(test_change_in_failed_flight),
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_slack),
        cmocka_unit_test(test_email),
        cmocka_unit_test(test_orphans),
        cmocka_unit_test(test_clock_set_back),
        cmocka_unit_test(test_needs_update),
    };
    return UNIT_RUN(tests);
}
