// The alerts' states on disk, so that a restart finds each as far along as it was.
//
//     META_ALERTS   group (8) | rule (8) | alert (8)   -> the alert, rule_alert_encode()
//                   group (8) 't'                      -> when the group was last evaluated
//
// Groups are hashed by file and name; rules by kind, name, labels and a number among equals;
// alerts by labels. All of a group stands together.
//
// Invariants
// 1. What is on disk for a group is its alerts with `stored`, those `gone` from its rules, and its
//    orphans: of rules that it has not any more.
// 2. An alert is written when it changed state, never because it was evaluated or sent again. The
//    time of evaluation is written only while an alert is pending: nobody else asks for it.
#include <stdlib.h>

#include "base/coding.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strmap.h"
#include "rule_group.h"
#include "storage/meta.h"

#define KEY_SIZE    24
#define PREFIX_SIZE 8
#define SLICE_SIZE  ((size_t)64 << 10)

static uint64_t group_hash(const struct rule_group *g)
{
    return hash64(g->config.name.ptr, g->config.name.len, hash_str(g->config.file));
}

static uint64_t config_hash(const struct rule_config *r)
{
    return hash64(r->name.ptr, r->name.len, labels_hash(r->labels) + r->is_alert);
}

static uint64_t rule_hash(const struct rule_group *g, size_t index)
{
    uint64_t hash = config_hash(g->rules[index].config);
    uint64_t before = 0;
    for (size_t i = 0; i < index; i++)
        before += config_hash(g->rules[i].config) == hash;
    return hash64(&before, sizeof(before), hash);
}

static void make_key(char out[KEY_SIZE], uint64_t group, uint64_t rule, uint64_t alert)
{
    be64_put(out, group);
    be64_put(out + PREFIX_SIZE, rule);
    be64_put(out + 2 * PREFIX_SIZE, alert);
}

static void make_time_key(char out[PREFIX_SIZE + 1], uint64_t group)
{
    be64_put(out, group);
    out[PREFIX_SIZE] = 't';
}

// One pass over what a group must keep, in slices: many alerts that change at once need not be held
// as a whole. Their keys are in order, so that a slice changes few pages.
struct saving {
    struct rule_group *group;
    uint64_t group_hash;
    struct meta_batch *batch;
    size_t size; // of what waits in the batch
    bool failed;
};

static void commit_slice(struct saving *s, size_t size_min)
{
    struct error err;
    if (s->size <= size_min)
        return;
    s->size = 0;
    if (meta_commit(s->batch, &err) == OK)
        return;
    if (!s->failed)
        log_error("alert states were not stored", LOG_STR("group", s->group->config.name),
                  LOG_ERR(&err));
    s->failed = true;
}

static void put(struct saving *s, struct str key, struct str value)
{
    meta_put(s->batch, META_ALERTS, key, value);
    s->size += key.len + value.len;
}

static void delete_key(struct saving *s, struct str key)
{
    meta_delete(s->batch, META_ALERTS, key);
    s->size += key.len;
}

static void delete_gone(struct saving *s)
{
    struct str orphans = buf_view(&s->group->orphans);
    for (; orphans.len; orphans = str_skip(orphans, KEY_SIZE))
        delete_key(s, str_first(orphans, KEY_SIZE));
    for (size_t i = 0; i < s->group->config.rule_count; i++) {
        const struct rule_alerts *alerts = &s->group->rules[i].alerts;
        uint64_t rule = alerts->gone_count ? rule_hash(s->group, i) : 0;
        for (size_t a = 0; a < alerts->gone_count; a++) {
            char key[KEY_SIZE];
            make_key(key, s->group_hash, rule, alerts->gone[a]);
            delete_key(s, str_make(key, sizeof(key)));
        }
    }
}

static int by_key(const void *left, const void *right)
{
    const struct rule_alert *const *a = left, *const *b = right;
    return ((*a)->key > (*b)->key) - ((*a)->key < (*b)->key);
}

// Those that are to be written, by key.
static struct rule_alert **list_changed(const struct rule_alerts *alerts, size_t *count)
{
    struct rule_alert **out = NULL;
    size_t capacity = 0;
    *count = 0;
    for (size_t i = 0; i < alerts->count; i++) {
        struct rule_alert *a = &alerts->items[i];
        if (a->stored && !a->changed)
            continue;
        MEM_GROW(out, *count, capacity);
        out[(*count)++] = a;
    }
    if (*count)
        qsort(out, *count, sizeof(struct rule_alert *), by_key);
    return out;
}

static void save_rule(struct saving *s, size_t index)
{
    size_t count;
    struct buf value = BUF_INIT;
    struct rule_alert **changed = list_changed(&s->group->rules[index].alerts, &count);
    uint64_t rule = count ? rule_hash(s->group, index) : 0;
    for (size_t i = 0; i < count; i++) {
        char key[KEY_SIZE];
        make_key(key, s->group_hash, rule, changed[i]->key);
        buf_reset(&value);
        rule_alert_encode(&value, changed[i]);
        put(s, str_make(key, sizeof(key)), buf_view(&value));
        changed[i]->changed = false;
        changed[i]->stored = true;
        commit_slice(s, SLICE_SIZE);
    }
    buf_release(&value);
    mem_free(changed);
}

static void save_time(struct saving *s, int64_t now_ms)
{
    char key[PREFIX_SIZE + 1], value[8];
    make_time_key(key, s->group_hash);
    be64_put(value, (uint64_t)now_ms);
    put(s, str_make(key, sizeof(key)), str_make(value, sizeof(value)));
}

static bool has_pending(const struct rule_group *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        const struct rule_alerts *alerts = &g->rules[i].alerts;
        for (size_t a = 0; a < alerts->count; a++)
            if (alerts->items[a].state == ALERT_PENDING)
                return true;
    }
    return false;
}

static void forget_gone(struct rule_group *g)
{
    buf_release(&g->orphans);
    for (size_t i = 0; i < g->config.rule_count; i++) {
        struct rule_alerts *alerts = &g->rules[i].alerts;
        mem_free(alerts->gone);
        alerts->gone = NULL;
        alerts->gone_count = alerts->gone_capacity = 0;
    }
}

// Which slices were written before the one that failed is not told apart: all are written again.
static void save_again(struct rule_group *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        struct rule_alerts *alerts = &g->rules[i].alerts;
        for (size_t a = 0; a < alerts->count; a++)
            alerts->items[a].changed = true;
    }
}

static bool has_alerts(const struct rule_group *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        if (g->rules[i].alerts.count || g->rules[i].alerts.gone_count)
            return true;
    }
    return g->orphans.len > 0;
}

void rule_store_save(const struct rule_context *context, struct rule_group *g, int64_t now_ms)
{
    if (!has_alerts(g))
        return;
    struct saving s = {
        .group = g, .group_hash = group_hash(g), .batch = meta_batch_new(context->options.storage)};
    delete_gone(&s); // first: one that went may have come back
    if (has_pending(g))
        save_time(&s, now_ms);
    for (size_t i = 0; i < g->config.rule_count; i++)
        save_rule(&s, i);
    commit_slice(&s, 0);
    if (s.failed)
        save_again(g);
    else
        forget_gone(g);
    meta_batch_free(s.batch);
}

static void orphan(struct buf *out, uint64_t group, uint64_t rule, uint64_t alert)
{
    char key[KEY_SIZE];
    make_key(key, group, rule, alert);
    buf_str(out, str_make(key, sizeof(key)));
}

void rule_store_orphan(struct rule_group *g, struct rule_group *old)
{
    uint64_t group = group_hash(old);
    buf_str(&g->orphans, buf_view(&old->orphans));
    for (size_t i = 0; i < old->config.rule_count; i++) {
        struct rule_alerts *alerts = &old->rules[i].alerts;
        uint64_t rule = rule_hash(old, i);
        for (size_t a = 0; a < alerts->gone_count; a++)
            orphan(&g->orphans, group, rule, alerts->gone[a]);
        alerts->gone_count = 0;
        for (size_t a = 0; a < alerts->count; a++) {
            if (alerts->items[a].stored)
                orphan(&g->orphans, group, rule, alerts->items[a].key);
            alerts->items[a].stored = false;
        }
    }
}

struct restoration {
    struct rule_group *group;
    const struct rule_timing *timing;
    const uint64_t *rules; // the hash of each
    struct str prefix;
    int64_t evaluated_ms; // 0: unknown
    int64_t now_ms;
};

// False when the rule has no such alert: it is not good, or there already.
static bool restore_alert(struct restoration *r, struct rule *rule, struct str value)
{
    struct rule_alert a;
    if (!rule_alert_decode(value, &a))
        return false;
    if (rule_alerts_find(&rule->alerts, a.key)) {
        rule_alert_release(&a);
        return false;
    }
    rule_alert_resume(&a, r->timing, rule->config->for_ms, r->evaluated_ms, r->now_ms);
    // Whoever it was sent to may have been stopped before writing it down: it is sent again at once.
    a.last_sent_ms = 0;
    a.stored = true;
    rule_alerts_add(&rule->alerts, &a);
    rule->restored = true;
    return true;
}

static int restore_entry(void *context, struct str key, struct str value)
{
    struct restoration *r = context;
    if (!str_has_prefix(key, r->prefix))
        return ERR_END;
    if (key.len != KEY_SIZE)
        return OK;
    uint64_t hash = be64_get(key.ptr + PREFIX_SIZE);
    for (size_t i = 0; i < r->group->config.rule_count; i++) {
        struct rule *rule = &r->group->rules[i];
        if (rule->config->is_alert && r->rules[i] == hash && restore_alert(r, rule, value))
            return OK;
    }
    buf_str(&r->group->orphans, key);
    return OK;
}

static int64_t load_time(const struct rule_context *context, uint64_t group)
{
    char key[PREFIX_SIZE + 1];
    struct buf value = BUF_INIT;
    int64_t ms = 0;
    make_time_key(key, group);
    int rc = meta_get(context->options.storage, META_ALERTS, str_make(key, sizeof(key)), &value);
    if (rc == OK && value.len == 8)
        ms = (int64_t)be64_get(value.ptr);
    buf_release(&value);
    return ms;
}

void rule_store_restore(const struct rule_context *context, struct rule_group *g, int64_t now_ms)
{
    char prefix[PREFIX_SIZE];
    uint64_t group = group_hash(g);
    uint64_t *rules = mem_calloc(g->config.rule_count + 1, sizeof(*rules));
    for (size_t i = 0; i < g->config.rule_count; i++)
        rules[i] = rule_hash(g, i);
    be64_put(prefix, group);
    struct restoration r = {.group = g,
                            .timing = &context->options.timing,
                            .rules = rules,
                            .prefix = str_make(prefix, sizeof(prefix)),
                            .evaluated_ms = load_time(context, group),
                            .now_ms = now_ms};
    meta_each(context->options.storage, META_ALERTS, r.prefix, restore_entry, &r);
    mem_free(rules);
}

struct pruning {
    struct meta_batch *batch;
    struct strmap groups; // prefixes that stay
    size_t deleted;
};

static int prune_entry(void *context, struct str key, struct str value)
{
    struct pruning *p = context;
    (void)value;
    bool known = (key.len == KEY_SIZE || key.len == PREFIX_SIZE + 1) &&
                 strmap_has(&p->groups, str_first(key, PREFIX_SIZE));
    if (!known) {
        meta_delete(p->batch, META_ALERTS, key);
        p->deleted++;
    }
    return OK;
}

void rule_store_prune(const struct rule_context *context, struct rule_group *const *groups,
                      size_t count)
{
    struct pruning p = {.batch = meta_batch_new(context->options.storage)};
    struct error err;
    strmap_init(&p.groups);
    for (size_t i = 0; i < count; i++) {
        char prefix[PREFIX_SIZE];
        be64_put(prefix, group_hash(groups[i]));
        strmap_put(&p.groups, str_make(prefix, sizeof(prefix)), groups[i]);
    }
    meta_each(context->options.storage, META_ALERTS, STR(""), prune_entry, &p);
    if (p.deleted && meta_commit(p.batch, &err))
        log_error("alert states of rules that are gone were not removed", LOG_ERR(&err));
    strmap_release(&p.groups);
    meta_batch_free(p.batch);
}
