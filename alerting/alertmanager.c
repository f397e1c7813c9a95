// The engine: takes alerts in, moves the timers, and writes down what changed.
//
//     alertmanager_put --> alert store --> groups        alertmanager_tick: due groups are flushed
//                                            |           into the outbox, everything is committed
//                                            v           deliver threads: outbox --> receivers
//                                      pipeline_flush
//
// Invariants: an alert that fires is in the store and in a group per route that it takes; an outbox
// entry is committed, or its commit was tried, before a thread may take it (both happen under the
// lock); the log says what was delivered, never what is only queued.
#include "alerting/alertmanager.h"

#include "base/log.h"
#include "base/mem.h"
#include "deliver.h"
#include "engine.h"
#include "wire_transfer.h"

#define COMMIT_DELAY_MS INT64_C(1000) // that a lone change waits for company
#define COMMIT_RETRY_MS INT64_C(15000)
#define EXPIRE_EVERY_MS INT64_C(900000)
#define TICK_MAX_MS     INT64_C(60000)
#define TRIM_COUNT      1000 // alerts told or gone that are worth giving memory back for

static void collect_silences(const struct alertmanager *a, int64_t now_ms)
{
    size_t counts[3] = {0};
    for (size_t i = 0; i < a->silences.by_id.count; i++)
        counts[silence_state(silences_at(&a->silences, i), now_ms)]++;
    metric_set(a->metrics.silences_active, (double)counts[SILENCE_ACTIVE]);
    metric_set(a->metrics.silences_pending, (double)counts[SILENCE_PENDING]);
    metric_set(a->metrics.silences_expired, (double)counts[SILENCE_EXPIRED]);
}

static void collect_metrics(void *context)
{
    struct alertmanager *a = context;
    int64_t now_ms = clock_wall_ms(a->options.clock);
    pthread_mutex_lock(&a->lock);
    collect_silences(a, now_ms);
    metric_set(a->metrics.outbox_age, (double)outbox_age_ms(&a->outbox, now_ms) / 1000);
    metric_set(a->metrics.ledger_size, (double)a->ledger.size);
    metric_set(a->metrics.heartbeats_missing, (double)heartbeats_missing(a, now_ms));
    metric_set(a->metrics.alerts, (double)alert_store_count(&a->store));
    metric_set(a->metrics.groups, (double)a->groups.by_id.count);
    metric_set(a->metrics.outbox, (double)outbox_count(&a->outbox));
    pthread_mutex_unlock(&a->lock);
}

struct alertmanager *alertmanager_new(const struct alertmanager_options *options)
{
    struct alertmanager *a = mem_calloc(1, sizeof(*a));
    a->options = *options;
    a->options.external_url =
        str_make(mem_copy_str(options->external_url), options->external_url.len);
    a->transfer = wire_transfer_new(options->user_agent);
    a->wire = wire_transfer_wire(a->transfer);
    uint64_t seed =
        (uint64_t)clock_mono_ns(options->clock) ^ (uint64_t)clock_wall_ms(options->clock) << 20;
    pthread_mutex_init(&a->lock, NULL);
    rng_seed(&a->rng, seed);
    unsaved_init(&a->changes, options->storage);
    alert_store_init(&a->store, &a->changes);
    groups_init(&a->groups, &a->store, &a->changes);
    nflog_init(&a->nflog, &a->changes);
    outbox_init(&a->outbox, &a->changes, seed + 1);
    heartbeats_init(&a->heartbeats, &a->changes);
    ledger_init(&a->ledger, &a->changes);
    silences_init(&a->silences, &a->changes, &a->rng);
    a->silences.retention_ms = options->retention_ms ? options->retention_ms : NFLOG_RETENTION_MS;
    a->silences.count_max = options->silence_count_max;
    a->silences.size_max = options->silence_size_max;
    a->commit_ms = INT64_MAX;
    a->deadline_ms = INT64_MAX;
    a->silencing_ms = INT64_MAX;
    a->heartbeats_ms = INT64_MAX;
    arrivals_init(&a->arrivals, options->arrivals_path);
    pipeline_metrics_init(&a->metrics, options->metrics);
    metrics_on_collect(options->metrics, collect_metrics, a);
    return a;
}

void alertmanager_free(struct alertmanager *a)
{
    if (!a)
        return;
    wire_transfer_cancel(a->transfer);
    deliverer_stop(a->deliverer);
    engine_commit(a, clock_wall_ms(a->options.clock));
    wire_transfer_free(a->transfer);
    inhibitor_release(&a->inhibitor);
    routing_unref(a->routing);
    silences_release(&a->silences);
    ledger_release(&a->ledger);
    heartbeats_release(&a->heartbeats);
    pings_release(&a->pings);
    outbox_release(&a->outbox);
    nflog_release(&a->nflog);
    groups_release(&a->groups);
    alert_store_release(&a->store);
    unsaved_release(&a->changes);
    arrivals_release(&a->arrivals);
    pipeline_metrics_release(&a->metrics);
    pthread_mutex_destroy(&a->lock);
    mem_free((char *)a->options.external_url.ptr);
    mem_free(a);
}

void alertmanager_on_wake(struct alertmanager *a, void (*wake)(void *context), void *context)
{
    a->wake = wake;
    a->wake_context = context;
}

void engine_commit(struct alertmanager *a, int64_t now_ms)
{
    struct error err = {0};
    a->commit_ms = INT64_MAX;
    if (unsaved_commit(&a->changes, &err) == 0) {
        if (a->commit_failing)
            log_info("notification state is being written again");
        a->commit_failing = false;
        arrivals_committed(&a->arrivals);
        return;
    }
    if (!a->commit_failing)
        log_error("notification state cannot be written; going on from memory", LOG_ERR(&err));
    a->commit_failing = true;
    metric_add(a->metrics.commit_failed, 1);
    a->commit_ms = now_ms + COMMIT_RETRY_MS;
}

// What was written down before, at the first configuration.
static void load_state(struct alertmanager *a, const struct alertmanager_config *config,
                       int64_t now_ms)
{
    int rc = alert_store_load(&a->store, now_ms, config->resolve_timeout_ms);
    if (rc == 0)
        rc = groups_load(&a->groups);
    if (rc == 0)
        rc = nflog_load(&a->nflog);
    if (rc == 0)
        rc = outbox_load(&a->outbox);
    if (rc == 0)
        rc = silences_load(&a->silences);
    if (rc == 0)
        rc = ledger_load(&a->ledger);
    if (rc == 0)
        rc = heartbeats_load(&a->heartbeats, now_ms);
    if (rc)
        log_error("stored notification state cannot be read", LOG_CSTR("err", err_text(rc)));
    deliver_recover(a, now_ms);
    log_info("notification state loaded", LOG_INT("alerts", (int64_t)alert_store_count(&a->store)),
             LOG_INT("groups", (int64_t)a->groups.saved.count),
             LOG_INT("outbox", (int64_t)outbox_count(&a->outbox)));
}

struct routed {
    struct alertmanager *engine;
    struct stored_alert *alert;
    int64_t now_ms;
    size_t count;
};

static void insert_at(void *context, struct route *route)
{
    struct routed *routed = context;
    groups_insert(&routed->engine->groups, route, routed->alert, routed->now_ms);
    routed->count++;
}

static void route_alert(struct alertmanager *a, struct stored_alert *alert, int64_t now_ms)
{
    struct routed routed = {.engine = a, .alert = alert, .now_ms = now_ms};
    route_match(a->routing->root, alert->alert.labels, insert_at, &routed);
    alert->route_count = (uint32_t)routed.count;
}

static void replace_routing(struct alertmanager *a, struct routing *routing, int64_t now_ms)
{
    if (!a->routing)
        load_state(a, routing->config, now_ms);
    groups_detach(&a->groups);
    routing_unref(a->routing);
    a->routing = routing;
    inhibitor_release(&a->inhibitor);
    inhibitor_init(&a->inhibitor, &a->store, routing->config);
    for (size_t i = 0; i < alert_store_count(&a->store); i++)
        route_alert(a, alert_store_at(&a->store, i), now_ms);
    groups_drop_saved(&a->groups);
    pings_reset(a, now_ms);
}

int alertmanager_apply(struct alertmanager *a, struct alertmanager_config *config,
                       struct error *err)
{
    struct routing *routing;
    int rc = routing_new(&routing, config, &a->metrics, err);
    if (rc)
        return rc;
    pthread_mutex_lock(&a->lock);
    replace_routing(a, routing, clock_wall_ms(a->options.clock));
    if (!a->deliverer && a->options.deliver)
        a->deliverer = deliverer_start(a);
    deliverer_wake(a->deliverer);
    pthread_mutex_unlock(&a->lock);
    engine_wake(a);
    return 0;
}

static int64_t next_due_ms(const struct alertmanager *a)
{
    const struct group *group = groups_first(&a->groups);
    int64_t due_ms = group ? group->timer.key : INT64_MAX;
    if (a->commit_ms < due_ms)
        due_ms = a->commit_ms;
    if (a->heartbeats_ms < due_ms)
        due_ms = a->heartbeats_ms;
    return a->silencing_ms < due_ms ? a->silencing_ms : due_ms;
}

void engine_put(struct alertmanager *a, const struct alert *alert, int64_t now_ms)
{
    if (alert->stage != ALERT_STAGE_TOLD) {
        ledger_note_pending(&a->ledger, alert, now_ms);
        return;
    }
    struct stored_alert *stored =
        alert_store_put(&a->store, alert, now_ms, a->routing->config->resolve_timeout_ms);
    if (!stored)
        return;
    ledger_note_state(&a->ledger, stored, now_ms);
    if (stored->route_count == 0 || stored->group_count < stored->route_count)
        route_alert(a, stored, now_ms);
}

void engine_changed(struct alertmanager *a, int64_t now_ms)
{
    if (unsaved_pending(&a->changes) && a->commit_ms == INT64_MAX)
        a->commit_ms = now_ms + COMMIT_DELAY_MS;
}

void engine_wake(const struct alertmanager *a)
{
    if (a->wake)
        a->wake(a->wake_context);
}

// What belongs together is pending together between two flushes, or two alerts: many of them need
// not be held in memory until all are done.
static void commit_slice(struct alertmanager *a, int64_t now_ms)
{
    if (a->changes.size >= UNSAVED_SIZE_MAX && !a->commit_failing)
        engine_commit(a, now_ms);
}

void alertmanager_put(struct alertmanager *a, const struct alert *alerts, size_t count,
                      int64_t now_ms)
{
    bool wakes = false;
    uint64_t received = 0;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; a->routing && i < count; i++) {
        received += alerts[i].stage == ALERT_STAGE_TOLD;
        engine_put(a, &alerts[i], now_ms);
        commit_slice(a, now_ms);
    }
    metric_add(a->metrics.alerts_received, received);
    engine_changed(a, now_ms);
    if (next_due_ms(a) < a->deadline_ms) {
        a->deadline_ms = next_due_ms(a);
        wakes = true;
    }
    pthread_mutex_unlock(&a->lock);
    if (wakes)
        engine_wake(a);
}

int64_t alertmanager_resolve_timeout_ms(struct alertmanager *a)
{
    pthread_mutex_lock(&a->lock);
    int64_t ms = a->routing ? a->routing->config->resolve_timeout_ms : 0;
    pthread_mutex_unlock(&a->lock);
    return ms;
}

void alertmanager_sync(struct alertmanager *a, int64_t now_ms)
{
    pthread_mutex_lock(&a->lock);
    engine_commit(a, now_ms);
    pthread_mutex_unlock(&a->lock);
}

// Timers keep their distance when the clock is set back.
static void follow_clock(struct alertmanager *a, int64_t now_ms)
{
    int64_t back_ms = a->last_tick_ms - now_ms;
    a->last_tick_ms = now_ms;
    if (back_ms <= 0)
        return;
    log_warn("the clock was set back", LOG_INT("ms", back_ms));
    groups_shift(&a->groups, back_ms);
    outbox_hurry(&a->outbox);
    a->commit_ms = now_ms;
    a->expire_ms = now_ms;
}

// As long as a receiver is to hear of a change, what it heard last must be known.
static bool is_pending(void *context, struct str key)
{
    const struct alertmanager *a = context;
    return strmap_has(&a->outbox.entries, key);
}

static void flush_due(struct alertmanager *a, int64_t now_ms)
{
    struct group *group;
    size_t count = a->store.dropped_count;
    while ((group = groups_first(&a->groups)) && group->timer.key <= now_ms) {
        count += group->alert_count;
        pipeline_flush(a, group, now_ms);
        commit_slice(a, now_ms);
    }
    if (count < TRIM_COUNT)
        return;
    a->store.dropped_count = 0;
    mem_trim();
}

int64_t alertmanager_tick(struct alertmanager *a, int64_t now_ms)
{
    pthread_mutex_lock(&a->lock);
    follow_clock(a, now_ms);
    uint64_t queued = a->outbox.sequence;
    if (a->routing) {
        silencing_tick(a, now_ms);
        a->heartbeats_ms = heartbeats_tick(a, now_ms);
        flush_due(a, now_ms);
    }
    if (a->expire_ms <= now_ms) {
        nflog_expire(&a->nflog, now_ms, is_pending, a);
        silences_collect(&a->silences, now_ms);
        ledger_collect(&a->ledger, now_ms);
        a->expire_ms = now_ms + EXPIRE_EVERY_MS;
    }
    bool made = a->outbox.sequence != queued;
    if (made || a->commit_ms <= now_ms)
        engine_commit(a, now_ms);
    else
        engine_changed(a, now_ms);
    a->deadline_ms = next_due_ms(a);
    if (a->deadline_ms > now_ms + TICK_MAX_MS)
        a->deadline_ms = now_ms + TICK_MAX_MS;
    int64_t wait_ms = a->deadline_ms > now_ms ? a->deadline_ms - now_ms : 0;
    if (made)
        deliverer_wake(a->deliverer);
    pthread_mutex_unlock(&a->lock);
    return wait_ms;
}
