#include "alerting/alert_status.h"

#include "engine.h"
#include "muting.h"

// All receivers, made once for an answer.
struct receiver_table {
    const struct receiver *first; // of the routing
    struct receiver_status *items;
    bool *wanted;
    size_t count;
};

// Those of an alert.
struct receiver_list {
    const struct receiver_table *table;
    struct arena *arena;
    struct receiver_status *items;
    size_t count;
    size_t capacity;
    bool wanted; // any of them
};

static struct labels with_name(struct labels labels, struct str name, struct arena *arena)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, labels);
    labels_builder_set(&b, STR("name"), name);
    return labels_builder_finish(&b);
}

static struct receiver_status make_receiver(const struct receiver *receiver, struct arena *arena)
{
    const struct receiver_config *config = receiver->config;
    struct receiver_status out = {.name = arena_copy(arena, config->name)};
    if (config->labels.count)
        out.labels = with_name(labels_copy(arena, config->labels), out.name, arena);
    return out;
}

static bool wants_receiver(const struct alert_filter *filter, const struct receiver_status *r,
                           struct arena *arena)
{
    if (filter->receiver && !regex_match(filter->receiver, r->name))
        return false;
    return filter->receiver_matcher_count == 0 ||
           matchers_match(filter->receiver_matchers, filter->receiver_matcher_count,
                          with_name(r->labels, r->name, arena));
}

// Without a routing it is empty.
static void fill_table(struct receiver_table *table, const struct routing *routing,
                       const struct alert_filter *filter, struct arena *arena)
{
    size_t count = routing ? routing->receiver_count : 0;
    *table = (struct receiver_table){
        .first = routing ? routing->receivers : NULL,
        .items = arena_array(arena, count + 1, sizeof(*table->items)),
        .wanted = arena_array(arena, count + 1, sizeof(*table->wanted)),
        .count = count,
    };
    for (size_t i = 0; i < count; i++) {
        table->items[i] = make_receiver(&table->first[i], arena);
        table->wanted[i] = wants_receiver(filter, &table->items[i], arena);
    }
}

static void add_receiver(void *context, struct route *route)
{
    struct receiver_list *list = context;
    size_t index = (size_t)(route->receiver - list->table->first);
    ARENA_GROW(list->arena, list->items, list->count, list->capacity);
    list->items[list->count++] = list->table->items[index];
    list->wanted |= list->table->wanted[index];
}

static int id_order(const void *left, const void *right)
{
    return str_cmp(*(const struct str *)left, *(const struct str *)right);
}

static void fill_silences(struct alertmanager *a, struct stored_alert *alert, int64_t now_ms,
                          struct arena *arena, struct alert_status *out)
{
    size_t count;
    struct silence *const *matching = silences_for(&a->silences, alert, &count);
    struct str *ids = arena_array(arena, count + 1, sizeof(*ids));
    for (size_t i = 0; i < count; i++)
        if (silence_state(matching[i], now_ms) == SILENCE_ACTIVE)
            ids[out->silenced_count++] = arena_copy(arena, matching[i]->spec.id);
    qsort(ids, out->silenced_count, sizeof(*ids), id_order);
    out->silenced_by = ids;
}

static void fill_muting(struct alertmanager *a, struct stored_alert *alert, int64_t now_ms,
                        struct arena *arena, struct alert_status *out)
{
    fill_silences(a, alert, now_ms, arena, out);
    const struct stored_alert *source = inhibitor_mutes(&a->inhibitor, alert->alert.labels, now_ms);
    out->is_inhibited = source != NULL;
    out->inhibited_by = source ? source->fingerprint : 0;
}

static bool is_wanted(const struct alert_filter *filter, const struct alert_status *status)
{
    bool active = status->silenced_count == 0 && !status->is_inhibited;
    return !(filter->no_active && active) && !(filter->no_silenced && status->silenced_count) &&
           !(filter->no_inhibited && status->is_inhibited);
}

// False when the filter does not want it.
static bool make_status(struct alertmanager *a, struct stored_alert *alert,
                        const struct alert_filter *filter, int64_t now_ms, struct arena *arena,
                        struct alert_status *out)
{
    if (alert_is_resolved(&alert->alert, now_ms) ||
        !matchers_match(filter->matchers, filter->matcher_count, alert->alert.labels))
        return false;
    *out =
        (struct alert_status){.fingerprint = alert->fingerprint, .updated_ms = alert->updated_ms};
    fill_muting(a, alert, now_ms, arena, out);
    if (!is_wanted(filter, out))
        return false;
    out->alert = alert->alert;
    out->alert.labels = labels_copy(arena, alert->alert.labels);
    out->alert.annotations = labels_copy(arena, alert->alert.annotations);
    out->alert.generator_url = arena_copy(arena, alert->alert.generator_url);
    return true;
}

static int fingerprint_order(const void *left, const void *right)
{
    const struct alert_status *a = left, *b = right;
    return (a->fingerprint > b->fingerprint) - (a->fingerprint < b->fingerprint);
}

struct alert_status *alertmanager_alerts(struct alertmanager *a, const struct alert_filter *filter,
                                         int64_t now_ms, struct arena *arena, size_t *count)
{
    pthread_mutex_lock(&a->lock);
    size_t all = a->routing ? alert_store_count(&a->store) : 0;
    struct alert_status *out = arena_array(arena, all + 1, sizeof(*out));
    struct receiver_table table;
    fill_table(&table, a->routing, filter, arena);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        struct stored_alert *alert = alert_store_at(&a->store, i);
        struct alert_status *status = &out[*count];
        struct receiver_list list = {.table = &table, .arena = arena};
        if (!make_status(a, alert, filter, now_ms, arena, status))
            continue;
        route_match(a->routing->root, alert->alert.labels, add_receiver, &list);
        status->receivers = list.items;
        status->receiver_count = list.count;
        *count += list.wanted;
    }
    pthread_mutex_unlock(&a->lock);
    qsort(out, *count, sizeof(*out), fingerprint_order);
    return out;
}

static int alert_status_order(const void *left, const void *right)
{
    const struct alert_status *a = left, *b = right;
    return alert_order(a->alert.labels, b->alert.labels);
}

static void fill_group(struct alertmanager *a, const struct group *group,
                       const struct receiver_table *table, const struct alert_filter *filter,
                       int64_t now_ms, struct arena *arena, struct alert_group_status *out)
{
    size_t index = (size_t)(group->route->receiver - table->first);
    size_t muted_count;
    struct str *muted_by = route_muted_by(group->route, now_ms, arena, &muted_count);
    *out = (struct alert_group_status){
        .labels = labels_copy(arena, group->labels),
        .receiver = table->items[index],
        .alerts = arena_array(arena, group->alert_count + 1, sizeof(*out->alerts)),
    };
    bool wanted = table->wanted[index] && !(filter->no_muted && muted_count);
    for (size_t i = 0; i < muted_count; i++)
        muted_by[i] = arena_copy(arena, muted_by[i]);
    for (size_t i = 0; wanted && i < group->alert_count; i++) {
        struct alert_status *status = &out->alerts[out->alert_count];
        if (!make_status(a, group->alerts[i], filter, now_ms, arena, status))
            continue;
        status->muted_by = muted_by;
        status->muted_count = muted_count;
        out->alert_count++;
    }
    qsort(out->alerts, out->alert_count, sizeof(*out->alerts), alert_status_order);
}

static int group_order(const void *left, const void *right)
{
    const struct alert_group_status *a = left, *b = right;
    int order = label_set_order(a->labels, b->labels);
    return order ? order : str_cmp(a->receiver.name, b->receiver.name);
}

// One place where an alert stands, to find all receivers that it has among the groups.
struct place {
    struct alert_status *alert;
    const struct receiver_status *receiver;
};

static int place_order(const void *left, const void *right)
{
    const struct place *a = left, *b = right;
    int order = fingerprint_order(a->alert, b->alert);
    return order ? order : str_cmp(a->receiver->name, b->receiver->name);
}

static size_t list_places(const struct alert_group_status *groups, size_t count,
                          struct arena *arena, struct place **out)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < count; i++)
        total += groups[i].alert_count;
    *out = arena_array(arena, total + 1, sizeof(**out));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < groups[i].alert_count; j++)
            (*out)[n++] = (struct place){&groups[i].alerts[j], &groups[i].receiver};
    qsort(*out, total, sizeof(**out), place_order);
    return total;
}

// Every place of an alert gets all its receivers, sorted, each once.
static void fill_receivers(const struct alert_group_status *groups, size_t count,
                           struct arena *arena)
{
    struct place *places;
    size_t total = list_places(groups, count, arena, &places);
    for (size_t i = 0, end; i < total; i = end) {
        struct receiver_status *receivers = NULL;
        size_t receiver_count = 0, capacity = 0;
        for (end = i; end < total && places[end].alert->fingerprint == places[i].alert->fingerprint;
             end++) {
            const struct receiver_status *r = places[end].receiver;
            if (receiver_count && str_eq(receivers[receiver_count - 1].name, r->name))
                continue;
            ARENA_GROW(arena, receivers, receiver_count, capacity);
            receivers[receiver_count++] = *r;
        }
        for (size_t j = i; j < end; j++) {
            places[j].alert->receivers = receivers;
            places[j].alert->receiver_count = receiver_count;
        }
    }
}

struct alert_group_status *alertmanager_groups(struct alertmanager *a,
                                               const struct alert_filter *filter, int64_t now_ms,
                                               struct arena *arena, size_t *count)
{
    pthread_mutex_lock(&a->lock);
    size_t all = a->groups.by_id.count;
    struct alert_group_status *out = arena_array(arena, all + 1, sizeof(*out));
    struct receiver_table table;
    fill_table(&table, a->routing, filter, arena);
    *count = 0;
    for (size_t i = 0; i < all; i++) {
        fill_group(a, a->groups.by_id.entries[i].value, &table, filter, now_ms, arena,
                   &out[*count]);
        *count += out[*count].alert_count > 0;
    }
    pthread_mutex_unlock(&a->lock);
    qsort(out, *count, sizeof(*out), group_order);
    fill_receivers(out, *count, arena);
    return out;
}

struct receiver_status *alertmanager_receivers(struct alertmanager *a,
                                               const struct alert_filter *filter,
                                               struct arena *arena, size_t *count)
{
    pthread_mutex_lock(&a->lock);
    struct receiver_table table;
    fill_table(&table, a->routing, filter, arena);
    pthread_mutex_unlock(&a->lock);
    *count = 0;
    for (size_t i = 0; i < table.count; i++)
        if (table.wanted[i])
            table.items[(*count)++] = table.items[i];
    return table.items;
}

struct str alertmanager_config_text(struct alertmanager *a, struct arena *arena)
{
    pthread_mutex_lock(&a->lock);
    struct str text = a->routing ? arena_copy(arena, a->routing->config->api_text) : STR("");
    pthread_mutex_unlock(&a->lock);
    return text;
}
