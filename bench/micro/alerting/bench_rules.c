// What evaluating rules costs: 10,000 alerts that fire, in 500 groups and in one, with labels and
// annotations of templates; and 1,000 recording rules. CPU time of one evaluation of everything, and
// what that is of a core at an interval of 15 s.
//
//     alerting_bench_rules
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "alerting/rule_manager.h"
#include "base/log.h"
#include "storage/appender.h"

#define ALERT_COUNT      10000
#define INTERVAL_MS      15000
#define EVALUATION_COUNT 8

struct bench {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct rule_manager *rules;
    uint64_t sent;
};

static void count_sent(void *context, const struct alert *alerts, size_t count, int64_t now_ms)
{
    (void)alerts;
    (void)now_ms;
    ((struct bench *)context)->sent += count;
}

static void check(int rc, const struct error *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void bench_init(struct bench *b)
{
    struct storage_options storage;
    struct promql_options engine;
    struct error err;
    *b = (struct bench){0};
    log_fd_set(-1);
    clock_virtual_init(&b->clock, INT64_C(1700000000000));
    b->metrics = metrics_new();
    storage_options_init(&storage);
    storage.clock = &b->clock.clock;
    storage.metrics = b->metrics;
    check(storage_open(&b->storage, &storage, &err), &err);
    promql_options_init(&engine);
    engine.storage = b->storage;
    engine.clock = &b->clock.clock;
    engine.metrics = b->metrics;
    b->engine = promql_engine_new(&engine);
    const struct rule_manager_options options = {
        .storage = b->storage,
        .engine = b->engine,
        .clock = &b->clock.clock,
        .metrics = b->metrics,
        .external_url = STR("http://localhost:9090"),
        .send = count_sent,
        .send_context = b,
    };
    b->rules = rule_manager_new(&options);
}

static void bench_release(struct bench *b)
{
    rule_manager_free(b->rules);
    promql_engine_free(b->engine);
    storage_close(b->storage);
    metrics_free(b->metrics);
}

static void write_samples(struct bench *b, unsigned group_count)
{
    struct appender *a = appender_new(b->storage);
    struct error err;
    for (unsigned i = 0; i < ALERT_COUNT; i++) {
        char group[16], host[16];
        series_ref ref;
        snprintf(group, sizeof(group), "g%u", i % group_count);
        snprintf(host, sizeof(host), "host-%u", i);
        const struct label labels[] = {{STR("__name__"), STR("load")},
                                       {STR("group"), str_from(group)},
                                       {STR("host"), str_from(host)}};
        check(appender_series(a, (struct labels){labels, 3}, &ref), &(struct error){.text = "add"});
        appender_add(a, ref, b->clock.now_ms, i);
    }
    check(appender_commit(a, false, &err), &err);
    appender_free(a);
}

static void apply(struct bench *b, struct buf *yaml)
{
    struct rules_config rules;
    struct error err;
    rules_config_init(&rules);
    check(rules_config_parse(&rules, buf_view(yaml), "bench.yml", &err), &err);
    check(rule_manager_apply(b->rules, &rules, INTERVAL_MS, 0, (struct labels){0}, &err), &err);
    rules_config_release(&rules);
    buf_release(yaml);
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

// All groups come due within an interval; the first rounds make the alerts and are not counted.
static void run(struct bench *b, const char *what, unsigned group_count)
{
    double total_ms = 0;
    for (int i = 0; i < EVALUATION_COUNT; i++) {
        write_samples(b, group_count);
        int64_t end_ms = b->clock.now_ms + INTERVAL_MS;
        double start_ms = cpu_ms();
        int64_t wait_ms = rule_manager_tick(b->rules, b->clock.now_ms);
        while (b->clock.now_ms + wait_ms < end_ms) {
            clock_virtual_advance(&b->clock, wait_ms);
            wait_ms = rule_manager_tick(b->rules, b->clock.now_ms);
        }
        if (i >= EVALUATION_COUNT / 2)
            total_ms += cpu_ms() - start_ms;
        clock_virtual_advance(&b->clock, end_ms - b->clock.now_ms);
    }
    double each_ms = total_ms / (EVALUATION_COUNT - EVALUATION_COUNT / 2);
    printf("%-40s %8.1f ms an evaluation %6.2f ms a second %5.2f %% of a core\n", what, each_ms,
           each_ms / (INTERVAL_MS / 1000), each_ms / INTERVAL_MS * 100);
}

static void bench_alerts(unsigned group_count)
{
    struct bench b;
    struct buf yaml = BUF_INIT;
    char what[64];
    bench_init(&b);
    buf_cstr(&yaml, "groups:\n");
    for (unsigned i = 0; i < group_count; i++)
        buf_printf(&yaml,
                   "- name: g%u\n  rules:\n  - alert: Load\n    expr: load{group=\"g%u\"} >= 0\n"
                   "    labels: {severity: page, team: '{{ $labels.group }}'}\n"
                   "    annotations: {summary: '{{ $labels.host }} has {{ $value | humanize }}', "
                   "runbook: 'https://runbooks/load'}\n",
                   i, i);
    apply(&b, &yaml);
    snprintf(what, sizeof(what), "%d alerts in %u groups", ALERT_COUNT, group_count);
    run(&b, what, group_count);
    bench_release(&b);
}

static void bench_records(void)
{
    struct bench b;
    struct buf yaml = BUF_INIT;
    bench_init(&b);
    buf_cstr(&yaml, "groups:\n");
    for (unsigned i = 0; i < 1000; i++)
        buf_printf(&yaml,
                   "- name: g%u\n  rules:\n  - record: group:load:sum%u\n"
                   "    expr: sum by (group) (load{group=\"g%u\"})\n",
                   i, i, i % 500);
    apply(&b, &yaml);
    run(&b, "1000 recording rules over 20 series each", 500);
    bench_release(&b);
}

int main(void)
{
    bench_alerts(500);
    bench_alerts(1);
    bench_records();
    return 0;
}
