// The one table of flags: parsing, --help, status/flags and the reference derive from it.
#ifndef FLAGS_H
#define FLAGS_H

#include "base/buf.h"
#include "base/error.h"

// FLAG_LIST is comma-separated text; given again, it grows. Others are refused the second time.
enum flag_kind { FLAG_TEXT, FLAG_LIST, FLAG_BOOL, FLAG_DURATION, FLAG_SIZE, FLAG_COUNT };

// X(field, kind, name, alias or NULL, default, help)
#define FLAG_TABLE(X)                                                                              \
    X(config_file, FLAG_TEXT, "config.file", NULL, "",                                             \
      "Configuration in prometheus.yml format. Without it Lapwing scrapes itself.")                \
    X(alertmanager_config, FLAG_TEXT, "alertmanager.config.file", NULL, "",                        \
      "Routing and receivers in alertmanager.yml format. Without it nobody is notified.")          \
    X(resend_delay, FLAG_DURATION, "rules.alert.resend-delay", NULL, "1m",                         \
      "Between repetitions of an alert to the routing and to Alertmanagers.")                      \
    X(outage_tolerance, FLAG_DURATION, "rules.alert.for-outage-tolerance", NULL, "1h",             \
      "Pending alerts go on waiting after a shorter pause.")                                       \
    X(grace_period, FLAG_DURATION, "rules.alert.for-grace-period", NULL, "10m",                    \
      "Least that is left of a wait as long as this after a restart.")                             \
    X(notifier_queue, FLAG_COUNT, "alertmanager.notification-queue-capacity", NULL, "10000",       \
      "Alerts that may wait to be sent to Alertmanagers; the oldest go when it is full.")          \
    X(notifier_batch, FLAG_COUNT, "alertmanager.notification-batch-size", NULL, "256",             \
      "Alerts in one request to an Alertmanager.")                                                 \
    X(storage_path, FLAG_TEXT, "storage.path", "storage.tsdb.path", "data", "Folder of the data.") \
    X(retention_time, FLAG_DURATION, "storage.retention.time", "storage.tsdb.retention.time",      \
      "15d", "How long samples are kept.")                                                         \
    X(retention_size, FLAG_SIZE, "storage.retention.size", "storage.tsdb.retention.size", "0",     \
      "Most bytes on disk, such as 512MB or 50GB; 0 is no limit.")                                 \
    X(journal_sync, FLAG_DURATION, "storage.journal-sync-interval", NULL, "5s",                    \
      "Most that a power failure may lose.")                                                       \
    X(series_max, FLAG_COUNT, "storage.max-series", NULL, "0",                                     \
      "Most active series; further ones are refused. 0 is no limit.")                              \
    X(memory_limit, FLAG_SIZE, "storage.memory-limit", NULL, "0",                                  \
      "Memory for series and samples; further series are refused. 0 is half of the machine's.")    \
    X(notification_retention, FLAG_DURATION, "data.retention", NULL, "120h",                       \
      "How long ended silences are kept.")                                                         \
    X(silence_count, FLAG_COUNT, "silences.max-silences", NULL, "0",                               \
      "Most silences, ended ones included; 0 is no limit.")                                        \
    X(silence_size, FLAG_SIZE, "silences.max-per-silence-bytes", NULL, "0",                        \
      "Most bytes of one silence; 0 is no limit.")                                                 \
    X(listen_address, FLAG_TEXT, "web.listen-address", NULL, "0.0.0.0:9090",                       \
      "HOST:PORT to serve HTTP on.")                                                               \
    X(web_config, FLAG_TEXT, "web.config.file", NULL, "",                                          \
      "TLS, passwords and headers of the HTTP server, in exporter-toolkit's format.")              \
    X(external_url, FLAG_TEXT, "web.external-url", NULL, "",                                       \
      "URL under which users reach Lapwing; its path prefixes all paths.")                         \
    X(route_prefix, FLAG_TEXT, "web.route-prefix", NULL, "",                                       \
      "Prefix of all paths; default: the external URL's path.")                                    \
    X(cors_origin, FLAG_TEXT, "web.cors.origin", NULL, ".*",                                       \
      "Regular expression of origins that browsers may ask from.")                                 \
    X(page_title, FLAG_TEXT, "web.page-title", NULL, "Lapwing", "Title of the web pages.")         \
    X(max_connections, FLAG_COUNT, "web.max-connections", NULL, "512",                             \
      "Most connections at once.")                                                                 \
    X(read_timeout, FLAG_DURATION, "web.read-timeout", NULL, "5m",                                 \
      "Longest that a connection may idle.")                                                       \
    X(enable_lifecycle, FLAG_BOOL, "web.enable-lifecycle", NULL, "false",                          \
      "Allow reload and shutdown by HTTP.")                                                        \
    X(enable_admin, FLAG_BOOL, "web.enable-admin-api", NULL, "false",                              \
      "Allow deleting series and making snapshots by HTTP.")                                       \
    X(enable_remote_write, FLAG_BOOL, "web.enable-remote-write-receiver", NULL, "false",           \
      "Accept Prometheus remote write at /api/v1/write.")                                          \
    X(read_samples, FLAG_COUNT, "storage.remote.read-sample-limit", NULL, "50000000",              \
      "Most samples that one remote read may return; 0 is no limit.")                              \
    X(query_timeout, FLAG_DURATION, "query.timeout", NULL, "2m", "Longest that a query may take.") \
    X(query_concurrency, FLAG_COUNT, "query.max-concurrency", NULL, "20", "Most queries at once.") \
    X(query_samples, FLAG_COUNT, "query.max-samples", NULL, "50000000",                            \
      "Most samples one query may load.")                                                          \
    X(query_lookback, FLAG_DURATION, "query.lookback-delta", NULL, "5m",                           \
      "How far a query looks back for a series' newest sample.")                                   \
    X(query_memory, FLAG_SIZE, "query.max-memory", NULL, "512MB", "Most memory of one query.")     \
    X(query_cache, FLAG_SIZE, "query.cache-size", NULL, "16MB",                                    \
      "Memory for results of queries that are asked again; 0 keeps none.")                         \
    X(enable_feature, FLAG_LIST, "enable-feature", NULL, "",                                       \
      "Comma-separated language features: promql-experimental-functions, promql-duration-expr, "   \
      "promql-extended-range-selectors, promql-binop-fill-modifiers, "                             \
      "promql-delayed-name-removal.")                                                              \
    X(log_level, FLAG_TEXT, "log.level", NULL, "info", "debug, info, warn or error.")              \
    X(log_format, FLAG_TEXT, "log.format", NULL, "logfmt", "logfmt or json.")

union flag_value {
    const char *text; // owned by the flags
    bool on;
    int64_t duration_ms;
    uint64_t size;
};

struct flags {
#define X(field, kind, name, alias, initial, help) union flag_value field;
    FLAG_TABLE(X)
#undef X
};

struct flag_text {
    const char *name;
    const char *alias; // Prometheus' name, or NULL
    const char *value; // owned by the flags
};

// Reads --name=value, --name value, --name and --no-name for switches. ERR_INVALID names the flag
// and what was expected. Texts live until flags_release().
int flags_parse(struct flags *f, int argc, char **argv, struct error *err);
void flags_release(struct flags *f);
// One line for each flag given that has no effect here.
void flags_warnings(struct buf *out);
void flags_help(struct buf *out);
// docs/flags.md.
void flags_reference(struct buf *out);
// Every flag with its value as text; count in *count.
const struct flag_text *flags_list(size_t *count);

#endif
