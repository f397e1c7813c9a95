// From target groups to addresses: labels, relabelling, URLs.
#include "notifier_targets.h"

#include "base/log.h"
#include "base/mem.h"
#include "scrape/relabel.h"

#define ALERTS_PATH "/api/v2/alerts"

// One set while its groups are gone through.
struct resolving {
    struct notifier_targets *targets;
    const struct alertmanager_target_config *set;
    struct metrics *metrics;
    size_t capacity, dropped_capacity;
    size_t first; // of the set
};

static void set_default(struct labels_builder *b, struct str name, struct str value)
{
    if (!labels_builder_get(b, name).len)
        labels_builder_set(b, name, value);
}

static struct str alerts_path(struct arena *arena, struct str prefix)
{
    while (prefix.len && prefix.ptr[prefix.len - 1] == '/')
        prefix.len--;
    bool rooted = prefix.len == 0 || prefix.ptr[0] == '/';
    return arena_printf(arena, "%s%.*s" ALERTS_PATH, rooted ? "" : "/", STR_ARG(prefix));
}

static struct str url_of(struct arena *arena, const struct labels_builder *b)
{
    return arena_printf(arena, "%.*s://%.*s%.*s", STR_ARG(labels_builder_get(b, STR("__scheme__"))),
                        STR_ARG(labels_builder_get(b, STR("__address__"))),
                        STR_ARG(labels_builder_get(b, STR("__alerts_path__"))));
}

static bool is_known(const struct resolving *r, struct str url)
{
    for (size_t i = r->first; i < r->targets->count; i++) {
        if (str_eq(r->targets->items[i].url, url))
            return true;
    }
    return false;
}

static void add_target(struct resolving *r, struct str url)
{
    struct notifier_targets *t = r->targets;
    struct buf labels = BUF_INIT;
    if (is_known(r, url))
        return;
    buf_cstr(&labels, "alertmanager=");
    str_quote(&labels, url);
    ARENA_GROW(&t->arena, t->items, t->count, r->capacity);
    t->items[t->count++] = (struct notifier_target){
        .url = url,
        .set = r->set,
        .sent = metrics_counter(r->metrics, "lapwing_notifications_sent_total",
                                "Alerts sent to an Alertmanager.", buf_text(&labels)),
        .errors = metrics_counter(r->metrics, "lapwing_notifications_errors_total",
                                  "Alerts that an Alertmanager did not take.", buf_text(&labels)),
        .latency = metrics_histogram(r->metrics, "lapwing_notifications_latency_seconds",
                                     "Duration of requests to an Alertmanager.", buf_text(&labels),
                                     METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT),
    };
    buf_release(&labels);
}

static void resolve(struct resolving *r, struct str address, struct labels group)
{
    struct notifier_targets *t = r->targets;
    struct labels_builder b;
    labels_builder_init(&b, &t->arena, labels_copy(&t->arena, group));
    labels_builder_set(&b, STR("__address__"), arena_copy(&t->arena, address));
    set_default(&b, STR("__scheme__"), r->set->scheme);
    set_default(&b, STR("__alerts_path__"), alerts_path(&t->arena, r->set->path_prefix));
    struct str before = url_of(&t->arena, &b);
    if (!relabel_apply(&r->set->relabel, &b)) {
        ARENA_GROW(&t->arena, t->dropped, t->dropped_count, r->dropped_capacity);
        t->dropped[t->dropped_count++] = before;
        return;
    }
    struct str host = labels_builder_get(&b, STR("__address__"));
    if (host.len == 0 || str_find(host, '/') < host.len)
        log_warn("an Alertmanager's address is not valid, expected HOST:PORT",
                 LOG_STR("address", host));
    else
        add_target(r, url_of(&t->arena, &b));
}

static void resolve_group(void *context, const struct config_target_group *group)
{
    struct resolving *r = context;
    for (size_t i = 0; i < group->target_count; i++)
        resolve(r, group->targets[i], group->labels);
}

uint64_t notifier_files_fingerprint(const struct prometheus_config *config)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < config->alertmanager_count; i++) {
        const struct alertmanager_target_config *set = &config->alertmanagers[i];
        for (size_t k = 0; k < set->file_sd_count; k++)
            hash = hash * 31 + target_files_fingerprint(&set->file_sds[k]);
    }
    return hash;
}

struct notifier_targets *notifier_targets_new(struct prometheus_config *config,
                                              struct target_files *files, struct metrics *metrics)
{
    struct notifier_targets *t = mem_calloc(1, sizeof(*t));
    struct resolving r = {.targets = t, .metrics = metrics};
    atomic_init(&t->references, 1);
    arena_init(&t->arena, 0);
    t->config = prometheus_config_ref(config);
    t->fingerprint = notifier_files_fingerprint(config);
    for (size_t i = 0; i < config->alertmanager_count; i++) {
        r.set = &config->alertmanagers[i];
        r.first = t->count;
        for (size_t k = 0; k < r.set->static_group_count; k++)
            resolve_group(&r, &r.set->static_groups[k]);
        for (size_t k = 0; k < r.set->file_sd_count; k++)
            target_files_each(files, &r.set->file_sds[k], resolve_group, &r);
    }
    target_files_sweep(files);
    return t;
}

struct notifier_targets *notifier_targets_ref(struct notifier_targets *t)
{
    atomic_fetch_add(&t->references, 1);
    return t;
}

void notifier_targets_unref(struct notifier_targets *t)
{
    if (!t || atomic_fetch_sub(&t->references, 1) > 1)
        return;
    prometheus_config_unref(t->config);
    arena_release(&t->arena);
    mem_free(t);
}
