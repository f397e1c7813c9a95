// The HTTP server: Prometheus' API, the UI, /metrics and the management endpoints.
//
// Requests are read by libmicrohttpd's threads; handlers that can be slow run on a worker pool while
// their connection is suspended, so that a health check never waits for a query.
#ifndef WEB_SERVER_H
#define WEB_SERVER_H

#include "alerting/alertmanager.h"
#include "alerting/notifier.h"
#include "alerting/rule_manager.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "promql/promql.h"
#include "scrape/manager.h"
#include "storage/storage.h"

struct web_server;

struct web_flag {
    const char *name;
    const char *value;
};

struct web_runtime;

struct web_options {
    const char *listen_address; // HOST:PORT, [HOST]:PORT or :PORT; port 0 picks one
    const char *external_url;   // "http://host:9090/prefix", never empty
    const char *route_prefix;   // "" or "/prefix"
    const char *cors_origin;    // regular expression
    const char *page_title;
    const char *web_config_file; // TLS, passwords, headers; "" or NULL: none of these
    unsigned max_connections;
    int64_t read_timeout_ms;
    size_t body_max;            // bytes of a request body as sent
    uint64_t read_sample_limit; // of one remote read; 0: none
    size_t remote_write_max;    // bytes of a remote write, decoded
    bool enable_lifecycle;      // /-/reload and /-/quit
    bool enable_remote_write;   // /api/v1/write
    bool enable_admin;
    unsigned features; // promql_feature bits
    // Borrowed:
    struct storage *storage;
    struct promql_engine *engine;
    struct scrape_manager *scrape;
    struct rule_manager *rules;
    struct alertmanager *alertmanager; // NULL without an alertmanager.yml
    struct notifier *notifier;         // NULL: sends to no Alertmanagers
    struct metrics *metrics;
    const struct clock *clock;
    const struct web_flag *flags; // for status/flags
    size_t flag_count;
    // Both return into the caller's buffer or error; called on worker threads.
    void (*config_text)(void *context, struct buf *out);
    int (*reload)(void *context, struct error *err);
    void (*quit)(void *context);
    // The external labels, in the arena; NULL: there are none.
    struct labels (*external_labels)(void *context, struct arena *arena);
    // For status/runtimeinfo.
    void (*runtime)(void *context, struct web_runtime *out);
    void *context; // of the five above
};

struct web_runtime {
    int64_t start_ms;
    bool reload_ok; // the last configuration reload
    int64_t last_config_ms;
    int64_t reload_failed_ms;      // when it last went wrong; 0: never
    const char *storage_retention; // "15d" or "15d or 50GB"
};

// Binds and serves; /-/ready is 503 until web_server_set_ready().
int web_server_start(struct web_server **out, const struct web_options *options, struct error *err);
void web_server_set_ready(struct web_server *s, bool ready);
// Validates a web.config.file as the server would, certificates included. `warnings` may be NULL.
int web_config_check(const char *path, struct buf *warnings, struct error *err);
// The port it listens on.
uint16_t web_server_port(const struct web_server *s);
// Stops accepting, lets running requests finish (at most 5 s), joins and frees.
void web_server_stop(struct web_server *s);

#endif
