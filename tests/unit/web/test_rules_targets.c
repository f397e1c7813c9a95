// /api/v1/rules, alerts, targets, metadata over real rules and targets.
#include "config/prometheus.h"
#include "config/rules.h"
#include "unit.h"
#include "web/fixture.h"

static const char rules_text[] = "groups:\n"
                                 "  - name: first\n"
                                 "    interval: 30s\n"
                                 "    rules:\n"
                                 "      - record: m:sum\n"
                                 "        expr: sum(m)\n"
                                 "      - alert: MHigh\n"
                                 "        expr: m > 1\n"
                                 "        for: 1m\n"
                                 "        labels: {severity: page}\n"
                                 "        annotations: {summary: \"m is {{ $value }}\"}\n"
                                 "  - name: second\n"
                                 "    limit: 5\n"
                                 "    rules:\n"
                                 "      - alert: MLow\n"
                                 "        expr: m < 0\n";

static const char config_text[] = "scrape_configs:\n"
                                  "  - job_name: node\n"
                                  "    scrape_interval: 1h\n"
                                  "    static_configs:\n"
                                  "      - targets: ['localhost:1', 'gone:1']\n"
                                  "    relabel_configs:\n"
                                  "      - source_labels: [__address__]\n"
                                  "        regex: gone:1\n"
                                  "        action: drop\n";

static void load(struct fixture *f)
{
    struct error err = {0};
    struct rules_config rules;
    struct prometheus_config *config = NULL;
    struct sample sample = {NOW_MS - 1000, 2};
    struct buf message = BUF_INIT;
    struct answer a;
    add_series(&message, "m", "1", &sample, 1);
    post_write(f, buf_view(&message), &a);
    answer_release(&a);
    buf_release(&message);
    rules_config_init(&rules);
    if (rules_config_parse(&rules, str_from(rules_text), "r.yml", &err) ||
        rule_manager_apply(f->rules, &rules, 15000, 0, (struct labels){0}, &err) ||
        prometheus_config_parse(&config, str_from(config_text), "p.yml", ".", NULL, &err))
        fail_msg("%s", err.text);
    scrape_manager_apply(f->scrape, config);
    prometheus_config_unref(config);
    rules_config_release(&rules);
    // A whole interval later both groups have been due, wherever their phase lies.
    clock_virtual_advance(&f->clock, 30000);
    rule_manager_tick(f->rules, NOW_MS + 30000);
}

static void check_parts(struct fixture *f, const char *target, const char *const *parts)
{
    struct answer a;
    get(f, target, &a);
    for (size_t i = 0; parts[i]; i++) {
        bool wanted = parts[i][0] != '!';
        if (contains(a.body, parts[i] + !wanted) != wanted)
            fail_msg("%s: %s%s in %.*s", target, wanted ? "no " : "", parts[i], STR_ARG(a.body));
    }
    answer_release(&a);
}

static void rules(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *parts[8]; // '!': must not be there
    } cases[] = {
        {"/api/v1/rules",
         {"{\"groups\":[{\"name\":\"first\",\"file\":\"r.yml\",\"rules\":[{\"name\":\"m:sum\",",
          "\"query\":\"sum(m)\"",
          "\"type\":\"recording\"},{\"state\":\"pending\",\"name\":\"MHigh\",",
          "\"duration\":60,\"keepFiringFor\":0,\"labels\":{\"severity\":\"page\"}",
          "\"annotations\":{\"summary\":\"m is 2\"},\"state\":\"pending\",\"activeAt\":\"2023-",
          "\"value\":\"2e+00\"", "\"interval\":30,\"limit\":0,\"evaluationTime\":"}},
        {"/api/v1/rules?type=record", {"m:sum", "!MHigh", "!second"}},
        {"/api/v1/rules?type=alert", {"!m:sum", "MHigh", "MLow"}},
        {"/api/v1/rules?rule_name[]=MLow", {"!MHigh", "MLow", "!first"}},
        {"/api/v1/rules?rule_name=MLow&rule_name[]=MHigh", {"MHigh", "MLow"}},
        {"/api/v1/rules?rule_group[]=first", {"MHigh", "!MLow"}},
        {"/api/v1/rules?file[]=other.yml", {"\"groups\":[]"}},
        {"/api/v1/rules?file[]=r.yml&file=r.yml", {"MHigh", "MLow"}},
        {"/api/v1/rules?match[]={severity=%22page%22}", {"MHigh", "!MLow", "!m:sum"}},
        {"/api/v1/rules?exclude_alerts=true", {"\"alerts\":[]", "!activeAt"}},
        {"/api/v1/rules?group_limit=1", {"first", "!second", "\"groupNextToken\":\""}},
        {"/api/v1/rules?group_limit=2", {"first", "second", "!groupNextToken"}},
        {"/api/v1/alerts",
         {"{\"alerts\":[{\"labels\":{\"alertname\":\"MHigh\"", "\"state\":\"pending\""}},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    load(&f);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_parts(&f, cases[i].target, cases[i].parts);
    fixture_release(&f);
}

static void paging(void **state)
{
    (void)state;
    struct fixture f;
    struct answer a;
    char target[128];
    fixture_init(&f, NULL);
    load(&f);
    get(&f, "/api/v1/rules?group_limit=1", &a);
    size_t at = str_search(a.body, STR("groupNextToken\":\"")) + strlen("groupNextToken\":\"");
    assert_true(at + 16 < a.body.len);
    snprintf(target, sizeof(target), "/api/v1/rules?group_limit=1&group_next_token=%.16s",
             a.body.ptr + at);
    answer_release(&a);
    check_parts(&f, target, (const char *const[]){"MLow", "!MHigh", "!groupNextToken", NULL});
    fixture_release(&f);
}

static void targets(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        const char *parts[8];
    } cases[] = {
        {"/api/v1/targets",
         {"\"scrapePool\":\"node\",\"scrapeUrl\":\"http://localhost:1/metrics\"",
          "\"globalUrl\":\"http://edge.example:1/metrics\"", "\"scrapeInterval\":\"1h\"",
          "\"droppedTargets\":[{\"discoveredLabels\":{\"__address__\":\"gone:1\"",
          "\"droppedTargetCounts\":{\"node\":1}"}},
        {"/api/v1/targets?state=active", {"localhost:1", "!gone:1", "\"droppedTargets\":[]"}},
        {"/api/v1/targets?state=dropped", {"\"activeTargets\":[]", "gone:1"}},
        {"/api/v1/targets?scrapePool=other", {"\"activeTargets\":[]", "!gone:1"}},
        {"/api/v1/scrape_pools", {"{\"scrapePools\":[\"node\"]}"}},
        {"/api/v1/metadata", {"\"data\":{}"}},
        {"/api/v1/targets/metadata?match_target={job=%22node%22}&limit=2", {"\"data\":[]"}},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    load(&f);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        check_parts(&f, cases[i].target, cases[i].parts);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(paging),
        cmocka_unit_test(targets),
    };
    return UNIT_RUN(tests);
}
