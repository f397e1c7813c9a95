#include "group.h"

#include "base/coding.h"
#include "base/mem.h"

#define KEY_PREFIX 'g' // in META_GROUPS; alerts are 'a'

struct saved_timer {
    int64_t next_ms;
    bool has_flushed;
};

void groups_init(struct groups *g, struct alert_store *store, struct unsaved *changes)
{
    *g = (struct groups){.store = store, .changes = changes};
    strmap_init(&g->by_id);
    strmap_init(&g->saved);
    heap_init(&g->timers);
}

static void group_free(struct group *group)
{
    mem_free((void *)group->labels.items);
    mem_free((char *)group->key.ptr);
    mem_free((char *)group->id.ptr);
    mem_free(group->alerts);
    mem_free(group);
}

static void saved_clear(struct groups *g)
{
    for (size_t i = 0; i < g->saved.count; i++)
        mem_free(g->saved.entries[i].value);
    strmap_release(&g->saved);
    strmap_init(&g->saved);
}

void groups_release(struct groups *g)
{
    saved_clear(g);
    for (size_t i = 0; i < g->by_id.count; i++)
        group_free(g->by_id.entries[i].value);
    strmap_release(&g->by_id);
    strmap_release(&g->saved);
    heap_release(&g->timers);
}

static void keep_timer(struct groups *g, struct str key, int64_t next_ms, bool has_flushed)
{
    struct saved_timer *saved = mem_alloc(sizeof(*saved));
    *saved = (struct saved_timer){.next_ms = next_ms, .has_flushed = has_flushed};
    mem_free(strmap_put(&g->saved, key, saved));
}

static int load_one(void *context, struct str key, struct str value)
{
    struct decoder d;
    decoder_init(&d, value);
    uint8_t version = decode_u8(&d);
    int64_t next_ms = decode_svarint(&d);
    bool has_flushed = decode_u8(&d) != 0;
    if (key.ptr[0] == KEY_PREFIX && version == 1 && !d.failed)
        keep_timer(context, key, next_ms, has_flushed);
    return 0;
}

int groups_load(struct groups *g)
{
    return meta_each(g->changes->storage, META_GROUPS, STR("g"), load_one, g);
}

// version u8 | next flush | has flushed u8
static void group_save(struct groups *g, const struct group *group)
{
    struct unsaved_key key = unsaved_key(KEY_PREFIX, group->id);
    struct buf value = BUF_INIT;
    buf_char(&value, 1);
    buf_svarint(&value, group->timer.key);
    buf_char(&value, (char)group->has_flushed);
    unsaved_put(g->changes, META_GROUPS, unsaved_key_str(&key), buf_view(&value));
    buf_release(&value);
}

// The first time after `now_ms` in the phase of `next_ms`.
static int64_t next_in_phase(int64_t next_ms, int64_t interval_ms, int64_t now_ms)
{
    if (next_ms > now_ms)
        return next_ms;
    return next_ms + ((now_ms - next_ms) / interval_ms + 1) * interval_ms;
}

// A timer from before goes on; a later flush that may have happened meanwhile is not made up for.
static bool restore_timer(struct groups *g, struct group *group, int64_t now_ms)
{
    struct unsaved_key key = unsaved_key(KEY_PREFIX, group->id);
    struct saved_timer *saved = strmap_remove(&g->saved, unsaved_key_str(&key));
    if (!saved)
        return false;
    int64_t interval_ms = group->route->config->group_interval_ms;
    int64_t next_ms = saved->next_ms;
    group->has_flushed = saved->has_flushed;
    if (group->has_flushed)
        next_ms = next_in_phase(next_ms, interval_ms, now_ms - 1);
    if (group->has_flushed && next_ms > now_ms + interval_ms) // it was longer before a reload
        next_ms = now_ms + interval_ms;
    heap_set(&g->timers, &group->timer, next_ms);
    mem_free(saved);
    return true;
}

static struct group *group_new(struct groups *g, struct route *route, struct labels labels,
                               struct str id, struct str key, int64_t now_ms)
{
    struct group *group = mem_calloc(1, sizeof(*group));
    group->route = route;
    group->labels = labels_dup(labels);
    group->id = str_make(mem_copy_str(id), id.len);
    group->key = str_make(mem_copy_str(key), key.len);
    heap_node_init(&group->timer);
    strmap_put(&g->by_id, group->id, group);
    if (!restore_timer(g, group, now_ms)) {
        heap_set(&g->timers, &group->timer, now_ms + route->config->group_wait_ms);
        group_save(g, group);
    }
    return group;
}

static struct group *group_for(struct groups *g, struct route *route, struct labels labels,
                               int64_t now_ms)
{
    struct arena arena;
    struct buf text = BUF_INIT, id = BUF_INIT, key = BUF_INIT;
    arena_init(&arena, 0);
    struct labels mine = route_group_labels(route, labels, &arena);
    labels_format_all(&text, mine);
    buf_printf(&id, "%.*s:%.*s", STR_ARG(route->id), STR_ARG(buf_view(&text)));
    struct group *group = strmap_get(&g->by_id, buf_view(&id));
    if (!group) {
        buf_printf(&key, "%.*s:%.*s", STR_ARG(route->key), STR_ARG(buf_view(&text)));
        group = group_new(g, route, mine, buf_view(&id), buf_view(&key), now_ms);
    }
    buf_release(&key);
    buf_release(&id);
    buf_release(&text);
    arena_release(&arena);
    return group;
}

static bool is_member(const struct group *group, const struct stored_alert *alert)
{
    for (size_t i = 0; i < alert->group_count; i++)
        if (alert->groups[i] == group)
            return true;
    return false;
}

void groups_insert(struct groups *g, struct route *route, struct stored_alert *alert,
                   int64_t now_ms)
{
    struct group *group = group_for(g, route, alert->alert.labels, now_ms);
    if (!is_member(group, alert)) {
        MEM_GROW(group->alerts, group->alert_count, group->alert_capacity);
        group->alerts[group->alert_count++] = alert;
        // One at a time: hardly any alert is in more than one.
        alert->groups = mem_realloc(alert->groups, alert->group_count + 1, sizeof(*alert->groups));
        alert->groups[alert->group_count++] = group;
    }
    // An alert that has waited long enough elsewhere does not wait again.
    bool waited = alert->alert.starts_ms + route->config->group_wait_ms < now_ms;
    if (!group->has_flushed && waited && group->timer.key > now_ms)
        heap_set(&g->timers, &group->timer, now_ms);
}

struct group *groups_find(const struct groups *g, struct str id)
{
    return strmap_get(&g->by_id, id);
}

struct group *groups_first(const struct groups *g)
{
    struct heap_node *node = heap_min(&g->timers);
    return node ? HEAP_OWNER(node, struct group, timer) : NULL;
}

void group_flushed(struct groups *g, struct group *group, int64_t now_ms)
{
    int64_t interval_ms = group->route->config->group_interval_ms;
    bool first = !group->has_flushed;
    group->has_flushed = true;
    group->flushed_ms = now_ms;
    group->flushed_version = g->store->version;
    heap_set(&g->timers, &group->timer, next_in_phase(group->timer.key, interval_ms, now_ms));
    if (first)
        group_save(g, group);
}

static void forget_group(struct stored_alert *alert, const struct group *group)
{
    for (size_t i = 0; i < alert->group_count; i++) {
        if (alert->groups[i] == group) {
            alert->groups[i] = alert->groups[--alert->group_count];
            return;
        }
    }
}

static void group_delete(struct groups *g, struct group *group)
{
    struct unsaved_key key = unsaved_key(KEY_PREFIX, group->id);
    unsaved_delete(g->changes, META_GROUPS, unsaved_key_str(&key));
    heap_remove(&g->timers, &group->timer);
    strmap_remove(&g->by_id, group->id);
    group_free(group);
}

void group_drop_resolved(struct groups *g, struct group *group, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < group->alert_count; i++) {
        struct stored_alert *alert = group->alerts[i];
        if (alert_is_resolved(&alert->alert, group->flushed_ms) &&
            alert->version <= group->flushed_version) {
            forget_group(alert, group);
            alert_store_drop_ended(g->store, alert, now_ms);
        } else {
            group->alerts[kept++] = alert;
        }
    }
    group->alert_count = kept;
    if (kept == 0)
        group_delete(g, group);
}

void groups_detach(struct groups *g)
{
    for (size_t i = 0; i < g->by_id.count; i++) {
        struct group *group = g->by_id.entries[i].value;
        struct unsaved_key key = unsaved_key(KEY_PREFIX, group->id);
        keep_timer(g, unsaved_key_str(&key), group->timer.key, group->has_flushed);
        heap_remove(&g->timers, &group->timer);
        for (size_t j = 0; j < group->alert_count; j++)
            forget_group(group->alerts[j], group);
        group_free(group);
    }
    strmap_release(&g->by_id);
    strmap_init(&g->by_id);
}

void groups_drop_saved(struct groups *g)
{
    for (size_t i = 0; i < g->saved.count; i++)
        unsaved_delete(g->changes, META_GROUPS,
                       str_make(g->saved.entries[i].key, g->saved.entries[i].key_len));
    saved_clear(g);
}

void groups_shift(struct groups *g, int64_t by_ms)
{
    for (size_t i = 0; i < g->by_id.count; i++) {
        struct group *group = g->by_id.entries[i].value;
        heap_set(&g->timers, &group->timer, group->timer.key - by_ms);
    }
}
