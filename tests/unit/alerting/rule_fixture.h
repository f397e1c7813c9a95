// Rules over a real store on a virtual clock: the inputs, what was sent, and questions to the store.
#ifndef RULE_FIXTURE_H
#define RULE_FIXTURE_H

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

static inline void take_sent(void *context, const struct alert *alerts, size_t count,
                             int64_t now_ms)
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

static inline void start_rules(struct fixture *f)
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

static inline void apply(struct fixture *f, const char *yaml)
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

static inline void fixture_init(struct fixture *f, const char *yaml)
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

static inline void fixture_release(struct fixture *f)
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
static inline void restart(struct fixture *f, const char *yaml, int64_t down_ms)
{
    rule_manager_free(f->rules);
    clock_virtual_advance(&f->clock, down_ms);
    start_rules(f);
    apply(f, yaml);
}

static inline void set(struct fixture *f, const char *name, const char *host, double value)
{
    size_t i = 0;
    while (f->inputs[i].name &&
           (strcmp(f->inputs[i].name, name) != 0 || strcmp(f->inputs[i].host, host) != 0))
        i++;
    assert_true(i < INPUTS_MAX);
    f->inputs[i] = (struct input){name, host, value, true};
}

static inline void write_inputs(struct fixture *f)
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

static inline void unset(struct fixture *f, const char *host)
{
    for (size_t i = 0; i < INPUTS_MAX && f->inputs[i].name; i++)
        if (strcmp(f->inputs[i].host, host) == 0)
            f->inputs[i].present = false;
}

// Every group is evaluated `count` times at its own moments.
static inline void evaluate(struct fixture *f, int count)
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
static inline const char *ask(struct fixture *f, const char *text)
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
static inline struct rule_status status_of(struct fixture *f, const char *name)
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

static inline void check_alert(struct fixture *f, enum alert_state state, size_t count)
{
    struct rule_status s = status_of(f, "High");
    assert_int_equal(s.state, state);
    assert_int_equal(s.alert_count, count);
}

#define RULES(options, rule)                                                                       \
    "groups:\n- name: g\n" options "  rules:\n  - alert: High\n    expr: m > 10\n" rule

#endif
