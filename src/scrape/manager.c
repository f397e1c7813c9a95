// One thread drives everything: it waits in transfer_run() for answers, and between waits starts
// what is due and looks at target files. The lock guards pools and targets; it is never held while
// waiting. A reload, on another thread, synchronises the pools under the lock and leaves targets
// that are gone to the thread, which alone touches transfers.
#include "scrape/manager.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/float_text.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "discovery.h"
#include "manager_internal.h"

#define BODY_MAX      ((size_t)64 << 20)
#define FILE_CHECK_MS INT64_C(2000)
#define WAIT_MAX_MS   INT64_C(1000)
#define SLOT_MAX_MS   INT64_C(250)
// The wall clock against the monotonic one: by more than this it was set, not slewed.
#define CLOCK_JUMP_MS INT64_C(2000)

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
        return arena_printf(arena, "server returned HTTP status %ld %.*s", r->status,
                            STR_ARG(r->reason));
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

static void take_answer(struct target *t, const struct scrape_answer *answer)
{
    struct scrape_manager *m = t->manager;
    const struct scrape_context context = {.appender = m->appender,
                                           .metadata = m->metadata,
                                           .config = t->pool->config,
                                           .metrics = &m->metrics};
    target_answer(t, &context, answer);
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
        struct scrape_answer answer = {.t_ms = t->scheduled_ms,
                                       .duration_s = (double)r->duration_us / 1e6,
                                       .format = exposition_format_of(r->content_type),
                                       .body = r->body,
                                       .too_large = r->code == ERR_LIMIT};
        if (answer.format == EXPOSITION_NONE)
            answer.format = format_of(t->pool->config->fallback_protocol);
        answer.error = refusal(t, r, answer.format, &arena);
        if (answer.error.len)
            answer.format = EXPOSITION_NONE;
        take_answer(t, &answer);
    }
    pthread_mutex_unlock(&m->mutex);
    arena_release(&arena);
}

// What the job asks for in its order, by falling weight, then anything.
static char *accept_header(const struct scrape_config *c)
{
    static const char *const types[] = {
        [SCRAPE_PROTOCOL_TEXT_0_0_4] = "text/plain;version=0.0.4",
        [SCRAPE_PROTOCOL_TEXT_1_0_0] = "text/plain;version=1.0.0",
        [SCRAPE_PROTOCOL_OPENMETRICS_0_0_1] = "application/openmetrics-text;version=0.0.1",
        [SCRAPE_PROTOCOL_OPENMETRICS_1_0_0] = "application/openmetrics-text;version=1.0.0",
    };
    struct buf text = BUF_INIT;
    int weight = 6;
    for (size_t i = 0; i < c->scrape_protocol_count; i++) {
        enum scrape_protocol protocol = c->scrape_protocols[i];
        if (protocol == SCRAPE_PROTOCOL_PROMETHEUS_PROTO)
            continue;
        buf_cstr(&text, types[protocol]);
        if (protocol == SCRAPE_PROTOCOL_TEXT_1_0_0 || protocol == SCRAPE_PROTOCOL_OPENMETRICS_1_0_0)
            buf_printf(&text, ";escaping=%.*s", STR_ARG(c->name_escaping));
        buf_printf(&text, ";q=0.%d,", weight--);
    }
    buf_printf(&text, "*/*;q=0.%d", weight);
    return buf_steal(&text);
}

static struct str timeout_header(const struct target *t, struct arena *arena)
{
    struct buf text = BUF_INIT;
    buf_float(&text, (double)t->timeout_ms / 1000, FLOAT_F);
    struct str copy = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

static void fail_scrape(struct target *t, const char *reason)
{
    struct scrape_answer answer = {.t_ms = t->scheduled_ms, .error = str_from(reason)};
    take_answer(t, &answer);
}

static void start_scrape(struct scrape_manager *m, struct target *t)
{
    const struct scrape_config *c = t->pool->config;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    struct transfer_header headers[] = {
        {STR("Accept"), str_from(t->pool->accept)},
        {STR("X-Prometheus-Scrape-Timeout-Seconds"), timeout_header(t, &arena)},
    };
    struct transfer_request request = {
        .method = STR("GET"),
        .url = str_from(t->url),
        .headers = headers,
        .header_count = 2,
        .timeout_ms = t->timeout_ms,
        .response_max =
            c->body_size_limit && c->body_size_limit < BODY_MAX ? c->body_size_limit : BODY_MAX,
        .encoding = c->enable_compression ? TRANSFER_COMPRESSED : TRANSFER_PLAIN,
        .http = &c->http,
    };
    if (transfer_start(m->client, &request, on_answer, t, &t->transfer, &err))
        fail_scrape(t, err.text);
    arena_release(&arena);
}

static void scrape(struct scrape_manager *m, struct target *t)
{
    const struct pool *p = t->pool;
    struct buf reason = BUF_INIT;
    if (!p->over_limit) {
        start_scrape(m, t);
        return;
    }
    buf_printf(&reason, "target_limit exceeded (number of targets: %zu, limit: %" PRIu64 ")",
               p->target_count, p->config->target_limit);
    fail_scrape(t, buf_text(&reason));
    buf_release(&reason);
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
            scrape(m, t);
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
        target_end(t, m->appender, now_ms);
        target_free(t, m->metadata);
    }
    m->removed_count = 0;
}

// Spread over the interval by identity: even load, and the same phase after a restart. Phases are
// multiples of a slot: waking up with cold caches costs as much as the scrape of a small target, and
// is so shared by a few.
static int64_t first_due(const struct target *t, int64_t now_ms)
{
    int64_t slot_ms = t->interval_ms / 10 < SLOT_MAX_MS ? t->interval_ms / 10 : SLOT_MAX_MS;
    int64_t phase_ms = (int64_t)(t->key % (uint64_t)t->interval_ms);
    if (slot_ms)
        phase_ms -= phase_ms % slot_ms;
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
    target_set_discovered(t, d->discovered);
    t->timeout_ms = d->timeout_ms;
    t->kept = true;
}

struct group_visit {
    struct pool *pool;
    int64_t now_ms;
};

static void add_group(void *context, const struct config_target_group *g)
{
    const struct group_visit *v = context;
    struct pool *p = v->pool;
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
            add_target(p, &d, v->now_ms);
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

static uint64_t files_fingerprint(const struct pool *p)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < p->config->file_sd_count; i++)
        hash = hash * 31 + target_files_fingerprint(&p->config->file_sds[i]);
    return hash;
}

static void check_target_limit(struct pool *p)
{
    uint64_t limit = p->config->target_limit;
    p->over_limit = limit && p->target_count > limit;
    if (p->over_limit)
        log_error("target_limit exceeded: the job's scrapes fail",
                  LOG_STR("job", p->config->job_name), LOG_INT("targets", (int64_t)p->target_count),
                  LOG_INT("limit", (int64_t)limit));
}

// Finds the pool's targets anew.
static void synchronise(struct pool *p, int64_t now_ms)
{
    struct group_visit visit = {p, now_ms};
    const struct scrape_config *c = p->config;
    arena_reset(&p->dropped_arena);
    p->dropped = NULL;
    p->dropped_kept = p->dropped_count = 0;
    p->files = files_fingerprint(p);
    for (size_t i = 0; i < p->target_count; i++)
        p->targets[i]->kept = false;
    for (size_t i = 0; i < c->static_group_count; i++)
        add_group(&visit, &c->static_groups[i]);
    for (size_t i = 0; i < c->file_sd_count; i++)
        target_files_each(p->manager->files, &c->file_sds[i], add_group, &visit);
    drop_unkept(p);
    check_target_limit(p);
}

static void check_files(struct scrape_manager *m, int64_t now_ms)
{
    if (now_ms - m->files_checked_ms < FILE_CHECK_MS && now_ms >= m->files_checked_ms)
        return;
    m->files_checked_ms = now_ms;
    for (size_t i = 0; i < m->pool_count; i++) {
        struct pool *p = &m->pools[i];
        if (p->config->file_sd_count && files_fingerprint(p) != p->files)
            synchronise(p, now_ms);
    }
}

// Due times are wall time. When the clock is set, back or forth, they are found anew.
static void check_clock(struct scrape_manager *m, int64_t now_ms)
{
    int64_t offset_ms = now_ms - clock_mono_ns(m->options.clock) / 1000000;
    int64_t jump_ms = offset_ms - m->clock_offset_ms;
    m->clock_offset_ms = offset_ms;
    if (jump_ms > -CLOCK_JUMP_MS && jump_ms < CLOCK_JUMP_MS)
        return;
    for (size_t i = 0; i < m->pool_count; i++) {
        const struct pool *p = &m->pools[i];
        for (size_t t = 0; t < p->target_count; t++)
            heap_set(&m->due, &p->targets[t]->due, first_due(p->targets[t], now_ms));
    }
}

static int64_t work(struct scrape_manager *m)
{
    int64_t now_ms = clock_wall_ms(m->options.clock);
    pthread_mutex_lock(&m->mutex);
    check_clock(m, now_ms);
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
    scrape_metrics_init(&m->metrics, r);
    m->target_gauge = metrics_gauge(r, "lapwing_scrape_targets", "Active targets.", "");
    pthread_mutex_init(&m->mutex, NULL);
    heap_init(&m->due);
    m->files = target_files_new();
    m->metadata = metadata_pool_new();
    m->clock_offset_ms = clock_wall_ms(options->clock) - clock_mono_ns(options->clock) / 1000000;
    m->client = transfer_client_new(options->user_agent);
    m->appender = appender_new(options->storage);
    metrics_on_collect(r, collect, m);
    if (pthread_create(&m->thread, NULL, run, m) != 0)
        abort();
    pthread_setname_np(m->thread, "scrape");
    return m;
}

static void free_pools(struct pool *pools, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(pools[i].accept);
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
            target_free(m->pools[i].targets[t], m->metadata);
    }
    for (size_t i = 0; i < m->removed_count; i++)
        target_free(m->removed[i], m->metadata);
    appender_free(m->appender);
    target_files_free(m->files);
    metadata_pool_free(m->metadata);
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
        log_warn("this discovery is not followed yet: the job finds no targets from it",
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

void scrape_manager_apply(struct scrape_manager *m, struct prometheus_config *config)
{
    struct pool *pools = mem_calloc(config->scrape_count, sizeof(*pools));
    int64_t now_ms = clock_wall_ms(m->options.clock);
    pthread_mutex_lock(&m->mutex);
    for (size_t i = 0; i < config->scrape_count; i++) {
        pools[i].manager = m;
        pools[i].config = &config->scrapes[i];
        pools[i].accept = accept_header(pools[i].config);
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
    target_files_sweep(m->files);
    struct prometheus_config *old = m->config;
    free_pools(m->pools, m->pool_count);
    m->pools = pools;
    m->pool_count = config->scrape_count;
    m->config = prometheus_config_ref(config);
    pthread_mutex_unlock(&m->mutex);
    prometheus_config_unref(old);
    transfer_wake(m->client);
}
