// Starts and stops the server, and wraps every handler: routing, method checks, parameters, CORS,
// compression, request metrics, the access log.
#include "web/server.h"

#include <unistd.h>

#include "api_v2.h"
#include "base/log.h"
#include "base/mem.h"
#include "listen.h"
#include "process_metrics.h"
#include "routes.h"

#define QUERY_THREADS_MIN 2
#define QUERY_THREADS_MAX 16
#define WORK_THREADS      3
#define AUTH_THREADS      2
#define ALLOWED_HEADERS   "Accept, Authorization, Content-Type, Origin"
#define ALLOWED_METHODS   "GET, POST, OPTIONS"

struct route_stats {
    struct metric *seconds; // NULL until first used
    struct metric *bytes;
};

static const char *handler_name(const struct route *route)
{
    return route ? route->path : "unknown";
}

static void observe(struct web_server *web, const struct request *req, const struct response *res,
                    double seconds)
{
    struct metrics *m = web->options.metrics;
    struct route_stats *stats = &web->stats[req->route ? route_index(req->route) : route_count()];
    char labels[128];
    pthread_mutex_lock(&web->stats_mutex);
    if (!stats->seconds) {
        snprintf(labels, sizeof(labels), "handler=\"%s\"", handler_name(req->route));
        stats->seconds =
            metrics_histogram(m, "lapwing_http_request_duration_seconds",
                              "Time from the whole request to the whole answer.", labels,
                              METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT);
        stats->bytes = metrics_counter(m, "lapwing_http_response_bytes_total",
                                       "Bytes of response bodies, compressed as sent.", labels);
    }
    snprintf(labels, sizeof(labels), "handler=\"%s\",code=\"%d\"", handler_name(req->route),
             res->status);
    struct metric *requests =
        metrics_counter(m, "lapwing_http_requests_total", "HTTP requests answered.", labels);
    pthread_mutex_unlock(&web->stats_mutex);
    metric_add(requests, 1);
    metric_observe(stats->seconds, seconds);
    metric_add(stats->bytes, res->fixed_body.ptr ? res->fixed_body.len : res->body.len);
}

static void log_access(const struct request *req, const struct response *res, double seconds)
{
    log_debug("http request", LOG_STR("path", req->path), LOG_INT("status", res->status),
              LOG_DOUBLE("seconds", seconds), LOG_INT("bytes", (int64_t)res->body.len));
}

static void add_cors(struct web_server *web, const struct request *req, struct response *res)
{
    if (!req->origin.len || !web->cors)
        return;
    response_header(res, "Vary", STR("Origin"));
    if (!regex_match(web->cors, req->origin))
        return;
    response_header(res, "Access-Control-Allow-Origin", web->cors_any ? STR("*") : req->origin);
    response_header(res, "Access-Control-Allow-Headers", STR(ALLOWED_HEADERS));
    response_header(res, "Access-Control-Allow-Methods", STR(ALLOWED_METHODS));
    response_header(res, "Access-Control-Expose-Headers", STR("Date"));
}

static bool is_v2(const char *path)
{
    return str_has_prefix(str_from(path), STR("/api/v2/"));
}

static void add_allow(struct request *req, struct response *res)
{
    struct buf allow = BUF_INIT;
    route_allow(req->route, &allow);
    response_header(res, "Allow", arena_copy(&req->arena, buf_view(&allow)));
    buf_release(&allow);
}

static bool is_api(const struct web_server *web, struct str path)
{
    return str_has_prefix(path, web->prefix) &&
           str_has_prefix(str_skip(path, web->prefix.len), STR("/api/v1/"));
}

// Browsers ask before they send: the API says yes to all paths, in Prometheus too.
static void answer_options(struct web_server *web, struct request *req, struct response *res)
{
    bool api = is_api(web, req->path);
    res->status = api ? 204 : 200;
    if (!api)
        add_allow(req, res);
}

// What needs the configuration.
static bool waits_for_ready(const struct route *route)
{
    struct str path = str_from(route->path);
    return str_has_prefix(path, STR("/api/")) || str_is(path, "/federate");
}

static void refuse_method(struct request *req, struct response *res)
{
    struct buf allow = BUF_INIT;
    route_allow(req->route, &allow);
    if (is_v2(req->route->path))
        v2_fail(res, 405, 405, "method is not allowed, but [%s] are", buf_text(&allow));
    else
        response_text(res, 405, STR("Method Not Allowed"));
    buf_release(&allow);
    add_allow(req, res);
}

static void handle_routed(struct web_server *web, struct request *req, struct response *res)
{
    struct error err;
    if (req->method == HTTP_OPTIONS && (req->route || is_api(web, req->path)))
        answer_options(web, req, res);
    else if (!req->route)
        response_text(res, 404, STR("404 page not found"));
    else if (!atomic_load(&web->ready) && waits_for_ready(req->route))
        manage_ready(web, req, res);
    else if (!(req->route->methods & req->method))
        refuse_method(req, res);
    else if (request_parse_params(req, &err))
        api_fail(res, API_BAD_DATA, "%s", err.text);
    else
        req->route->handle(web, req, res);
}

static void refuse_large(struct response *res)
{
    api_fail(res, API_EXECUTION,
             "the answer is larger than %zu MiB: ask for fewer series, a shorter range or a larger "
             "step",
             RESPONSE_BODY_MAX >> 20);
}

// What every answer gets, also one of a request that was not let in.
static void finish(struct web_server *web, struct request *req, struct response *res)
{
    if (res->body.failed)
        refuse_large(res);
    add_cors(web, req, res);
    response_header(res, "X-Request-ID", req->id);
    if (header_accepts(req->accept_encoding, "gzip"))
        response_gzip(res);
    if (web->guard)
        guard_headers(web->guard, req, res);
    double seconds = (double)(clock_mono_ns(web->options.clock) - req->start_ns) / 1e9;
    observe(web, req, res, seconds);
    log_access(req, res, seconds);
    log_request_id_set(str_make(NULL, 0));
}

static void handle(void *context, struct request *req, struct response *res)
{
    struct web_server *web = context;
    log_request_id_set(req->id);
    enum guard_verdict verdict = req->unchecked ? guard_check(web->guard, req) : GUARD_ADMITTED;
    if (verdict == GUARD_ADMITTED)
        handle_routed(web, req, res);
    else
        guard_refuse(verdict, res);
    if (res->deferred)
        log_request_id_set(str_make(NULL, 0));
    else
        finish(web, req, res);
}

static bool admit(void *context, struct request *req, struct response *res)
{
    struct web_server *web = context;
    if (!web->guard)
        return true;
    guard_refresh(web->guard);
    enum guard_verdict verdict = guard_admit(web->guard, req);
    req->unchecked = verdict == GUARD_UNKNOWN;
    if (verdict == GUARD_ADMITTED || verdict == GUARD_UNKNOWN)
        return true;
    log_request_id_set(req->id);
    guard_refuse(verdict, res);
    finish(web, req, res);
    return false;
}

static struct tls_identity *identity(void *context)
{
    struct web_server *web = context;
    guard_refresh(web->guard);
    return guard_identity(web->guard);
}

// The path below the prefix. Without a prefix everything is below it.
static bool below_prefix(struct str prefix, struct str path, struct str *out)
{
    if (!str_has_prefix(path, prefix))
        return false;
    *out = str_skip(path, prefix.len);
    if (out->len == 0)
        *out = STR("/");
    return out->ptr[0] == '/';
}

static struct pool *lane(void *context, struct request *req)
{
    struct web_server *web = context;
    struct str path;
    if (below_prefix(web->prefix, req->path, &path))
        req->route = route_find(path, req);
    else if (str_is(req->path, "/"))
        req->route = route_find(req->path, req); // leads to the prefix
    if (req->unchecked)
        return web->auth_pool;
    if (!req->route || !(req->route->methods & req->method) || req->route->lane == LANE_INLINE)
        return NULL;
    return req->route->lane == LANE_WORK ? web->work_pool : web->query_pool;
}

// Longer texts take a while to be parsed.
#define BRIEF_TEXT_MAX 4096

static bool may_be_brief(void *context, const struct request *req)
{
    (void)context;
    return req->route && req->route->lane == LANE_BRIEF && !req->unchecked &&
           req->body.len + req->query.len <= BRIEF_TEXT_MAX;
}

// Splits scheme://host:port/path.
static void set_external(struct web_server *web)
{
    struct str url = str_from(web->options.external_url), host, port;
    size_t scheme = str_search(url, STR("://"));
    url = scheme < url.len ? str_skip(url, scheme + 3) : url;
    size_t slash = str_find(url, '/');
    struct str path = str_skip(url, slash);
    while (str_has_suffix(path, STR("/")))
        path.len--;
    web->external_path = path;
    host = str_first(url, slash);
    size_t colon = str_find_last(host, ':');
    port = colon < host.len ? str_skip(host, colon + 1) : str_make(NULL, 0);
    bool numeric = str_find(port, ']') == port.len;
    web->external_host = colon < host.len && numeric ? str_first(host, colon) : host;
}

static const char *keep_text(struct web_server *web, const char *text)
{
    return arena_copy(&web->arena, str_from(text ? text : "")).ptr;
}

static struct web_server *server_alloc(const struct web_options *options)
{
    struct web_server *web = mem_calloc(1, sizeof(*web));
    arena_init(&web->arena, 0);
    web->options = *options;
    web->options.external_url = keep_text(web, options->external_url);
    web->options.route_prefix = keep_text(web, options->route_prefix);
    web->options.cors_origin = keep_text(web, options->cors_origin);
    web->options.page_title = keep_text(web, options->page_title);
    web->prefix = str_from(web->options.route_prefix);
    while (str_has_suffix(web->prefix, STR("/")))
        web->prefix.len--;
    set_external(web);
    web->stats = mem_calloc(route_count() + 1, sizeof(*web->stats));
    pthread_mutex_init(&web->stats_mutex, NULL);
    series_keys_init(&web->series_keys);
    atomic_init(&web->ready, false);
    return web;
}

static void server_free(struct web_server *web)
{
    if (web->auth_pool)
        pool_free(web->auth_pool);
    if (web->query_pool)
        pool_free(web->query_pool);
    if (web->work_pool)
        pool_free(web->work_pool);
    regex_free(web->cors);
    guard_free(web->guard);
    pthread_mutex_destroy(&web->stats_mutex);
    series_keys_release(&web->series_keys);
    mem_free(web->stats);
    arena_release(&web->arena);
    mem_free(web);
}

static int set_cors(struct web_server *web, struct error *err)
{
    struct str pattern = str_from(web->options.cors_origin);
    web->cors_any = str_is(pattern, ".*");
    if (!pattern.len)
        return OK;
    int rc = regex_new(&web->cors, pattern, err);
    if (rc)
        error_prefix(err, "CORS origin pattern: ");
    return rc;
}

static void start_pools(struct web_server *web)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    size_t threads = cpus < QUERY_THREADS_MIN   ? QUERY_THREADS_MIN
                     : cpus > QUERY_THREADS_MAX ? QUERY_THREADS_MAX
                                                : (size_t)cpus;
    web->query_pool = pool_new("http-query", threads, web->options.max_connections);
    web->work_pool = pool_new("http-work", WORK_THREADS, web->options.max_connections);
    if (web->guard)
        web->auth_pool = pool_new("http-auth", AUTH_THREADS, web->options.max_connections);
}

static int start_http(struct web_server *web, struct error *err)
{
    const struct web_options *o = &web->options;
    struct http_options http = {
        .max_connections = o->max_connections,
        .read_timeout_ms = o->read_timeout_ms,
        .body_max = o->body_max,
        .clock = o->clock,
        .identity = web->guard ? identity : NULL,
        .admit = admit,
        .lane = lane,
        .may_be_brief = may_be_brief,
        .handle = handle,
        .context = web,
    };
    int rc = listen_open(o->listen_address, &http.listen_fd, err);
    if (rc)
        return rc;
    web->port = listen_port(http.listen_fd);
    return http_server_start(&web->http, &http, err);
}

int web_server_start(struct web_server **out, const struct web_options *options, struct error *err)
{
    struct web_server *web = server_alloc(options);
    const char *web_config = options->web_config_file;
    int rc = set_cors(web, err);
    if (rc == OK && web_config && *web_config)
        rc = guard_new(&web->guard, web_config, options->clock, options->metrics, err);
    if (rc == OK) {
        start_pools(web);
        process_metrics_register(options->metrics);
        rc = start_http(web, err);
    }
    if (rc) {
        server_free(web);
        return rc;
    }
    *out = web;
    return OK;
}

void web_server_set_ready(struct web_server *s, bool ready)
{
    atomic_store(&s->ready, ready);
}

uint16_t web_server_port(const struct web_server *s)
{
    return s->port;
}

void web_server_stop(struct web_server *s)
{
    http_server_stop(s->http);
    server_free(s);
}
