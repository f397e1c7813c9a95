// /api/v1/features: what can be used here, by category, under Prometheus' names.
//
// Clients ask this instead of guessing from a version. What is not built is there with `false`, so
// that a client sees a difference between off and unknown. Names are sorted within a category.
#include "api.h"
#include "routes.h"

struct feature {
    const char *name;
    bool on;
};

static void write_feature(struct json_writer *w, const char *name, bool on)
{
    json_key(w, name);
    json_bool(w, on);
}

static void write_category(struct json_writer *w, const char *category,
                           const struct feature *features, size_t count)
{
    json_key(w, category);
    json_object_begin(w);
    for (size_t i = 0; i < count; i++)
        write_feature(w, features[i].name, features[i].on);
    json_object_end(w);
}

#define CATEGORY(w, name, list) write_category(w, name, list, sizeof(list) / sizeof((list)[0]))

static void write_api(struct json_writer *w, const struct web_options *o)
{
    const struct feature list[] = {
        {"admin", o->enable_admin},     {"exclude_alerts", true},
        {"label_values_match", true},   {"lifecycle", o->enable_lifecycle},
        {"otlp_write_receiver", false}, {"query_stats", true},
        {"query_warnings", true},       {"remote_write_receiver", o->enable_remote_write},
        {"time_range_labels", true},    {"time_range_series", true},
    };
    CATEGORY(w, "api", list);
}

static void write_server(struct json_writer *w)
{
    static const struct feature otlp[] = {{"delta_conversion", false},
                                          {"native_delta_ingestion", false}};
    static const struct feature server[] = {
        {"agent_mode", false}, {"auto_reload_config", false}, {"server_mode", true}};
    CATEGORY(w, "otlp_receiver", otlp);
    CATEGORY(w, "prometheus", server);
}

static void write_language(struct json_writer *w, unsigned features)
{
    const struct feature list[] = {
        {"anchored", features & PROMQL_EXTENDED_RANGE_SELECTORS},
        {"at_modifier", true},
        {"bool", true},
        {"by", true},
        {"delayed_name_removal", features & PROMQL_DELAYED_NAME_REMOVAL},
        {"duration_expr", features & PROMQL_DURATION_EXPRESSIONS},
        {"fill", features & PROMQL_BINOP_FILL_MODIFIERS},
        {"fill_left", features & PROMQL_BINOP_FILL_MODIFIERS},
        {"fill_right", features & PROMQL_BINOP_FILL_MODIFIERS},
        {"group_left", true},
        {"group_right", true},
        {"ignoring", true},
        {"negative_offset", true},
        {"offset", true},
        {"on", true},
        {"per_query_lookback_delta", true},
        {"per_step_stats", false},
        {"smoothed", features & PROMQL_EXTENDED_RANGE_SELECTORS},
        {"subqueries", true},
        {"type_and_unit_labels", false},
        {"without", true},
    };
    CATEGORY(w, "promql", list);
}

static void write_functions(struct json_writer *w, unsigned features)
{
    unsigned needed;
    const char *name;
    json_key(w, "promql_functions");
    json_object_begin(w);
    for (size_t i = 0; (name = promql_function(i, &needed)); i++)
        write_feature(w, name, (needed & features) == needed);
    json_object_end(w);
}

static void write_operators(struct json_writer *w, unsigned features)
{
    bool experimental = features & PROMQL_EXPERIMENTAL_FUNCTIONS;
    const struct feature list[] = {
        {"!=", true},
        {"!~", true},
        {"%", true},
        {"*", true},
        {"+", true},
        {"-", true},
        {"/", true},
        {"<", true},
        {"<=", true},
        {"=", true},
        {"==", true},
        {"=~", true},
        {">", true},
        {">=", true},
        {"@", true},
        {"^", true},
        {"and", true},
        {"atan2", true},
        {"avg", true},
        {"bottomk", true},
        {"count", true},
        {"count_values", true},
        {"group", true},
        {"limit_ratio", experimental},
        {"limitk", experimental},
        {"max", true},
        {"min", true},
        {"or", true},
        {"quantile", true},
        {"stddev", true},
        {"stdvar", true},
        {"sum", true},
        {"topk", true},
        {"unless", true},
    };
    CATEGORY(w, "promql_operators", list);
}

static void write_sources(struct json_writer *w)
{
    static const struct feature rules[] = {
        {"concurrent_rule_eval", false}, {"keep_firing_for", true}, {"query_offset", true}};
    static const struct feature scrape[] = {{"extra_scrape_metrics", true},
                                            {"start_timestamp_zero_ingestion", false},
                                            {"type_and_unit_labels", false}};
    CATEGORY(w, "rules", rules);
    CATEGORY(w, "scrape", scrape);
    // The kinds beside these two are read and find no targets.
    static const struct feature discovery[] = {
        {"aws", false},       {"azure", false},     {"consul", false},      {"digitalocean", false},
        {"dns", false},       {"docker", false},    {"dockerswarm", false}, {"ec2", false},
        {"eureka", false},    {"file", true},       {"gce", false},         {"hetzner", false},
        {"http", false},      {"ionos", false},     {"kubernetes", false},  {"kuma", false},
        {"lightsail", false}, {"linode", false},    {"marathon", false},    {"nerve", false},
        {"nomad", false},     {"openstack", false}, {"outscale", false},    {"ovhcloud", false},
        {"puppetdb", false},  {"scaleway", false},  {"serverset", false},   {"stackit", false},
        {"static", true},     {"triton", false},    {"uyuni", false},       {"vultr", false},
    };
    CATEGORY(w, "service_discovery_providers", discovery);
}

static void write_templates(struct json_writer *w)
{
    static const char *const names[] = {
        "args",
        "externalLabels",
        "externalURL",
        "first",
        "graphLink",
        "humanize",
        "humanize1024",
        "humanizeDuration",
        "humanizePercentage",
        "humanizeTimestamp",
        "label",
        "match",
        "now",
        "parseDuration",
        "pathPrefix",
        "query",
        "reReplaceAll",
        "safeHtml",
        "sortByLabel",
        "stripDomain",
        "stripPort",
        "strvalue",
        "tableLink",
        "title",
        "tmpl",
        "toDuration",
        "toLower",
        "toTime",
        "toUpper",
        "urlQueryEscape",
        "value",
    };
    json_key(w, "templating_functions");
    json_object_begin(w);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_feature(w, names[i], true);
    json_object_end(w);
}

static void write_storage(struct json_writer *w)
{
    static const struct feature tsdb[] = {{"delayed_compaction", false},
                                          {"exemplar_storage", false},
                                          {"isolation", true},
                                          {"native_histograms", false}};
    static const struct feature ui[] = {{"ui_v2", false}, {"ui_v3", false}};
    CATEGORY(w, "tsdb", tsdb);
    CATEGORY(w, "ui", ui);
}

void api_features(struct web_server *web, struct request *req, struct response *res)
{
    (void)req;
    unsigned features = promql_engine_features(web->options.engine);
    struct json_writer w;
    api_begin(res, &w);
    json_object_begin(&w);
    write_api(&w, &web->options);
    write_server(&w);
    write_language(&w, features);
    write_functions(&w, features);
    write_operators(&w, features);
    write_sources(&w);
    write_templates(&w);
    write_storage(&w);
    json_object_end(&w);
    api_end(&w);
}
