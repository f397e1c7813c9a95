// The alerts' states on disk, so that a restart finds each as far along as it was.
//
//     META_ALERTS   group (8) | rule (8) | alert (8)   -> the alert, rule_alert_encode()
//                   group (8) 't'                      -> when the group was last evaluated
//
// Groups are hashed by file and name; rules by kind, name, labels and a number among equals;
// alerts by labels. All of a group stands together.
//
// Invariants
// 1. `stored` of a group holds exactly the alert keys that are on disk for it.
// 2. An alert is written when it changed state, never because it was evaluated or sent again. The
//    time of evaluation is written only while an alert is pending: nobody else asks for it.
#include "base/coding.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "rule_group.h"
#include "storage/meta.h"

#define KEY_SIZE    24
#define PREFIX_SIZE 8

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

// One pass over what a group must keep.
struct saving {
    struct rule_group *group;
    struct meta_batch *batch;
    struct strmap present; // keys of the alerts there are
    size_t written;
    bool pending;
};

static void save_alert(struct saving *s, const char key[KEY_SIZE], const struct rule_alert *a)
{
    struct str bytes = str_make(key, KEY_SIZE);
    strmap_put(&s->present, bytes, s->group);
    s->pending |= a->state == ALERT_PENDING;
    if (!a->changed && strmap_has(&s->group->stored, bytes))
        return;
    struct buf value = BUF_INIT;
    rule_alert_encode(&value, a);
    meta_put(s->batch, META_ALERTS, bytes, buf_view(&value));
    s->written++;
    buf_release(&value);
}

static void save_alerts(struct saving *s)
{
    uint64_t group = group_hash(s->group);
    for (size_t i = 0; i < s->group->config.rule_count; i++) {
        const struct rule *r = &s->group->rules[i];
        uint64_t rule = r->alerts.count ? rule_hash(s->group, i) : 0;
        for (size_t a = 0; a < r->alerts.count; a++) {
            char key[KEY_SIZE];
            make_key(key, group, rule, r->alerts.items[a].key);
            save_alert(s, key, &r->alerts.items[a]);
        }
    }
}

static void delete_gone(struct saving *s)
{
    const struct strmap *stored = &s->group->stored;
    for (size_t i = 0; i < stored->count; i++) {
        struct str key = str_make(stored->entries[i].key, stored->entries[i].key_len);
        if (strmap_has(&s->present, key))
            continue;
        meta_delete(s->batch, META_ALERTS, key);
        s->written++;
    }
}

static void save_time(struct saving *s, int64_t now_ms)
{
    char key[PREFIX_SIZE + 1], value[8];
    make_time_key(key, group_hash(s->group));
    be64_put(value, (uint64_t)now_ms);
    meta_put(s->batch, META_ALERTS, str_make(key, sizeof(key)), str_make(value, sizeof(value)));
    s->written++;
}

static void mark_saved(struct saving *s)
{
    for (size_t i = 0; i < s->group->config.rule_count; i++) {
        struct rule_alerts *alerts = &s->group->rules[i].alerts;
        for (size_t a = 0; a < alerts->count; a++)
            alerts->items[a].changed = false;
    }
    strmap_release(&s->group->stored);
    s->group->stored = s->present;
    strmap_init(&s->present);
}

static bool has_alerts(const struct rule_group *g)
{
    for (size_t i = 0; i < g->config.rule_count; i++) {
        if (g->rules[i].alerts.count)
            return true;
    }
    return false;
}

void rule_store_save(const struct rule_context *context, struct rule_group *g, int64_t now_ms)
{
    struct error err;
    if (!has_alerts(g) && g->stored.count == 0)
        return;
    struct saving s = {.group = g, .batch = meta_batch_new(context->options.storage)};
    strmap_init(&s.present);
    save_alerts(&s);
    delete_gone(&s);
    if (s.pending)
        save_time(&s, now_ms);
    if (s.written && meta_commit(s.batch, &err))
        log_error("alert states were not stored", LOG_STR("group", g->config.name), LOG_ERR(&err));
    else if (s.written)
        mark_saved(&s);
    strmap_release(&s.present);
    meta_batch_free(s.batch);
}

struct restoration {
    struct rule_group *group;
    const struct rule_timing *timing;
    const uint64_t *rules; // the hash of each
    struct str prefix;
    int64_t evaluated_ms; // 0: unknown
    int64_t now_ms;
};

static void restore_alert(struct restoration *r, struct rule *rule, struct str value)
{
    struct rule_alert a;
    if (!rule_alert_decode(value, &a))
        return;
    rule_alert_resume(&a, r->timing, rule->config->for_ms, r->evaluated_ms, r->now_ms);
    rule_note_alert(rule, &a);
    if (rule_alerts_find(&rule->alerts, a.key))
        rule_alert_release(&a);
    else
        rule_alerts_add(&rule->alerts, &a);
}

static int restore_entry(void *context, struct str key, struct str value)
{
    struct restoration *r = context;
    if (!str_has_prefix(key, r->prefix))
        return ERR_END;
    if (key.len != KEY_SIZE)
        return OK;
    strmap_put(&r->group->stored, key, r->group);
    uint64_t hash = be64_get(key.ptr + PREFIX_SIZE);
    for (size_t i = 0; i < r->group->config.rule_count; i++) {
        struct rule *rule = &r->group->rules[i];
        if (rule->config->is_alert && r->rules[i] == hash) {
            restore_alert(r, rule, value);
            break;
        }
    }
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
