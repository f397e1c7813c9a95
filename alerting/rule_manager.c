// Holds the groups and evaluates those that are due, one after the other, under one lock: status
// requests wait for a running evaluation at most.
//
// Evaluations are due at moments of the wall clock, as their samples are stamped by it. Where it was
// set, which the monotonic clock tells, every time that is kept moves with it: what waits has waited
// as long as it has.
#include "alerting/rule_manager.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "rule_group.h"

#define CLOCK_JUMP_MS INT64_C(2000)
// After an evaluation of so many bytes they go back to the system, but not all the time.
#define TRIM_SIZE     ((size_t)1 << 20)
#define TRIM_EVERY_MS INT64_C(10000)

struct rule_manager {
    struct rule_context context;
    pthread_mutex_t mutex; // guards everything below
    struct rule_group **groups;
    size_t count;
    int64_t last_wall_ms, last_mono_ms; // of the last tick; 0: there was none
    int64_t trimmed_ms;                 // monotonic
};

const char *alert_state_name(enum alert_state state)
{
    static const char *const names[] = {"inactive", "pending", "firing"};
    return names[state];
}

const char *rule_health_name(enum rule_health health)
{
    static const char *const names[] = {"unknown", "ok", "err"};
    return names[health];
}

static void set_defaults(struct rule_timing *t)
{
    if (!t->resend_delay_ms)
        t->resend_delay_ms = RESEND_DELAY_DEFAULT_MS;
    if (!t->outage_tolerance_ms)
        t->outage_tolerance_ms = OUTAGE_TOLERANCE_DEFAULT_MS;
    if (!t->grace_period_ms)
        t->grace_period_ms = GRACE_PERIOD_DEFAULT_MS;
}

struct rule_manager *rule_manager_new(const struct rule_manager_options *options)
{
    struct rule_manager *m = mem_calloc(1, sizeof(*m));
    struct metrics *r = options->metrics;
    m->context.options = *options;
    set_defaults(&m->context.options.timing);
    m->context.templates = template_set_new(TEMPLATE_RULE);
    m->context.metrics = (struct rule_metrics){
        .evaluations = metrics_counter(r, "lapwing_rule_evaluations_total", "Rules evaluated.", ""),
        .failures = metrics_counter(r, "lapwing_rule_evaluation_failures_total",
                                    "Rule evaluations that failed.", ""),
        .iterations = metrics_counter(r, "lapwing_rule_group_iterations_total",
                                      "Group evaluations, those skipped included.", ""),
        .missed = metrics_counter(r, "lapwing_rule_group_iterations_missed_total",
                                  "Group evaluations skipped because one took too long.", ""),
        .seconds = metrics_histogram(r, "lapwing_rule_group_duration_seconds",
                                     "Duration of group evaluations.", "", METRIC_SECONDS_BOUNDS,
                                     METRIC_SECONDS_BOUND_COUNT),
        .last = metrics_gauge(r, "lapwing_rule_last_evaluation_timestamp_seconds",
                              "Time of the last group evaluation, Unix time.", ""),
        .alerts_sent =
            metrics_counter(r, "lapwing_rule_alerts_sent_total",
                            "Alerts handed on for notification, repetitions included.", ""),
    };
    pthread_mutex_init(&m->mutex, NULL);
    return m;
}

void rule_manager_free(struct rule_manager *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->count; i++)
        rule_group_free(&m->context, m->groups[i], 0);
    mem_free(m->groups);
    template_set_free(m->context.templates);
    mem_free((void *)m->context.external_labels.items);
    pthread_mutex_destroy(&m->mutex);
    mem_free(m);
}

static struct rule_group *find_same(struct rule_manager *m, uint64_t fingerprint)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->groups[i]->kept && m->groups[i]->fingerprint == fingerprint)
            return m->groups[i];
    }
    return NULL;
}

// An earlier version of the group.
static struct rule_group *find_named(struct rule_manager *m, const struct rule_group_config *config)
{
    for (size_t i = 0; i < m->count; i++) {
        struct rule_group *g = m->groups[i];
        if (!g->kept && str_eq(g->config.file, config->file) &&
            str_eq(g->config.name, config->name))
            return g;
    }
    return NULL;
}

// Spread over the interval by file and name, as Prometheus spreads them.
static int64_t first_due(const struct rule_group *g, int64_t now_ms)
{
    uint64_t hash = hash64(g->config.name.ptr, g->config.name.len, hash_str(g->config.file));
    int64_t phase_ms = (int64_t)(hash % (uint64_t)g->interval_ms);
    int64_t at_ms = now_ms - now_ms % g->interval_ms + phase_ms;
    return at_ms < now_ms ? at_ms + g->interval_ms : at_ms;
}

// Caller holds the lock.
static void replace_groups(struct rule_manager *m, struct rule_group **groups, size_t count,
                           int64_t now_ms)
{
    for (size_t i = 0; i < m->count; i++) {
        if (!m->groups[i]->kept)
            rule_group_free(&m->context, m->groups[i], now_ms);
    }
    mem_free(m->groups);
    for (size_t i = 0; i < count; i++)
        groups[i]->kept = false;
    m->groups = groups;
    m->count = count;
    rule_store_prune(&m->context, groups, count);
}

int rule_manager_apply(struct rule_manager *m, const struct rules_config *rules,
                       int64_t evaluation_interval_ms, int64_t query_offset_ms,
                       struct labels external_labels, struct error *err)
{
    unsigned features = promql_engine_features(m->context.options.engine);
    int64_t now_ms = clock_wall_ms(m->context.options.clock);
    int rc = rules_check(rules, features, err);
    if (rc)
        return rc;
    struct rule_group **groups = mem_calloc(rules->group_count, sizeof(struct rule_group *));
    pthread_mutex_lock(&m->mutex);
    mem_free((void *)m->context.external_labels.items);
    m->context.external_labels = labels_dup(external_labels);
    m->context.query_offset_ms = query_offset_ms;
    for (size_t i = 0; i < rules->group_count; i++) {
        const struct rule_group_config *config = &rules->groups[i];
        int64_t interval_ms = config->interval_ms ? config->interval_ms : evaluation_interval_ms;
        groups[i] = find_same(m, rule_group_fingerprint(config, interval_ms));
        if (!groups[i]) {
            groups[i] = rule_group_new(&m->context, config, interval_ms, features, err);
            struct rule_group *old = find_named(m, config);
            if (old) {
                rule_group_take_over(groups[i], old);
                rule_store_save(&m->context, groups[i], now_ms);
            } else {
                rule_store_restore(&m->context, groups[i], now_ms);
            }
            groups[i]->next_ms = first_due(groups[i], now_ms);
        }
        groups[i]->kept = true;
    }
    replace_groups(m, groups, rules->group_count, now_ms);
    pthread_mutex_unlock(&m->mutex);
    return OK;
}

static void trim(struct rule_manager *m, size_t used)
{
    int64_t mono_ms = clock_mono_ns(m->context.options.clock) / 1000000;
    if (used < TRIM_SIZE || (m->trimmed_ms && mono_ms - m->trimmed_ms < TRIM_EVERY_MS))
        return;
    m->trimmed_ms = mono_ms;
    mem_trim();
}

static void evaluate_due(struct rule_manager *m, struct rule_group *g, int64_t now_ms)
{
    int64_t due_ms = g->next_ms;
    int64_t missed = (now_ms - due_ms) / g->interval_ms;
    metric_add(m->context.metrics.missed, (uint64_t)missed);
    metric_add(m->context.metrics.iterations, (uint64_t)missed);
    size_t used = rule_group_evaluate(&m->context, g, due_ms + missed * g->interval_ms);
    trim(m, used);
    g->next_ms = due_ms + (missed + 1) * g->interval_ms;
}

// How much the wall clock was set since the last tick, beyond what may be slewing.
static int64_t clock_jump(struct rule_manager *m, int64_t now_ms)
{
    int64_t mono_ms = clock_mono_ns(m->context.options.clock) / 1000000;
    int64_t jump_ms = m->last_wall_ms ? now_ms - m->last_wall_ms - (mono_ms - m->last_mono_ms) : 0;
    m->last_wall_ms = now_ms;
    m->last_mono_ms = mono_ms;
    return jump_ms > CLOCK_JUMP_MS || jump_ms < -CLOCK_JUMP_MS ? jump_ms : 0;
}

// Waits go on as if the clock had always been right, and no evaluation counts as missed.
static void follow_clock(struct rule_manager *m, int64_t jump_ms, int64_t now_ms)
{
    log_warn("the clock was set: alerts wait on as long as they had to", LOG_INT("by_ms", jump_ms));
    for (size_t i = 0; i < m->count; i++) {
        struct rule_group *g = m->groups[i];
        for (size_t r = 0; r < g->config.rule_count; r++)
            rule_alerts_shift(&g->rules[r].alerts, jump_ms);
        g->next_ms = first_due(g, now_ms);
    }
}

int64_t rule_manager_tick(struct rule_manager *m, int64_t now_ms)
{
    int64_t wait_ms = 3600 * 1000;
    pthread_mutex_lock(&m->mutex);
    int64_t jump_ms = clock_jump(m, now_ms);
    if (jump_ms)
        follow_clock(m, jump_ms, now_ms);
    for (size_t i = 0; i < m->count; i++) {
        struct rule_group *g = m->groups[i];
        if (g->next_ms <= now_ms)
            evaluate_due(m, g, now_ms);
        if (g->next_ms - now_ms < wait_ms)
            wait_ms = g->next_ms - now_ms;
    }
    pthread_mutex_unlock(&m->mutex);
    return wait_ms;
}

// Groups that are not named go with the first one, as in promtool.
static size_t place_in(const struct str *order, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(order[i], name))
            return i;
    return 0;
}

size_t rule_manager_evaluate(struct rule_manager *m, const struct str *order, size_t order_count,
                             int64_t now_ms)
{
    size_t failed = 0;
    pthread_mutex_lock(&m->mutex);
    for (size_t place = 0; place < (order_count ? order_count : 1); place++)
        for (size_t i = 0; i < m->count; i++) {
            struct rule_group *g = m->groups[i];
            if (place_in(order, order_count, g->config.name) != place)
                continue;
            rule_group_evaluate(&m->context, g, now_ms);
            for (size_t r = 0; r < g->config.rule_count; r++)
                failed += g->rules[r].health == RULE_ERROR;
        }
    pthread_mutex_unlock(&m->mutex);
    return failed;
}

void rule_manager_counts(const struct rule_manager *m, uint64_t *evaluated, uint64_t *failed)
{
    *evaluated = (uint64_t)metric_value(m->context.metrics.evaluations);
    *failed = (uint64_t)metric_value(m->context.metrics.failures);
}

static void copy_alerts(const struct rule *r, struct arena *arena, struct rule_status *out)
{
    out->alerts = arena_calloc(arena, r->alerts.count, sizeof(*out->alerts));
    for (size_t i = 0; i < r->alerts.count; i++) {
        const struct rule_alert *a = &r->alerts.items[i];
        if (a->state == ALERT_INACTIVE)
            continue;
        if (a->state > out->state)
            out->state = a->state;
        out->alerts[out->alert_count++] = (struct active_alert_status){
            .labels = labels_copy(arena, a->labels),
            .annotations = labels_copy(arena, a->annotations),
            .state = a->state,
            .active_at_ms = a->active_at_ms,
            .keep_firing_since_ms = a->keep_firing_since_ms,
            .value = a->value,
        };
    }
}

static struct rule_status copy_rule(const struct rule *r, struct arena *arena)
{
    struct rule_status out = {
        .is_alert = r->config->is_alert,
        .name = arena_copy(arena, r->config->name),
        .query = arena_copy(arena, r->printed),
        .labels = labels_copy(arena, r->config->labels),
        .annotations = labels_copy(arena, r->config->annotations),
        .for_ms = r->config->for_ms,
        .keep_firing_for_ms = r->config->keep_firing_for_ms,
        .health = r->health,
        .last_error = arena_copy(arena, str_from(r->last_error)),
        .last_evaluation_ms = r->last_evaluation_ms,
        .evaluation_time_s = r->evaluation_time_s,
    };
    copy_alerts(r, arena, &out);
    return out;
}

static struct rule_group_status copy_group(const struct rule_group *g, struct arena *arena)
{
    struct rule_group_status out = {
        .name = arena_copy(arena, g->config.name),
        .file = arena_copy(arena, g->config.file),
        .interval_ms = g->interval_ms,
        .limit = g->config.limit,
        .last_evaluation_ms = g->last_evaluation_ms,
        .evaluation_time_s = g->evaluation_time_s,
        .rules = arena_calloc(arena, g->config.rule_count, sizeof(struct rule_status)),
        .rule_count = g->config.rule_count,
    };
    for (size_t i = 0; i < out.rule_count; i++)
        out.rules[i] = copy_rule(&g->rules[i], arena);
    return out;
}

static int by_file(const void *a, const void *b)
{
    const struct rule_group_status *x = a, *y = b;
    int order = str_cmp(x->file, y->file);
    return order ? order : str_cmp(x->name, y->name);
}

void rule_manager_status(struct rule_manager *m, struct arena *arena,
                         struct rule_group_status **out, size_t *count)
{
    pthread_mutex_lock(&m->mutex);
    *count = m->count;
    *out = arena_calloc(arena, m->count, sizeof(**out));
    for (size_t i = 0; i < m->count; i++)
        (*out)[i] = copy_group(m->groups[i], arena);
    pthread_mutex_unlock(&m->mutex);
    if (*count)
        qsort(*out, *count, sizeof(**out), by_file);
}
