// Slack messages that later notifications of their group change, over kills too.
#include "notify_fixture.h"

#define POSTED "{\"ok\":true,\"channel\":\"C012\",\"ts\":\"1700000010.000100\"}"
#define YAML(how)                                                                                  \
    "route:\n  receiver: team\n  group_by: [alertname]\n  group_wait: 10s\n"                       \
    "  group_interval: 1m\n  repeat_interval: 1h\nreceivers:\n- name: team\n  slack_configs:\n"    \
    "  - channel: '#a\"b'\n    send_resolved: true\n    username: ''\n    title: T\n"              \
    "    text: '{{ .Alerts.Firing | len }}'\n" how

static const char bot[] = YAML("    app_token: xoxb-1\n    update_message: true\n");

static void put(struct fixture *f, const char *instance, bool fires)
{
    const struct label labels[] = {{STR("alertname"), STR("Up")},
                                   {STR("instance"), str_from(instance)}};
    const struct alert alert = {.labels = {labels, 2},
                                .starts_ms = 1700000000000,
                                .ends_ms = f->clock.now_ms + (fires ? INT64_C(9000000) : 0)};
    alertmanager_put(f->engine, &alert, 1, f->clock.now_ms);
}

static void check_last(struct fixture *f, const char *method, const char *begin)
{
    if (!str_has_suffix(buf_view(&f->last_url), str_from(method)) ||
        !str_has_prefix(buf_view(&f->last_body), str_from(begin)))
        fail_msg("%s %s, expected %s %s", buf_text(&f->last_url), buf_text(&f->last_body), method,
                 begin);
}

static void test_updates(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, str_from(bot));
    f.answers[0] = POSTED;
    put(&f, "a", true);
    fixture_run_for(&f, 11000);
    check_last(&f, "https://slack.com/api/chat.postMessage", "{\"channel\":\"#a\\\"b\",\"attach");
    fixture_kill(&f);
    put(&f, "b", true);
    f.answers[0] = POSTED;
    fixture_run_for(&f, 60000);
    assert_int_equal(f.delivered, 2);
    check_last(&f, "https://slack.com/api/chat.update",
               "{\"channel\":\"C012\",\"ts\":\"1700000010.000100\",\"attach");
    assert_non_null(strstr(buf_text(&f.last_body), "\"text\":\"2\""));
    // An answer without a time stamp changes nothing of what is known.
    f.answers[0] = "{\"ok\":true}";
    fixture_kill(&f);
    put(&f, "b", false);
    fixture_run_for(&f, 60000);
    check_last(&f, "chat.update", "{\"channel\":\"C012\",\"ts\":\"1700000010.000100\"");
    put(&f, "a", false);
    fixture_run_for(&f, 60000);
    assert_int_equal(f.delivered, 4);
    check_last(&f, "chat.update", "{\"channel\":\"C012\"");
    // What fires after the end is a new story.
    put(&f, "a", true);
    fixture_run_for(&f, 120000);
    assert_int_equal(f.delivered, 5);
    check_last(&f, "chat.postMessage", "{\"channel\":\"#a");
    fixture_release(&f);
}

static void test_gone(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, str_from(bot));
    f.answers[0] = POSTED;
    put(&f, "a", true);
    fixture_run_for(&f, 11000);
    put(&f, "b", true);
    f.answers[0] = "{\"ok\":false,\"error\":\"message_not_found\"}";
    f.answers[1] = "{\"ok\":true,\"channel\":\"C012\",\"ts\":\"2.2\"}";
    fixture_run_for(&f, 60000);
    assert_int_equal(f.attempts, 3);
    check_last(&f, "chat.postMessage", "{\"channel\":\"#a");
    put(&f, "c", true);
    fixture_run_for(&f, 60000);
    check_last(&f, "chat.update", "{\"channel\":\"C012\",\"ts\":\"2.2\"");
    fixture_release(&f);
}

static void test_without(void **state)
{
    struct fixture f;
    (void)state;
    fixture_init(&f, STR(YAML("    app_token: xoxb-1\n")));
    f.answers[0] = POSTED;
    f.answers[1] = POSTED;
    put(&f, "a", true);
    fixture_run_for(&f, 11000);
    put(&f, "b", true);
    fixture_run_for(&f, 60000);
    assert_int_equal(f.delivered, 2);
    check_last(&f, "chat.postMessage", "{\"channel\":\"#a");
    fixture_release(&f);
}

static void test_refused_answers(void **state)
{
    static const struct {
        const char *answer;
        bool taken;
    } cases[] = {
        {"ok", true},
        {"ok\n", true},
        {"", true},
        {"invalid_payload", false},
        {"{\"ok\":false,\"error\":\"not_in_channel\"}", false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fixture f;
        fixture_init(&f, STR(YAML("    api_url: http://h.example/x\n")));
        f.answers[0] = cases[i].answer;
        put(&f, "a", true);
        fixture_run_for(&f, 11000);
        assert_int_equal(f.attempts, 1);
        assert_int_equal(outbox_count(&f.engine->outbox), !cases[i].taken);
        fixture_release(&f);
    }
}

static void check_config(const char *yaml, const char *wanted)
{
    struct error err = {0};
    struct buf warnings = BUF_INIT;
    struct alertmanager_config *config = NULL;
    int rc = alertmanager_config_parse(&config, str_from(yaml), "test.yml", ".", &warnings, &err);
    if ((rc == OK) != !wanted || (wanted && !strstr(err.text, wanted)))
        fail_msg("%d %s", rc, err.text);
    if (config)
        alertmanager_config_unref(config);
    buf_release(&warnings);
}

static void test_config(void **state)
{
    (void)state;
    check_config(YAML("    update_message: true\n"
                      "    api_url: https://hooks.slack.com/services/a\n"),
                 "update_message: an incoming webhook cannot change its messages: expected "
                 "app_token, or https://slack.com/api/chat.postMessage as api_url");
    check_config(YAML("    update_message: false\n"
                      "    api_url: https://hooks.slack.com/services/a\n"),
                 NULL);
    check_config(YAML("    update_message: true\n"
                      "    api_url: https://slack.com/api/chat.postMessage\n"
                      "    http_config: {authorization: {credentials: xoxb-1}}\n"),
                 NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates),         cmocka_unit_test(test_gone),
        cmocka_unit_test(test_without),         cmocka_unit_test(test_config),
        cmocka_unit_test(test_refused_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
