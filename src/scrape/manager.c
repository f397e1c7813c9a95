// One thread drives everything: it waits in transfer_run() for answers, and between waits starts
// what is due and looks at target files. The lock guards pools and targets; it is never held while
// waiting. A reload, on another thread, synchronises the pools under the lock and leaves targets
// that are gone to the thread, which alone touches transfers.
#include "scrape/manager.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "discovery.h"
#include "model/duration.h"
#include "target.h"

#define BODY_MAX      ((size_t)64 << 20)
#define FILE_CHECK_MS INT64_C(2000)
#define WAIT_MAX_MS   INT64_C(1000)

struct pool {
    struct scrape_manager *manager;
    const struct scrape_config *config; // of the manager's configuration
    struct target **targets;
    size_t target_count;
    size_t target_capacity;
    struct arena dropped_arena; // of the list below, made anew by each synchronisation
    struct labels *dropped;
    size_t dropped_kept;
    uint64_t dropped_count;
    uint64_t files; // fingerprint of the target files
};

struct scrape_manager {
    struct scrape_manager_options options;
    struct scrape_metrics metrics;
    struct metric *target_gauge;
    pthread_t thread;
    pthread_mutex_t mutex; // guards everything below but the transfers
    bool stopping;
    struct prometheus_config *config;
    struct pool *pools;
    size_t pool_count;
    struct target **removed; // to be ended by the thread
    size_t removed_count;
    size_t removed_capacity;
    struct heap due;
    int64_t files_checked_ms;
    struct transfer_client *client; // the thread's
};

const char *target_health_name(enum target_health health)
{
    static const char *const names[] = {"unknown", "up", "down"};
    return names[health];
}

static const char *status_text(long status)
{
    static const struct {
        long status;
        const char *text;
    } texts[] = {{400, "Bad Request"},
                 {401, "Unauthorized"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {429, "Too Many Requests"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"}};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].status == status)
            return texts[i].text;
    }
    return "";
}

static enum exposition_format format_of(enum scrape_protocol protocol)
{
    switch (protocol) {
    case SCRAPE_PROTOCOL_TEXT_0_0_4:
    case SCRAPE_PROTOCOL_TEXT_1_0_0:
        return EXPOSITION_TEXT;
    case SCRAPE_PROTOCOL_OPENMETRICS_0_0_1:
    case SCRAPE_PROTOCOL_OPENMETRICS_1_0_0:
        return EXPOSITION_OPENMETRICS;
    default:
        return EXPOSITION_NONE;
    }
}

// Why an answer cannot be used, or the empty view.
static struct str refusal(const struct target *t, const struct transfer_result *r,
                          enum exposition_format format, struct arena *arena)
{
    if (r->code == ERR_LIMIT)
        return str_from(r->text);
    if (r->code)
        return arena_printf(arena, "Get \"%s\": %s", t->url, r->text);
    if (r->status != 200)
        return arena_printf(arena, "server returned HTTP status %ld %s", r->status,
                            status_text(r->status));
    if (format != EXPOSITION_NONE)
        return str_make(NULL, 0);
    if (!r->content_type.len)
        return STR("non-compliant scrape target sending blank Content-Type and no "
                   "fallback_scrape_protocol specified for target");
    return arena_printf(arena,
                        "received unsupported Content-Type \"%.*s\" and no "
                        "fallback_scrape_protocol specified for target",
                        STR_ARG(r->content_type));
}

static void on_answer(void *context, const struct transfer_result *r)
{
    struct target *t = context;
    struct scrape_manager *m = t->manager;
    struct arena arena;
    arena_init(&arena, 0);
    pthread_mutex_lock(&m->mutex);
    t->transfer = NULL;
    if (!t->removed) {
        const struct scrape_config *config = t->pool->config;
        struct scrape_answer answer = {.t_ms = t->scheduled_ms,
                                       .duration_s = (double)r->duration_ms / 1000,
                                       .format = exposition_format_of(r->content_type),
                                       .body = r->body};
        if (answer.format == EXPOSITION_NONE)
            answer.format = format_of(config->fallback_protocol);
        answer.error = refusal(t, r, answer.format, &arena);
        if (answer.error.len)
            answer.format = EXPOSITION_NONE;
        target_answer(t, m->options.storage, config, &m->metrics, &answer);
    }
    pthread_mutex_unlock(&m->mutex);
    arena_release(&arena);
}

static struct str accept_header(const struct scrape_config *c, struct arena *arena)
{
    static const char *const types[] = {
        [SCRAPE_PROTOCOL_TEXT_0_0_4] = "text/plain;version=0.0.4",
        [SCRAPE_PROTOCOL_TEXT_1_0_0] = "text/plain;version=1.0.0",
        [SCRAPE_PROTOCOL_OPENMETRICS_0_0_1] = "application/openmetrics-text;version=0.0.1",
        [SCRAPE_PROTOCOL_OPENMETRICS_1_0_0] = "application/openmetrics-text;version=1.0.0",
    };
    struct buf text = BUF_INIT;
    int weight = 9;
    for (size_t i = 0; i < c->scrape_protocol_count; i++) {
        if (c->scrape_protocols[i] == SCRAPE_PROTOCOL_PROMETHEUS_PROTO)
            continue;
        buf_printf(&text, "%s;q=0.%d,", types[c->scrape_protocols[i]], weight);
        weight -= weight > 2;
    }
    buf_cstr(&text, "*/*;q=0.1");
    struct str copy = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

static void fail_start(struct target *t, const struct error *err)
{
    struct scrape_manager *m = t->manager;
    struct scrape_answer answer = {.t_ms = t->scheduled_ms, .error = str_from(err->text)};
    target_answer(t, m->options.storage, t->pool->config, &m->metrics, &answer);
}

static void start_scrape(struct scrape_manager *m, struct target *t)
{
    const struct scrape_config *c = t->pool->config;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    struct transfer_header headers[] = {
        {STR("Accept"), accept_header(c, &arena)},
        {STR("X-Prometheus-Scrape-Timeout-Seconds"),
         arena_printf(&arena, "%g", (double)t->timeout_ms / 1000)},
    };
    struct transfer_request request = {
        .method = STR("GET"),
        .url = str_from(t->url),
        .headers = headers,
        .header_count = 2,
        .timeout_ms = t->timeout_ms,
        .response_max =
            c->body_size_limit && c->body_size_limit < BODY_MAX ? c->body_size_limit : BODY_MAX,
        .accept_compressed = c->enable_compression,
        .http = &c->http,
    };
    if (transfer_start(m->client, &request, on_answer, t, &t->transfer, &err))
        fail_start(t, &err);
    arena_release(&arena);
}

static void start_due(struct scrape_manager *m, int64_t now_ms)
{
    struct heap_node *node;
    while ((node = heap_min(&m->due)) && node->key <= now_ms) {
        struct target *t = HEAP_OWNER(node, struct target, due);
        int64_t next_ms = node->key + t->interval_ms;
        // A clock that jumped, or a sleep: missed scrapes are not made up for.
        if (next_ms <= now_ms)
            next_ms += (now_ms - next_ms) / t->interval_ms * t->interval_ms + t->interval_ms;
        if (!t->transfer) {
            t->scheduled_ms = node->key > now_ms - 1000 ? node->key : now_ms;
            start_scrape(m, t);
        }
        heap_set(&m->due, node, next_ms);
    }
}

static void end_removed(struct scrape_manager *m, int64_t now_ms)
{
    for (size_t i = 0; i < m->removed_count; i++) {
        struct target *t = m->removed[i];
        if (t->transfer)
            transfer_cancel(m->client, t->transfer);
        target_end(t, m->options.storage, now_ms);
        target_free(t);
    }
    m->removed_count = 0;
}

// Spread over the interval by identity: even load, and the same phase after a restart.
static int64_t first_due(const struct target *t, int64_t now_ms)
{
    int64_t phase_ms = (int64_t)(t->key % (uint64_t)t->interval_ms);
    int64_t start_ms = now_ms - now_ms % t->interval_ms + phase_ms;
    return start_ms < now_ms ? start_ms + t->interval_ms : start_ms;
}

static struct target *find_target(struct pool *p, uint64_t key)
{
    for (size_t i = 0; i < p->target_count; i++) {
        if (p->targets[i]->key == key)
            return p->targets[i];
    }
    return NULL;
}

static void add_dropped(struct pool *p, const struct discovered_target *d)
{
    p->dropped_count++;
    if (p->config->keep_dropped_targets && p->dropped_count > p->config->keep_dropped_targets)
        return;
    p->dropped = arena_grow(&p->dropped_arena, p->dropped, p->dropped_kept, p->dropped_kept + 1,
                            sizeof(*p->dropped));
    p->dropped[p->dropped_kept++] = labels_copy(&p->dropped_arena, d->discovered);
}

static void add_target(struct pool *p, const struct discovered_target *d, int64_t now_ms)
{
    uint64_t key = hash64(d->url.ptr, d->url.len, labels_hash(d->labels));
    struct target *t = find_target(p, key);
    if (!t) {
        t = target_new(p, d->labels, d->discovered, d->url, key);
        t->manager = p->manager;
        t->interval_ms = d->interval_ms;
        MEM_GROW(p->targets, p->target_count, p->target_capacity);
        p->targets[p->target_count++] = t;
        heap_set(&p->manager->due, &t->due, first_due(t, now_ms));
    } else if (t->interval_ms != d->interval_ms) {
        t->interval_ms = d->interval_ms;
        heap_set(&p->manager->due, &t->due, first_due(t, now_ms));
    }
    t->timeout_ms = d->timeout_ms;
    t->kept = true;
}

static void add_group(struct pool *p, const struct config_target_group *g, int64_t now_ms)
{
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    for (size_t i = 0; i < g->target_count; i++) {
        struct discovered_target d;
        if (discovery_resolve(p->config, g->targets[i], g->labels, &arena, &d, &err))
            log_error("a target cannot be scraped", LOG_STR("job", p->config->job_name),
                      LOG_STR("target", g->targets[i]), LOG_ERR(&err));
        else if (d.dropped)
            add_dropped(p, &d);
        else
            add_target(p, &d, now_ms);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

static void drop_unkept(struct pool *p)
{
    struct scrape_manager *m = p->manager;
    size_t kept = 0;
    for (size_t i = 0; i < p->target_count; i++) {
        struct target *t = p->targets[i];
        if (t->kept) {
            p->targets[kept++] = t;
            continue;
        }
        t->removed = true;
        t->pool = NULL;
        heap_remove(&m->due, &t->due);
        MEM_GROW(m->removed, m->removed_count, m->removed_capacity);
        m->removed[m->removed_count++] = t;
    }
    p->target_count = kept;
}

// Finds the pool's targets anew.
static void synchronise(struct pool *p, int64_t now_ms)
{
    struct arena arena;
    arena_init(&arena, 0);
    arena_reset(&p->dropped_arena);
    p->dropped = NULL;
    p->dropped_kept = p->dropped_count = 0;
    p->files = 0;
    for (size_t i = 0; i < p->target_count; i++)
        p->targets[i]->kept = false;
    for (size_t i = 0; i < p->config->static_group_count; i++)
        add_group(p, &p->config->static_groups[i], now_ms);
    for (size_t i = 0; i < p->config->file_sd_count; i++) {
        struct config_target_group *groups;
        size_t count;
        p->files ^= discovery_fingerprint(&p->config->file_sds[i]) + i;
        discovery_read_files(&p->config->file_sds[i], &arena, &groups, &count);
        for (size_t g = 0; g < count; g++)
            add_group(p, &groups[g], now_ms);
    }
    if (p->config->target_limit && p->target_count > p->config->target_limit)
        log_error("target_limit exceeded", LOG_STR("job", p->config->job_name),
                  LOG_INT("targets", (int64_t)p->target_count));
    drop_unkept(p);
    arena_release(&arena);
}

static void check_files(struct scrape_manager *m, int64_t now_ms)
{
    if (now_ms - m->files_checked_ms < FILE_CHECK_MS && now_ms >= m->files_checked_ms)
        return;
    m->files_checked_ms = now_ms;
    for (size_t i = 0; i < m->pool_count; i++) {
        struct pool *p = &m->pools[i];
        uint64_t files = 0;
        for (size_t f = 0; f < p->config->file_sd_count; f++)
            files ^= discovery_fingerprint(&p->config->file_sds[f]) + f;
        if (files != p->files)
            synchronise(p, now_ms);
    }
}

static int64_t work(struct scrape_manager *m)
{
    int64_t now_ms = clock_wall_ms(m->options.clock);
    pthread_mutex_lock(&m->mutex);
    check_files(m, now_ms);
    end_removed(m, now_ms);
    start_due(m, now_ms);
    const struct heap_node *next = heap_min(&m->due);
    int64_t wait_ms = next ? next->key - now_ms : WAIT_MAX_MS;
    if (m->stopping)
        wait_ms = -1;
    pthread_mutex_unlock(&m->mutex);
    return wait_ms > WAIT_MAX_MS ? WAIT_MAX_MS : wait_ms;
}

static void *run(void *argument)
{
    struct scrape_manager *m = argument;
    for (int64_t wait_ms; (wait_ms = work(m)) >= 0;)
        transfer_run(m->client, wait_ms);
    return NULL;
}

static void collect(void *context)
{
    struct scrape_manager *m = context;
    pthread_mutex_lock(&m->mutex);
    metric_set(m->target_gauge, (double)m->due.count);
    pthread_mutex_unlock(&m->mutex);
}

struct scrape_manager *scrape_manager_new(const struct scrape_manager_options *options)
{
    struct scrape_manager *m = mem_calloc(1, sizeof(*m));
    struct metrics *r = options->metrics;
    m->options = *options;
    m->metrics = (struct scrape_metrics){
        .scrapes = metrics_counter(r, "lapwing_scrape_scrapes_total", "Scrapes done.", ""),
        .failures = metrics_counter(r, "lapwing_scrape_failures_total", "Scrapes that failed.", ""),
        .samples = metrics_counter(r, "lapwing_scrape_samples_total",
                                   "Samples that scrapes brought and the store took.", ""),
        .dropped_samples = metrics_counter(r, "lapwing_scrape_samples_refused_total",
                                           "Samples of scrapes that the store refused.", ""),
        .seconds = metrics_histogram(r, "lapwing_scrape_duration_seconds", "Duration of scrapes.",
                                     "", METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT),
    };
    m->target_gauge = metrics_gauge(r, "lapwing_scrape_targets", "Active targets.", "");
    pthread_mutex_init(&m->mutex, NULL);
    heap_init(&m->due);
    m->client = transfer_client_new(options->user_agent);
    metrics_on_collect(r, collect, m);
    if (pthread_create(&m->thread, NULL, run, m) != 0)
        abort();
    pthread_setname_np(m->thread, "scrape");
    return m;
}

static void free_pools(struct pool *pools, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(pools[i].targets);
        arena_release(&pools[i].dropped_arena);
    }
    mem_free(pools);
}

void scrape_manager_free(struct scrape_manager *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->mutex);
    m->stopping = true;
    pthread_mutex_unlock(&m->mutex);
    transfer_wake(m->client);
    pthread_join(m->thread, NULL);
    transfer_client_free(m->client);
    for (size_t i = 0; i < m->pool_count; i++) {
        for (size_t t = 0; t < m->pools[i].target_count; t++)
            target_free(m->pools[i].targets[t]);
    }
    for (size_t i = 0; i < m->removed_count; i++)
        target_free(m->removed[i]);
    free_pools(m->pools, m->pool_count);
    mem_free(m->removed);
    heap_release(&m->due);
    prometheus_config_unref(m->config);
    pthread_mutex_destroy(&m->mutex);
    mem_free(m);
}

static void warn_unsupported(const struct scrape_config *c)
{
    for (size_t i = 0; i < c->other_sd_count; i++)
        log_warn("this discovery is not supported yet: the job finds no targets from it",
                 LOG_CSTR("discovery", c->other_sds[i].kind), LOG_STR("job", c->job_name));
}

// Hands the targets of an old pool of the same job over.
static void inherit(struct pool *p, struct pool *old_pools, size_t old_count)
{
    for (size_t i = 0; i < old_count; i++) {
        struct pool *old = &old_pools[i];
        if (!str_eq(old->config->job_name, p->config->job_name))
            continue;
        p->targets = old->targets;
        p->target_count = old->target_count;
        p->target_capacity = old->target_capacity;
        old->targets = NULL;
        old->target_count = 0;
        for (size_t t = 0; t < p->target_count; t++)
            p->targets[t]->pool = p;
    }
}

int scrape_manager_apply(struct scrape_manager *m, struct prometheus_config *config,
                         struct error *err)
{
    (void)err;
    struct pool *pools = mem_calloc(config->scrape_count, sizeof(*pools));
    int64_t now_ms = clock_wall_ms(m->options.clock);
    pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < config->scrape_count; i++) {
        pools[i].manager = m;
        pools[i].config = &config->scrapes[i];
        arena_init(&pools[i].dropped_arena, 0);
        inherit(&pools[i], m->pools, m->pool_count);
        synchronise(&pools[i], now_ms);
        warn_unsupported(pools[i].config);
    }
    for (size_t i = 0; i < m->pool_count; i++) {
        for (size_t t = 0; t < m->pools[i].target_count; t++)
            m->pools[i].targets[t]->kept = false;
        drop_unkept(&m->pools[i]);
    }
    struct prometheus_config *old = m->config;
    free_pools(m->pools, m->pool_count);
    m->pools = pools;
    m->pool_count = config->scrape_count;
    m->config = prometheus_config_ref(config);
    pthread_mutex_unlock(&m->mutex);
    prometheus_config_unref(old);
    transfer_wake(m->client);
    return OK;
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
        .last_error = arena_copy(arena, t->last_error),
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
    for (size_t i = 0; i < t->families.count; i++) {
        const struct strmap_entry *e = &t->families.entries[i];
        struct str name = str_make(e->key, e->key_len);
        const struct family *f = e->value;
        if (metric.len && !str_eq(name, metric))
            continue;
        const char *type = f->type ? f->type : "unknown";
        ARENA_GROW(list->arena, list->items, list->count, list->capacity);
        list->items[list->count++] = (struct metric_metadata){
            .metric = arena_copy(list->arena, name),
            .type =
                arena_copy(list->arena, str_from(strcmp(type, "untyped") == 0 ? "unknown" : type)),
            .help = arena_copy(list->arena, str_from(f->help)),
            .unit = arena_copy(list->arena, str_from(f->unit)),
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
