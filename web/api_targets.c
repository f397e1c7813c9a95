// /api/v1/targets, scrape_pools, targets/metadata, metadata, alertmanagers.
#include "api.h"
#include "model/duration.h"
#include "promql/selector.h"
#include "routes.h"

// The scrape URL as others reach it: a loopback host is replaced by this server's external one.
static struct str global_url(struct web_server *web, struct arena *a, struct str url)
{
    static const char *const loopback[] = {"localhost", "127.0.0.1", "[::1]"};
    size_t scheme = str_search(url, STR("://"));
    if (scheme == url.len || !web->external_host.len)
        return url;
    struct str rest = str_skip(url, scheme + 3);
    for (size_t i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
        struct str host = str_from(loopback[i]);
        if (!str_has_prefix(rest, host))
            continue;
        struct str tail = str_skip(rest, host.len);
        if (tail.len == 0 || tail.ptr[0] == ':' || tail.ptr[0] == '/')
            return arena_printf(a, "%.*s%.*s%.*s", (int)(scheme + 3), url.ptr,
                                STR_ARG(web->external_host), STR_ARG(tail));
    }
    return url;
}

static void json_duration(struct json_writer *w, int64_t ms)
{
    struct buf text = BUF_INIT;
    duration_format(&text, ms);
    json_str(w, buf_view(&text));
    buf_release(&text);
}

static void write_target(struct web_server *web, struct request *req, struct json_writer *w,
                         const struct target_status *t)
{
    json_object_begin(w);
    json_key(w, "discoveredLabels");
    labels_json(w, t->discovered_labels);
    json_key(w, "labels");
    labels_json(w, t->labels);
    json_key(w, "scrapePool");
    json_str(w, t->scrape_pool);
    json_key(w, "scrapeUrl");
    json_str(w, t->scrape_url);
    json_key(w, "globalUrl");
    json_str(w, global_url(web, &req->arena, t->scrape_url));
    json_key(w, "lastError");
    json_str(w, t->last_error);
    json_key(w, "lastScrape");
    json_time(w, t->last_scrape_ms);
    json_key(w, "lastScrapeDuration");
    json_double(w, t->last_scrape_duration_s);
    json_key(w, "health");
    json_cstr(w, target_health_name(t->health));
    json_key(w, "scrapeInterval");
    json_duration(w, t->interval_ms);
    json_key(w, "scrapeTimeout");
    json_duration(w, t->timeout_ms);
    json_object_end(w);
}

static bool in_pool(struct str wanted, struct str pool)
{
    return wanted.len == 0 || str_eq(wanted, pool);
}

static void write_dropped(struct json_writer *w, const struct targets_status *targets,
                          struct str pool, bool shown)
{
    json_key(w, "droppedTargets");
    json_array_begin(w);
    for (size_t i = 0; shown && i < targets->dropped_count; i++) {
        const struct dropped_target_status *d = &targets->dropped[i];
        if (!in_pool(pool, d->scrape_pool))
            continue;
        json_object_begin(w);
        json_key(w, "discoveredLabels");
        labels_json(w, d->discovered_labels);
        json_key(w, "scrapePool");
        json_str(w, d->scrape_pool);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "droppedTargetCounts");
    json_object_begin(w);
    for (size_t i = 0; shown && i < targets->pool_count; i++) {
        if (!in_pool(pool, targets->pools[i].name))
            continue;
        json_key_str(w, targets->pools[i].name);
        json_u64(w, targets->pools[i].dropped_count);
    }
    json_object_end(w);
}

void api_targets(struct web_server *web, struct request *req, struct response *res)
{
    struct str state = request_param(req, "state"), pool = request_param(req, "scrapePool");
    bool any = state.len == 0 || str_eq_nocase(state, STR("any"));
    bool active = any || str_eq_nocase(state, STR("active"));
    bool dropped = any || str_eq_nocase(state, STR("dropped"));
    struct targets_status targets;
    struct json_writer w;
    scrape_manager_targets(web->options.scrape, &req->arena, &targets);
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "activeTargets");
    json_array_begin(&w);
    for (size_t i = 0; active && i < targets.active_count; i++) {
        if (in_pool(pool, targets.active[i].scrape_pool))
            write_target(web, req, &w, &targets.active[i]);
    }
    json_array_end(&w);
    write_dropped(&w, &targets, pool, dropped);
    json_object_end(&w);
    api_end(&w);
}

void api_scrape_pools(struct web_server *web, struct request *req, struct response *res)
{
    struct targets_status targets;
    struct json_writer w;
    scrape_manager_targets(web->options.scrape, &req->arena, &targets);
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "scrapePools");
    json_array_begin(&w);
    for (size_t i = 0; i < targets.pool_count; i++)
        json_str(&w, targets.pools[i].name);
    json_array_end(&w);
    json_object_end(&w);
    api_end(&w);
}

// An optional count: absent, negative and 0 are no limit.
static bool count_param(const struct request *req, struct response *res, const char *name,
                        size_t *out)
{
    struct str text = request_param(req, name);
    int64_t number = 0;
    if (text.len && !str_to_i64(text, &number)) {
        api_fail(res, API_BAD_DATA, "%s must be a number", name);
        return false;
    }
    *out = number > 0 ? (size_t)number : SIZE_MAX;
    return true;
}

static void write_meaning(struct json_writer *w, const struct metric_metadata *m)
{
    json_key(w, "type");
    json_str(w, m->type);
    json_key(w, "help");
    json_str(w, m->help);
    json_key(w, "unit");
    json_str(w, m->unit);
}

static bool same_meaning(const struct metric_metadata *a, const struct metric_metadata *b)
{
    return str_eq(a->type, b->type) && str_eq(a->help, b->help) && str_eq(a->unit, b->unit);
}

// The different meanings that targets give one metric: items[0, count) are all of that metric.
static void write_meanings(struct json_writer *w, const struct metric_metadata *items, size_t count,
                           size_t limit)
{
    size_t written = 0;
    json_array_begin(w);
    for (size_t i = 0; i < count && written < limit; i++) {
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = same_meaning(&items[k], &items[i]);
        if (seen)
            continue;
        json_object_begin(w);
        write_meaning(w, &items[i]);
        json_object_end(w);
        written++;
    }
    json_array_end(w);
}

void api_metadata(struct web_server *web, struct request *req, struct response *res)
{
    size_t limit, per_metric, count, metrics = 0, end;
    struct metric_metadata *items;
    struct json_writer w;
    if (!count_param(req, res, "limit", &limit) ||
        !count_param(req, res, "limit_per_metric", &per_metric))
        return;
    scrape_manager_metadata(web->options.scrape, request_param(req, "metric"), &req->arena, &items,
                            &count);
    api_begin(res, &w);
    json_object_begin(&w);
    for (size_t i = 0; i < count && metrics < limit; i = end, metrics++) {
        for (end = i + 1; end < count && str_eq(items[end].metric, items[i].metric);)
            end++;
        json_key_str(&w, items[i].metric);
        write_meanings(&w, items + i, end - i, per_metric);
    }
    json_object_end(&w);
    api_end(&w);
}

static void write_target_metadata(struct json_writer *w, const struct metric_metadata *m,
                                  bool with_metric)
{
    json_object_begin(w);
    json_key(w, "target");
    labels_json(w, m->target);
    if (with_metric) {
        json_key(w, "metric");
        json_str(w, m->metric);
    }
    write_meaning(w, m);
    json_object_end(w);
}

void api_targets_metadata(struct web_server *web, struct request *req, struct response *res)
{
    struct str metric = request_param(req, "metric");
    struct matcher_sets targets = {0};
    struct metric_metadata *items;
    struct json_writer w;
    size_t limit, count, written = 0;
    if (count_param(req, res, "limit", &limit) &&
        api_matchers(req, res, "match_target", false, &targets)) {
        scrape_manager_metadata(web->options.scrape, metric, &req->arena, &items, &count);
        api_begin(res, &w);
        json_array_begin(&w);
        for (size_t i = 0; i < count && written < limit; i++) {
            if (targets.count && !matcher_sets_match(&targets, items[i].target))
                continue;
            write_target_metadata(&w, &items[i], metric.len == 0);
            written++;
        }
        json_array_end(&w);
        api_end(&w);
    }
    matcher_sets_release(&targets);
}

static void write_urls(struct json_writer *w, const char *key, const struct str *urls, size_t count)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_object_begin(w);
        json_key(w, "url");
        json_str(w, urls[i]);
        json_object_end(w);
    }
    json_array_end(w);
}

void api_alertmanagers(struct web_server *web, struct request *req, struct response *res)
{
    struct notifier_status status = {0};
    struct json_writer w;
    if (web->options.notifier)
        notifier_status(web->options.notifier, &req->arena, &status);
    api_begin(res, &w);
    json_object_begin(&w);
    write_urls(&w, "activeAlertmanagers", status.active, status.active_count);
    write_urls(&w, "droppedAlertmanagers", status.dropped, status.dropped_count);
    json_object_end(&w);
    api_end(&w);
}
