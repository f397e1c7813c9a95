// Rules over a real store on a virtual clock: what they write, how alerts move, what is sent, and
// what is left after a restart or a reload.
#include "unit.h"

#include "alerting/rule_manager.h"
#include "base/log.h"
#include "base/mem.h"
#include "promql/promql.h"
#include "rule_state.h"
#include "storage/appender.h"

#define START_MS    INT64_C(1700000000000)
#define INPUTS_MAX  8
#define INTERVAL_MS 15000

struct input {
    const char *name, *host;
    double value;
    bool present;
};

struct fixture {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct rule_manager *rules;
    struct input inputs[INPUTS_MAX];
    struct buf sent;   // a line each: seconds since the start, host, firing or resolved
    struct buf stages; // those that wait, and those that lapsed
    struct alert last;
    struct arena arena; // of `last`
    int64_t offset_ms;  // global query offset
};

static void take_sent(void *context, const struct alert *alerts, size_t count, int64_t now_ms)
{
    struct fixture *f = context;
    for (size_t i = 0; i < count; i++) {
        struct str host = labels_get(alerts[i].labels, STR("host"));
        if (alerts[i].stage != ALERT_STAGE_TOLD) {
            buf_printf(&f->stages, "%.*s %s\n", STR_ARG(host),
                       alerts[i].stage == ALERT_STAGE_PENDING ? "pending" : "lapsed");
            continue;
        }
        buf_printf(&f->sent, "%.*s %s %lld\n", STR_ARG(host),
                   alert_is_resolved(&alerts[i], now_ms) ? "resolved" : "firing",
                   (long long)(now_ms - alerts[i].starts_ms) / 1000);
        f->last = alerts[i];
        f->last.labels = labels_copy(&f->arena, alerts[i].labels);
        f->last.annotations = labels_copy(&f->arena, alerts[i].annotations);
        f->last.generator_url = arena_copy(&f->arena, alerts[i].generator_url);
    }
}

static void start_rules(struct fixture *f)
{
    const struct rule_manager_options options = {
        .storage = f->storage,
        .engine = f->engine,
        .clock = &f->clock.clock,
        .metrics = f->metrics,
        .external_url = STR("http://lapwing.example:9090/sub"),
        .send = take_sent,
        .send_context = f,
    };
    f->rules = rule_manager_new(&options);
}

static void apply(struct fixture *f, const char *yaml)
{
    static const struct label external[] = {{STR_INIT("site"), STR_INIT("north")}};
    struct rules_config rules;
    struct error err = {0};
    rules_config_init(&rules);
    if (rules_config_parse(&rules, str_from(yaml), "r.yml", &err) ||
        rule_manager_apply(f->rules, &rules, INTERVAL_MS, f->offset_ms,
                           (struct labels){external, 1}, &err))
        fail_msg("%s", err.text);
    rules_config_release(&rules);
}

static void fixture_init(struct fixture *f, const char *yaml)
{
    struct error err;
    struct storage_options storage;
    struct promql_options engine;
    *f = (struct fixture){0};
    log_fd_set(-1);
    arena_init(&f->arena, 0);
    clock_virtual_init(&f->clock, START_MS);
    f->metrics = metrics_new();
    storage_options_init(&storage);
    storage.clock = &f->clock.clock;
    storage.metrics = f->metrics;
    if (storage_open(&f->storage, &storage, &err))
        fail_msg("%s", err.text);
    promql_options_init(&engine);
    engine.storage = f->storage;
    engine.clock = &f->clock.clock;
    engine.metrics = f->metrics;
    f->engine = promql_engine_new(&engine);
    start_rules(f);
    apply(f, yaml);
}

static void fixture_release(struct fixture *f)
{
    rule_manager_free(f->rules);
    promql_engine_free(f->engine);
    storage_close(f->storage);
    metrics_free(f->metrics);
    buf_release(&f->sent);
    buf_release(&f->stages);
    arena_release(&f->arena);
}

// Gone for `down_ms`.
static void restart(struct fixture *f, const char *yaml, int64_t down_ms)
{
    rule_manager_free(f->rules);
    clock_virtual_advance(&f->clock, down_ms);
    start_rules(f);
    apply(f, yaml);
}

static void set(struct fixture *f, const char *name, const char *host, double value)
{
    size_t i = 0;
    while (f->inputs[i].name &&
           (strcmp(f->inputs[i].name, name) != 0 || strcmp(f->inputs[i].host, host) != 0))
        i++;
    assert_true(i < INPUTS_MAX);
    f->inputs[i] = (struct input){name, host, value, true};
}

static void write_inputs(struct fixture *f)
{
    struct appender *a = appender_new(f->storage);
    struct error err;
    for (size_t i = 0; i < INPUTS_MAX && f->inputs[i].name; i++) {
        series_ref ref;
        const struct label labels[] = {{STR(LABEL_METRIC_NAME), str_from(f->inputs[i].name)},
                                       {STR("host"), str_from(f->inputs[i].host)}};
        if (appender_series(a, (struct labels){labels, 2}, &ref) == OK)
            appender_add(a, ref, f->clock.now_ms,
                         f->inputs[i].present ? f->inputs[i].value : sample_stale());
    }
    assert_int_equal(appender_commit(a, false, &err), OK);
    appender_free(a);
}

static void unset(struct fixture *f, const char *host)
{
    for (size_t i = 0; i < INPUTS_MAX && f->inputs[i].name; i++)
        if (strcmp(f->inputs[i].host, host) == 0)
            f->inputs[i].present = false;
}

// Every group is evaluated `count` times at its own moments.
static void evaluate(struct fixture *f, int count)
{
    for (int i = 0; i < count; i++) {
        int64_t end_ms = f->clock.now_ms + INTERVAL_MS;
        int64_t wait_ms = rule_manager_tick(f->rules, f->clock.now_ms);
        while (f->clock.now_ms + wait_ms <= end_ms) {
            clock_virtual_advance(&f->clock, wait_ms);
            write_inputs(f);
            wait_ms = rule_manager_tick(f->rules, f->clock.now_ms);
        }
        clock_virtual_advance(&f->clock, end_ms - f->clock.now_ms);
    }
}

// What a query says now, one "{labels} value" after the other.
static const char *ask(struct fixture *f, const char *text)
{
    static struct buf out;
    struct arena arena;
    struct promql_expr *expr;
    struct promql_result r;
    struct error err;
    arena_init(&arena, 0);
    buf_release(&out);
    int64_t now_ms = f->clock.now_ms;
    if (promql_parse(&expr, str_from(text), 0, &arena, &err))
        fail_msg("%s", err.text);
    struct promql_query q = {.expr = expr, .start_ms = now_ms, .end_ms = now_ms};
    if (promql_run(f->engine, &q, &arena, &r, &err))
        fail_msg("%s", err.text);
    for (size_t i = 0; i < r.series_count; i++) {
        if (i)
            buf_cstr(&out, "; ");
        labels_format(&out, r.series[i].labels);
        buf_char(&out, ' ');
        buf_float(&out, r.series[i].values[0], FLOAT_G);
    }
    promql_expr_free(expr);
    arena_release(&arena);
    return buf_text(&out);
}

// The status of a rule by name.
static struct rule_status status_of(struct fixture *f, const char *name)
{
    struct rule_group_status *groups;
    size_t count;
    rule_manager_status(f->rules, &f->arena, &groups, &count);
    for (size_t g = 0; g < count; g++)
        for (size_t r = 0; r < groups[g].rule_count; r++)
            if (str_is(groups[g].rules[r].name, name))
                return groups[g].rules[r];
    fail_msg("no rule %s", name);
    return (struct rule_status){0};
}

static void check_alert(struct fixture *f, enum alert_state state, size_t count)
{
    struct rule_status s = status_of(f, "High");
    assert_int_equal(s.state, state);
    assert_int_equal(s.alert_count, count);
}

#define RULES(options, rule)                                                                       \
    "groups:\n- name: g\n" options "  rules:\n  - alert: High\n    expr: m > 10\n" rule

static const char plain[] = RULES("", "    for: 30s\n    labels: {severity: page}\n"
                                      "    annotations: {summary: \"{{ $labels.host }} has "
                                      "{{ $value }} of {{ $labels.__name__ }}\"}\n");

static void test_life(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 5);
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    assert_int_equal(status_of(&f, "High").health, RULE_OK);
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    check_alert(&f, ALERT_PENDING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    assert_string_equal(ask(&f, "ALERTS"), "ALERTS{alertname=\"High\", alertstate=\"pending\", "
                                           "host=\"a\", severity=\"page\"} 1");
    assert_int_equal(f.sent.len, 0);
    evaluate(&f, 2);
    check_alert(&f, ALERT_FIRING, 1);
    assert_string_equal(ask(&f, "ALERTS"), "ALERTS{alertname=\"High\", alertstate=\"firing\", "
                                           "host=\"a\", severity=\"page\"} 1");
    struct buf since = BUF_INIT;
    buf_cstr(&since, "{} ");
    buf_float(&since, (double)(since_ms / 1000), FLOAT_G);
    assert_string_equal(ask(&f, "sum(ALERTS_FOR_STATE)"), buf_text(&since));
    buf_release(&since);
    assert_int_equal(status_of(&f, "High").alerts[0].active_at_ms, since_ms);
    assert_string_equal(buf_text(&f.sent), "a firing 0\n");
    assert_true(str_is(labels_get(f.last.annotations, STR("summary")), "a has 11 of m"));
    assert_true(str_is(f.last.generator_url,
                       "http://lapwing.example:9090/sub/graph?g0.expr=m+%3E+10&g0.tab=1"));
    assert_int_equal(f.last.ends_ms - f.last.starts_ms, 4 * 60000);
    set(&f, "m", "a", 1);
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    assert_string_equal(ask(&f, "{__name__=~\"ALERTS.*\"}"), "");
    assert_string_equal(buf_text(&f.sent), "a firing 0\na resolved 15\n");
    fixture_release(&f);
}

// Every minute while it fires, for 15 minutes after it resolved, then no more.
static void test_resend(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("", ""));
    set(&f, "m", "a", 11);
    evaluate(&f, 9);
    assert_string_equal(buf_text(&f.sent), "a firing 0\na firing 60\na firing 120\n");
    buf_reset(&f.sent);
    unset(&f, "a");
    evaluate(&f, 4 * 20);
    size_t lines = 0;
    for (size_t i = 0; i < f.sent.len; i++)
        lines += f.sent.ptr[i] == '\n';
    assert_int_equal(lines, 16);
    assert_true(str_search(buf_view(&f.sent), STR("firing")) == f.sent.len);
    fixture_release(&f);
}

// Who was being told when everything stopped may not have written it down: all is said again.
static void test_sent_again(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("", ""));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    assert_string_equal(buf_text(&f.sent), "a firing 0\n");
    buf_reset(&f.sent);
    restart(&f, RULES("", ""), 1000);
    evaluate(&f, 2);
    assert_true(str_has_prefix(buf_view(&f.sent), STR("a firing ")));
    assert_int_equal(str_find(buf_view(&f.sent), '\n'), f.sent.len - 1);
    buf_reset(&f.sent);
    unset(&f, "a");
    evaluate(&f, 1);
    assert_true(str_has_prefix(buf_view(&f.sent), STR("a resolved ")));
    buf_reset(&f.sent);
    restart(&f, RULES("", ""), 1000);
    evaluate(&f, 1);
    assert_true(str_has_prefix(buf_view(&f.sent), STR("a resolved ")));
    fixture_release(&f);
}

static void test_pending_ends(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 11);
    evaluate(&f, 2);
    unset(&f, "a");
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    set(&f, "m", "a", 11);
    evaluate(&f, 2);
    check_alert(&f, ALERT_PENDING, 1);
    assert_int_equal(f.sent.len, 0);
    // Each wait is noted once, also over a restart, and its end unless the alert fires.
    restart(&f, plain, 1000);
    evaluate(&f, 3);
    check_alert(&f, ALERT_FIRING, 1);
    assert_string_equal(buf_text(&f.stages), "a pending\na lapsed\na pending\n");
    fixture_release(&f);
}

static void test_keep_firing(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("", "    keep_firing_for: 30s\n"));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    unset(&f, "a");
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].keep_firing_since_ms;
    assert_true(since_ms > 0);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].keep_firing_since_ms, since_ms);
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].keep_firing_since_ms, 0);
    unset(&f, "a");
    evaluate(&f, 3);
    check_alert(&f, ALERT_INACTIVE, 0);
    fixture_release(&f);
}

static void test_recording(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "groups:\n- name: g\n  labels: {team: x, tier: '1'}\n  rules:\n"
                     "  - record: m:double\n    expr: m * 2\n    labels: {tier: '2'}\n"
                     "  - record: m:sum\n    expr: sum(m:double)\n"
                     "  - record: answer\n    expr: 42\n");
    set(&f, "m", "a", 1);
    set(&f, "m", "b", 2);
    evaluate(&f, 1);
    assert_string_equal(ask(&f, "m:double"), "m:double{host=\"a\", team=\"x\", tier=\"2\"} 2; "
                                             "m:double{host=\"b\", team=\"x\", tier=\"2\"} 4");
    assert_string_equal(ask(&f, "m:sum"), "m:sum{team=\"x\", tier=\"1\"} 6");
    assert_string_equal(ask(&f, "answer"), "answer{team=\"x\", tier=\"1\"} 42");
    unset(&f, "b");
    evaluate(&f, 1);
    assert_string_equal(ask(&f, "m:double"), "m:double{host=\"a\", team=\"x\", tier=\"2\"} 2");
    apply(&f, "groups:\n- name: g\n  labels: {team: x, tier: '1'}\n  rules:\n"
              "  - record: m:sum\n    expr: sum(m)\n");
    assert_string_equal(ask(&f, "m:double"), "");
    assert_string_equal(ask(&f, "m:sum"), "m:sum{team=\"x\", tier=\"1\"} 2");
    apply(&f, "groups: []\n");
    assert_string_equal(ask(&f, "m:sum"), "");
    fixture_release(&f);
}

static void check_error(const char *yaml, const char *rule, const char *wanted)
{
    struct fixture f;
    fixture_init(&f, yaml);
    set(&f, "m", "a", 11);
    set(&f, "m", "b", 12);
    evaluate(&f, 1);
    struct rule_status s = status_of(&f, rule);
    if (s.health != RULE_ERROR || !str_is(s.last_error, wanted))
        fail_msg("%s: \"%.*s\", expected \"%s\"", rule, STR_ARG(s.last_error), wanted);
    assert_int_equal(s.alert_count, 0);
    assert_string_equal(ask(&f, "{__name__=~\"ALERTS.*|r\"}"), "");
    fixture_release(&f);
}

static void test_errors(void **state)
{
    (void)state;
    check_error(RULES("", "    labels: {host: same}\n"), "High",
                "vector contains metrics with the same labelset after applying alert labels");
    check_error("groups:\n- name: g\n  rules:\n  - record: r\n    expr: m\n    labels: {host: x}\n",
                "r", "vector contains metrics with the same labelset after applying rule labels");
    check_error(RULES("  limit: 1\n", ""), "High", "exceeded limit of 1 with 2 alerts");
    check_error("groups:\n- name: g\n  limit: 1\n  rules:\n  - record: r\n    expr: m\n", "r",
                "exceeded limit of 1 with 2 series");
    check_error("groups:\n- name: g\n  rules:\n  - record: r\n    expr: m[5m]\n", "r",
                "rule result is not a vector or scalar");
    check_error("groups:\n- name: g\n  rules:\n  - alert: r\n    expr: '\"text\"'\n", "r",
                "rule result is not a vector or scalar");
}

// A failing rule keeps its alerts, and recovers.
static void test_limit_clears(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, RULES("  limit: 1\n", ""));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    set(&f, "m", "b", 12);
    evaluate(&f, 1);
    check_alert(&f, ALERT_INACTIVE, 0);
    unset(&f, "b");
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_int_equal(status_of(&f, "High").health, RULE_OK);
    assert_int_equal(status_of(&f, "High").last_error.len, 0);
    fixture_release(&f);
}

static void test_query_offset(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, "groups:\n- name: g\n  query_offset: 1m\n  rules:\n"
                     "  - record: r\n    expr: m\n  - record: t\n    expr: time()\n");
    set(&f, "m", "a", 1);
    evaluate(&f, 6);
    double at_s = (double)status_of(&f, "t").last_evaluation_ms / 1000;
    struct buf text = BUF_INIT;
    buf_cstr(&text, "{} ");
    buf_float(&text, at_s - 60, FLOAT_G);
    assert_string_equal(ask(&f, "timestamp(t)"), buf_text(&text));
    assert_string_equal(ask(&f, "t + 0"), buf_text(&text));
    buf_release(&text);
    fixture_release(&f);
}

static void test_template_errors(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f,
                 RULES("", "    labels: {l: \"{{ $externalLabels.site }}\"}\n"
                           "    annotations:\n      bad: \"{{ humanize $labels.host }}\"\n"
                           "      asks: '{{ with query \"m\" }}{{ . | first | value }}{{ end }}'\n"
                           "      url: '{{ externalURL }} {{ pathPrefix }}'\n"));
    set(&f, "m", "a", 11);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_string_equal(buf_text(&f.sent), "a firing 0\n");
    assert_true(str_is(labels_get(f.last.labels, STR("l")), "north"));
    assert_true(str_is(labels_get(f.last.annotations, STR("asks")), "11"));
    assert_true(
        str_is(labels_get(f.last.annotations, STR("url")), "http://lapwing.example:9090/sub /sub"));
    struct str bad = labels_get(f.last.annotations, STR("bad"));
    assert_true(str_has_prefix(bad, STR("<error expanding template: error executing template "
                                        "__alert_High: template: __alert_High:1:")));
    assert_true(str_search(bad, STR("error calling humanize")) < bad.len);
    fixture_release(&f);
}

static void test_restart(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 11);
    evaluate(&f, 2);
    check_alert(&f, ALERT_PENDING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    restart(&f, plain, 20 * 60000);
    check_alert(&f, ALERT_PENDING, 1);
    assert_in_range(status_of(&f, "High").alerts[0].active_at_ms, since_ms + 20 * 60000,
                    since_ms + 20 * 60000 + INTERVAL_MS);
    evaluate(&f, 2);
    check_alert(&f, ALERT_FIRING, 1);
    since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    int64_t fired_ms = f.last.starts_ms;
    restart(&f, plain, 5 * 3600000);
    check_alert(&f, ALERT_FIRING, 1);
    evaluate(&f, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].active_at_ms, since_ms);
    assert_int_equal(f.last.starts_ms, fired_ms);
    unset(&f, "a");
    evaluate(&f, 1);
    assert_true(alert_is_resolved(&f.last, f.clock.now_ms));
    assert_string_equal(ask(&f, "ALERTS"), "");
    restart(&f, plain, 1000);
    check_alert(&f, ALERT_INACTIVE, 0);
    fixture_release(&f);
}

// What a restart leaves of a wait: the 1 h and 10 min rules.
static void test_resume(void **state)
{
    (void)state;
    static const struct {
        int for_min, waited_min, down_min;
        int left_min; // until it fires
    } cases[] = {
        {5, 2, 0, 3},    {5, 2, 30, 3},     {5, 0, 59, 5},   {5, 4, 61, 5},
        {30, 10, 5, 20}, {30, 25, 5, 10},   {30, 20, 5, 10}, {30, 19, 5, 11},
        {10, 9, 1, 10},  {120, 30, 60, 90}, {9, 8, 1, 1},    {30, 25, 61, 30},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t now_ms = START_MS, minute_ms = 60000, for_ms = cases[i].for_min * minute_ms;
        int64_t down_at_ms = now_ms - cases[i].down_min * minute_ms;
        struct rule_alert a = {.state = ALERT_PENDING,
                               .active_at_ms = down_at_ms - cases[i].waited_min * minute_ms};
        const struct rule_timing timing = {0, 60 * minute_ms, 10 * minute_ms};
        rule_alert_resume(&a, &timing, for_ms, down_at_ms, now_ms);
        int64_t left_min = (a.active_at_ms + for_ms - now_ms) / minute_ms;
        if (left_min != cases[i].left_min)
            fail_msg("line %zu: %lld minutes left, expected %d", i, (long long)left_min,
                     cases[i].left_min);
    }
}

static void test_reload(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    set(&f, "m", "a", 11);
    evaluate(&f, 3);
    check_alert(&f, ALERT_FIRING, 1);
    int64_t since_ms = status_of(&f, "High").alerts[0].active_at_ms;
    // Another annotation and expression: the same alert.
    apply(&f, "groups:\n- name: g\n  rules:\n  - record: x\n    expr: vector(1)\n  - alert: High\n"
              "    expr: m > 9\n    for: 30s\n    labels: {severity: page}\n");
    check_alert(&f, ALERT_FIRING, 1);
    evaluate(&f, 1);
    check_alert(&f, ALERT_FIRING, 1);
    assert_int_equal(status_of(&f, "High").alerts[0].active_at_ms, since_ms);
    // Other labels: another alert, and the old one's series end.
    apply(&f, RULES("", "    for: 30s\n    labels: {severity: info}\n"));
    check_alert(&f, ALERT_INACTIVE, 0);
    assert_string_equal(ask(&f, "ALERTS"), "");
    restart(&f, plain, 1000);
    check_alert(&f, ALERT_INACTIVE, 0);
    fixture_release(&f);
}

static void test_missed(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f, plain);
    evaluate(&f, 2);
    struct buf text = BUF_INIT;
    rule_manager_tick(f.rules, f.clock.now_ms);
    clock_virtual_advance(&f.clock, 10 * INTERVAL_MS);
    rule_manager_tick(f.rules, f.clock.now_ms);
    int64_t at_ms = status_of(&f, "High").last_evaluation_ms;
    assert_in_range(f.clock.now_ms - at_ms, 0, INTERVAL_MS - 1);
    metrics_render(f.metrics, &text);
    assert_non_null(strstr(buf_text(&text), "\nlapwing_rule_group_iterations_missed_total 9\n"));
    assert_non_null(strstr(buf_text(&text), "\nlapwing_rule_group_iterations_total 12\n"));
    buf_release(&text);
    fixture_release(&f);
}

static int64_t jumped_ms;

static int64_t before_jump(void *context)
{
    const struct clock_virtual *v = context;
    return (v->now_ms - jumped_ms) * 1000000;
}

// The wall clock is set by hours, forwards and back, while an alert waits and while it fires.
static void test_clock_set(void **state)
{
    (void)state;
    for (int forwards = 0; forwards < 2; forwards++) {
        struct fixture f;
        const int64_t jump_ms = (forwards ? 1 : -1) * INT64_C(5) * 3600000;
        // Of no samples, as the store takes none that are older than those it has.
        fixture_init(
            &f, "groups:\n- name: g\n  rules:\n  - {alert: High, expr: vector(11), for: 1h}\n");
        evaluate(&f, 2);
        check_alert(&f, ALERT_PENDING, 1);
        int64_t waited_ms = f.clock.now_ms - status_of(&f, "High").alerts[0].active_at_ms;
        // What the monotonic clock says does not change.
        f.clock.now_ms += jump_ms;
        f.clock.clock.mono_ns = before_jump;
        jumped_ms = jump_ms;
        rule_manager_tick(f.rules, f.clock.now_ms);
        check_alert(&f, ALERT_PENDING, 1);
        assert_int_equal(f.clock.now_ms - status_of(&f, "High").alerts[0].active_at_ms, waited_ms);
        evaluate(&f, 4 * 60);
        check_alert(&f, ALERT_FIRING, 1);
        assert_true(str_has_prefix(buf_view(&f.sent), STR(" firing 0\n")));
        fixture_release(&f);
    }
}

// Groups of one interval are due at moments of their own, the same after a restart.
static void test_spread(void **state)
{
    (void)state;
    static const char yaml[] = "groups:\n- name: a\n  rules: [{record: a, expr: time()}]\n"
                               "- name: b\n  rules: [{record: b, expr: time()}]\n"
                               "- name: c\n  rules: [{record: c, expr: time()}]\n";
    static const char *const names[] = {"a", "b", "c"};
    struct fixture f;
    int64_t phases[3];
    fixture_init(&f, yaml);
    evaluate(&f, 1);
    for (size_t i = 0; i < 3; i++)
        phases[i] = status_of(&f, names[i]).last_evaluation_ms % INTERVAL_MS;
    assert_true(phases[0] != phases[1] && phases[1] != phases[2]);
    restart(&f, yaml, 123456);
    evaluate(&f, 2);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(status_of(&f, names[i]).last_evaluation_ms % INTERVAL_MS, phases[i]);
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),         cmocka_unit_test(test_resend),
        cmocka_unit_test(test_sent_again),   cmocka_unit_test(test_pending_ends),
        cmocka_unit_test(test_keep_firing),  cmocka_unit_test(test_recording),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_limit_clears),
        cmocka_unit_test(test_query_offset), cmocka_unit_test(test_template_errors),
        cmocka_unit_test(test_restart),      cmocka_unit_test(test_resume),
        cmocka_unit_test(test_reload),       cmocka_unit_test(test_clock_set),
        cmocka_unit_test(test_missed),       cmocka_unit_test(test_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
