// A flush, stage by stage, as Alertmanager's pipeline orders them:
//
//     alerts of the group, sorted -> inhibition -> active and mute intervals -> silences
//         -> per integration:
//         what was it told? -> does that differ, or is it time to repeat? -> render -> outbox
//
// What an integration was told stands in the notification log once it was delivered. Until then the
// outbox holds what it is being told, so that each flush compares the present with what really
// arrived: a notification that was not delivered and is not true any more is replaced, or dropped.
// The end of an alert is told to who was told that it fires, and to nobody else.
// An alert that ended stays in its group until its end was delivered.
#include "base/log.h"
#include "engine.h"
#include "muting.h"

struct flush_alert {
    struct stored_alert *stored;
    bool resolved;
};

struct flush {
    struct alertmanager *engine;
    struct group *group;
    int64_t now_ms;
    struct arena arena;
    struct flush_alert *alerts;
    size_t count;
};

static int flush_order(const void *left, const void *right)
{
    const struct flush_alert *a = left, *b = right;
    return alert_order(a->stored->alert.labels, b->stored->alert.labels);
}

static void collect(struct flush *f)
{
    f->alerts = arena_array(&f->arena, f->group->alert_count + 1, sizeof(*f->alerts));
    for (size_t i = 0; i < f->group->alert_count; i++) {
        struct stored_alert *stored = f->group->alerts[i];
        ledger_note_state(&f->engine->ledger, stored, f->now_ms);
        f->alerts[f->count++] =
            (struct flush_alert){stored, alert_is_resolved(&stored->alert, f->now_ms)};
    }
    qsort(f->alerts, f->count, sizeof(*f->alerts), flush_order);
}

static struct str join(struct arena *arena, const struct str *names, size_t count)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%.*s", i ? ", " : "", STR_ARG(names[i]));
    struct str out = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return out;
}

// The first thing that mutes the alert, in the pipeline's order; `time` is about its whole group.
static struct ledger_decision decide(struct flush *f, const struct flush_alert *item,
                                     const struct ledger_decision *time)
{
    struct alertmanager *a = f->engine;
    struct ledger_decision d = *time;
    d.alert = item->stored;
    d.resolved = item->resolved;
    const struct stored_alert *source =
        inhibitor_mutes(&a->inhibitor, item->stored->alert.labels, f->now_ms);
    const struct silence *silence = NULL;
    if (source) {
        d.type = HISTORY_INHIBITED;
        d.by = arena_printf(&f->arena, "%016llx", (unsigned long long)source->fingerprint);
    } else if (d.type == HISTORY_ROUTED) {
        silence = silences_mute(&a->silences, item->stored, f->now_ms);
    }
    if (silence) {
        d.type = HISTORY_SILENCED;
        d.by = silence->spec.id;
    }
    return d;
}

static struct ledger_decision decide_by_time(struct flush *f)
{
    static const enum history_event_type types[] = {
        [MUTE_NOT] = HISTORY_ROUTED,
        [MUTE_INTERVAL] = HISTORY_MUTED,
        [MUTE_INACTIVE] = HISTORY_INACTIVE,
    };
    const struct route *route = f->group->route;
    size_t count;
    const struct str *names = route_muted_by(route, f->now_ms, &f->arena, &count);
    return (struct ledger_decision){.type = types[route_mute_reason(route, f->now_ms)],
                                    .by = join(&f->arena, names, count)};
}

static void count_suppressed(const struct pipeline_metrics *m, enum history_event_type type)
{
    struct metric *const by_type[HISTORY_TYPE_COUNT] = {
        [HISTORY_INHIBITED] = m->inhibited,
        [HISTORY_SILENCED] = m->silenced,
        [HISTORY_MUTED] = m->muted,
        [HISTORY_INACTIVE] = m->inactive,
    };
    if (by_type[type])
        metric_add(by_type[type], 1);
}

// Leaves the alerts that nothing mutes.
static void suppress(struct flush *f)
{
    struct ledger_decision *decisions = arena_array(&f->arena, f->count + 1, sizeof(*decisions));
    struct ledger_flush record = {.group_key = f->group->key,
                                  .receiver = f->group->route->config->receiver,
                                  .decisions = decisions,
                                  .count = f->count};
    struct ledger_decision time = decide_by_time(f);
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        decisions[i] = decide(f, &f->alerts[i], &time);
        count_suppressed(&f->engine->metrics, decisions[i].type);
        if (decisions[i].type == HISTORY_ROUTED)
            f->alerts[kept++] = f->alerts[i];
    }
    f->count = kept;
    ledger_note_flush(&f->engine->ledger, &record, &f->group->decisions, f->now_ms);
}

static struct unsaved_key key_for(const struct group *group, const struct integration *in)
{
    return nflog_key(group->key, in->receiver->config->name, in->name, in->index);
}

static struct notification_alert tell_alert(struct flush *f, const struct flush_alert *item)
{
    const struct alert *alert = &item->stored->alert;
    return (struct notification_alert){
        .status = item->resolved ? STR("resolved") : STR("firing"),
        .labels = alert->labels,
        .annotations = alert->annotations,
        .starts_ms = alert->starts_ms,
        .ends_ms = item->resolved ? alert->ends_ms : 0,
        .generator_url = alert->generator_url,
        .fingerprint =
            arena_printf(&f->arena, "%016llx", (unsigned long long)item->stored->fingerprint),
    };
}

// The pairs of `common` that `labels` has too.
static struct labels in_common(struct label *common, size_t count, struct labels labels)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (str_eq(labels_get(labels, common[i].name), common[i].value))
            common[kept++] = common[i];
    return (struct labels){common, kept};
}

static struct label *copy_pairs(struct labels set, struct arena *arena)
{
    struct label *items = arena_array(arena, set.count + 1, sizeof(*items));
    for (size_t i = 0; i < set.count; i++)
        items[i] = set.items[i];
    return items;
}

static void find_common(struct notification_data *data, struct arena *arena)
{
    if (data->alert_count == 0)
        return;
    const struct notification_alert *first = &data->alerts[0];
    struct label *labels = copy_pairs(first->labels, arena);
    struct label *annotations = copy_pairs(first->annotations, arena);
    data->common_labels = (struct labels){labels, first->labels.count};
    data->common_annotations = (struct labels){annotations, first->annotations.count};
    for (size_t i = 1; i < data->alert_count; i++) {
        const struct notification_alert *alert = &data->alerts[i];
        data->common_labels = in_common(labels, data->common_labels.count, alert->labels);
        data->common_annotations =
            in_common(annotations, data->common_annotations.count, alert->annotations);
    }
}

// The alerts that `told` names. Who does not want to hear of resolved ones is told of the firing
// ones only.
static void fill_data(struct flush *f, const struct integration *in, const struct told *told,
                      struct notification_data *data, uint64_t *truncated_count)
{
    uint64_t max = in->kind->max_alerts ? in->kind->max_alerts(in) : 0;
    struct notification_alert *alerts = arena_array(&f->arena, f->count + 1, sizeof(*alerts));
    size_t count = 0;
    bool firing = false;
    *truncated_count = 0;
    for (size_t i = 0; i < f->count; i++) {
        bool left_out = !in->send_resolved ||
                        !fingerprints_has(&told->resolved, f->alerts[i].stored->fingerprint);
        if (f->alerts[i].resolved && left_out)
            continue;
        if (max && count == max) {
            (*truncated_count)++;
            continue;
        }
        firing |= !f->alerts[i].resolved;
        alerts[count++] = tell_alert(f, &f->alerts[i]);
    }
    *data = (struct notification_data){
        .receiver = in->receiver->quoted_name,
        .status = firing ? STR("firing") : STR("resolved"),
        .alerts = alerts,
        .alert_count = count,
        .group_labels = f->group->labels,
        .external_url = f->engine->options.external_url,
    };
    find_common(data, &f->arena);
}

static void note(struct flush *f, const struct integration *in, enum history_event_type type,
                 const struct told *told, const char *error)
{
    const struct ledger_notification n = {
        .type = type,
        .group_key = f->group->key,
        .receiver = in->receiver->config->name,
        .integration = str_from(in->name),
        .index = in->index,
        .error = error,
        .told = told,
    };
    ledger_note_notification(&f->engine->ledger, &n, f->now_ms);
}

static void enqueue(struct flush *f, const struct integration *in, const struct told *told,
                    struct str payload)
{
    const struct outbox_notice notice = {
        .key = key_for(f->group, in),
        .receiver = in->receiver->config->name,
        .kind = in->name,
        .index = in->index,
        .group_id = f->group->id,
        .group_key = f->group->key,
        .told = told,
        .repeat_interval_ms = f->group->route->config->repeat_interval_ms,
        .payload = payload,
    };
    outbox_put(&f->engine->outbox, &notice, f->now_ms);
    note(f, in, HISTORY_QUEUED, told, NULL);
    metric_add(in->metrics->notifications, 1);
    log_debug("notification queued", LOG_STR("receiver", notice.receiver),
              LOG_CSTR("integration", in->name), LOG_STR("group", f->group->key),
              LOG_INT("firing", (int64_t)told->firing.count),
              LOG_INT("resolved", (int64_t)told->resolved.count));
}

static void render(struct flush *f, const struct integration *in, const struct told *told)
{
    struct notification_data data;
    struct notice notice = {
        .data = &data,
        .templates = f->engine->routing->templates,
        .group_key = f->group->key,
        .now_ms = f->now_ms,
        .random = rng_u64(&f->engine->rng),
    };
    struct buf payload = BUF_INIT;
    struct error err = {0};
    fill_data(f, in, told, &data, &notice.truncated_count);
    if (in->kind->render(in, &notice, &payload, &err)) {
        metric_add(in->metrics->failed, 1);
        note(f, in, HISTORY_UNSENDABLE, told, err.text);
        log_error("notification cannot be made", LOG_STR("receiver", data.receiver),
                  LOG_CSTR("integration", in->name), LOG_STR("group", f->group->key),
                  LOG_ERR(&err));
    } else {
        enqueue(f, in, told, buf_view(&payload));
    }
    buf_release(&payload);
}

static void cannot_tell(struct flush *f, const struct integration *in, const struct told *told)
{
    note(f, in, HISTORY_UNSENDABLE, told, "this kind of receiver is not supported yet");
    metric_add(in->metrics->undeliverable, 1);
    log_error("alerts not told: this kind of receiver is not supported yet",
              LOG_STR("receiver", in->receiver->config->name), LOG_CSTR("integration", in->name),
              LOG_STR("group", f->group->key), LOG_INT("alerts", (int64_t)f->count));
}

// What is queued is not true any more. An entry that is only in flight is left to arrive.
static void cancel_queued(struct flush *f, const struct integration *in, struct outbox_entry *entry)
{
    if (!entry || (entry->in_flight && entry->state != OUTBOX_QUEUED))
        return;
    note(f, in, HISTORY_WITHDRAWN, &entry->told, NULL);
    outbox_cancel(&f->engine->outbox, entry);
}

// What the integration was told last, or is being told: *arriving is room for that.
static const struct nflog_entry *heard(const struct flush *f, const struct unsaved_key *key,
                                       const struct outbox_entry *entry,
                                       struct nflog_entry *arriving)
{
    if (!entry || !entry->in_flight)
        return nflog_find(&f->engine->nflog, key);
    *arriving = (struct nflog_entry){.told = *entry->in_flight, .timestamp_ms = f->now_ms};
    return arriving;
}

// What fires, and the ends of what it was told that fires.
static struct told to_tell(const struct flush *f, const struct nflog_entry *log)
{
    struct told told = {0};
    for (size_t i = 0; i < f->count; i++) {
        uint64_t fingerprint = f->alerts[i].stored->fingerprint;
        bool resolved = f->alerts[i].resolved;
        bool knows = log && fingerprints_has(&log->told.firing, fingerprint);
        if (!resolved || knows)
            told_add(&told, fingerprint, resolved);
    }
    told_sort(&told);
    return told;
}

static void tell(struct flush *f, const struct integration *in, const struct unsaved_key *key,
                 const struct nflog_entry *log, const struct told *told)
{
    struct alertmanager *a = f->engine;
    struct outbox_entry *entry = outbox_find(&a->outbox, key);
    int64_t repeat_ms = f->group->route->config->repeat_interval_ms;
    bool is_empty = told->firing.count + told->resolved.count == 0;
    if (is_empty || !nflog_needs_update(log, told, in->send_resolved, repeat_ms, f->now_ms)) {
        cancel_queued(f, in, entry);
        return;
    }
    bool nothing_to_say = told->firing.count == 0 && !in->send_resolved;
    if (nothing_to_say || !in->kind) {
        if (!nothing_to_say)
            cannot_tell(f, in, told);
        nflog_put(&a->nflog, key, told, nflog_memo(&a->nflog, key), f->now_ms, repeat_ms);
        cancel_queued(f, in, entry);
        return;
    }
    bool queued_so = entry && entry->state == OUTBOX_QUEUED && told_equal(&entry->told, told);
    if (!queued_so)
        render(f, in, told);
}

static void tell_receiver(struct flush *f)
{
    const struct receiver *receiver = f->group->route->receiver;
    for (size_t i = 0; i < receiver->count; i++) {
        const struct integration *in = &receiver->integrations[i];
        struct unsaved_key key = key_for(f->group, in);
        struct nflog_entry arriving;
        const struct nflog_entry *log =
            heard(f, &key, outbox_find(&f->engine->outbox, &key), &arriving);
        struct told told = to_tell(f, log);
        tell(f, in, &key, log, &told);
        told_release(&told);
    }
}

static void cancel_receiver(struct flush *f)
{
    const struct receiver *receiver = f->group->route->receiver;
    for (size_t i = 0; i < receiver->count; i++) {
        const struct integration *in = &receiver->integrations[i];
        struct unsaved_key key = key_for(f->group, in);
        cancel_queued(f, in, outbox_find(&f->engine->outbox, &key));
    }
}

bool pipeline_is_told(const struct alertmanager *a, const struct group *group)
{
    const struct receiver *receiver = group->route->receiver;
    for (size_t i = 0; i < receiver->count; i++) {
        struct unsaved_key key = key_for(group, &receiver->integrations[i]);
        if (outbox_find(&a->outbox, &key))
            return false;
    }
    return true;
}

void pipeline_flush(struct alertmanager *a, struct group *group, int64_t now_ms)
{
    struct flush f = {.engine = a, .group = group, .now_ms = now_ms};
    arena_init(&f.arena, 0);
    collect(&f);
    suppress(&f);
    if (f.count)
        tell_receiver(&f);
    else
        cancel_receiver(&f);
    arena_release(&f.arena);
    group_flushed(&a->groups, group, now_ms);
    if (pipeline_is_told(a, group))
        group_drop_resolved(&a->groups, group, now_ms);
}
