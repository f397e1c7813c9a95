// prometheus.yml: what each mistake is told as, and what is none.
#include "fixture.h"

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
    for (size_t i = 0; i < COUNT_OF(good_cases); i++)
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
    for (size_t i = 0; i < COUNT_OF(bad_cases); i++) {
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),
    };
    return UNIT_RUN(tests);
}
