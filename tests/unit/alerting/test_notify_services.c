// What PagerDuty, OpsGenie, Telegram, Discord, Teams, a webhook with a payload of the user's own and
// Slack with everything are sent, request by request; and which answers are final.
#include "notify_fixture.h"

#include "sha256.h"

#define HEAD                                                                                       \
    "global: {opsgenie_api_key: og-key}\nroute:\n  receiver: r\n  group_by: [alertname]\n"         \
    "  group_wait: 1s\n  group_interval: 1m\nreceivers:\n- name: r\n  "

static void put(struct fixture *f, int64_t ends_ms)
{
    const struct label labels[] = {{STR("alertname"), STR("Down")},
                                   {STR("instance"), STR("a")},
                                   {STR("key"), STR("from-label")}};
    const struct label annotations[] = {{STR("summary"), STR("it \"is\" <down>")}};
    const struct alert alert = {
        .labels = {labels, 3},
        .annotations = {annotations, 1},
        .starts_ms = 1700000000000,
        .ends_ms = ends_ms,
        .generator_url = STR("http://l/graph"),
    };
    alertmanager_put(f->engine, &alert, 1, f->clock.now_ms);
}

// The requests of a notification that fires, and of one that resolves.
static void check(const char *receiver, const char *const *firing, const char *const *resolved)
{
    struct fixture f;
    struct buf yaml = BUF_INIT;
    char hash[SHA256_HEX_SIZE];
    buf_printf(&yaml, "%s%s", HEAD, receiver);
    fixture_init(&f, buf_view(&yaml));
    sha256_hex(STR("{}:{alertname=\"Down\"}"), hash);
    for (int resolves = 0; resolves < 2; resolves++) {
        const char *const *wanted = resolves ? resolved : firing;
        buf_reset(&f.requests);
        put(&f, f.clock.now_ms + (resolves ? 0 : 3600000));
        fixture_run_for(&f, resolves ? 70000 : 2000);
        for (; *wanted; wanted++) {
            const char *key = strstr(*wanted, "HASH");
            struct buf part = BUF_INIT;
            if (key)
                buf_printf(&part, "%.*s%s%s", (int)(key - *wanted), *wanted, hash, key + 4);
            else
                buf_cstr(&part, *wanted);
            if (!strstr(buf_text(&f.requests), buf_text(&part)))
                fail_msg("%s\n  is not in\n%s", buf_text(&part), buf_text(&f.requests));
            buf_release(&part);
        }
    }
    buf_release(&yaml);
    fixture_release(&f);
}

static void test_sha256(void **state)
{
    (void)state;
    char hash[SHA256_HEX_SIZE], text[200];
    sha256_hex(STR(""), hash);
    assert_string_equal(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_hex(STR("abc"), hash);
    assert_string_equal(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(text, 'a', sizeof(text));
    sha256_hex(str_make(text, 119), hash);
    assert_string_equal(hash, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb");
    sha256_hex(str_make(text, 200), hash);
    assert_string_equal(hash, "c2a908d98f5df987ade41b5fce213067efbcc21ef2240212a41e54b5e7c28ae5");
}

static void test_pagerduty(void **state)
{
    (void)state;
    static const char *const firing[] = {
        "POST https://events.pagerduty.com/v2/enqueue   "
        "{\"routing_key\":\"pd-key\",\"dedup_key\":\"HASH\",\"event_action\":\"trigger\","
        "\"payload\":{\"summary\":\"[FIRING:1] Down (a "
        "from-label)\",\"source\":\"Alertmanager\",\"severity\":\"critical\",\"group\":\"g "
        "a\",\"custom_details\":{",
        "\"firing\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"Down\",",
        "\"resolved\":[],\"num_firing\":1,\"num_resolved\":0,\"extra\":{\"n\":2,\"s\":\"x\"}}}",
        "\"client\":\"Alertmanager\",\"client_url\":\"http://lapwing.example:9090/#/"
        "alerts?receiver=r\"",
        "\"images\":[{\"src\":\"http://"
        "i\",\"alt\":\"a\",\"href\":\"\"}],\"links\":[{\"href\":\"http://"
        "l\",\"text\":\"Down\"}]}\n",
        NULL};
    static const char *const resolved[] = {"\"event_action\":\"resolve\"", "\"dedup_key\":\"HASH\"",
                                           NULL};
    check("pagerduty_configs:\n  - routing_key: pd-key\n    severity: critical\n"
          "    group: 'g {{ .CommonLabels.instance }}'\n"
          "    details: {extra: {n: '{{ len \"ab\" }}', s: x}}\n"
          "    images: [{src: 'http://i', alt: a}, {src: '{{ .CommonLabels.none }}'}]\n"
          "    links: [{href: 'http://l', text: '{{ .GroupLabels.alertname }}'}]\n",
          firing, resolved);
    static const char *const v1[] = {
        "POST https://events.pagerduty.com/generic/2010-04-15/create_event.json   "
        "{\"service_key\":\"sk\",\"incident_key\":\"HASH\",\"event_type\":\"trigger\","
        "\"description\":",
        NULL};
    static const char *const v1_resolved[] = {"\"event_type\":\"resolve\"", NULL};
    check("pagerduty_configs: [{service_key: sk}]\n", v1, v1_resolved);
    static const char *const labelled[] = {"{\"routing_key\":\"from-label\",\"dedup_key\"", NULL};
    check("pagerduty_configs: [{routing_key: '{{ .CommonLabels.key }}'}]\n", labelled, labelled);
}

static void test_opsgenie(void **state)
{
    (void)state;
    static const char *const firing[] = {
        "POST https://api.opsgenie.com/v2/alerts GenieKey og-key "
        "{\"alias\":\"HASH\",\"message\":\"[FIRING:1] Down (a from-label)\",\"description\":\"it "
        "\\\"is\\\" <down>\\n",
        "\"details\":{\"alertname\":\"Down\",\"instance\":\"a\",\"key\":\"mine\"},\"source\":"
        "\"http://lapwing",
        "\"responders\":[{\"name\":\"ops\",\"type\":\"team\"},{\"name\":\"db\",\"type\":\"team\"},{"
        "\"id\":\"7\",\"type\":\"user\"}],\"tags\":[\"x\",\"Down\"],\"priority\":\"P2\"}\n",
        "PUT https://api.opsgenie.com/v2/alerts/HASH/message?identifierType=alias GenieKey og-key "
        "{\"message\":\"[FIRING:1] Down (a from-label)\"}\n",
        "PUT https://api.opsgenie.com/v2/alerts/HASH/description?identifierType=alias GenieKey "
        "og-key {\"description\":",
        NULL};
    static const char *const resolved[] = {
        "POST https://api.opsgenie.com/v2/alerts/HASH/close?identifierType=alias GenieKey og-key "
        "{\"source\":\"http://lapwing",
        NULL};
    check("opsgenie_configs:\n  - tags: 'x,{{ .GroupLabels.alertname }},'\n    priority: P2\n"
          "    update_alerts: true\n    details: {key: mine}\n"
          "    responders: [{name: 'ops, db', type: teams}, {id: '7', type: user}, "
          "{name: '{{ .CommonLabels.none }}', type: team}]\n",
          firing, resolved);
}

static void test_telegram(void **state)
{
    (void)state;
    static const char *const firing[] = {
        "POST http://tg/bottoken/sendMessage   {\"chat_id\":\"-42\",\"text\":\"<b>it &#34;is&#34; "
        "&lt;down&gt;</b>\",\"parse_mode\":\"HTML\",\"disable_web_page_preview\":\"true\","
        "\"disable_notification\":\"true\",\"message_thread_id\":\"9\"}\n",
        NULL};
    static const char *const resolved[] = {"it &#34;is", NULL};
    check("telegram_configs:\n  - api_url: http://tg/\n    bot_token: token\n    chat_id: -42\n"
          "    message_thread_id: 9\n    disable_notifications: true\n"
          "    message: '<b>{{ .CommonAnnotations.summary }}</b>'\n",
          firing, resolved);
    static const char *const plain[] = {"\"text\":\"it \\\"is\\\" <down>\",\"disable_web", NULL};
    check("telegram_configs:\n  - bot_token: token\n    chat_id: 1\n    parse_mode: ''\n"
          "    message: '{{ .CommonAnnotations.summary }}'\n",
          plain, plain);
}

static void test_chats(void **state)
{
    (void)state;
    static const char *const discord[] = {
        "POST http://d/x   {\"content\":\"c\",\"embeds\":[{\"title\":\"[FIRING:1] Down (a "
        "from-label)\",\"description\":\"\\n\\nAlerts Firing:\\nLabels:\\n - alertname = Down\\n",
        "\"color\":10038562}],\"username\":\"u\"}\n", NULL};
    static const char *const discord_resolved[] = {"\"color\":3066993}]", "Alerts Resolved:\\n",
                                                   NULL};
    check("discord_configs: [{webhook_url: 'http://d/x', content: c, username: u}]\n", discord,
          discord_resolved);
    static const char *const teams[] = {
        "POST http://t/x   "
        "{\"type\":\"message\",\"attachments\":[{\"contentType\":\"application/"
        "vnd.microsoft.card.adaptive\",\"contentUrl\":null,\"content\":{\"$schema\":\"http://"
        "adaptivecards.io/schemas/"
        "adaptive-card.json\",\"type\":\"AdaptiveCard\",\"version\":\"1.2\",\"body\":[{\"type\":"
        "\"TextBlock\",\"text\":\"[FIRING:1] Down (a "
        "from-label)\",\"weight\":\"Bolder\",\"size\":\"Medium\",\"wrap\":true,\"style\":"
        "\"heading\",\"color\":\"Attention\"},{\"type\":\"TextBlock\",\"text\":\"firing\",\"wrap\":"
        "true}],\"msteams\":{\"width\":\"full\"}}}]}\n",
        NULL};
    static const char *const teams_resolved[] = {"\"color\":\"Good\"", NULL};
    check("msteamsv2_configs: [{webhook_url: 'http://t/x', text: '{{ .Status }}'}]\n", teams,
          teams_resolved);
}

static void test_webhook_payload(void **state)
{
    (void)state;
    static const char *const tree[] = {
        "POST http://ntfy/x   {\"topic\":\"alerts\",\"title\":\"Down is "
        "firing\",\"priority\":4,\"tags\":[\"warning\",\"a\"],\"quoted\":\"4\",\"count\":1,\"raw\":"
        "{\"alertname\":\"Down\"},\"none\":null,\"on\":true}\n",
        NULL};
    static const char *const tree_resolved[] = {"\"title\":\"Down is resolved\"", NULL};
    check("webhook_configs:\n  - url: http://ntfy/x\n    payload:\n      topic: alerts\n"
          "      title: '{{ .GroupLabels.alertname }} is {{ .Status }}'\n      priority: 4\n"
          "      tags: [warning, '{{ .CommonLabels.instance }}']\n      quoted: '4'\n"
          "      count: '{{ len .Alerts }}'\n      raw: '{{ .GroupLabels | toJson }}'\n"
          "      none: null\n      on: true\n",
          tree, tree_resolved);
    static const char *const text[] = {"POST http://h/a/from-label   Down: firing\n", NULL};
    static const char *const text_resolved[] = {"Down: resolved\n", NULL};
    check("webhook_configs:\n  - url: 'http://h/{{ .CommonLabels.instance }}/{{ .CommonLabels.key "
          "}}'\n    payload: '{{ .GroupLabels.alertname }}: {{ .Status }}'\n",
          text, text_resolved);
}

static void test_slack(void **state)
{
    (void)state;
    static const char *const firing[] = {
        "POST https://slack.com/api/chat.postMessage  xoxb-1 "
        "{\"channel\":\"#ops\",\"username\":\"u\",\"icon_emoji\":\":x:\",\"text\":\"top "
        "Down\",\"link_names\":true,\"attachments\":[{\"title\":\"[FIRING:1] Down (a "
        "from-label)\",\"title_link\":\"http://lapwing.example:9090/#/"
        "alerts?receiver=r\",\"pretext\":\"p\",\"text\":\"<error expanding template: template: "
        ":1:4: executing \\\"\\\" at <.Nope>:",
        "\"fields\":[{\"title\":\"t\",\"value\":\"Down\",\"short\":true},{\"title\":\"l\","
        "\"value\":\"v\",\"short\":false}],\"actions\":[{\"type\":\"button\",\"text\":\"Go\","
        "\"url\":\"http://"
        "x\",\"style\":\"danger\"},{\"type\":\"button\",\"text\":\"Ask\",\"name\":\"n\",\"value\":"
        "\"v\",\"confirm\":{\"text\":\"sure?\",\"title\":\"T\",\"ok_text\":\"y\",\"dismiss_text\":"
        "\"n\"}}],\"image_url\":\"http://i\",\"thumb_url\":\"http://"
        "t\",\"footer\":\"f\",\"color\":\"danger\",\"mrkdwn_in\":[\"text\"]}]}\n",
        NULL};
    static const char *const resolved[] = {"\"color\":\"good\"", NULL};
    check(
        "slack_configs:\n  - app_token: xoxb-1\n    send_resolved: true\n    channel: '#ops'\n"
        "    username: u\n    icon_emoji: ':x:'\n    icon_url: ''\n    link_names: true\n"
        "    message_text: 'top {{ .GroupLabels.alertname }}'\n    pretext: p\n"
        "    text: '{{ .Nope }}'\n    footer: f\n    image_url: http://i\n    thumb_url: http://t\n"
        "    mrkdwn_in: [text]\n    short_fields: true\n"
        "    fields: [{title: t, value: '{{ .GroupLabels.alertname }}'}, "
        "{title: l, value: v, short: false}]\n"
        "    actions: [{type: button, text: Go, url: 'http://x', style: danger}, "
        "{type: button, text: Ask, name: n, value: v, confirm: {text: 'sure?', title: T, "
        "ok_text: y, dismiss_text: n}}]\n",
        firing, resolved);
}

// Which answers are worth another try.
static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *receiver;
        int status;
        bool retries;
    } cases[] = {
        {"pagerduty_configs: [{routing_key: k}]\n", 429, true},
        {"pagerduty_configs: [{routing_key: k}]\n", 400, false},
        {"pagerduty_configs: [{routing_key: k}]\n", 403, false},
        {"pagerduty_configs: [{service_key: k}]\n", 403, true},
        {"opsgenie_configs: [{}]\n", 429, true},
        {"opsgenie_configs: [{}]\n", 422, false},
        {"telegram_configs: [{bot_token: t, chat_id: 1}]\n", 429, true},
        {"telegram_configs: [{bot_token: t, chat_id: 1}]\n", 401, false},
        {"discord_configs: [{webhook_url: 'http://d'}]\n", 500, true},
        {"discord_configs: [{webhook_url: 'http://d'}]\n", 404, false},
        {"msteamsv2_configs: [{webhook_url: 'http://d'}]\n", 502, true},
        {"msteamsv2_configs: [{webhook_url: 'http://d'}]\n", 413, false},
        {"webhook_configs: [{url: 'http://d'}]\n", 503, true},
        {"webhook_configs: [{url: 'http://d'}]\n", 408, true},
        {"webhook_configs: [{url: 'http://d'}]\n", 301, false},
        {"slack_configs: [{api_url: 'http://d'}]\n", 404, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f;
        struct buf yaml = BUF_INIT;
        buf_printf(&yaml, "%s%s", HEAD, cases[i].receiver);
        fixture_init(&f, buf_view(&yaml));
        f.status = cases[i].status;
        put(&f, f.clock.now_ms + 3600000);
        fixture_run_for(&f, 30000);
        if ((f.attempts > 1) != cases[i].retries)
            fail_msg("%s: %zu attempts at %d", cases[i].receiver, f.attempts, cases[i].status);
        buf_release(&yaml);
        fixture_release(&f);
    }
}

// Texts that are no templates are named when the configuration is read; they are sent nonetheless.
static void test_check(void **state)
{
    (void)state;
    struct alertmanager_config *config;
    struct buf warnings = BUF_INIT;
    struct error err;
    const char *yaml = HEAD "slack_configs: [{api_url: 'http://x', text: '{{ .Status | nope }}', "
                            "fields: [{title: '{{', value: v}]}]\n"
                            "  email_configs: [{to: a@b, from: '{{ if }}', smarthost: 'h:25', "
                            "headers: {X: '{{ end }}'}}]\n"
                            "  webhook_configs: [{url: 'http://x', payload: {a: ['{{ 1x }}']}}]\n";
    if (alertmanager_config_parse(&config, str_from(yaml), "a.yml", ".", NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(alertmanager_check(config, &warnings, &err), OK);
    assert_string_equal(
        buf_text(&warnings),
        "receiver \"r\" (line 8), slack: text: template: :1:14: function \"nope\" not defined\n"
        "receiver \"r\" (line 8), slack field: title: template: :1:3: unclosed action\n"
        "receiver \"r\" (line 8), email: from: template: :1:7: missing value for command\n"
        "receiver \"r\" (line 8), email: headers: template: :1:10: unexpected {{end}}\n"
        "receiver \"r\" (line 8), webhook: payload: template: :1:4: bad number syntax: \"1x\"\n");
    alertmanager_config_unref(config);
    buf_release(&warnings);
}

static void test_threads(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, STR(HEAD "email_configs: [{to: a@b, from: c@d, smarthost: 'h:25', "
                              "threading: {enabled: true}}]\n"));
    char hash[SHA256_HEX_SIZE], wanted[64];
    sha256_hex(STR("{}:{alertname=\"Down\"}"), hash);
    snprintf(wanted, sizeof(wanted), "<alert-%.16s-2023-11-14@alertmanager>", hash);
    put(&f, f.clock.now_ms + 3600000);
    fixture_run_for(&f, 2000);
    const char *references = strstr(buf_text(&f.last_body), "\r\nReferences: ");
    assert_non_null(references);
    assert_non_null(strstr(references, wanted));
    assert_non_null(strstr(buf_text(&f.last_body), "\r\nIn-Reply-To: "));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),   cmocka_unit_test(test_pagerduty),
        cmocka_unit_test(test_opsgenie), cmocka_unit_test(test_telegram),
        cmocka_unit_test(test_chats),    cmocka_unit_test(test_webhook_payload),
        cmocka_unit_test(test_slack),    cmocka_unit_test(test_answers),
        cmocka_unit_test(test_check),    cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
