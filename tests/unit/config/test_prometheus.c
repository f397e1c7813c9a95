// prometheus.yml: what each section decodes to, and what each mistake is told as.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "config/prometheus.h"

#define JOB "scrape_configs:\n- job_name: j\n"

static struct prometheus_config *parse(const char *yaml, struct buf *warnings)
{
    struct prometheus_config *c = NULL;
    struct error err;
    if (prometheus_config_parse(&c, str_from(yaml), "p.yml", "/etc/p", warnings, &err))
        fail_msg("%s\n%s", err.text, yaml);
    return c;
}

static void assert_str(struct str s, const char *expected)
{
    if (!str_is(s, expected))
        fail_msg("got \"%.*s\", expected \"%s\"", STR_ARG(s), expected);
}

static void test_empty(void **state)
{
    struct prometheus_config *c = parse("", NULL);
    (void)state;
    assert_int_equal(c->scrape_interval_ms, 60000);
    assert_int_equal(c->scrape_timeout_ms, 10000);
    assert_int_equal(c->evaluation_interval_ms, 60000);
    assert_int_equal(c->scrape_count, 0);
    assert_str(c->text, "");
    prometheus_config_unref(c);
    prometheus_config_unref(NULL);
}

static void test_global(void **state)
{
    (void)state;
    setenv("LAPWING_TEST_ZONE", "eu-1", 1);
    unsetenv("LAPWING_TEST_UNSET");
    struct buf warnings = BUF_INIT;
    struct prometheus_config *c = parse("global:\n"
                                        "  scrape_interval: 5s\n"
                                        "  evaluation_interval: 30s\n"
                                        "  rule_query_offset: 1m\n"
                                        "  query_log_file: q.log\n"
                                        "  scrape_native_histograms: true\n"
                                        "  convert_classic_histograms_to_nhcb: false\n"
                                        "  external_labels:\n"
                                        "    zone: a-${LAPWING_TEST_ZONE}-$LAPWING_TEST_ZONE.\n"
                                        "    cost: $$5 $ ${} ${x\n"
                                        "    gone: $LAPWING_TEST_UNSET\n"
                                        "    number: 7\n"
                                        "runtime: {gogc: 50}\n"
                                        "rule_files: [rules/*.yml, /abs/r.yml]\n"
                                        "storage:\n"
                                        "  tsdb:\n"
                                        "    out_of_order_time_window: 30m\n"
                                        "    retention: {time: 7d, size: 1.5GB}\n"
                                        "remote_write: []\n",
                                        &warnings);
    assert_int_equal(c->scrape_interval_ms, 5000);
    assert_int_equal(c->scrape_timeout_ms, 5000); // the default is above the interval
    assert_int_equal(c->evaluation_interval_ms, 30000);
    assert_int_equal(c->rule_query_offset_ms, 60000);
    assert_int_equal(c->external_labels.count, 3);
    assert_str(labels_get(c->external_labels, STR("zone")), "a-eu-1-eu-1.");
    assert_str(labels_get(c->external_labels, STR("cost")), "$5 $  ${x");
    assert_str(labels_get(c->external_labels, STR("number")), "7");
    assert_int_equal(c->rule_file_count, 2);
    assert_str(c->rule_files[0], "/etc/p/rules/*.yml");
    assert_str(c->rule_files[1], "/abs/r.yml");
    assert_int_equal(c->out_of_order_ms, 30 * 60000);
    assert_int_equal(c->retention_ms, INT64_C(7) * 86400000);
    assert_int_equal(c->retention_bytes, 3 * (UINT64_C(1) << 29));
    assert_string_equal(buf_text(&warnings),
                        "p.yml:5:3: query_log_file is accepted but has no effect\n"
                        "p.yml:6:3: scrape_native_histograms is accepted but has no effect\n"
                        "p.yml:9:5: external_labels: the environment variable "
                        "\"LAPWING_TEST_UNSET\" is not set\n"
                        "p.yml:13:11: gogc is accepted but has no effect\n");
    prometheus_config_unref(c);
    buf_release(&warnings);
}

static const char *const whole_job = "global:\n"
                                     "  sample_limit: 9\n"
                                     "  label_limit: 8\n"
                                     "  body_size_limit: 10MB\n"
                                     "  metric_name_validation_scheme: legacy\n"
                                     "  scrape_protocols: [PrometheusText0.0.4]\n"
                                     "scrape_configs:\n"
                                     "- job_name: first\n"
                                     "- job_name: second\n"
                                     "  scrape_interval: 30s\n"
                                     "  scrape_timeout: 20s\n"
                                     "  scrape_protocols: [OpenMetricsText1.0.0, PrometheusProto]\n"
                                     "  fallback_scrape_protocol: PrometheusText1.0.0\n"
                                     "  honor_labels: true\n"
                                     "  honor_timestamps: false\n"
                                     "  track_timestamps_staleness: true\n"
                                     "  enable_compression: false\n"
                                     "  metrics_path: /probe\n"
                                     "  scheme: https\n"
                                     "  params:\n"
                                     "    module: [http_2xx, x]\n"
                                     "  body_size_limit: 1GB512MB\n"
                                     "  sample_limit: 1\n"
                                     "  label_limit: 2\n"
                                     "  label_name_length_limit: 3\n"
                                     "  label_value_length_limit: 4\n"
                                     "  target_limit: 5\n"
                                     "  keep_dropped_targets: 6\n"
                                     "  metric_name_validation_scheme: utf8\n"
                                     "  basic_auth: {username: bob, password: hunter2}\n"
                                     "  follow_redirects: false\n"
                                     "  enable_http2: false\n"
                                     "  proxy_url: http://u:pw@proxy:3128/\n"
                                     "  no_proxy: a,b\n"
                                     "  tls_config:\n"
                                     "    ca_file: ca.pem\n"
                                     "    cert_file: c.pem\n"
                                     "    key_file: /k.pem\n"
                                     "    server_name: s\n"
                                     "    insecure_skip_verify: yes\n"
                                     "    min_version: TLS12\n"
                                     "  http_headers:\n"
                                     "    X-Scope: {values: [a, b], secrets: [top]}\n"
                                     "    X-File: {files: [h.txt]}\n"
                                     "  static_configs:\n"
                                     "  - targets: ['a:1', b]\n"
                                     "    labels: {env: prod}\n"
                                     "  - targets: []\n"
                                     "  file_sd_configs:\n"
                                     "  - files: [t/*.json, /x.yaml]\n"
                                     "    refresh_interval: 30s\n"
                                     "  - files: [y.yml]\n"
                                     "  kubernetes_sd_configs:\n"
                                     "  - role: pod\n"
                                     "    namespaces: {names: [a], own_namespace: true}\n"
                                     "    selectors: [{role: pod, label: a=b}]\n"
                                     "    attach_metadata: {node: true}\n"
                                     "    bearer_token: abc\n"
                                     "  consul_sd_configs: [{server: 'c:8500', token: xyz}, {}]\n"
                                     "  azure_sd_configs: [{client_secret: shh}]\n"
                                     "  metric_relabel_configs:\n"
                                     "  - {action: labeldrop, regex: tmp_.*}\n";

static void check_limits(const struct prometheus_config *c)
{
    const struct scrape_config *a = &c->scrapes[0];
    const struct scrape_config *b = &c->scrapes[1];
    assert_int_equal(a->scrape_interval_ms, 60000);
    assert_int_equal(a->scrape_timeout_ms, 10000);
    assert_int_equal(a->sample_limit, 9);
    assert_int_equal(a->label_limit, 8);
    assert_int_equal(a->body_size_limit, 10 << 20);
    assert_true(a->legacy_names);
    assert_true(a->honor_timestamps && a->enable_compression && !a->honor_labels);
    assert_true(a->http.follow_redirects && a->http.enable_http2);
    assert_str(a->metrics_path, "/metrics");
    assert_str(a->scheme, "http");
    assert_int_equal(a->scrape_protocol_count, 1);
    assert_int_equal(a->scrape_protocols[0], SCRAPE_PROTOCOL_TEXT_0_0_4);
    assert_int_equal(a->fallback_protocol, SCRAPE_PROTOCOL_NONE);
    assert_int_equal(b->line, 9);
    assert_int_equal(b->scrape_interval_ms, 30000);
    assert_int_equal(b->scrape_timeout_ms, 20000);
    assert_int_equal(b->scrape_protocol_count, 2);
    assert_int_equal(b->scrape_protocols[1], SCRAPE_PROTOCOL_PROMETHEUS_PROTO);
    assert_int_equal(b->fallback_protocol, SCRAPE_PROTOCOL_TEXT_1_0_0);
    assert_int_equal(b->body_size_limit, UINT64_C(3) << 29);
    assert_int_equal(b->sample_limit, 1);
    assert_int_equal(b->label_limit, 2);
    assert_int_equal(b->label_name_length_limit, 3);
    assert_int_equal(b->label_value_length_limit, 4);
    assert_int_equal(b->target_limit, 5);
    assert_int_equal(b->keep_dropped_targets, 6);
    assert_false(b->legacy_names);
    assert_true(b->honor_labels && !b->honor_timestamps && b->track_timestamps_staleness);
    assert_false(b->enable_compression);
}

static void check_http(const struct config_http *http)
{
    assert_true(http->has_basic_auth);
    assert_str(http->basic_username, "bob");
    assert_str(http->basic_password.value, "hunter2");
    assert_false(http->follow_redirects || http->enable_http2);
    assert_str(http->proxy_url, "http://u:pw@proxy:3128/");
    assert_str(http->tls.ca.file, "/etc/p/ca.pem");
    assert_str(http->tls.key.file, "/k.pem");
    assert_str(http->tls.min_version, "TLS12");
    assert_true(http->tls.insecure_skip_verify);
    assert_int_equal(http->header_count, 2);
    assert_str(http->headers[0].name, "X-Scope");
    assert_int_equal(http->headers[0].value_count, 2);
    assert_str(http->headers[0].secrets[0].value, "top");
    assert_str(http->headers[1].secrets[0].file, "/etc/p/h.txt");
}

static void test_scrape_config(void **state)
{
    struct buf warnings = BUF_INIT;
    struct prometheus_config *c = parse(whole_job, &warnings);
    (void)state;
    assert_int_equal(c->scrape_count, 2);
    check_limits(c);
    const struct scrape_config *s = &c->scrapes[1];
    check_http(&s->http);
    assert_str(s->params[0].name, "module");
    assert_int_equal(s->params[0].value_count, 2);
    assert_int_equal(s->static_group_count, 2);
    assert_str(s->static_groups[0].targets[1], "b");
    assert_str(labels_get(s->static_groups[0].labels, STR("env")), "prod");
    assert_int_equal(s->file_sd_count, 2);
    assert_str(s->file_sds[0].files[0], "/etc/p/t/*.json");
    assert_int_equal(s->file_sds[0].refresh_interval_ms, 30000);
    assert_int_equal(s->file_sds[1].refresh_interval_ms, 300000);
    assert_int_equal(s->other_sd_count, 4);
    assert_string_equal(s->other_sds[0].kind, "kubernetes_sd_configs");
    assert_int_equal(s->other_sds[0].line, 54);
    assert_string_equal(s->other_sds[3].kind, "azure_sd_configs");
    assert_int_equal(s->metric_relabel.count, 1);
    assert_non_null(
        strstr(buf_text(&warnings), "p.yml:53:3: kubernetes_sd_configs is not supported yet"));
    prometheus_config_unref(c);
    buf_release(&warnings);
}

// Nothing secret is shown, and what is shown loads again.
static void test_masked_text(void **state)
{
    static const char *const secrets[] = {"hunter2", "pw@", "top", "abc", "xyz", "shh"};
    struct prometheus_config *c = parse(whole_job, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        assert_int_equal(str_search(c->text, str_from(secrets[i])), c->text.len);
    assert_true(str_search(c->text, STR("password: <secret>}")) < c->text.len);
    assert_true(str_search(c->text, STR("http://u:xxxxx@proxy")) < c->text.len);
    char *text = mem_copy_str(c->text);
    struct prometheus_config *again = parse(text, NULL);
    assert_str(again->scrapes[1].http.basic_password.value, "<secret>");
    mem_free(text);
    prometheus_config_unref(again);
    prometheus_config_unref(c);
}

static void test_masked_forms(void **state)
{
    struct prometheus_config *c = parse("# the key\n" JOB "  authorization:\n"
                                        "    credentials: |\n"
                                        "      line one\n"
                                        "      line two\n"
                                        "\n"
                                        "    type: Token # kept\n"
                                        "- job_name: k\n"
                                        "  authorization: &a {credentials: !!str &b 'it''s'}\n"
                                        "- job_name: l\n"
                                        "  authorization: *a\n"
                                        "- job_name: m\n"
                                        "  bearer_token: *b\n",
                                        NULL);
    (void)state;
    assert_str(c->text, "# the key\n" JOB "  authorization:\n"
                        "    credentials: <secret>\n"
                        "\n"
                        "    type: Token # kept\n"
                        "- job_name: k\n"
                        "  authorization: &a {credentials: !!str &b <secret>}\n"
                        "- job_name: l\n"
                        "  authorization: *a\n"
                        "- job_name: m\n"
                        "  bearer_token: *b\n");
    assert_str(c->scrapes[0].http.authorization_type, "Token");
    assert_str(c->scrapes[0].http.authorization.value, "line one\nline two\n");
    assert_str(c->scrapes[3].http.authorization.value, "it's");
    assert_str(c->scrapes[3].http.authorization_type, "Bearer");
    prometheus_config_unref(c);
}

static void test_masked_proxy_headers(void **state)
{
    struct prometheus_config *c =
        parse(JOB "  oauth2: {client_id: a, client_secret: shh, token_url: 'http://x/', "
                  "proxy_connect_header: {Proxy-Authorization: [hunter2]}}\n",
              NULL);
    (void)state;
    assert_str(c->text, JOB "  oauth2: {client_id: a, client_secret: <secret>, token_url: "
                            "'http://x/', proxy_connect_header: {Proxy-Authorization: "
                            "[<secret>]}}\n");
    const struct config_http *http = &c->scrapes[0].http.oauth2->http;
    assert_int_equal(http->proxy_header_count, 1);
    assert_str(http->proxy_headers[0].values[0], "hunter2");
    prometheus_config_unref(c);
}

static void test_relabel(void **state)
{
    struct prometheus_config *c =
        parse(JOB "  relabel_configs:\n"
                  "  - source_labels: [a, __meta_b]\n"
                  "    regex: true\n"
                  "    action: Keep\n"
                  "  - {target_label: x, replacement: ''}\n"
                  "  - {source_labels: [a], target_label: t, modulus: 8, action: hashmod}\n"
                  "  - {action: labelmap, regex: (.+), replacement: x_$1}\n"
                  "  - {source_labels: [a], target_label: b, action: keepequal}\n"
                  "  - {source_labels: [a], target_label: b, action: lowercase}\n"
                  "  - {target_label: '${1}_x', regex: (.+)}\n",
              NULL);
    (void)state;
    const struct relabel_configs *r = &c->scrapes[0].relabel;
    assert_int_equal(r->count, 7);
    assert_int_equal(r->items[0].action, RELABEL_KEEP);
    assert_int_equal(r->items[0].source_label_count, 2);
    assert_str(r->items[0].regex_text, "true");
    assert_true(regex_match(r->items[0].regex, STR("true")));
    assert_str(r->items[0].separator, ";");
    assert_str(r->items[0].replacement, "$1");
    assert_int_equal(r->items[1].action, RELABEL_REPLACE);
    assert_str(r->items[1].regex_text, "(.*)");
    assert_str(r->items[1].replacement, "");
    assert_int_equal(r->items[2].modulus, 8);
    assert_ptr_equal(r->items[3].regex, r->items[6].regex); // one compiled form a pattern
    assert_int_equal(c->regex_count, 3);
    prometheus_config_unref(c);
}

static void test_alerting(void **state)
{
    struct prometheus_config *c = parse("alerting:\n"
                                        "  alert_relabel_configs:\n"
                                        "  - {action: labeldrop, regex: replica}\n"
                                        "  alertmanagers:\n"
                                        "  - static_configs: [{targets: ['am:9093']}]\n"
                                        "  - scheme: https\n"
                                        "    path_prefix: /am\n"
                                        "    timeout: 5s\n"
                                        "    api_version: v2\n"
                                        "    bearer_token_file: t\n"
                                        "    dns_sd_configs: [{names: [am]}]\n",
                                        NULL);
    (void)state;
    assert_int_equal(c->alert_relabel.count, 1);
    assert_int_equal(c->alertmanager_count, 2);
    assert_str(c->alertmanagers[0].scheme, "http");
    assert_int_equal(c->alertmanagers[0].timeout_ms, 10000);
    assert_str(c->alertmanagers[0].static_groups[0].targets[0], "am:9093");
    assert_str(c->alertmanagers[1].path_prefix, "/am");
    assert_str(c->alertmanagers[1].http.authorization.file, "/etc/p/t");
    assert_int_equal(c->alertmanagers[1].other_sd_count, 1);
    prometheus_config_unref(c);
}

// Each passes as it stands.
static const char *const good_cases[] = {
    "global:\nscrape_configs:\n",
    "global: {scrape_timeout: 10s, scrape_interval: 10s}",
    "otlp: {}\ntracing:\nremote_read: ~\n",
    "scrape_configs: [{job_name: a, static_configs: [{targets: ['http://x/y']}], relabel_configs: "
    "[{source_labels: [__address__], target_label: __param_target}]}]",
    JOB "  oauth2: {client_id: a, client_secret: b, token_url: 'http://x/', scopes: [c]}\n",
    JOB "  http_sd_configs: [{url: 'http://x/sd', refresh_interval: 10s}]\n",
    JOB "  dns_sd_configs: [{names: [a], type: A, port: 80}]\n",
    JOB "  docker_sd_configs: [{host: 'unix:///var/run/docker.sock', filters: [{name: a, values: "
        "[b]}]}]\n",
    JOB "  dockerswarm_sd_configs: [{host: x, role: tasks}]\n",
    JOB "  ec2_sd_configs: [{region: x, access_key: a, secret_key: b}]\n",
    JOB "  hetzner_sd_configs: [{role: robot, anything: goes}]\n",
    JOB "  body_size_limit: 0\n",
    JOB "  metric_name_escaping_scheme: underscores\n",
};

static void test_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good_cases) / sizeof(good_cases[0]); i++)
        prometheus_config_unref(parse(good_cases[i], NULL));
}

#define RULE JOB "  relabel_configs:\n  - "

static const struct {
    const char *yaml, *expected;
} bad_cases[] = {
    {"scrape_config: []", "p.yml:1:1: field scrape_config not found in config: did you mean "
                          "scrape_configs?"},
    {"bogus: 1", "p.yml:1:1: field bogus not found in config"},
    {"- a", "p.yml:1:1: expected a mapping with global, scrape_configs, ..."},
    {"a: [", "p.yml:2:1: did not find expected node content while parsing a flow node"},
    {"global: [x]", "p.yml:1:9: expected a mapping as global, got a list"},
    {"global:\n  scrape_intervall: 1m\n",
     "p.yml:2:3: field scrape_intervall not found in global: did you mean scrape_interval?"},
    {"global: {scrape_interval: 15}",
     "p.yml:1:27: expected a duration such as 15s or 1h30m, got \"15\""},
    {"global: {scrape_interval: [1]}", "p.yml:1:27: expected a duration such as 15s, got a list"},
    {"global: {scrape_timeout: 2m}",
     "p.yml:1:26: global scrape timeout greater than scrape interval"},
    {"global: {sample_limit: '5'}",
     "p.yml:1:24: expected a whole number from 0, got \"5\" in quotes"},
    {"global: {sample_limit: -5}", "p.yml:1:24: expected a whole number from 0, got \"-5\""},
    {"global: {body_size_limit: 100}",
     "p.yml:1:27: expected a size with its unit, such as 512MB or 2GiB, got \"100\""},
    {"global: {body_size_limit: 10XB}",
     "p.yml:1:27: expected a size with its unit, such as 512MB or 2GiB, got \"10XB\""},
    {"global: {external_labels: {'': x}}", "p.yml:1:28: \"\" is not a valid label name"},
    {"global: {external_labels: [a]}",
     "p.yml:1:27: expected a mapping of label names to values, got a list"},
    {"global: {metric_name_validation_scheme: x}",
     "p.yml:1:41: unknown validation scheme \"x\": expected utf8 or legacy"},
    {"global: {metric_name_escaping_scheme: x}",
     "p.yml:1:39: unknown name escaping scheme \"x\": expected allow-utf-8, underscores, dots or "
     "values"},
    {"global: {scrape_protocols: []}",
     "p.yml:1:28: scrape_protocols cannot be empty: leave it out for the default"},
    {"global: {scrape_protocols: [a]}",
     "p.yml:1:29: unknown scrape protocol a, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 "
     "PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]"},
    {"global: {scrape_protocols: [PrometheusProto, PrometheusProto]}",
     "p.yml:1:46: duplicated protocol in scrape_protocols, got PrometheusProto twice"},
    {"global: {scrape_native_histograms: maybe}",
     "p.yml:1:36: expected true or false, got \"maybe\""},
    {"rule_files: x", "p.yml:1:13: expected a list of texts, got text"},
    {"rule_files: [a/*/b.yml]",
     "p.yml:1:14: invalid rule file path \"a/*/b.yml\": expected * only in its last element"},
    {"remote_write: [{url: 'http://x'}]",
     "p.yml:1:1: remote_write is not supported yet: remove it"},
    {"global:\nremote_read: [{}]", "p.yml:2:1: remote_read is not supported yet: remove it"},
    {"tracing: {endpoint: x}", "p.yml:1:1: tracing is not supported yet: remove it"},
    {"otlp: {promote_resource_attributes: [a]}", "p.yml:1:1: otlp is not supported yet: remove it"},
    {"storage: {tsdb: {retention: {percentage: 80}}}",
     "p.yml:1:30: percentage is not supported yet: remove it"},
    {"storage: {tsdb: {retention: {size: 5}}}",
     "p.yml:1:36: expected a size with its unit, such as 512MB or 2GiB, got \"5\""},
    {"scrape_configs: [~]", "p.yml:1:18: expected a mapping as element of the list, got nothing"},
    {"scrape_configs: [{}]", "p.yml:1:18: job_name is empty"},
    {"scrape_configs: [{job_name: a}, {job_name: a}]",
     "p.yml:1:44: found multiple scrape configs with job name \"a\""},
    {JOB "  scrape_timeout: 2m\n", "p.yml:3:19: scrape timeout greater than scrape interval for "
                                   "scrape config with job name \"j\""},
    {JOB "  scrape_intervall: 2m\n",
     "p.yml:3:3: field scrape_intervall not found in scrape_config: did you mean scrape_interval?"},
    {JOB "  scheme: ftp\n", "p.yml:3:11: expected the scheme http or https, got \"ftp\""},
    {JOB "  honor_labels: 'true'\n", "p.yml:3:17: expected true or false, got \"true\" in quotes"},
    {JOB "  params: {a: b}\n", "p.yml:3:15: expected a list of texts, got text"},
    {JOB "  static_configs: [{targets: ['http://x:1/m']}]\n",
     "p.yml:3:31: \"http://x:1/m\" is not a valid hostname: expected host:port without scheme or "
     "path"},
    {JOB "  static_configs: [{target: [a]}]\n",
     "p.yml:3:21: field target not found in static_config: did you mean targets?"},
    {JOB "  static_configs: [{targets: a}]\n", "p.yml:3:30: expected a list of texts, got text"},
    {JOB "  static_configs: [{labels: {a: {b: c}}}]\n",
     "p.yml:3:33: expected a label's value, got a mapping"},
    {JOB "  file_sd_configs: [{files: []}]\n",
     "p.yml:3:21: file service discovery config must contain at least one path name"},
    {JOB "  file_sd_configs: [{files: [a.txt]}]\n",
     "p.yml:3:30: path name \"a.txt\" is not valid for file discovery: expected it to end in "
     ".json, "
     ".yml or .yaml, with * only in its last element"},
    {JOB "  file_sd_configs: [{files: [a/*/b.json]}]\n",
     "p.yml:3:30: path name \"a/*/b.json\" is not valid for file discovery: expected it to end in "
     ".json, .yml or .yaml, with * only in its last element"},
    {JOB "  file_sd_configs: [{files: [a.json], refresh_interval: 0}]\n",
     "p.yml:3:57: refresh_interval must be above 0"},
    {JOB "  kubernetes_sd_configs: [{}]\n",
     "p.yml:3:27: role missing: expected one of pod, service, endpoints, endpointslice, node, "
     "ingress"},
    {JOB "  kubernetes_sd_configs: [{role: pods}]\n",
     "p.yml:3:34: unknown Kubernetes SD role \"pods\": expected node, pod, service, endpoints, "
     "endpointslice or ingress"},
    {JOB "  kubernetes_sd_configs: [{role: pod, namespace: a}]\n",
     "p.yml:3:39: field namespace not found in kubernetes_sd_config: did you mean namespaces?"},
    {JOB "  kubernetes_sd_configs: [{role: pod, api_server: x}]\n",
     "p.yml:3:51: expected a URL such as https://10.0.0.1:6443, got \"x\""},
    {JOB "  kubernetes_sd_configs: [{role: pod, api_server: 'http://x', kubeconfig_file: k}]\n",
     "p.yml:3:63: cannot use 'kubeconfig_file' and 'api_server' simultaneously"},
    {JOB "  kubernetes_sd_configs: {role: pod}\n",
     "p.yml:3:26: expected a list of mappings as kubernetes_sd_configs"},
    {JOB "  dns_sd_configs: [{names: []}]\n",
     "p.yml:3:20: DNS-SD config must contain at least one SRV record name"},
    {JOB "  dns_sd_configs: [{names: [a], type: A}]\n",
     "p.yml:3:20: a port is required in DNS-SD configs for all record types except SRV"},
    {JOB "  http_sd_configs: [{url: 'x'}]\n",
     "p.yml:3:27: URL scheme must be 'http' or 'https' and a host must follow, got \"x\""},
    {JOB "  gce_sd_config: []\n",
     "p.yml:3:3: field gce_sd_config not found in scrape_config: did you mean gce_sd_configs?"},
    {JOB "  basic_auth: {password: a, password_file: b}\n",
     "p.yml:3:29: at most one of password & password_file must be configured"},
    {JOB "  basic_auth: {username: a}\n  bearer_token: b\n",
     "p.yml:4:3: at most one of basic_auth, authorization, oauth2, bearer_token & "
     "bearer_token_file must be configured: basic_auth is, too"},
    {JOB "  authorization: {type: basic}\n",
     "p.yml:3:18: authorization type cannot be set to \"basic\", use basic_auth instead"},
    {JOB "  authorization: {credentials: a, credentials_file: b}\n",
     "p.yml:3:35: at most one of credentials & credentials_file must be configured"},
    {JOB "  oauth2: {client_id: a}\n", "p.yml:3:11: oauth2 token_url must be configured"},
    {JOB "  oauth2: {client_id: a, token_url: 'ftp://x/'}\n",
     "p.yml:3:37: expected a URL such as https://host/token for token_url"},
    {JOB "  oauth2: {client_id: a, token_url: 'http://x/', grant_type: password}\n",
     "p.yml:3:62: oauth2 grant_type password is not supported yet"},
    {JOB "  tls_config: {cert_file: a}\n",
     "p.yml:3:15: exactly one of key or key_file must be configured when a client certificate is "
     "configured"},
    {JOB "  tls_config: {min_version: TLS9}\n",
     "p.yml:3:29: expected TLS10, TLS11, TLS12 or TLS13, got \"TLS9\""},
    {JOB "  proxy_url: nowhere\n",
     "p.yml:3:14: expected a URL such as http://proxy:3128, got \"nowhere\""},
    {JOB "  no_proxy: a\n",
     "p.yml:3:3: if no_proxy is configured, proxy_url must also be configured"},
    {JOB "  http_headers: {Host: {values: [a]}}\n",
     "p.yml:3:18: setting header \"Host\" is not allowed"},
    {JOB "  http_headers: {'a b': {values: [a]}}\n",
     "p.yml:3:18: \"a b\" is not a valid header name"},
    {RULE "{action: kep}\n",
     "p.yml:4:14: unknown relabel action \"kep\": expected replace, keep, drop, keepequal, "
     "dropequal, hashmod, labelmap, labeldrop, labelkeep, lowercase or uppercase"},
    {RULE "{source_labels: [a]}\n",
     "p.yml:4:5: relabel configuration for replace action requires 'target_label' value"},
    {RULE "{action: hashmod, target_label: a}\n",
     "p.yml:4:5: relabel configuration for hashmod requires non-zero modulus"},
    {RULE "{action: lowercase, target_label: a, replacement: b}\n",
     "p.yml:4:42: 'replacement' can not be set for lowercase action"},
    {RULE "{action: keepequal, source_labels: [a], target_label: b, regex: c}\n",
     "p.yml:4:62: keepequal action requires only 'source_labels' and 'target_label', and no other "
     "fields"},
    {RULE "{action: labeldrop, regex: a, target_label: b}\n",
     "p.yml:4:35: labeldrop action requires only 'regex', and no other fields"},
    {RULE "{source_labels: [''], action: keep}\n", "p.yml:4:22: \"\" is not a valid label name"},
    {RULE "{action: keep, regex: '(a'}\n", "p.yml:4:27: error parsing regexp: ..."},
    {RULE "{regexp: a}\n",
     "p.yml:4:6: field regexp not found in relabel_config: did you mean regex?"},
    {"alerting: {alertmanagers: [{api_version: v1}]}",
     "p.yml:1:42: expected Alertmanager api version to be v2 but got \"v1\""},
    {"alerting: {alertmanagers: [{scheme: x}]}",
     "p.yml:1:37: expected the scheme http or https, got \"x\""},
    {"alerting: {alertmanagers: [{static_configs: [{targets: ['http://x']}]}]}",
     "p.yml:1:57: \"http://x\" is not a valid hostname: expected host:port without scheme or path"},
};

static void test_bad(void **state)
{
    int failures = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(bad_cases) / sizeof(bad_cases[0]); i++) {
        struct prometheus_config *c;
        struct error err = {0};
        if (!prometheus_config_parse(&c, str_from(bad_cases[i].yaml), "p.yml", "", NULL, &err))
            fail_msg("accepted: %s", bad_cases[i].yaml);
        // "..." stands for what RE2 says.
        size_t len = strlen(bad_cases[i].expected);
        bool is_prefix = strcmp(bad_cases[i].expected + len - 3, "...") == 0;
        if (strncmp(err.text, bad_cases[i].expected, is_prefix ? len - 3 : len + 1) != 0) {
            print_error("%s\ngot:      %s\nexpected: %s\n", bad_cases[i].yaml, err.text,
                        bad_cases[i].expected);
            failures++;
        }
        assert_true(err.line > 0 && err.column > 0);
    }
    assert_int_equal(failures, 0);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[128];
    struct error err;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, str_from(text), &err), 0);
}

static void test_scrape_config_files(void **state)
{
    char folder[] = "/tmp/lapwing_config_XXXXXX";
    char path[64];
    struct prometheus_config *c;
    struct error err;
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/p.yml", folder);
    write_file(folder, "p.yml",
               "scrape_config_files: ['s_*.yml', 'none.yml']\nscrape_configs: [{job_name: a}]\n");
    write_file(folder, "s_1.yml",
               "scrape_configs: [{job_name: b, authorization: {credentials_file: f}}]\n");
    write_file(folder, "s_2.yml", "scrape_configs: [{job_name: c}]\n");
    if (prometheus_config_load(&c, path, NULL, &err))
        fail_msg("%s", err.text);
    assert_int_equal(c->scrape_count, 3);
    assert_str(c->scrapes[0].job_name, "a");
    assert_str(c->scrapes[2].job_name, "c");
    assert_true(str_has_prefix(c->scrapes[1].http.authorization.file, str_from(folder)));
    assert_ptr_equal(prometheus_config_ref(c), c);
    prometheus_config_unref(c);
    prometheus_config_unref(c);
    write_file(folder, "s_2.yml", "scrape_configs: [{job_name: a}]\n");
    assert_int_not_equal(prometheus_config_load(&c, path, NULL, &err), 0);
    assert_non_null(
        strstr(err.text, "s_2.yml:1:29: found multiple scrape configs with job name \"a\""));
    write_file(folder, "s_2.yml", "global: {}\n");
    assert_int_not_equal(prometheus_config_load(&c, path, NULL, &err), 0);
    assert_non_null(strstr(err.text, "field global not found in scrape config file"));
    assert_int_equal(prometheus_config_load(&c, "/nonexistent.yml", NULL, &err), ERR_NOT_FOUND);
    dir_remove_all(folder, &err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_global),
        cmocka_unit_test(test_scrape_config),
        cmocka_unit_test(test_masked_text),
        cmocka_unit_test(test_masked_forms),
        cmocka_unit_test(test_masked_proxy_headers),
        cmocka_unit_test(test_relabel),
        cmocka_unit_test(test_alerting),
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_scrape_config_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
