// What the scraper tells of itself: targets as /api/v1/targets shows them, and metadata.
#include <stdlib.h>

#include "manager_internal.h"

const char *target_health_name(enum target_health health)
{
    static const char *const names[] = {"unknown", "up", "down"};
    return names[health];
}

static int by_url(const void *a, const void *b)
{
    const struct target_status *x = a, *y = b;
    int order = str_cmp(x->scrape_pool, y->scrape_pool);
    return order ? order : str_cmp(x->scrape_url, y->scrape_url);
}

static struct target_status status_of(const struct target *t, struct arena *arena)
{
    return (struct target_status){
        .discovered_labels = labels_copy(arena, t->discovered),
        .labels = labels_copy(arena, t->labels),
        .scrape_pool = arena_copy(arena, t->pool->config->job_name),
        .scrape_url = arena_copy(arena, str_from(t->url)),
        .last_error = arena_copy(arena, str_from(t->last_error)),
        .last_scrape_ms = t->last_scrape_ms,
        .last_scrape_duration_s = t->last_duration_s,
        .health = t->health,
        .interval_ms = t->interval_ms,
        .timeout_ms = t->timeout_ms,
    };
}

static void add_pool_status(const struct pool *p, struct arena *arena, struct targets_status *out)
{
    struct str name = arena_copy(arena, p->config->job_name);
    for (size_t i = 0; i < p->target_count; i++)
        out->active[out->active_count++] = status_of(p->targets[i], arena);
    for (size_t i = 0; i < p->dropped_kept; i++)
        out->dropped[out->dropped_count++] =
            (struct dropped_target_status){labels_copy(arena, p->dropped[i]), name};
    out->pools[out->pool_count++] = (struct pool_status){name, p->dropped_count};
}

static int by_pool_name(const void *a, const void *b)
{
    return str_cmp(((const struct pool_status *)a)->name, ((const struct pool_status *)b)->name);
}

void scrape_manager_targets(struct scrape_manager *m, struct arena *arena,
                            struct targets_status *out)
{
    size_t active = 0, dropped = 0;
    *out = (struct targets_status){.active_count = 0};
    pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < m->pool_count; i++) {
        active += m->pools[i].target_count;
        dropped += m->pools[i].dropped_kept;
    }
    out->active = arena_calloc(arena, active, sizeof(*out->active));
    out->dropped = arena_calloc(arena, dropped, sizeof(*out->dropped));
    out->pools = arena_calloc(arena, m->pool_count, sizeof(*out->pools));
    for (size_t i = 0; i < m->pool_count; i++)
        add_pool_status(&m->pools[i], arena, out);
    pthread_mutex_unlock(&m->mutex);
    if (active)
        qsort(out->active, active, sizeof(*out->active), by_url);
    if (out->pool_count)
        qsort(out->pools, out->pool_count, sizeof(*out->pools), by_pool_name);
}

struct metadata_list {
    struct arena *arena;
    struct metric_metadata *items;
    size_t count;
    size_t capacity;
};

static void add_metadata(struct metadata_list *list, const struct target *t, struct str metric)
{
    for (size_t i = 0; i < t->metadata.family_count; i++) {
        const struct metadata *m = t->metadata.families[i];
        if (metric.len && !str_eq(m->name, metric))
            continue;
        ARENA_GROW(list->arena, list->items, list->count, list->capacity);
        list->items[list->count++] = (struct metric_metadata){
            .metric = arena_copy(list->arena, m->name),
            .type = str_from(metric_type_name(m->type)),
            .help = arena_copy(list->arena, m->help),
            .unit = arena_copy(list->arena, m->unit),
            .target = labels_copy(list->arena, t->labels),
        };
    }
}

static int by_metric(const void *a, const void *b)
{
    const struct metric_metadata *x = a, *y = b;
    int order = str_cmp(x->metric, y->metric);
    return order ? order : labels_cmp(x->target, y->target);
}

void scrape_manager_metadata(struct scrape_manager *m, struct str metric, struct arena *arena,
                             struct metric_metadata **out, size_t *count)
{
    struct metadata_list list = {.arena = arena};
    pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < m->pool_count; i++) {
        for (size_t t = 0; t < m->pools[i].target_count; t++)
            add_metadata(&list, m->pools[i].targets[t], metric);
    }
    pthread_mutex_unlock(&m->mutex);
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_metric);
    *out = list.items;
    *count = list.count;
}

struct prometheus_config *scrape_manager_config(struct scrape_manager *m)
{
    pthread_mutex_lock(&m->mutex);
    struct prometheus_config *c = m->config ? prometheus_config_ref(m->config) : NULL;
    pthread_mutex_unlock(&m->mutex);
    return c;
}
