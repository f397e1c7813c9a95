// prometheus.yml: what each section decodes to.
#include "fixture.h"

#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

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
    for (size_t i = 0; i < COUNT_OF(secrets); i++)
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
        cmocka_unit_test(test_relabel),
        cmocka_unit_test(test_alerting),
        cmocka_unit_test(test_scrape_config_files),
    };
    return UNIT_RUN(tests);
}
