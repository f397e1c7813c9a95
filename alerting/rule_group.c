// One evaluation of a rule:
//
//     query -> vector -> record: samples under the rule's name
//                        alert:  labels and annotations -> state machine -> ALERTS, what to send
//
// The samples of all the group's rules enter the store rule by rule, so that a rule sees those
// before it. Series written last time and not this time end with a staleness marker. A rule that
// fails writes nothing and keeps its alerts as they are: they are sent on, as nobody knows that they
// ended. What changed of the alerts' states is written by rule_store.c.
#include "rule_group.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/sort.h"
#include "template_tree.h"

// One evaluation under way.
struct evaluation {
    const struct rule_context *context;
    struct rule_group *group;
    struct rule *rule;
    struct series_writer writer; // at the time of the query, too: now less the offset
    struct arena *arena;
    struct arena scratch; // of one element of the vector
    int64_t now_ms;
    struct error *err;
};

static uint64_t hash_labels(uint64_t hash, struct labels labels)
{
    for (size_t i = 0; i < labels.count; i++) {
        hash = hash64(labels.items[i].name.ptr, labels.items[i].name.len, hash);
        hash = hash64(labels.items[i].value.ptr, labels.items[i].value.len, hash);
    }
    return hash;
}

uint64_t rule_group_fingerprint(const struct rule_group_config *g, int64_t interval_ms)
{
    int64_t numbers[] = {interval_ms, g->query_offset_ms, (int64_t)g->limit,
                         (int64_t)g->rule_count};
    uint64_t hash = hash64(numbers, sizeof(numbers), hash_str(g->name));
    hash = hash_labels(hash64(g->file.ptr, g->file.len, hash), g->labels);
    for (size_t i = 0; i < g->rule_count; i++) {
        const struct rule_config *r = &g->rules[i];
        int64_t parts[] = {r->is_alert, r->for_ms, r->keep_firing_for_ms};
        hash = hash64(parts, sizeof(parts), hash);
        hash = hash64(r->name.ptr, r->name.len, hash);
        hash = hash64(r->expr.ptr, r->expr.len, hash);
        hash = hash_labels(hash_labels(hash, r->labels), r->annotations);
    }
    return hash;
}

static struct labels merge_labels(struct arena *arena, struct labels base, struct labels over)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, base);
    for (size_t i = 0; i < over.count; i++)
        labels_builder_set(&b, over.items[i].name, over.items[i].value);
    return labels_copy(arena, labels_builder_finish(&b));
}

static struct rule_config copy_rule(struct arena *arena, const struct rule_group_config *g,
                                    const struct rule_config *r)
{
    struct rule_config copy = *r;
    copy.name = arena_copy(arena, r->name);
    copy.expr = arena_copy(arena, r->expr);
    copy.labels = merge_labels(arena, g->labels, r->labels);
    copy.annotations = labels_copy(arena, r->annotations);
    return copy;
}

static int parse_texts(struct rule_group *g, const struct template_set *set, const char *name,
                       struct labels texts, struct rule_text **out, struct error *err)
{
    struct rule_text *all = arena_calloc(&g->arena, texts.count + 1, sizeof(*all));
    *out = all;
    for (size_t i = 0; i < texts.count; i++) {
        struct str text = texts.items[i].value;
        all[i] = (struct rule_text){.name = texts.items[i].name, .text = text};
        if (str_search(text, STR("{{")) == text.len)
            continue;
        int rc = template_parse(&all[i].template, set, text, name, &g->arena, err);
        if (rc)
            return rc;
    }
    return OK;
}

static int init_texts(const struct rule_context *context, struct rule_group *g, struct rule *rule,
                      struct error *err)
{
    const struct rule_config *config = rule->config;
    if (!config->is_alert)
        return OK;
    struct str name = arena_printf(&g->arena, "__alert_%.*s", STR_ARG(config->name));
    rule->template_name = name.ptr;
    int rc = parse_texts(g, context->templates, name.ptr, config->labels, &rule->labels, err);
    if (rc == OK)
        rc = parse_texts(g, context->templates, name.ptr, config->annotations, &rule->annotations,
                         err);
    return rc;
}

static int init_rule(const struct rule_context *context, struct rule_group *g, struct rule *rule,
                     const struct rule_config *config, unsigned features, struct error *err)
{
    struct buf text = BUF_INIT;
    rule->config = config;
    int rc = promql_parse(&rule->expr, config->expr, features, &g->arena, err);
    if (rc)
        return rc;
    promql_print(&text, rule->expr);
    rule->printed = arena_copy(&g->arena, buf_view(&text));
    buf_release(&text);
    return init_texts(context, g, rule, err);
}

struct rule_group *rule_group_new(const struct rule_context *context,
                                  const struct rule_group_config *config, int64_t interval_ms,
                                  unsigned features, struct error *err)
{
    struct rule_group *g = mem_calloc(1, sizeof(*g));
    arena_init(&g->arena, 0);
    g->config = *config;
    g->config.name = arena_copy(&g->arena, config->name);
    g->config.file = arena_copy(&g->arena, config->file);
    g->interval_ms = interval_ms;
    g->fingerprint = rule_group_fingerprint(config, interval_ms);
    struct rule_config *rules = arena_calloc(&g->arena, config->rule_count, sizeof(*rules));
    g->config.rules = rules;
    g->rules = arena_calloc(&g->arena, config->rule_count, sizeof(*g->rules));
    for (size_t i = 0; i < config->rule_count; i++) {
        rules[i] = copy_rule(&g->arena, config, &config->rules[i]);
        if (init_rule(context, g, &g->rules[i], &rules[i], features, err)) {
            rule_group_free(context, g, 0);
            return NULL;
        }
    }
    return g;
}

void rule_group_free(const struct rule_context *context, struct rule_group *g, int64_t ended_ms)
{
    struct appender *a = ended_ms ? appender_new(context->options.storage) : NULL;
    struct error err;
    for (size_t i = 0; i < g->config.rule_count; i++) {
        struct rule *r = &g->rules[i];
        if (a)
            rule_series_end(r, a, ended_ms);
        rule_series_release(&r->written);
        rule_alerts_release(&r->alerts);
        promql_expr_free(r->expr);
        mem_free(r->last_error);
    }
    if (a && appender_commit(a, false, &err))
        log_warn("staleness markers of gone rules were not stored", LOG_ERR(&err));
    appender_free(a);
    buf_release(&g->orphans);
    arena_release(&g->arena);
    mem_free(g);
}

// Whether two of the label sets with these hashes are the same; sorts.
static bool has_twins(uint64_t *hashes, size_t count)
{
    bool twins = false;
    u64_sort(hashes, count);
    for (size_t i = 1; i < count; i++)
        twins |= hashes[i - 1] == hashes[i];
    return twins;
}

static struct labels record_labels(const struct evaluation *ev, struct labels labels)
{
    struct labels own = ev->rule->config->labels;
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, labels);
    labels_builder_set(&b, STR(LABEL_METRIC_NAME), ev->rule->config->name);
    for (size_t l = 0; l < own.count; l++)
        labels_builder_set(&b, own.items[l].name, own.items[l].value);
    return labels_builder_finish(&b);
}

static int record(struct evaluation *ev, const struct promql_result *r)
{
    uint64_t *hashes = arena_array(ev->arena, r->series_count + 1, sizeof(*hashes));
    int rc = OK;
    for (size_t i = 0; i < r->series_count && rc == OK; i++) {
        struct labels labels = record_labels(ev, r->series[i].labels);
        hashes[i] = labels_hash(labels);
        rc = series_writer_add(&ev->writer, labels, r->series[i].values[0], ev->err);
    }
    if (rc == OK && has_twins(hashes, r->series_count))
        rc = error_set(ev->err, ERR_EXECUTION,
                       "vector contains metrics with the same labelset after applying rule labels");
    return rc;
}

static int run_template_query(void *context, struct str expr, int64_t now_ms, struct arena *arena,
                              struct template_sample **out, size_t *count, struct error *err)
{
    const struct evaluation *ev = context;
    struct promql_engine *engine = ev->context->options.engine;
    struct promql_expr *e;
    struct promql_result r;
    int rc = promql_parse(&e, expr, promql_engine_features(engine), arena, err);
    if (rc)
        return rc;
    struct promql_query q = {.expr = e, .text = expr, .start_ms = now_ms, .end_ms = now_ms};
    rc = promql_run(engine, &q, arena, &r, err);
    if (rc == OK) {
        *count = r.type == PROMQL_SCALAR ? 1 : r.series_count;
        *out = arena_calloc(arena, *count, sizeof(**out));
        for (size_t i = 0; i < *count; i++)
            (*out)[i] = r.type == PROMQL_SCALAR
                            ? (struct template_sample){.value = r.scalar.value}
                            : (struct template_sample){labels_copy(arena, r.series[i].labels),
                                                       r.series[i].values[0]};
    }
    promql_expr_free(e);
    return rc;
}

// The text expanded, or the error in its place: the alert itself is never lost.
static struct str expand(struct evaluation *ev, const struct rule_text *text,
                         const struct rule_template_data *data)
{
    struct buf out = BUF_INIT;
    struct error err;
    struct template_input in = {.name = ev->rule->template_name,
                                .now_ms = ev->now_ms,
                                .rule = data,
                                .query = run_template_query,
                                .query_context = ev};
    if (!text->template)
        return text->text;
    if (template_run(text->template, TEMPLATE_TEXT, &in, &out, &err)) {
        buf_printf(&out, "<error expanding template: error executing template %s: %s>",
                   ev->rule->template_name, err.text);
        log_warn("a template of a rule failed", LOG_STR("rule", ev->rule->config->name),
                 LOG_ERR(&err));
    }
    struct str copy = arena_copy(&ev->scratch, buf_view(&out));
    buf_release(&out);
    return copy;
}

static struct labels expand_all(struct evaluation *ev, struct labels base,
                                const struct rule_text *texts, size_t count,
                                const struct rule_template_data *data)
{
    struct labels_builder b;
    labels_builder_init(&b, &ev->scratch, base);
    labels_builder_del(&b, STR(LABEL_METRIC_NAME));
    for (size_t i = 0; i < count; i++)
        labels_builder_set(&b, texts[i].name, expand(ev, &texts[i], data));
    return labels_builder_finish(&b);
}

// An element of an alerting rule's vector.
struct seen_alert {
    struct labels labels, annotations;
    double value;
};

// In the scratch arena.
static struct seen_alert expand_alert(struct evaluation *ev, const struct promql_series *s)
{
    const struct rule_config *config = ev->rule->config;
    struct rule_template_data data = {.labels = s->labels,
                                      .value = s->values[0],
                                      .external_labels = ev->context->external_labels,
                                      .external_url = ev->context->options.external_url};
    struct labels_builder b;
    labels_builder_init(&b, &ev->scratch,
                        expand_all(ev, s->labels, ev->rule->labels, config->labels.count, &data));
    labels_builder_set(&b, STR("alertname"), config->name);
    return (struct seen_alert){
        .labels = labels_builder_finish(&b),
        .annotations = expand_all(ev, (struct labels){0}, ev->rule->annotations,
                                  config->annotations.count, &data),
        .value = s->values[0],
    };
}

// What the alert has already need not be held twice: ten thousand firing alerts are the same ones
// at each evaluation.
static void settle(struct evaluation *ev, struct seen_alert *seen, uint64_t key)
{
    const struct rule_alert *known = rule_alerts_find(&ev->rule->alerts, key);
    bool same = known && labels_eq(known->annotations, seen->annotations);
    seen->labels = known ? known->labels : labels_copy(ev->arena, seen->labels);
    seen->annotations = same ? known->annotations : labels_copy(ev->arena, seen->annotations);
}

// All of the vector, or an error: nothing is taken in before it is known to be sound.
static int expand_alerts(struct evaluation *ev, const struct promql_result *r,
                         struct seen_alert *out)
{
    uint64_t *hashes = arena_array(ev->arena, r->series_count + 1, sizeof(*hashes));
    for (size_t i = 0; i < r->series_count; i++) {
        out[i] = expand_alert(ev, &r->series[i]);
        hashes[i] = labels_hash(out[i].labels);
        settle(ev, &out[i], hashes[i]);
        arena_reset(&ev->scratch);
    }
    if (has_twins(hashes, r->series_count))
        return error_set(
            ev->err, ERR_EXECUTION,
            "vector contains metrics with the same labelset after applying alert labels");
    return OK;
}

static size_t active_count(const struct rule_alerts *alerts)
{
    size_t count = 0;
    for (size_t i = 0; i < alerts->count; i++)
        count += alerts->items[i].state != ALERT_INACTIVE;
    return count;
}

static int evaluate_alert(struct evaluation *ev, const struct promql_result *r)
{
    const struct rule_config *config = ev->rule->config;
    struct seen_alert *seen = arena_calloc(ev->arena, r->series_count, sizeof(*seen));
    int rc = expand_alerts(ev, r, seen);
    if (rc)
        return rc;
    for (size_t i = 0; i < r->series_count; i++)
        rule_alerts_see(&ev->rule->alerts, seen[i].labels, seen[i].annotations, seen[i].value,
                        ev->now_ms);
    rule_alerts_step(&ev->rule->alerts, config->for_ms, config->keep_firing_for_ms, ev->now_ms);
    size_t active = active_count(&ev->rule->alerts);
    if (ev->group->config.limit && active > ev->group->config.limit) {
        rule_alerts_clear(&ev->rule->alerts);
        return error_set(ev->err, ERR_LIMIT, "exceeded limit of %llu with %zu alerts",
                         (unsigned long long)ev->group->config.limit, active);
    }
    return series_writer_alerts(&ev->writer, ev->rule, ev->err);
}

// A scalar counts as a vector of one element without labels.
static void scalar_to_vector(struct promql_result *r, struct arena *arena)
{
    if (r->type != PROMQL_SCALAR)
        return;
    struct promql_series *s = arena_calloc(arena, 1, sizeof(*s));
    s->times_ms = &r->scalar.t_ms;
    s->values = &r->scalar.value;
    s->count = 1;
    r->series = s;
    r->series_count = 1;
}

static int evaluate_rule(struct evaluation *ev)
{
    struct promql_result r;
    struct promql_query q = {.expr = ev->rule->expr,
                             .text = ev->rule->config->expr,
                             .start_ms = ev->writer.t_ms,
                             .end_ms = ev->writer.t_ms};
    rule_series_recall(ev->rule, ev->writer.appender);
    int rc = promql_run(ev->context->options.engine, &q, ev->arena, &r, ev->err);
    if (rc)
        return rc;
    if (r.type != PROMQL_SCALAR && r.type != PROMQL_VECTOR)
        return error_set(ev->err, ERR_EXECUTION, "rule result is not a vector or scalar");
    scalar_to_vector(&r, ev->arena);
    uint64_t limit = ev->group->config.limit;
    if (!ev->rule->config->is_alert && limit && r.series_count > limit)
        return error_set(ev->err, ERR_LIMIT, "exceeded limit of %llu with %zu series",
                         (unsigned long long)limit, r.series_count);
    rc = ev->rule->config->is_alert ? evaluate_alert(ev, &r) : record(ev, &r);
    if (rc) {
        appender_rollback(ev->writer.appender);
        return rc;
    }
    series_writer_end_vanished(&ev->writer, &ev->rule->written);
    return appender_commit(ev->writer.appender, false, ev->err);
}

static void note_result(struct evaluation *ev, int rc, double seconds)
{
    struct rule *r = ev->rule;
    mem_free(r->last_error);
    r->last_error = rc ? mem_copy_str(str_from(ev->err->text)) : NULL;
    r->health = rc ? RULE_ERROR : RULE_OK;
    r->last_evaluation_ms = ev->now_ms;
    r->evaluation_time_s = seconds;
    metric_add(ev->context->metrics.evaluations, 1);
    metric_add(ev->context->metrics.failures, rc != OK);
    if (rc)
        log_warn("evaluating a rule failed", LOG_STR("file", ev->group->config.file),
                 LOG_STR("group", ev->group->config.name), LOG_STR("rule", r->config->name),
                 LOG_ERR(ev->err));
}

static void note_stage(struct evaluation *ev, struct labels labels, enum alert_stage stage)
{
    const struct rule_manager_options *o = &ev->context->options;
    const struct alert alert = {.labels = labels, .starts_ms = ev->now_ms, .stage = stage};
    o->send(o->send_context, &alert, 1, ev->now_ms);
}

// Those that begin to wait in this evaluation, and those that do not wait any more.
static void note_pending(struct evaluation *ev)
{
    struct rule_alerts *alerts = &ev->rule->alerts;
    for (size_t i = 0; i < alerts->lapsed_count; i++)
        note_stage(ev, alerts->lapsed[i], ALERT_STAGE_LAPSED);
    rule_alerts_forget_lapsed(alerts);
    for (size_t i = 0; i < alerts->count; i++) {
        const struct rule_alert *a = &alerts->items[i];
        if (a->state == ALERT_PENDING && a->active_at_ms == ev->now_ms)
            note_stage(ev, a->labels, ALERT_STAGE_PENDING);
    }
}

static void send_due(struct evaluation *ev)
{
    const struct rule_manager_options *o = &ev->context->options;
    int64_t valid_ms = ev->group->interval_ms > o->timing.resend_delay_ms
                           ? ev->group->interval_ms
                           : o->timing.resend_delay_ms;
    struct buf url = BUF_INIT;
    if (!o->send || !ev->rule->config->is_alert) {
        rule_alerts_forget_lapsed(&ev->rule->alerts);
        return;
    }
    note_pending(ev);
    // The expression in the UI, as a table.
    buf_str(&url, o->external_url);
    buf_cstr(&url, "/graph?g0.expr=");
    url_escape(&url, ev->rule->printed);
    buf_cstr(&url, "&g0.tab=1");
    for (size_t i = 0; i < ev->rule->alerts.count; i++) {
        struct rule_alert *a = &ev->rule->alerts.items[i];
        if (!rule_alert_take_due(a, &o->timing, ev->now_ms))
            continue;
        struct alert out = {.labels = a->labels,
                            .annotations = a->annotations,
                            .starts_ms = a->fired_at_ms,
                            .ends_ms =
                                a->resolved_at_ms ? a->resolved_at_ms : ev->now_ms + 4 * valid_ms,
                            .generator_url = buf_view(&url)};
        o->send(o->send_context, &out, 1, ev->now_ms);
        metric_add(ev->context->metrics.alerts_sent, 1);
    }
    buf_release(&url);
}

size_t rule_group_evaluate(const struct rule_context *context, struct rule_group *g, int64_t now_ms)
{
    struct arena arena;
    struct error err;
    size_t used_max = 0;
    const struct clock *clock = context->options.clock;
    int64_t start_ns = clock_mono_ns(clock);
    int64_t offset_ms =
        g->config.query_offset_ms >= 0 ? g->config.query_offset_ms : context->query_offset_ms;
    arena_init(&arena, 0);
    for (size_t i = 0; i < g->config.rule_count; i++) {
        int64_t rule_ns = clock_mono_ns(clock);
        struct evaluation ev = {.context = context,
                                .group = g,
                                .rule = &g->rules[i],
                                .writer = {.appender = appender_new(context->options.storage),
                                           .t_ms = now_ms - offset_ms},
                                .arena = &arena,
                                .now_ms = now_ms,
                                .err = &err};
        err.text[0] = '\0';
        arena_init(&ev.scratch, 0);
        int rc = evaluate_rule(&ev);
        arena_release(&ev.scratch);
        note_result(&ev, rc, (double)(clock_mono_ns(clock) - rule_ns) / 1e9);
        rule_series_release(&ev.writer.written);
        appender_free(ev.writer.appender);
        used_max = arena.used > used_max ? arena.used : used_max;
        arena_reset(&arena);
        send_due(&ev); // of many alerts the receiver takes what the evaluation gave back
    }
    arena_release(&arena);
    rule_store_save(context, g, now_ms);
    g->last_evaluation_ms = now_ms;
    g->evaluation_time_s = (double)(clock_mono_ns(clock) - start_ns) / 1e9;
    metric_observe(context->metrics.seconds, g->evaluation_time_s);
    metric_set(context->metrics.last, (double)now_ms / 1000);
    metric_add(context->metrics.iterations, 1);
    return used_max;
}

// Rules are the same when name and labels are, in their order; the expression may have changed.
static struct rule *find_rule(struct rule_group *g, const struct rule_config *config)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        struct rule *r = &g->rules[i];
        if (!r->taken && r->config->is_alert == config->is_alert &&
            str_eq(r->config->name, config->name) && labels_eq(r->config->labels, config->labels))
            return r;
    }
    return NULL;
}

void rule_group_take_over(struct rule_group *g, struct rule_group *old)
{
    rule_store_orphan(g, old);
    for (size_t i = 0; i < g->config.rule_count; i++) {
        struct rule *r = &g->rules[i], *before = find_rule(old, r->config);
        if (!before)
            continue;
        before->taken = true;
        r->alerts = before->alerts;
        r->written = before->written;
        r->restored = before->restored;
        before->alerts = (struct rule_alerts){0};
        before->written = (struct rule_series){0};
    }
    g->last_evaluation_ms = old->last_evaluation_ms;
    g->evaluation_time_s = old->evaluation_time_s;
}
