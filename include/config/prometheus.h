// prometheus.yml, validated.
#ifndef CONFIG_PROMETHEUS_H
#define CONFIG_PROMETHEUS_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/error.h"
#include "config/common.h"

// A list of targets with labels of their own: static_configs, and the content of file_sd files.
struct config_target_group {
    struct str *targets;
    size_t target_count;
    struct labels labels;
};

struct config_file_sd {
    struct str
        *files; // paths with globs in the last element, relative to the configuration resolved
    size_t file_count;
    int64_t refresh_interval_ms;
};

// A discovery mechanism that is parsed and validated but has no implementation yet.
struct config_other_sd {
    const char *kind; // "kubernetes_sd_configs"
    int line;
};

enum scrape_protocol {
    SCRAPE_PROTOCOL_NONE,
    SCRAPE_PROTOCOL_PROMETHEUS_PROTO, // never asked for: accepted in lists, skipped
    SCRAPE_PROTOCOL_TEXT_0_0_4,
    SCRAPE_PROTOCOL_TEXT_1_0_0,
    SCRAPE_PROTOCOL_OPENMETRICS_0_0_1,
    SCRAPE_PROTOCOL_OPENMETRICS_1_0_0,
};

struct config_param {
    struct str name;
    struct str *values;
    size_t value_count;
};

struct scrape_config {
    struct str job_name;
    int line;
    bool honor_labels;
    bool honor_timestamps;
    bool track_timestamps_staleness;
    bool enable_compression;
    int64_t scrape_interval_ms;
    int64_t scrape_timeout_ms;
    struct str metrics_path;
    struct str scheme;
    struct config_param *params;
    size_t param_count;
    enum scrape_protocol *scrape_protocols;
    size_t scrape_protocol_count;
    enum scrape_protocol fallback_protocol; // SCRAPE_PROTOCOL_NONE: a bad Content-Type fails
    uint64_t body_size_limit;               // bytes uncompressed; 0: the built-in limit alone
    uint64_t sample_limit;                  // 0: none; likewise below
    uint64_t label_limit;
    uint64_t label_name_length_limit;
    uint64_t label_value_length_limit;
    uint64_t target_limit;
    uint64_t keep_dropped_targets;
    bool legacy_names;        // metric_name_validation_scheme: legacy
    struct str name_escaping; // asked of targets: allow-utf-8, underscores, dots or values
    bool extra_metrics;       // extra_scrape_metrics
    struct config_http http;
    struct config_target_group *static_groups;
    size_t static_group_count;
    struct config_file_sd *file_sds;
    size_t file_sd_count;
    struct config_other_sd *other_sds;
    size_t other_sd_count;
    struct relabel_configs relabel;
    struct relabel_configs metric_relabel;
};

// One entry of alerting.alertmanagers.
struct alertmanager_target_config {
    struct str scheme;
    struct str path_prefix;
    int64_t timeout_ms;
    struct config_http http;
    struct config_target_group *static_groups;
    size_t static_group_count;
    struct config_file_sd *file_sds;
    size_t file_sd_count;
    struct config_other_sd *other_sds;
    size_t other_sd_count;
    struct relabel_configs relabel;
    struct relabel_configs alert_relabel;
};

// Immutable and counted: each user holds a reference while it works with the contents.
struct prometheus_config {
    struct arena arena;
    atomic_int references;
    struct regex **regexes; // every regex of the configuration, owned
    size_t regex_count;

    struct str text; // with secrets replaced by <secret>, for status/config: loadable YAML
    int64_t scrape_interval_ms;
    int64_t scrape_timeout_ms;
    int64_t evaluation_interval_ms;
    int64_t rule_query_offset_ms;
    struct labels external_labels; // environment variables expanded
    struct str *rule_files;        // patterns, relative ones resolved
    size_t rule_file_count;
    struct scrape_config *scrapes;
    size_t scrape_count;
    struct relabel_configs alert_relabel;
    struct alertmanager_target_config *alertmanagers;
    size_t alertmanager_count;
    int64_t out_of_order_ms;  // storage.tsdb.out_of_order_time_window
    int64_t retention_ms;     // storage.tsdb.retention.time; 0 when not given
    uint64_t retention_bytes; // storage.tsdb.retention.size; 0 when not given
};

// Reads and validates a file and the scrape_config_files that it names; rule file patterns are not
// expanded. The caller owns one reference.
// Errors read "FILE:LINE:COLUMN: what, and what was expected". `warnings` (may be NULL) collects
// lines about keys that are accepted without effect.
int prometheus_config_load(struct prometheus_config **out, const char *path, struct buf *warnings,
                           struct error *err);
// The same from text; `folder` is what relative paths are relative to, `name` is for messages.
int prometheus_config_parse(struct prometheus_config **out, struct str text, const char *name,
                            const char *folder, struct buf *warnings, struct error *err);
struct prometheus_config *prometheus_config_ref(struct prometheus_config *c);
void prometheus_config_unref(struct prometheus_config *c); // NULL is allowed

// The content of a file_sd file, YAML or JSON: target groups in the arena.
int target_groups_parse(struct str text, const char *name, struct arena *arena,
                        struct config_target_group **out, size_t *count, struct error *err);

#endif
