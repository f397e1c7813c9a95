// alertmanager.yml: defaults, inheritance, receivers, and what each mistake is told as.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "config/alertmanager.h"

#define RECEIVER      "receivers: [{name: r}]\n"
#define ROUTE         "route: {receiver: r}\n"
#define WITH(configs) ROUTE "receivers:\n- name: r\n  " configs

static struct alertmanager_config *parse(const char *yaml, struct buf *warnings)
{
    struct alertmanager_config *c = NULL;
    struct error err;
    if (alertmanager_config_parse(&c, str_from(yaml), "a.yml", "/etc/a", warnings, &err))
        fail_msg("%s\n%s", err.text, yaml);
    return c;
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_is(s, expected))
        fail_msg("got \"%.*s\", expected \"%s\"", STR_ARG(s), expected);
}

static void assert_matchers(const struct matcher *matchers, size_t count, const char *expected)
{
    struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        buf_cstr(&out, i ? "," : "");
        matcher_format(&out, &matchers[i]);
    }
    assert_string_equal(buf_text(&out), expected);
    buf_release(&out);
}

static void test_minimal(void **state)
{
    struct alertmanager_config *c = parse(ROUTE RECEIVER, NULL);
    (void)state;
    assert_int_equal(c->resolve_timeout_ms, 300000);
    assert_int_equal(c->route->group_wait_ms, 30000);
    assert_int_equal(c->route->group_interval_ms, 300000);
    assert_int_equal(c->route->repeat_interval_ms, 4 * 3600000);
    assert_int_equal(c->route->group_by_count, 0);
    assert_int_equal(c->receiver_count, 1);
    assert_str(c->text, ROUTE RECEIVER);
    assert_str(c->folder, "/etc/a");
    assert_ptr_equal(alertmanager_config_ref(c), c);
    alertmanager_config_unref(c);
    alertmanager_config_unref(c);
    alertmanager_config_unref(NULL);
}

static void test_routes(void **state)
{
    struct alertmanager_config *c = parse("route:\n"
                                          "  routes:\n" // before what they inherit
                                          "  - match: {severity: critical, code: 5}\n"
                                          "    match_re: {service: a|b}\n"
                                          "    matchers: ['team=\"x\"', \"{z!~'q'}\"]\n"
                                          "    receiver: b\n"
                                          "    continue: true\n"
                                          "    group_by: []\n"
                                          "    group_wait: 0s\n"
                                          "    mute_time_intervals: [nights]\n"
                                          "    active_time_intervals: [days]\n"
                                          "    routes:\n"
                                          "    - group_by: ['...']\n"
                                          "      repeat_interval: 1h\n"
                                          "  - matchers: a=\"b\", c=~\"d\"\n"
                                          "  receiver: a\n"
                                          "  group_by: [job, alertname]\n"
                                          "  group_interval: 1m\n"
                                          "receivers: [{name: a}, {name: b}]\n"
                                          "time_intervals: [{name: nights, time_intervals: []}]\n"
                                          "mute_time_intervals: [{name: days}]\n",
                                          NULL);
    (void)state;
    const struct route_config *root = c->route;
    assert_int_equal(root->group_by_count, 2);
    assert_str(root->group_by[0], "alertname");
    assert_int_equal(root->child_count, 2);
    const struct route_config *a = &root->children[0];
    assert_matchers(
        a->matchers, a->matcher_count,
        "code=\"5\",service=~\"^(?:a|b)$\",severity=\"critical\",team=\"x\",z!~\"'q'\"");
    assert_true(matcher_match(&a->matchers[1], STR("b")));
    assert_str(a->receiver, "b");
    assert_true(a->continue_matching);
    assert_int_equal(a->group_by_count, 0);
    assert_int_equal(a->group_wait_ms, 0);
    assert_int_equal(a->group_interval_ms, 60000);
    assert_str(a->mute_time_intervals[0], "nights");
    assert_str(a->active_time_intervals[0], "days");
    assert_int_equal(a->line, 3);
    const struct route_config *deep = &a->children[0];
    assert_str(deep->receiver, "b");
    assert_true(deep->group_by_all);
    assert_int_equal(deep->group_wait_ms, 0);
    assert_int_equal(deep->repeat_interval_ms, 3600000);
    assert_false(deep->continue_matching);
    assert_int_equal(deep->matcher_count, 0);
    assert_int_equal(deep->mute_time_interval_count, 0);
    const struct route_config *b = &root->children[1];
    assert_str(b->receiver, "a");
    assert_int_equal(b->group_by_count, 2);
    assert_matchers(b->matchers, b->matcher_count, "a=\"b\",c=~\"d\"");
    alertmanager_config_unref(c);
}

static void test_inhibition_and_templates(void **state)
{
    struct alertmanager_config *c =
        parse(ROUTE RECEIVER "templates: [t/*.tmpl, /x.tmpl]\n"
                             "inhibit_rules:\n"
                             "- source_match: {severity: critical}\n"
                             "  target_match_re: {severity: warning|info}\n"
                             "  equal: [alertname, cluster]\n"
                             "- source_matchers: ['a=b', 'c!=d']\n"
                             "  target_matchers: [e=~f]\n",
              NULL);
    (void)state;
    assert_int_equal(c->inhibit_rule_count, 2);
    assert_matchers(c->inhibit_rules[0].source, c->inhibit_rules[0].source_count,
                    "severity=\"critical\"");
    assert_matchers(c->inhibit_rules[0].target, c->inhibit_rules[0].target_count,
                    "severity=~\"^(?:warning|info)$\"");
    assert_str(c->inhibit_rules[0].equal[1], "cluster");
    assert_matchers(c->inhibit_rules[1].source, c->inhibit_rules[1].source_count,
                    "a=\"b\",c!=\"d\"");
    assert_str(c->templates[0], "/etc/a/t/*.tmpl");
    assert_str(c->templates[1], "/x.tmpl");
    alertmanager_config_unref(c);
}

static void test_webhook(void **state)
{
    struct alertmanager_config *c =
        parse("global: {http_config: {follow_redirects: false}}\n" WITH(
                  "webhook_configs:\n"
                  "  - url: http://user:pw@h:1/p?q\n"
                  "  - {url_file: u, send_resolved: false, max_alerts: 3, timeout: 5s,\n"
                  "     http_config: {authorization: {credentials: tok}}}\n"
                  "  - url: 'http://h/{{ .x }}'\n"),
              NULL);
    (void)state;
    const struct receiver_config *r = &c->receivers[0];
    assert_int_equal(r->webhook_count, 3);
    assert_true(r->webhooks[0].send_resolved);
    assert_str(r->webhooks[0].url.value, "http://user:pw@h:1/p?q");
    assert_false(r->webhooks[0].http.follow_redirects);
    assert_false(r->webhooks[1].send_resolved);
    assert_str(r->webhooks[1].url.file, "/etc/a/u");
    assert_int_equal(r->webhooks[1].max_alerts, 3);
    assert_int_equal(r->webhooks[1].timeout_ms, 5000);
    assert_true(r->webhooks[1].http.follow_redirects);
    assert_true(str_search(c->text, STR("- url: http://xxxxx@h:1/<secret>\n")) < c->text.len);
    assert_true(str_search(c->text, STR("- url: 'http://h/<secret>'\n")) < c->text.len);
    assert_int_equal(str_search(c->text, STR("tok")), c->text.len);
    alertmanager_config_unref(c);
}

static void test_slack(void **state)
{
    struct buf warnings = BUF_INIT;
    struct alertmanager_config *c =
        parse("global: {slack_api_url: 'YOUR_WEBHOOK'}\n" WITH(
                  "slack_configs:\n"
                  "  - channel: '#a'\n"
                  "  - api_url: https://hooks.slack.com/services/...\n"
                  "    send_resolved: true\n"
                  "    title: T\n"
                  "    text: ''\n"
                  "    icon_emoji: ':fire:'\n"
                  "    short_fields: true\n"
                  "    mrkdwn_in: [text]\n"
                  "    fields: [{title: a, value: b, short: false}, {title: c, value: d}]\n"
                  "    actions:\n"
                  "    - {type: button, text: Go, url: 'http://x', name: dropped}\n"
                  "    - {type: button, text: Ack, name: ack, value: 'yes',\n"
                  "       confirm: {text: Sure?, ok_text: OK}}\n"
                  "  - api_url_file: f\n"
                  "  - app_token: xoxb\n"
                  "    timeout: 3s\n") "tracing: {endpoint: x}\n",
              &warnings);
    (void)state;
    const struct slack_config *s = c->receivers[0].slacks;
    assert_int_equal(c->receivers[0].slack_count, 4);
    assert_str(s[0].api_url.value, "YOUR_WEBHOOK");
    assert_false(s[0].send_resolved);
    assert_str(s[0].title, "{{ template \"slack.default.title\" . }}");
    assert_str(s[0].color, "{{ if eq .Status \"firing\" }}danger{{ else }}good{{ end }}");
    assert_str(s[0].username, "{{ template \"slack.default.username\" . }}");
    assert_true(s[1].send_resolved);
    assert_str(s[1].title, "T");
    assert_str(s[1].text, "");
    assert_int_equal(s[1].field_count, 2);
    assert_int_equal(s[1].fields[0].is_short, 0);
    assert_int_equal(s[1].fields[1].is_short, -1);
    assert_int_equal(s[1].action_count, 2);
    assert_str(s[1].actions[0].name, "");
    assert_true(s[1].actions[1].has_confirm);
    assert_str(s[1].actions[1].confirm_ok_text, "OK");
    assert_str(s[2].api_url.file, "/etc/a/f");
    assert_str(s[2].api_url.value, "");
    assert_str(s[3].app_token.value, "xoxb");
    assert_str(s[3].api_url.value, "");
    assert_int_equal(s[3].timeout_ms, 3000);
    assert_str(s[3].app_url, "https://slack.com/api/chat.postMessage");
    assert_string_equal(buf_text(&warnings),
                        "a.yml:22:1: tracing is accepted but has no effect\n"
                        "a.yml:6:5: the Slack API URL is not a URL such as "
                        "https://hooks.slack.com/services/...: no message will arrive\n");
    alertmanager_config_unref(c);
    buf_release(&warnings);
}

static struct str header(const struct email_config *e, const char *name)
{
    for (size_t i = 0; i < e->header_count; i++) {
        if (str_is(e->headers[i].name, name))
            return e->headers[i].value;
    }
    return STR("(none)");
}

static void test_email(void **state)
{
    struct alertmanager_config *c =
        parse("global:\n"
              "  smtp_smarthost: smtp.example.org:587\n"
              "  smtp_from: from@example.org\n"
              "  smtp_auth_username: u\n"
              "  smtp_auth_password: pw1\n"
              "  smtp_tls_config: {server_name: s}\n" WITH(
                  "email_configs:\n"
                  "  - to: a@example.org\n"
                  "  - to: b@example.org\n"
                  "    from: me@example.org\n"
                  "    smarthost: '[::1]:25'\n"
                  "    hello: me\n"
                  "    auth_password_file: p\n"
                  "    require_tls: false\n"
                  "    force_implicit_tls: true\n"
                  "    send_resolved: true\n"
                  "    headers: {subject: S, x-CUSTOM: C, To: ''}\n"
                  "    text: T\n"
                  "  - to: c@example.org\n"
                  "    subject: 'Alert {{ .x }}'\n"
                  "    body: B\n"
                  "  - {to: d@example.org, html: '', headers: {a: b}}\n"),
              NULL);
    (void)state;
    const struct email_config *e = c->receivers[0].emails;
    assert_int_equal(c->receivers[0].email_count, 4);
    assert_str(e[0].smarthost_host, "smtp.example.org");
    assert_str(e[0].smarthost_port, "587");
    assert_str(e[0].from, "from@example.org");
    assert_str(e[0].hello, "localhost");
    assert_str(e[0].auth_password.value, "pw1");
    assert_str(e[0].tls.server_name, "s");
    assert_true(e[0].require_tls && !e[0].send_resolved);
    assert_int_equal(e[0].implicit_tls, -1);
    assert_str(e[0].html, "{{ template \"email.default.html\" . }}");
    assert_str(e[0].text, "");
    assert_str(header(&e[0], "Subject"), "{{ template \"email.default.subject\" . }}");
    assert_str(e[1].smarthost_host, "::1");
    assert_str(e[1].smarthost_port, "25");
    assert_str(e[1].auth_password.file, "/etc/a/p");
    assert_str(e[1].auth_password.value, "");
    assert_false(e[1].require_tls);
    assert_int_equal(e[1].implicit_tls, 1);
    assert_int_equal(e[1].header_count, 3);
    assert_str(header(&e[1], "Subject"), "S");
    assert_str(header(&e[1], "X-Custom"), "C");
    assert_str(e[1].text, "T");
    assert_str(header(&e[2], "Subject"), "Alert {{ .x }}");
    assert_str(e[2].text, "B");
    assert_str(e[2].html, "");
    assert_str(e[3].html, "");
    assert_int_equal(e[3].header_count, 2);
    assert_int_equal(str_search(c->text, STR("pw1")), c->text.len);
    alertmanager_config_unref(c);
}

static void test_services(void **state)
{
    struct alertmanager_config *c =
        parse("global: {pagerduty_url: 'http://x/', opsgenie_api_key: k1, opsgenie_api_url: "
              "'http://o', telegram_bot_token_file: t}\n" WITH(
                  "pagerduty_configs: [{service_key: k2}, {routing_key: k3, severity: info, "
                  "details: {a: '{{ 1 }}'}, links: [{href: h, text: t}], images: [{src: s}]}]\n"
                  "  opsgenie_configs: [{tags: 'a,b', responders: [{name: x, type: Teams}], "
                  "details: {k: v}, update_alerts: true}]\n"
                  "  telegram_configs: [{chat_id: -100}, {bot_token: k4, chat_id_file: f}]\n"
                  "  discord_configs: [{webhook_url: 'http://d/k5'}]\n"
                  "  msteamsv2_configs: [{webhook_url_file: f, text: x}]\n"
                  "  webhook_configs: [{url: 'http://w', payload: {a: ['{{ .Status }}']}}]\n"),
              NULL);
    (void)state;
    const struct receiver_config *r = &c->receivers[0];
    assert_int_equal(r->pagerduty_count, 2);
    assert_true(str_is(r->pagerduties[1].url, "http://x/"));
    assert_true(str_is(r->pagerduties[0].severity, "error"));
    assert_true(str_eq(r->pagerduties[0].source, r->pagerduties[0].client));
    assert_int_equal(r->pagerduties[1].link_count + r->pagerduties[1].image_count, 2);
    assert_non_null(yaml_get(r->pagerduties[1].details, "a"));
    assert_true(str_is(r->opsgenies[0].api_url, "http://o/"));
    assert_true(str_is(r->opsgenies[0].api_key.value, "k1"));
    assert_true(r->opsgenies[0].update_alerts && r->opsgenies[0].send_resolved);
    assert_int_equal(r->opsgenies[0].responder_count + r->opsgenies[0].detail_count, 2);
    assert_true(str_is(r->telegrams[0].chat_id.value, "-100"));
    assert_true(str_has_suffix(r->telegrams[0].bot_token.file, STR("t")));
    assert_true(str_is(r->telegrams[1].bot_token.value, "k4"));
    assert_true(str_is(r->telegrams[1].parse_mode, "HTML"));
    assert_true(str_is(r->discords[0].webhook_url.value, "http://d/k5"));
    assert_true(str_is(r->msteams[0].text, "x"));
    assert_int_equal(r->webhooks[0].payload->kind, YAML_MAPPING);
    for (const char *key = "k1\0k2\0k3\0k4\0k5\0"; *key; key += 3)
        assert_int_equal(str_search(c->text, str_from(key)), c->text.len);
    char *text = mem_copy_str(c->text);
    alertmanager_config_unref(parse(text, NULL));
    mem_free(text);
    alertmanager_config_unref(c);
}

static void test_time_intervals(void **state)
{
    struct alertmanager_config *c =
        parse(ROUTE RECEIVER "time_intervals:\n"
                             "- name: a\n"
                             "  time_intervals:\n"
                             "  - times: [{start_time: 09:00, end_time: '24:00'}]\n"
                             "    weekdays: ['Monday:friday', sunday]\n"
                             "    days_of_month: ['1:5', '-3:-1', '7', '1:-1']\n"
                             "    months: ['january:3', MAY]\n"
                             "    years: [2026, '2027:2030']\n"
                             "    location: UTC\n"
                             "  - {}\n",
              NULL);
    (void)state;
    assert_int_equal(c->time_intervals[0].part_count, 2);
    const struct time_interval_part *p = &c->time_intervals[0].parts[0];
    assert_int_equal(p->times[0].begin, 540);
    assert_int_equal(p->times[0].end, 1440);
    assert_int_equal(p->weekday_count, 2);
    assert_int_equal(p->weekdays[0].begin, 1);
    assert_int_equal(p->weekdays[0].end, 5);
    assert_int_equal(p->weekdays[1].begin, 0);
    assert_int_equal(p->day_count, 4);
    assert_int_equal(p->days_of_month[1].begin, -3);
    assert_int_equal(p->months[0].end, 3);
    assert_int_equal(p->months[1].begin, 5);
    assert_int_equal(p->years[1].end, 2030);
    assert_str(p->location, "UTC");
    alertmanager_config_unref(c);
}

#define CHILD "receivers: [{name: r}]\nroute: {receiver: r, routes: ["
#define TIME  ROUTE RECEIVER "time_intervals: [{name: t, time_intervals: ["

static const struct {
    const char *yaml, *expected;
} bad_cases[] = {
    {"", "a.yml:1:1: no route provided: expected route with a receiver"},
    {"[]", "a.yml:1:1: expected a mapping with route, receivers, ..."},
    {ROUTE, "a.yml:1:19: undefined receiver \"r\" used in route"},
    {ROUTE RECEIVER "inhibit_rule: []",
     "a.yml:3:1: field inhibit_rule not found in config: did you mean inhibit_rules?"},
    {RECEIVER "route: {}", "a.yml:2:8: root route must specify a default receiver"},
    {RECEIVER "route: {receiver: r, match: {a: b}}",
     "a.yml:2:8: root route must not have any matchers"},
    {RECEIVER "route: {receiver: r, continue: true}",
     "a.yml:2:8: cannot have continue in root route"},
    {RECEIVER "time_intervals: [{name: t}]\nroute: {receiver: r, mute_time_intervals: [t]}",
     "a.yml:3:8: root route must not have any mute time intervals"},
    {RECEIVER "route: {receiver: r, group_by: [a, a]}",
     "a.yml:2:32: duplicated label \"a\" in group_by"},
    {RECEIVER "route: {receiver: r, group_by: ['...', a]}",
     "a.yml:2:32: cannot have wildcard group_by (`...`) and other labels at the same time"},
    {RECEIVER "route: {receiver: r, group_by: ['']}",
     "a.yml:2:33: invalid label name \"\" in group_by list"},
    {RECEIVER "route: {receiver: r, group_interval: 0}",
     "a.yml:2:38: group_interval cannot be zero"},
    {RECEIVER "route: {receiver: r, repeat_interval: 0s}",
     "a.yml:2:39: repeat_interval cannot be zero"},
    {RECEIVER "route: {receiver: r, group_wait: 5}",
     "a.yml:2:34: expected a duration such as 15s or 1h30m, got \"5\""},
    {RECEIVER "route: {receiver: r, receivers: r}",
     "a.yml:2:22: field receivers not found in route: did you mean receiver?"},
    {CHILD "{receiver: x}]}", "a.yml:2:42: undefined receiver \"x\" used in route"},
    {CHILD "x]}", "a.yml:2:31: expected a mapping as route"},
    {CHILD "{matchers: ['a']}]}", "a.yml:2:43: bad matcher format: a"},
    {CHILD "{matchers: ['a=~\"(\"']}]}", "a.yml:2:43: error parsing regexp: ..."},
    {CHILD "{match: {'a.b': c}}]}", "a.yml:2:40: invalid label name \"a.b\""},
    {CHILD "{match: [a]}]}", "a.yml:2:39: expected a mapping of label names to values"},
    {CHILD "{match_re: {a: '('}}]}", "a.yml:2:46: error parsing regexp: ..."},
    {CHILD "{mute_time_intervals: [t]}]}",
     "a.yml:2:54: undefined time interval \"t\" used in route"},
    {CHILD "{active_time_intervals: [t]}]}",
     "a.yml:2:56: undefined time interval \"t\" used in route"},
    {ROUTE "receivers: [{name: r}, {name: r}]",
     "a.yml:2:31: notification config name \"r\" is not unique"},
    {ROUTE "receivers: [{}]", "a.yml:2:13: missing name in receiver"},
    {ROUTE "receivers: [{name: r, slack_config: []}]",
     "a.yml:2:23: field slack_config not found in receiver: did you mean slack_configs?"},
    {WITH("webhook_configs: [{}]"), "a.yml:4:21: one of url or url_file must be configured"},
    {WITH("webhook_configs: [{url: 'http://x', url_file: y}]"),
     "a.yml:4:39: at most one of url & url_file must be configured"},
    {WITH("webhook_configs: [{url: x}]"),
     "a.yml:4:27: expected a URL such as http://host:8080/path for the webhook"},
    {WITH("pushover_configs: [{user_key: u, token: t}]"),
     "a.yml:4:3: pushover_configs is not supported yet: remove it"},
    {WITH("pagerduty_configs: [{}]"),
     "a.yml:4:23: missing service or routing key in PagerDuty config: expected routing_key or "
     "routing_key_file"},
    {WITH("opsgenie_configs: [{}]"),
     "a.yml:4:22: no OpsGenie API key: expected api_key or api_key_file here, or opsgenie_api_key "
     "or opsgenie_api_key_file in global"},
    {WITH("opsgenie_configs: [{api_key: x, responders: [{name: n, type: crew}]}]"),
     "a.yml:4:48: expected team, teams, user, escalation or schedule as type of an OpsGenie "
     "responder, got \"crew\""},
    {WITH("telegram_configs: [{bot_token: x}]"),
     "a.yml:4:22: missing chat_id or chat_id_file on telegram_config"},
    {WITH("telegram_configs: [{bot_token: x, chat_id: me}]"),
     "a.yml:4:46: expected a number other than 0 as chat_id, got \"me\""},
    {WITH("telegram_configs: [{bot_token: x, chat_id: 1, parse_mode: Text}]"),
     "a.yml:4:61: unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or "
     "empty string"},
    {WITH("discord_configs: [{}]"),
     "a.yml:4:21: one of webhook_url or webhook_url_file must be configured"},
    {WITH("msteamsv2_configs: [{webhook_url: x}]"),
     "a.yml:4:37: expected a URL such as https://host/path for webhook_url"},
    {WITH("slack_configs: [{}]"),
     "a.yml:4:19: no Slack API URL: expected api_url or api_url_file here, or slack_api_url or "
     "slack_api_url_file in global"},
    {WITH("slack_configs: [{api_url: a, api_url_file: b}]"),
     "a.yml:4:32: at most one of api_url & api_url_file must be configured"},
    {WITH("slack_configs: [{api_url: a, app_token: b}]"),
     "a.yml:4:19: at most one of api_url & app_token must be configured"},
    {WITH("slack_configs: [{api_url: a, fields: [{title: b}]}]"),
     "a.yml:4:41: missing value in Slack field configuration"},
    {WITH("slack_configs: [{api_url: a, actions: [{type: b}]}]"),
     "a.yml:4:42: missing text in Slack action configuration"},
    {WITH("slack_configs: [{api_url: a, actions: [{type: b, text: c}]}]"),
     "a.yml:4:42: missing name or url in Slack action configuration"},
    {WITH("slack_configs: [{api_url: a, chanel: b}]"),
     "a.yml:4:32: field chanel not found in slack_config: did you mean channel?"},
    {WITH("email_configs: [{}]"), "a.yml:4:19: missing to address in email config"},
    {WITH("email_configs: [{to: a}]"),
     "a.yml:4:19: no SMTP smarthost: expected smarthost here or smtp_smarthost in global"},
    {WITH("email_configs: [{to: a, smarthost: 'b:1'}]"),
     "a.yml:4:19: no SMTP from address: expected from here or smtp_from in global"},
    {WITH("email_configs: [{to: a, smarthost: b}]"),
     "a.yml:4:38: expected host:port such as smtp.example.org:587, got \"b\""},
    {WITH("email_configs: [{to: a, from: b, smarthost: 'b:1', headers: {a: b, A: c}}]"),
     "a.yml:4:70: duplicate header \"A\" in email config"},
    {WITH("email_configs: [{to: a, from: b, smarthost: 'b:1', headers: {subject: b}, subject: "
          "c}]"),
     "a.yml:4:77: duplicate header \"Subject\" in email config"},
    {WITH("email_configs: [{to: a, from: b, smarthost: 'b:1', text: b, body: c}]"),
     "a.yml:4:63: at most one of text & body must be configured"},
    {WITH("pagerduty_configs: [x]"),
     "a.yml:4:23: expected a mapping as element of the list, got text"},
    {"global: {smtp_auth_password: a, smtp_auth_password_file: b}\n" ROUTE RECEIVER,
     "a.yml:1:33: at most one of smtp_auth_password & smtp_auth_password_file must be configured"},
    {"global: {smtp_smarthosts: a}\n" ROUTE RECEIVER,
     "a.yml:1:10: field smtp_smarthosts not found in global: did you mean smtp_smarthost?"},
    {ROUTE RECEIVER "inhibit_rules: [{equal: ['']}]",
     "a.yml:3:26: invalid label name \"\" in equal list"},
    {ROUTE RECEIVER "time_intervals: [{}]", "a.yml:3:18: missing name in time interval"},
    {ROUTE RECEIVER "time_intervals: [{name: t}]\nmute_time_intervals: [{name: t}]",
     "a.yml:4:30: time interval \"t\" is not unique"},
    {TIME "{times: [{start_time: 9, end_time: '10:00'}]}]}]",
     "a.yml:3:67: couldn't parse timestamp \"9\": expected HH:MM"},
    {TIME "{times: [{start_time: '10:00', end_time: '09:00'}]}]}]",
     "a.yml:3:54: start time cannot be equal or greater than end time"},
    {TIME "{times: [{start_time: '10:00'}]}]}]",
     "a.yml:3:54: both start and end times must be provided"},
    {TIME "{times: [{start_time: '10:00', end_time: '24:01'}]}]}]",
     "a.yml:3:86: couldn't parse timestamp \"24:01\": expected HH:MM"},
    {TIME "{weekdays: [mon]}]}]",
     "a.yml:3:57: \"mon\" is not a weekday or a range such as monday:friday"},
    {TIME "{weekdays: ['friday:monday']}]}]",
     "a.yml:3:57: the end of \"friday:monday\" is before its start"},
    {TIME "{days_of_month: ['0']}]}]",
     "a.yml:3:62: \"0\" is not a day of the month (1 to 31, or -31 to -1 from its end) or a range "
     "such as 1:5"},
    {TIME "{days_of_month: ['-1:3']}]}]", "a.yml:3:62: the end of \"-1:3\" is before its start"},
    {TIME "{days_of_month: ['30:-3']}]}]", "a.yml:3:62: the end of \"30:-3\" is before its start"},
    {TIME "{months: ['13']}]}]",
     "a.yml:3:55: \"13\" is not a month or a range such as january:march"},
    {TIME "{years: ['x']}]}]", "a.yml:3:54: \"x\" is not a year or a range such as 2026:2028"},
    {TIME "{location: ../../etc/passwd}]}]", "a.yml:3:56: unknown time zone ../../etc/passwd"},
};

// Without Lapwing's own keys for readers that know none of them; otherwise as it was written.
static void test_api_text(void **state)
{
    (void)state;
    struct alertmanager_config *c = parse(
        "# mine\nroute: {receiver: r, group_by: [c, \"a b\"]}\nreceivers:\n- name: r\n"
        "  email_configs:\n  - to: a@b.c\n    from: d@e.f\n    smarthost: 'h:25'\n    subject: S\n"
        "    body: \"x\\ny\"\n    auth_password: geheim\n"
        "- name: w\n  heartbeat_configs:\n  - url: http://h/ping\n    interval: 5s\n",
        NULL);
    assert_str(
        c->api_text,
        "route:\n  receiver: r\n  group_by:\n    - c\n    - \"a b\"\nreceivers:\n  -\n"
        "    name: r\n    email_configs:\n      -\n        to: \"a@b.c\"\n        from: \"d@e.f\"\n"
        "        smarthost: \"h:25\"\n        text: \"x\\ny\"\n        auth_password: "
        "\"<secret>\"\n"
        "  -\n    name: w\n");
    assert_int_equal(c->receivers[1].heartbeat_count, 1);
    assert_int_equal(c->receivers[1].heartbeats[0].interval_ms, 5000);
    assert_int_equal(c->receivers[1].heartbeats[0].timeout_ms, 10000);
    alertmanager_config_unref(c);
    c = parse("# mine\n" ROUTE RECEIVER, NULL);
    assert_str(c->api_text, "# mine\n" ROUTE RECEIVER);
    alertmanager_config_unref(c);
}

static void test_bad(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        struct alertmanager_config *c;
        struct error err = {0};
        if (!alertmanager_config_parse(&c, str_from(bad_cases[i].yaml), "a.yml", "", NULL, &err))
            fail_msg("accepted: %s", bad_cases[i].yaml);
        // "..." stands for what RE2 says.
        size_t len = strlen(bad_cases[i].expected);
        bool is_prefix = strcmp(bad_cases[i].expected + len - 3, "...") == 0;
        if (strncmp(err.text, bad_cases[i].expected, is_prefix ? len - 3 : len + 1) != 0) {
            print_error("%s\ngot:      %s\nexpected: %s\n", bad_cases[i].yaml, err.text,
                        bad_cases[i].expected);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimal),
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_inhibition_and_templates),
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_slack),
        cmocka_unit_test(test_email),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_time_intervals),
        cmocka_unit_test(test_api_text),
        cmocka_unit_test(test_bad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
