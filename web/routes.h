// The table of paths.
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H

#include "context.h"

// Where a handler runs: on the polling thread (it must not wait for anything), or on one of two
// pools, so that slow queries keep nobody else waiting. LANE_BRIEF: on the pool of queries, but what
// is quickly done on the polling thread; such a handler looks at req->brief.
enum lane { LANE_INLINE, LANE_BRIEF, LANE_QUERY, LANE_WORK };

typedef void handler_fn(struct web_server *web, struct request *req, struct response *res);

struct route {
    const char *path; // ":name" stands for one segment
    unsigned methods; // http_method bits
    enum lane lane;
    handler_fn *handle;
};

// The route of a path below the prefix, or NULL; fills in r->path_param.
const struct route *route_find(struct str path, struct request *r);
size_t route_count(void);
size_t route_index(const struct route *route);
const struct route *route_at(size_t index);
// "GET, POST, OPTIONS"
void route_allow(const struct route *route, struct buf *out);

// api_query.c
handler_fn api_query, api_query_range, api_query_exemplars;
// api_parse.c
handler_fn api_format_query, api_parse_query;
// api_series.c
handler_fn api_series, api_labels, api_label_values;
// api_targets.c
handler_fn api_targets, api_scrape_pools, api_metadata, api_targets_metadata, api_alertmanagers;
// api_relabel.c
handler_fn api_relabel_steps;
// api_features.c
handler_fn api_features;
// api_rules.c
handler_fn api_rules, api_alerts;
// api_status.c
handler_fn api_buildinfo, api_config, api_flags, api_runtimeinfo, api_tsdb, api_walreplay,
    api_notifications, api_notifications_live;
// api_admin.c
handler_fn api_delete_series, api_clean_tombstones, api_snapshot;
// api_read.c
handler_fn api_read;
// api_write2.c: stores a decompressed message and answers.
void write_store_v2(struct web_server *web, struct request *req, struct response *res,
                    struct str message);
// api_write.c
handler_fn api_write, api_otlp;
// api_v2.c, api_v2_alerts.c, api_v2_silences.c: Alertmanager's API
handler_fn api_v2_status, api_v2_receivers, api_v2_alerts, api_v2_groups, api_v2_silences,
    api_v2_silence, api_v1_gone;
// api_history.c
handler_fn api_history, api_explain;
// api_heartbeat.c
handler_fn api_heartbeats, api_heartbeat;
// api_preview.c
handler_fn api_alert_routes, api_receiver_test;
// manage.c
handler_fn manage_healthy, manage_ready, manage_reload, manage_quit, manage_metrics, manage_version;
// federate.c
handler_fn federate;
// ui.c
handler_fn ui_root, ui_page, ui_redirect, ui_asset;

#endif
