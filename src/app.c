// Construction in the order of the data's way, tear-down in reverse:
//
//     metrics -> store -> engine -> alertmanager -> scraper -> rules -> web
//
// Threads of the app itself: the store's maintenance, the rules, the notification timers. A reload
// runs on whichever thread asks, one at a time.
#include "app.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "alerting/heartbeat.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/ticker.h"
#include "base/version.h"
#include "model/duration.h"
#include "web/server.h"

#define BODY_MAX         ((size_t)32 << 20)
#define REMOTE_WRITE_MAX ((size_t)256 << 20)
#define CONNECTIONS_MAX  1000000u

struct app {
    const struct flags *flags;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct scrape_manager *scrape;
    struct rule_manager *rules;
    struct web_server *web;
    struct ticker *maintenance;
    struct ticker *rule_ticker;
    struct alertmanager *alertmanager; // NULL without an alertmanager.yml
    struct notifier *notifier;
    struct ticker *notify_ticker;
    struct web_flag *web_flags;
    char *external_url;
    char *route_prefix;
    char *self_config; // the embedded default's text
    char *retention;   // as status pages show it
    int64_t start_ms;
    unsigned features;
    atomic_bool quit;

    pthread_mutex_t reload_mutex; // one reload at a time; guards the rest
    struct prometheus_config *config;
    bool reload_ok;
    int64_t last_config_ms;
    int64_t reload_failed_ms;
    struct metric *reload_success, *reload_time;
};

static int64_t maintain(void *context, int64_t now_ms)
{
    (void)now_ms;
    storage_maintain(((struct app *)context)->storage);
    return 1000;
}

static int64_t run_rules(void *context, int64_t now_ms)
{
    struct app *a = context;
    int64_t wait_ms = rule_manager_tick(a->rules, now_ms);
    if (a->alertmanager)
        alertmanager_rules_ran(a->alertmanager, wait_ms, now_ms);
    return wait_ms;
}

static int64_t run_notifications(void *context, int64_t now_ms)
{
    return alertmanager_tick(((struct app *)context)->alertmanager, now_ms);
}

static void wake_notifications(void *context)
{
    struct app *a = context;
    if (a->notify_ticker)
        ticker_wake(a->notify_ticker);
}

static void route_alerts(void *context, const struct alert *alerts, size_t count, int64_t now_ms)
{
    struct app *a = context;
    alertmanager_put(a->alertmanager, alerts, count, now_ms);
}

static void send_alerts(void *context, const struct alert *alerts, size_t count, int64_t now_ms)
{
    notifier_send(((struct app *)context)->notifier, alerts, count, now_ms);
}

// The port of HOST:PORT, for the target of the embedded default.
static struct str port_of(const char *address)
{
    struct str s = str_from(address);
    size_t colon = str_find_last(s, ':');
    return colon < s.len ? str_skip(s, colon + 1) : STR("9090");
}

static void make_self_config(struct app *a)
{
    struct buf text = BUF_INIT;
    buf_printf(&text,
               "global:\n  scrape_interval: 15s\nscrape_configs:\n- job_name: lapwing\n"
               "  metrics_path: %s/metrics\n  static_configs:\n  - targets: ['localhost:%.*s']\n",
               a->route_prefix, STR_ARG(port_of(a->flags->listen_address.text)));
    a->self_config = buf_steal(&text);
}

// What one loading reads: all of it is valid before any of it is applied.
struct loaded {
    struct prometheus_config *config;
    struct alertmanager_config *alertmanager; // NULL without an alertmanager.yml
    struct rules_config rules;
};

static void log_warnings(const struct buf *warnings)
{
    struct str rest = buf_view(warnings), line;
    while (str_next(&rest, '\n', &line))
        log_warn("configuration", LOG_STR("warning", line));
}

static int load_files(const struct app *a, struct loaded *l, struct buf *warnings,
                      struct error *err)
{
    const char *path = a->flags->config_file.text;
    const char *alertmanager = a->flags->alertmanager_config.text;
    int rc = *path ? prometheus_config_load(&l->config, path, warnings, err)
                   : prometheus_config_parse(&l->config, str_from(a->self_config), "built-in", ".",
                                             warnings, err);
    if (rc == OK && *alertmanager)
        rc = alertmanager_config_load(&l->alertmanager, alertmanager, warnings, err);
    if (rc == OK && l->alertmanager)
        rc = alertmanager_check(l->alertmanager, warnings, err);
    if (rc == OK)
        rc = rules_config_load_all(&l->rules, l->config->rule_files, l->config->rule_file_count,
                                   err);
    if (rc == OK)
        rc = rules_check(&l->rules, a->features, err);
    if (rc == OK)
        rc = notifier_check(l->config, err);
    return rc;
}

static int load(const struct app *a, struct loaded *l, struct error *err)
{
    struct buf warnings = BUF_INIT;
    *l = (struct loaded){.config = NULL};
    rules_config_init(&l->rules);
    int rc = load_files(a, l, &warnings, err);
    if (rc == OK)
        log_warnings(&warnings);
    buf_release(&warnings);
    return rc;
}

static void loaded_release(struct loaded *l)
{
    prometheus_config_unref(l->config);
    alertmanager_config_unref(l->alertmanager);
    rules_config_release(&l->rules);
}

static void apply_storage(struct app *a, const struct prometheus_config *config)
{
    int64_t time_ms =
        config->retention_ms ? config->retention_ms : a->flags->retention_time.duration_ms;
    uint64_t bytes =
        config->retention_bytes ? config->retention_bytes : a->flags->retention_size.size;
    storage_set_retention(a->storage, time_ms, bytes);
    storage_set_out_of_order(a->storage, config->out_of_order_ms);
    promql_engine_set_subquery_step(a->engine, config->evaluation_interval_ms);
}

// The routing goes first: loading its templates is the one step that can still fail.
static int apply(struct app *a, const struct loaded *l, struct error *err)
{
    const struct prometheus_config *config = l->config;
    int rc = OK;
    if (a->alertmanager)
        rc = alertmanager_apply(a->alertmanager, l->alertmanager, err);
    if (rc == OK)
        rc = rule_manager_apply(a->rules, &l->rules, config->evaluation_interval_ms,
                                config->rule_query_offset_ms, config->external_labels, err);
    if (rc)
        return rc;
    scrape_manager_apply(a->scrape, l->config);
    notifier_apply(a->notifier, l->config);
    apply_storage(a, config);
    prometheus_config_unref(a->config);
    a->config = prometheus_config_ref(l->config);
    return OK;
}

int app_reload(struct app *a, struct error *err)
{
    struct loaded loaded;
    pthread_mutex_lock(&a->reload_mutex);
    int rc = load(a, &loaded, err);
    if (rc == OK)
        rc = apply(a, &loaded, err);
    loaded_release(&loaded);
    bool runs = a->config != NULL;
    a->reload_ok = rc == OK;
    *(rc == OK ? &a->last_config_ms : &a->reload_failed_ms) = clock_wall_ms(&clock_system);
    metric_set(a->reload_success, rc == OK);
    metric_set(a->reload_time, (double)a->last_config_ms / 1000);
    pthread_mutex_unlock(&a->reload_mutex);
    if (rc && runs) // else nothing starts, and whoever starts it says why
        log_error("the configuration was not loaded; what ran before goes on", LOG_ERR(err));
    if (rc == OK)
        log_info("configuration loaded",
                 LOG_CSTR("file",
                          *a->flags->config_file.text ? a->flags->config_file.text : "built-in"));
    if (rc == OK && a->rule_ticker)
        ticker_wake(a->rule_ticker);
    return rc;
}

static void config_text(void *context, struct buf *out)
{
    struct app *a = context;
    pthread_mutex_lock(&a->reload_mutex);
    buf_str(out, a->config->text);
    pthread_mutex_unlock(&a->reload_mutex);
}

static struct labels external_labels(void *context, struct arena *arena)
{
    struct app *a = context;
    pthread_mutex_lock(&a->reload_mutex);
    struct labels copy = labels_copy(arena, a->config->external_labels);
    pthread_mutex_unlock(&a->reload_mutex);
    return copy;
}

static int reload(void *context, struct error *err)
{
    return app_reload(context, err);
}

static void quit(void *context)
{
    atomic_store(&((struct app *)context)->quit, true);
}

const char *app_external_url(const struct app *a)
{
    return a->external_url;
}

bool app_quits(const struct app *a)
{
    return atomic_load(&a->quit);
}

static void runtime(void *context, struct web_runtime *out)
{
    struct app *a = context;
    pthread_mutex_lock(&a->reload_mutex);
    *out = (struct web_runtime){a->start_ms, a->reload_ok, a->last_config_ms, a->reload_failed_ms,
                                a->retention};
    pthread_mutex_unlock(&a->reload_mutex);
}

static int open_storage(struct app *a, struct error *err)
{
    struct storage_options o;
    storage_options_init(&o);
    o.path = a->flags->storage_path.text;
    o.clock = &clock_system;
    o.metrics = a->metrics;
    o.retention_ms = a->flags->retention_time.duration_ms;
    o.retention_bytes = a->flags->retention_size.size;
    o.journal_sync_ms = a->flags->journal_sync.duration_ms;
    o.series_max = a->flags->series_max.size;
    o.memory_limit =
        a->flags->memory_limit.size ? a->flags->memory_limit.size : storage_memory_limit_default();
    return storage_open(&a->storage, &o, err);
}

static void open_engine(struct app *a)
{
    struct promql_options o;
    promql_options_init(&o);
    o.storage = a->storage;
    o.clock = &clock_system;
    o.metrics = a->metrics;
    o.lookback_ms = a->flags->query_lookback.duration_ms;
    o.timeout_ms = a->flags->query_timeout.duration_ms;
    o.samples_max = a->flags->query_samples.size;
    o.memory_max = a->flags->query_memory.size;
    o.cache_size = a->flags->query_cache.size;
    o.concurrency = (unsigned)a->flags->query_concurrency.size;
    o.features = a->features;
    a->engine = promql_engine_new(&o);
}

static void open_managers(struct app *a)
{
    struct buf arrivals_path = BUF_INIT;
    buf_printf(&arrivals_path, "%s/meta/arrivals", a->flags->storage_path.text);
    struct scrape_manager_options scrape = {a->storage, &clock_system, a->metrics,
                                            "Lapwing/" LAPWING_VERSION};
    struct rule_manager_options rules = {.storage = a->storage,
                                         .engine = a->engine,
                                         .clock = &clock_system,
                                         .metrics = a->metrics,
                                         .external_url = str_from(a->external_url),
                                         .timing = {a->flags->resend_delay.duration_ms,
                                                    a->flags->outage_tolerance.duration_ms,
                                                    a->flags->grace_period.duration_ms}};
    struct alertmanager_options notify = {.storage = a->storage,
                                          .clock = &clock_system,
                                          .metrics = a->metrics,
                                          .arrivals_path = buf_text(&arrivals_path),
                                          .external_url = str_from(a->external_url),
                                          .user_agent = "Lapwing/" LAPWING_VERSION,
                                          .retention_ms =
                                              a->flags->notification_retention.duration_ms,
                                          .silence_count_max = a->flags->silence_count.size,
                                          .silence_size_max = a->flags->silence_size.size,
                                          .deliver = true};
    struct notifier_options notifier = {.clock = &clock_system,
                                        .metrics = a->metrics,
                                        .user_agent = "Lapwing/" LAPWING_VERSION,
                                        .queue_max = a->flags->notifier_queue.size,
                                        .batch_max = a->flags->notifier_batch.size};
    if (*a->flags->alertmanager_config.text) {
        a->alertmanager = alertmanager_new(&notify);
        alertmanager_on_wake(a->alertmanager, wake_notifications, a);
        notifier.forward = route_alerts;
        notifier.forward_context = a;
    }
    a->notifier = notifier_new(&notifier);
    rules.send = send_alerts;
    rules.send_context = a;
    a->scrape = scrape_manager_new(&scrape);
    a->rules = rule_manager_new(&rules);
    buf_release(&arrivals_path);
}

static int by_flag_name(const void *a, const void *b)
{
    return strcmp(((const struct web_flag *)a)->name, ((const struct web_flag *)b)->name);
}

// Under both names where Prometheus has another: clients look for theirs. Returns how many.
static size_t make_web_flags(struct app *a)
{
    size_t count, shown = 0;
    const struct flag_text *list = flags_list(&count);
    a->web_flags = mem_calloc(count * 2, sizeof(*a->web_flags));
    for (size_t i = 0; i < count; i++) {
        a->web_flags[shown++] = (struct web_flag){list[i].name, list[i].value};
        if (list[i].alias)
            a->web_flags[shown++] = (struct web_flag){list[i].alias, list[i].value};
    }
    qsort(a->web_flags, shown, sizeof(*a->web_flags), by_flag_name);
    return shown;
}

static int open_web(struct app *a, struct error *err)
{
    const struct flags *f = a->flags;
    size_t shown = make_web_flags(a);
    struct web_options o = {
        .listen_address = f->listen_address.text,
        .external_url = a->external_url,
        .route_prefix = a->route_prefix,
        .cors_origin = f->cors_origin.text,
        .page_title = f->page_title.text,
        .web_config_file = f->web_config.text,
        .max_connections = (unsigned)f->max_connections.size,
        .read_timeout_ms = f->read_timeout.duration_ms,
        .body_max = BODY_MAX,
        .read_sample_limit = f->read_samples.size,
        .remote_write_max = REMOTE_WRITE_MAX,
        .enable_lifecycle = f->enable_lifecycle.on,
        .enable_admin = f->enable_admin.on,
        .enable_remote_write = f->enable_remote_write.on,
        .features = a->features,
        .storage = a->storage,
        .engine = a->engine,
        .scrape = a->scrape,
        .rules = a->rules,
        .alertmanager = a->alertmanager,
        .notifier = a->notifier,
        .metrics = a->metrics,
        .clock = &clock_system,
        .flags = a->web_flags,
        .flag_count = shown,
        .config_text = config_text,
        .reload = reload,
        .quit = quit,
        .external_labels = external_labels,
        .runtime = runtime,
        .context = a,
    };
    return web_server_start(&a->web, &o, err);
}

// What has neither scheme nor port is a path, with or without its slash.
static struct str url_path(struct str url)
{
    size_t scheme = str_search(url, STR("://"));
    if (str_find(url, ':') == url.len)
        return url;
    if (scheme < url.len)
        url = str_skip(url, scheme + 3);
    return str_skip(url, str_find(url, '/'));
}

static void make_urls(struct app *a)
{
    const struct flags *f = a->flags;
    struct buf url = BUF_INIT;
    char host[256] = "localhost";
    if (*f->external_url.text) {
        buf_cstr(&url, f->external_url.text);
    } else {
        gethostname(host, sizeof(host) - 1);
        buf_printf(&url, "http://%s:%.*s", host, STR_ARG(port_of(f->listen_address.text)));
    }
    while (url.len && url.ptr[url.len - 1] == '/')
        buf_truncate(&url, url.len - 1);
    a->external_url = buf_steal(&url);
    struct str path = url_path(str_from(a->external_url));
    if (*f->route_prefix.text)
        path = str_from(f->route_prefix.text);
    while (path.len && path.ptr[path.len - 1] == '/')
        path.len--;
    buf_printf(&url, "%s%.*s", path.len && path.ptr[0] != '/' ? "/" : "", STR_ARG(path));
    a->route_prefix = buf_steal(&url);
}

static void make_retention_text(struct app *a)
{
    struct buf text = BUF_INIT;
    duration_format(&text, a->flags->retention_time.duration_ms);
    if (a->flags->retention_size.size)
        buf_printf(&text, " or %llu bytes", (unsigned long long)a->flags->retention_size.size);
    a->retention = buf_steal(&text);
}

// A URL of http or https with a host, or without a scheme: it stands in notifications.
static bool is_external_url(struct str url)
{
    static const struct str schemes[] = {STR_INIT("http://"), STR_INIT("https://")};
    for (size_t i = 0; i < url.len; i++) {
        unsigned char c = (unsigned char)url.ptr[i];
        if (c <= ' ' || c == 0x7f || c == '"' || c == '\'' || c == '<' || c == '>')
            return false;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (str_has_prefix(url, schemes[i]))
            return url.len > schemes[i].len && url.ptr[schemes[i].len] != '/';
    return str_search(url, STR("://")) == url.len;
}

// What the table of flags cannot judge.
static int check_flags(const struct flags *f, struct error *err)
{
    if (!is_external_url(str_from(f->external_url.text)))
        return error_set(err, ERR_INVALID,
                         "--web.external-url: expected http://HOST/PATH or /PATH, got \"%s\"",
                         f->external_url.text);
    if (f->max_connections.size < 1 || f->max_connections.size > CONNECTIONS_MAX)
        return error_set(err, ERR_INVALID, "--web.max-connections: expected 1 to %u, got %" PRIu64,
                         CONNECTIONS_MAX, f->max_connections.size);
    if (f->query_concurrency.size > UINT_MAX)
        return error_set(err, ERR_INVALID,
                         "--query.max-concurrency: expected at most %u, got %" PRIu64, UINT_MAX,
                         f->query_concurrency.size);
    return OK;
}

static int start_parts(struct app *a, struct error *err)
{
    int rc = check_flags(a->flags, err);
    if (rc == OK)
        rc = promql_features_parse(str_from(a->flags->enable_feature.text), &a->features, err);
    if (rc == OK)
        rc = open_storage(a, err);
    if (rc)
        return rc;
    open_engine(a);
    open_managers(a);
    rc = open_web(a, err);
    if (rc == OK)
        rc = app_reload(a, err);
    if (rc)
        return rc;
    a->maintenance = ticker_start("maintenance", &clock_system, maintain, a);
    if (a->alertmanager)
        a->notify_ticker = ticker_start("notify", &clock_system, run_notifications, a);
    a->rule_ticker = ticker_start("rules", &clock_system, run_rules, a);
    web_server_set_ready(a->web, true);
    return OK;
}

int app_start(struct app **out, const struct flags *flags, struct error *err)
{
    struct app *a = mem_calloc(1, sizeof(*a));
    a->flags = flags;
    a->start_ms = clock_wall_ms(&clock_system);
    a->metrics = metrics_new();
    pthread_mutex_init(&a->reload_mutex, NULL);
    a->reload_success =
        metrics_gauge(a->metrics, "lapwing_config_last_reload_successful",
                      "Whether the last loading of the configuration went well.", "");
    a->reload_time =
        metrics_gauge(a->metrics, "lapwing_config_last_reload_success_timestamp_seconds",
                      "When the configuration was last loaded, Unix time.", "");
    make_urls(a);
    make_self_config(a);
    make_retention_text(a);
    int rc = start_parts(a, err);
    if (rc) {
        app_stop(a);
        return rc;
    }
    *out = a;
    return OK;
}

void app_stop(struct app *a)
{
    if (a->web)
        web_server_stop(a->web);
    ticker_stop(a->rule_ticker);
    rule_manager_free(a->rules);
    notifier_free(a->notifier);
    ticker_stop(a->notify_ticker);
    if (a->alertmanager)
        alertmanager_free(a->alertmanager);
    scrape_manager_free(a->scrape);
    ticker_stop(a->maintenance);
    if (a->engine)
        promql_engine_free(a->engine);
    storage_close(a->storage);
    prometheus_config_unref(a->config);
    metrics_free(a->metrics);
    pthread_mutex_destroy(&a->reload_mutex);
    mem_free(a->web_flags);
    mem_free(a->external_url);
    mem_free(a->route_prefix);
    mem_free(a->self_config);
    mem_free(a->retention);
    mem_free(a);
}
