#include "routes.h"

// As in Prometheus, HEAD is for health checks, and for what browsers and caches ask for.
#define READ HTTP_GET
#define PAGE (HTTP_GET | HTTP_HEAD)
#define FORM (READ | HTTP_POST)

static const struct route routes[] = {
    {"/api/v1/query", FORM, LANE_BRIEF, api_query},
    {"/api/v1/query_range", FORM, LANE_BRIEF, api_query_range},
    {"/api/v1/query_exemplars", FORM, LANE_WORK, api_query_exemplars},
    {"/api/v1/format_query", FORM, LANE_WORK, api_format_query},
    {"/api/v1/parse_query", FORM, LANE_WORK, api_parse_query},
    {"/api/v1/series", FORM, LANE_QUERY, api_series},
    {"/api/v1/labels", FORM, LANE_QUERY, api_labels},
    {"/api/v1/label/:name/values", READ, LANE_QUERY, api_label_values},
    {"/api/v1/write", HTTP_POST, LANE_WORK, api_write},
    {"/api/v1/read", HTTP_POST, LANE_QUERY, api_read},
    {"/api/v1/otlp/v1/metrics", HTTP_POST, LANE_INLINE, api_otlp},
    {"/api/v1/metadata", READ, LANE_WORK, api_metadata},
    {"/api/v1/targets", READ, LANE_WORK, api_targets},
    {"/api/v1/targets/metadata", READ, LANE_WORK, api_targets_metadata},
    {"/api/v1/targets/relabel_steps", READ, LANE_WORK, api_relabel_steps},
    {"/api/v1/scrape_pools", READ, LANE_WORK, api_scrape_pools},
    {"/api/v1/rules", READ, LANE_WORK, api_rules},
    {"/api/v1/alerts", READ, LANE_WORK, api_alerts},
    {"/api/v1/alertmanagers", READ, LANE_WORK, api_alertmanagers},
    {"/api/v1/notifications", READ, LANE_WORK, api_notifications},
    {"/api/v1/notifications/live", READ, LANE_INLINE, api_notifications_live},
    {"/api/v1/features", READ, LANE_WORK, api_features},
    {"/api/v1/status/buildinfo", READ, LANE_INLINE, api_buildinfo},
    {"/api/v1/status/config", READ, LANE_WORK, api_config},
    {"/api/v1/status/flags", READ, LANE_INLINE, api_flags},
    {"/api/v1/status/runtimeinfo", READ, LANE_WORK, api_runtimeinfo},
    {"/api/v1/status/tsdb", READ, LANE_WORK, api_tsdb},
    {"/api/v1/status/walreplay", READ, LANE_INLINE, api_walreplay},
    {"/api/v1/admin/tsdb/delete_series", HTTP_POST | HTTP_PUT, LANE_WORK, api_delete_series},
    {"/api/v1/admin/tsdb/clean_tombstones", HTTP_POST | HTTP_PUT, LANE_WORK, api_clean_tombstones},
    {"/api/v1/admin/tsdb/snapshot", HTTP_POST | HTTP_PUT, LANE_WORK, api_snapshot},
    {"/api/v2/status", READ, LANE_WORK, api_v2_status},
    {"/api/v2/receivers", READ, LANE_WORK, api_v2_receivers},
    {"/api/v2/alerts", FORM, LANE_WORK, api_v2_alerts},
    {"/api/v2/alerts/groups", READ, LANE_WORK, api_v2_groups},
    {"/api/v2/silences", FORM, LANE_WORK, api_v2_silences},
    {"/api/v2/silence/:id", READ | HTTP_DELETE, LANE_WORK, api_v2_silence},
    {"/api/v1/alerts/history", READ, LANE_WORK, api_history},
    {"/api/v1/alerts/explain", READ, LANE_WORK, api_explain},
    {"/api/v1/alerts/routes", READ, LANE_WORK, api_alert_routes},
    {"/api/v1/receivers/test", HTTP_POST, LANE_WORK, api_receiver_test},
    {"/api/v1/heartbeat", READ, LANE_WORK, api_heartbeats},
    {"/api/v1/heartbeat/:name", FORM | HTTP_PUT | HTTP_DELETE, LANE_WORK, api_heartbeat},
    {"/api/v1/silences", FORM, LANE_INLINE, api_v1_gone},
    {"/api/v1/silence/:id", READ | HTTP_DELETE, LANE_INLINE, api_v1_gone},
    {"/api/v1/receivers", READ, LANE_INLINE, api_v1_gone},
    {"/api/v1/alerts/groups", READ, LANE_INLINE, api_v1_gone},
    {"/api/v1/status", READ, LANE_INLINE, api_v1_gone},
    {"/federate", READ, LANE_QUERY, federate},
    {"/metrics", READ, LANE_WORK, manage_metrics},
    {"/version", READ, LANE_INLINE, manage_version},
    {"/-/healthy", PAGE, LANE_INLINE, manage_healthy},
    {"/-/ready", PAGE, LANE_INLINE, manage_ready},
    {"/-/reload", HTTP_POST | HTTP_PUT, LANE_WORK, manage_reload},
    {"/-/quit", HTTP_POST | HTTP_PUT, LANE_WORK, manage_quit},
    {"/", PAGE, LANE_INLINE, ui_root},
    {"/query", PAGE, LANE_INLINE, ui_page},
    {"/alerts", PAGE, LANE_INLINE, ui_page},
    {"/silences", PAGE, LANE_INLINE, ui_page},
    {"/receivers", PAGE, LANE_INLINE, ui_page},
    {"/rules", PAGE, LANE_INLINE, ui_page},
    {"/targets", PAGE, LANE_INLINE, ui_page},
    {"/status", PAGE, LANE_INLINE, ui_page},
    {"/graph", PAGE, LANE_INLINE, ui_redirect},
    {"/config", PAGE, LANE_INLINE, ui_redirect},
    {"/flags", PAGE, LANE_INLINE, ui_redirect},
    {"/tsdb-status", PAGE, LANE_INLINE, ui_redirect},
    {"/service-discovery", PAGE, LANE_INLINE, ui_redirect},
    {"/assets/:name", PAGE, LANE_INLINE, ui_asset},
};

static bool path_matches(const char *pattern, struct str path, struct str *param)
{
    struct str left = str_from(pattern), want, have;
    while (str_next(&left, '/', &want)) {
        if (!str_next(&path, '/', &have))
            return false;
        if (want.len > 0 && want.ptr[0] == ':')
            *param = have;
        else if (!str_eq(want, have))
            return false;
    }
    return path.len == 0;
}

const struct route *route_find(struct str path, struct request *r)
{
    struct str bad, param = {0};
    if (str_has_suffix(path, STR("/")) && path.len > 1)
        return NULL;
    for (size_t i = 0; i < route_count(); i++) {
        if (path_matches(routes[i].path, path, &param))
            return url_decode(&r->arena, param, false, &r->path_param, &bad) ? &routes[i] : NULL;
    }
    return NULL;
}

size_t route_count(void)
{
    return sizeof(routes) / sizeof(routes[0]);
}

size_t route_index(const struct route *route)
{
    return (size_t)(route - routes);
}

const struct route *route_at(size_t index)
{
    return &routes[index];
}

void route_allow(const struct route *route, struct buf *out)
{
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = {{HTTP_GET, "GET, "},
                 {HTTP_HEAD, "HEAD, "},
                 {HTTP_POST, "POST, "},
                 {HTTP_PUT, "PUT, "},
                 {HTTP_DELETE, "DELETE, "}};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (route->methods & names[i].method)
            buf_cstr(out, names[i].name);
    }
    buf_cstr(out, "OPTIONS");
}
