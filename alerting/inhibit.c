#include "inhibit.h"

#include "base/hash.h"
#include "base/mem.h"

void inhibitor_init(struct inhibitor *in, const struct alert_store *store,
                    const struct alertmanager_config *config)
{
    *in = (struct inhibitor){.store = store, .rule_count = config->inhibit_rule_count};
    in->rules = mem_calloc(in->rule_count + 1, sizeof(*in->rules));
    for (size_t i = 0; i < in->rule_count; i++)
        in->rules[i].config = &config->inhibit_rules[i];
    in->set_version = UINT64_MAX;
}

void inhibitor_release(struct inhibitor *in)
{
    for (size_t i = 0; i < in->rule_count; i++)
        mem_free(in->rules[i].sources);
    mem_free(in->rules);
    *in = (struct inhibitor){0};
}

static uint64_t equal_hash(const struct inhibit_rule_config *rule, struct labels labels)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < rule->equal_count; i++) {
        struct str value = labels_get(labels, rule->equal[i]);
        hash = hash64(value.ptr, value.len, hash + 1);
    }
    return hash;
}

static int by_hash(const void *left, const void *right)
{
    const struct inhibit_source *a = left, *b = right;
    return (a->equal_hash > b->equal_hash) - (a->equal_hash < b->equal_hash);
}

static void rule_index(struct inhibit_rule *rule, const struct alert_store *store)
{
    const struct inhibit_rule_config *config = rule->config;
    rule->source_count = 0;
    for (size_t i = 0; i < alert_store_count(store); i++) {
        const struct stored_alert *a = alert_store_at(store, i);
        if (!matchers_match(config->source, config->source_count, a->alert.labels))
            continue;
        MEM_GROW(rule->sources, rule->source_count, rule->source_capacity);
        rule->sources[rule->source_count++] =
            (struct inhibit_source){equal_hash(config, a->alert.labels), a};
    }
    if (rule->source_count)
        qsort(rule->sources, rule->source_count, sizeof(*rule->sources), by_hash);
}

static bool equal_labels(const struct inhibit_rule_config *rule, struct labels a, struct labels b)
{
    for (size_t i = 0; i < rule->equal_count; i++)
        if (!str_eq(labels_get(a, rule->equal[i]), labels_get(b, rule->equal[i])))
            return false;
    return true;
}

static size_t first_source(const struct inhibit_rule *rule, uint64_t hash)
{
    size_t low = 0, high = rule->source_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rule->sources[middle].equal_hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// An alert that is source and target of the same rule is not muted by another such alert, nor by
// itself.
static const struct stored_alert *rule_mutes(const struct inhibit_rule *rule, struct labels target,
                                             int64_t now_ms)
{
    const struct inhibit_rule_config *config = rule->config;
    if (!matchers_match(config->target, config->target_count, target))
        return NULL;
    bool two_sided = matchers_match(config->source, config->source_count, target);
    uint64_t hash = equal_hash(config, target);
    for (size_t i = first_source(rule, hash);
         i < rule->source_count && rule->sources[i].equal_hash == hash; i++) {
        const struct stored_alert *a = rule->sources[i].alert;
        if (alert_is_resolved(&a->alert, now_ms) || !equal_labels(config, a->alert.labels, target))
            continue;
        if (two_sided && matchers_match(config->target, config->target_count, a->alert.labels))
            continue;
        return a;
    }
    return NULL;
}

const struct stored_alert *inhibitor_mutes(struct inhibitor *in, struct labels target,
                                           int64_t now_ms)
{
    if (in->set_version != in->store->set_version) {
        for (size_t i = 0; i < in->rule_count; i++)
            rule_index(&in->rules[i], in->store);
        in->set_version = in->store->set_version;
    }
    for (size_t i = 0; i < in->rule_count; i++) {
        const struct stored_alert *source = rule_mutes(&in->rules[i], target, now_ms);
        if (source)
            return source;
    }
    return NULL;
}
