#include "alerting/preview.h"

#include "base/mem.h"
#include "engine.h"
#include "muting.h"

struct preview {
    struct arena *arena;
    struct labels labels;
    int64_t now_ms;
    bool no_times; // the routes know no time intervals
    struct route_preview *items;
    size_t count;
    size_t capacity;
};

static struct str group_key(struct preview *p, const struct route *route)
{
    struct buf text = BUF_INIT;
    buf_printf(&text, "%.*s:", STR_ARG(route->key));
    labels_format_all(&text, route_group_labels(route, p->labels, p->arena));
    struct str key = arena_copy(p->arena, buf_view(&text));
    buf_release(&text);
    return key;
}

static void add_route(void *context, struct route *route)
{
    struct preview *p = context;
    size_t count = 0;
    struct str *names = p->no_times ? NULL : route_muted_by(route, p->now_ms, p->arena, &count);
    for (size_t i = 0; i < count; i++)
        names[i] = arena_copy(p->arena, names[i]);
    ARENA_GROW(p->arena, p->items, p->count, p->capacity);
    p->items[p->count++] = (struct route_preview){
        .receiver = arena_copy(p->arena, route->config->receiver),
        .group = group_key(p, route),
        .group_wait_ms = route->config->group_wait_ms,
        .group_interval_ms = route->config->group_interval_ms,
        .repeat_interval_ms = route->config->repeat_interval_ms,
        .muted_by = names,
        .muted_count = count,
    };
}

static void find_muting(struct alertmanager *a, struct preview *p, struct alert_status *out)
{
    struct stored_alert alert = {.alert = {.labels = p->labels}};
    size_t count;
    struct silence *const *matching = silences_for(&a->silences, &alert, &count);
    struct str *ids = arena_array(p->arena, count + 1, sizeof(*ids));
    *out = (struct alert_status){.silenced_by = ids};
    for (size_t i = 0; i < count; i++)
        if (silence_state(matching[i], p->now_ms) == SILENCE_ACTIVE)
            ids[out->silenced_count++] = arena_copy(p->arena, matching[i]->spec.id);
    const struct stored_alert *source = inhibitor_mutes(&a->inhibitor, p->labels, p->now_ms);
    out->is_inhibited = source != NULL;
    out->inhibited_by = source ? source->fingerprint : 0;
    mem_free(alert.silences);
}

struct route_preview *alertmanager_preview(struct alertmanager *a, struct labels labels,
                                           int64_t now_ms, struct arena *arena, size_t *count,
                                           struct alert_status *status)
{
    struct preview p = {.arena = arena, .labels = labels, .now_ms = now_ms};
    *status = (struct alert_status){.fingerprint = 0};
    pthread_mutex_lock(&a->lock);
    if (a->routing) {
        route_match(a->routing->root, labels, add_route, &p);
        find_muting(a, &p, status);
    }
    pthread_mutex_unlock(&a->lock);
    *count = p.count;
    return p.items;
}

struct route_preview *alertmanager_config_preview(const struct alertmanager_config *config,
                                                  struct labels labels, struct arena *arena,
                                                  size_t *count)
{
    struct preview p = {.arena = arena, .labels = labels, .no_times = true};
    struct route *root = route_new(arena, config->route);
    route_match(root, labels, add_route, &p);
    *count = p.count;
    return p.items;
}

static struct routing *take_routing(struct alertmanager *a, uint64_t *random)
{
    pthread_mutex_lock(&a->lock);
    struct routing *routing = a->routing ? routing_ref(a->routing) : NULL;
    *random = rng_u64(&a->rng);
    pthread_mutex_unlock(&a->lock);
    return routing;
}

static const struct receiver *find_receiver(const struct routing *r, struct str name)
{
    for (size_t i = 0; r && i < r->receiver_count; i++)
        if (str_eq(r->receivers[i].config->name, name))
            return &r->receivers[i];
    return NULL;
}

// Away from the lock: sending may take as long as the receiver's timeout.
static void send_one(const struct alertmanager *a, const struct integration *in,
                     const struct notice *notice, struct arena *arena, struct test_result *out)
{
    struct send_result result = {.outcome = OUTBOX_REFUSED};
    struct buf payload = BUF_INIT;
    if (!in->kind)
        (void)error_set(&result.err, ERR_UNSUPPORTED, "this kind is not supported yet");
    else if (in->kind->render(in, notice, &payload, &result.err) == OK)
        in->kind->send(in, buf_view(&payload), &a->wire, &result);
    buf_release(&payload);
    buf_release(&result.memo);
    out->integration = arena_printf(arena, "%s[%zu]", in->name, in->index);
    out->delivered = result.outcome == OUTBOX_DELIVERED;
    out->status = result.status;
    if (!out->delivered)
        out->error = arena_copy(arena, str_from(result.err.text));
}

static void send_all(const struct alertmanager *a, const struct receiver *receiver,
                     struct notice *notice, struct arena *arena, struct test_result *out)
{
    static const struct label labels[] = {
        {STR_INIT("alertname"), STR_INIT("TestNotification")},
        {STR_INIT("severity"), STR_INIT("info")},
    };
    static const struct label annotations[] = {
        {STR_INIT("description"), STR_INIT("Somebody asked for this test notification.")},
        {STR_INIT("summary"), STR_INIT("A test notification, nothing is wrong.")},
    };
    const struct notification_alert alert = {
        .status = STR("firing"),
        .labels = {labels, 2},
        .annotations = {annotations, 2},
        .starts_ms = notice->now_ms,
        .generator_url = a->options.external_url,
        .fingerprint = arena_printf(
            arena, "%016llx", (unsigned long long)labels_fingerprint((struct labels){labels, 2})),
    };
    const struct notification_data data = {
        .receiver = receiver->config->name,
        .status = STR("firing"),
        .alerts = &alert,
        .alert_count = 1,
        .group_labels = {labels, 1},
        .common_labels = alert.labels,
        .common_annotations = alert.annotations,
        .external_url = a->options.external_url,
    };
    notice->data = &data;
    for (size_t i = 0; i < receiver->count; i++)
        send_one(a, &receiver->integrations[i], notice, arena, &out[i]);
    notice->data = NULL;
}

int alertmanager_send_test(struct alertmanager *a, struct str name, int64_t now_ms,
                           struct arena *arena, struct test_result **out, size_t *count)
{
    struct notice notice = {.group_key = STR("{}:{alertname=\"TestNotification\"}"),
                            .now_ms = now_ms};
    struct routing *routing = take_routing(a, &notice.random);
    const struct receiver *receiver = find_receiver(routing, name);
    if (receiver) {
        notice.templates = routing->templates;
        *count = receiver->count;
        *out = arena_calloc(arena, *count + 1, sizeof(**out));
        send_all(a, receiver, &notice, arena, *out);
    }
    routing_unref(routing);
    return receiver ? OK : ERR_NOT_FOUND;
}
