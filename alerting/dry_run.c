// The server's loop of rules and notifications, on a clock that jumps to whatever is due next.
//
// Events are read from the ledger hour by hour, so that neither its size nor its retention cuts
// anything off.
#include "alerting/dry_run.h"

#include "alerting/rule_manager.h"
#include "base/mem.h"
#include "deliver.h"
#include "engine.h"
#include "scrape/relabel.h"
#include "storage/meta.h"

#define HOUR_MS      INT64_C(3600000)
#define FAILURES_MAX 1000

struct play {
    const struct dry_run_options *options;
    struct dry_run_result *result;
    struct arena *arena; // the caller's
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_beneath beneath;
    struct promql_engine *engine;
    struct alertmanager *alertmanager;
    struct rule_manager *rules;
    int64_t told_ms; // events up to here went to the caller
    size_t failure_capacity;
};

// ---- the parts

// The metrics that the rules write: what the history holds of them ends at the start.
static void find_written(struct play *p)
{
    const struct rules_config *rules = p->options->rules;
    size_t count = 2;
    for (size_t g = 0; g < rules->group_count; g++)
        count += rules->groups[g].rule_count;
    struct str *names = arena_array(p->arena, count, sizeof(*names));
    count = 0;
    names[count++] = STR("ALERTS");
    names[count++] = STR("ALERTS_FOR_STATE");
    for (size_t g = 0; g < rules->group_count; g++)
        for (size_t r = 0; r < rules->groups[g].rule_count; r++)
            if (!rules->groups[g].rules[r].is_alert)
                names[count++] = rules->groups[g].rules[r].name;
    p->beneath = (struct promql_beneath){.storage = p->options->history,
                                         .ended = names,
                                         .ended_count = count,
                                         .ended_ms = p->options->start_ms - 1};
}

static int open_store(struct play *p, struct error *err)
{
    struct storage_options so;
    p->metrics = metrics_new();
    storage_options_init(&so);
    so.clock = &p->clock.clock;
    so.metrics = p->metrics;
    so.retention_ms = 0;
    so.future_limit_ms = 0;
    return storage_open(&p->storage, &so, err);
}

static void open_engine(struct play *p)
{
    struct promql_options po;
    promql_options_init(&po);
    po.storage = p->storage;
    po.beneath = &p->beneath;
    po.clock = &p->clock.clock;
    po.metrics = p->metrics;
    po.features = p->options->features;
    po.default_subquery_step_ms = p->options->evaluation_interval_ms;
    po.cache_size = 0;
    p->engine = promql_engine_new(&po);
}

struct copy {
    struct meta_batch *batch;
    size_t count;
};

static int copy_one(void *context, struct str key, struct str value)
{
    struct copy *c = context;
    meta_put(c->batch, META_SILENCES, key, value);
    c->count++;
    return 0;
}

static int copy_silences(struct play *p, struct error *err)
{
    struct copy c = {.batch = meta_batch_new(p->storage)};
    int rc = meta_each(p->options->history, META_SILENCES, STR(""), copy_one, &c);
    rc = rc ? error_set(err, rc, "the silences cannot be read: %s", err_text(rc))
            : meta_commit(c.batch, err);
    p->result->silence_count = c.count;
    meta_batch_free(c.batch);
    return rc;
}

// As the notifier does for alerts of rules.
static void put_alerts(void *context, const struct alert *alerts, size_t count, int64_t now_ms)
{
    struct play *p = context;
    struct labels external = p->options->external_labels;
    for (size_t i = 0; i < count; i++) {
        struct arena arena;
        struct labels_builder b;
        struct alert alert = alerts[i];
        if (alert.stage != ALERT_STAGE_TOLD)
            continue;
        arena_init(&arena, 0);
        labels_builder_init(&b, &arena, alert.labels);
        for (size_t e = 0; e < external.count; e++)
            if (!labels_get(alert.labels, external.items[e].name).len)
                labels_builder_set(&b, external.items[e].name, external.items[e].value);
        if (!p->options->alert_relabel || relabel_apply(p->options->alert_relabel, &b)) {
            alert.labels = labels_builder_finish(&b);
            alertmanager_put(p->alertmanager, &alert, 1, now_ms);
        }
        arena_release(&arena);
    }
}

static int open_alerting(struct play *p, struct error *err)
{
    const struct dry_run_options *o = p->options;
    const struct alertmanager_options ao = {.storage = p->storage,
                                            .clock = &p->clock.clock,
                                            .metrics = p->metrics,
                                            .external_url = o->external_url,
                                            .user_agent = "Lapwing"};
    const struct rule_manager_options ro = {.storage = p->storage,
                                            .engine = p->engine,
                                            .clock = &p->clock.clock,
                                            .metrics = p->metrics,
                                            .external_url = o->external_url,
                                            .send = put_alerts,
                                            .send_context = p};
    p->alertmanager = alertmanager_new(&ao);
    int rc = alertmanager_apply(p->alertmanager, o->alertmanager, err);
    if (rc)
        return rc;
    p->rules = rule_manager_new(&ro);
    return rule_manager_apply(p->rules, o->rules, o->evaluation_interval_ms, o->query_offset_ms,
                              o->external_labels, err);
}

static int open_parts(struct play *p, struct error *err)
{
    find_written(p);
    int rc = open_store(p, err);
    if (rc == OK)
        rc = copy_silences(p, err);
    if (rc)
        return rc;
    open_engine(p);
    return open_alerting(p, err);
}

static void close_parts(struct play *p)
{
    rule_manager_free(p->rules);
    alertmanager_free(p->alertmanager);
    promql_engine_free(p->engine);
    storage_close(p->storage);
    metrics_free(p->metrics);
}

// ---- telling the caller

static void note_failure(struct play *p, const struct rule_group_status *group,
                         const struct rule_status *rule)
{
    struct dry_run_result *out = p->result;
    for (size_t i = 0; i < out->failure_count; i++) {
        const struct dry_run_failure *f = &out->failures[i];
        if (str_eq(f->rule, rule->name) && str_eq(f->group, group->name) &&
            str_eq(f->error, rule->last_error))
            return;
    }
    if (out->failure_count == FAILURES_MAX)
        return;
    ARENA_GROW(p->arena, out->failures, out->failure_count, p->failure_capacity);
    out->failures[out->failure_count++] =
        (struct dry_run_failure){.file = arena_copy(p->arena, group->file),
                                 .group = arena_copy(p->arena, group->name),
                                 .rule = arena_copy(p->arena, rule->name),
                                 .error = arena_copy(p->arena, rule->last_error),
                                 .first_ms = p->clock.now_ms};
}

static void note_failures(struct play *p)
{
    struct arena arena;
    struct rule_group_status *groups;
    size_t count;
    arena_init(&arena, 0);
    rule_manager_status(p->rules, &arena, &groups, &count);
    for (size_t g = 0; g < count; g++)
        for (size_t r = 0; r < groups[g].rule_count; r++)
            if (groups[g].rules[r].health == RULE_ERROR)
                note_failure(p, &groups[g], &groups[g].rules[r]);
    arena_release(&arena);
}

static void report(struct play *p)
{
    struct arena arena;
    struct history_event *events;
    size_t count;
    bool truncated;
    const struct history_query q = {.start_ms = p->told_ms + 1, .end_ms = p->clock.now_ms};
    arena_init(&arena, 0);
    if (alertmanager_history(p->alertmanager, &q, &arena, &events, &count, &truncated) == OK)
        for (size_t i = 0; i < count; i++)
            p->options->event(p->options->context, &events[i]);
    arena_release(&arena);
    p->told_ms = p->clock.now_ms;
    note_failures(p);
    if (p->options->progress)
        p->options->progress(p->options->context, p->clock.now_ms);
}

// ---- the loop

static void run(struct play *p)
{
    const struct dry_run_options *o = p->options;
    int64_t now_ms = o->start_ms;
    p->told_ms = now_ms - 1;
    while (now_ms <= o->end_ms) {
        p->clock.now_ms = now_ms;
        int64_t rules_ms = rule_manager_tick(p->rules, now_ms);
        int64_t notify_ms = alertmanager_tick(p->alertmanager, now_ms);
        while (deliver_pretended(p->alertmanager))
            ;
        if (now_ms - p->told_ms >= HOUR_MS)
            report(p);
        int64_t wait_ms = rules_ms < notify_ms ? rules_ms : notify_ms;
        now_ms += wait_ms > 1 ? wait_ms : 1;
    }
    report(p);
}

int dry_run(const struct dry_run_options *options, struct arena *arena, struct dry_run_result *out,
            struct error *err)
{
    struct play p = {.options = options, .result = out, .arena = arena};
    *out = (struct dry_run_result){0};
    clock_virtual_init(&p.clock, options->start_ms);
    int rc = open_parts(&p, err);
    if (rc == OK) {
        run(&p);
        rule_manager_counts(p.rules, &out->evaluation_count, &out->failed_count);
    }
    close_parts(&p);
    return rc;
}
