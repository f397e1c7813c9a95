// scrape_configs: one job each, with what it does not say filled in from `global`.
#include "sections.h"

#include "base/float_text.h"

struct raw_scrape {
    struct scrape_config config; // `http` is decoded in place
    struct discovery discovery;
    struct str name_validation;
    struct str name_escaping;
};

#define IN_CONFIG(member)                                                                          \
    (offsetof(struct raw_scrape, config) + offsetof(struct scrape_config, member))

static const struct {
    const char *name;
    enum scrape_protocol protocol;
} protocols[] = {
    {"PrometheusProto", SCRAPE_PROTOCOL_PROMETHEUS_PROTO},
    {"PrometheusText0.0.4", SCRAPE_PROTOCOL_TEXT_0_0_4},
    {"PrometheusText1.0.0", SCRAPE_PROTOCOL_TEXT_1_0_0},
    {"OpenMetricsText0.0.1", SCRAPE_PROTOCOL_OPENMETRICS_0_0_1},
    {"OpenMetricsText1.0.0", SCRAPE_PROTOCOL_OPENMETRICS_1_0_0},
};

static int decode_protocol(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str name = {0};
    int rc = decode_string(d, node, &name);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        if (str_is(name, protocols[i].name)) {
            *(enum scrape_protocol *)out = protocols[i].protocol;
            return OK;
        }
    }
    return decode_fail(d, node,
                       "unknown scrape protocol %.*s, supported: [OpenMetricsText0.0.1 "
                       "OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 "
                       "PrometheusText1.0.0]",
                       STR_ARG(name));
}

// `out` is a struct whose members are laid out as in scrape_protocol_list.
struct scrape_protocol_list {
    enum scrape_protocol *items;
    size_t count;
};

_Static_assert(offsetof(struct scrape_config, scrape_protocol_count) ==
                   offsetof(struct scrape_config, scrape_protocols) +
                       offsetof(struct scrape_protocol_list, count),
               "decode_scrape_protocols() writes both members");
_Static_assert(offsetof(struct scrape_defaults, scrape_protocol_count) ==
                   offsetof(struct scrape_defaults, scrape_protocols) +
                       offsetof(struct scrape_protocol_list, count),
               "decode_scrape_protocols() writes both members");

int decode_scrape_protocols(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct scrape_protocol_list list = {0};
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list of scrape protocols");
    if (node->child_count == 0)
        return decode_fail(d, node,
                           "scrape_protocols cannot be empty: leave it out for the "
                           "default");
    list.items = arena_array(d->arena, node->child_count, sizeof(*list.items));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        int rc = decode_protocol(d, child, &list.items[list.count]);
        if (rc)
            return rc;
        for (size_t i = 0; i < list.count; i++) {
            if (list.items[i] == list.items[list.count])
                return decode_fail(d, child,
                                   "duplicated protocol in scrape_protocols, got %.*s "
                                   "twice",
                                   STR_ARG(child->text));
        }
        list.count++;
    }
    *(struct scrape_protocol_list *)out = list;
    return OK;
}

int check_name_schemes(struct decoder *d, const struct yaml_node *mapping, struct str validation,
                       struct str escaping)
{
    static const char *const escapings[] = {"", "allow-utf-8", "underscores", "dots", "values"};
    if (validation.len && !str_is(validation, "legacy") && !str_is(validation, "utf8"))
        return decode_fail(d, yaml_get(mapping, "metric_name_validation_scheme"),
                           "unknown validation scheme \"%.*s\": expected utf8 or legacy",
                           STR_ARG(validation));
    bool known = false;
    for (size_t i = 0; i < sizeof(escapings) / sizeof(escapings[0]); i++)
        known |= str_is(escaping, escapings[i]);
    if (!known)
        return decode_fail(d, yaml_get(mapping, "metric_name_escaping_scheme"),
                           "unknown name escaping scheme \"%.*s\": expected allow-utf-8, "
                           "underscores, dots or values",
                           STR_ARG(escaping));
    return OK;
}

static int decode_scheme(struct decoder *d, const struct yaml_node *node, void *out)
{
    int rc = decode_string(d, node, out);
    if (rc == OK && !str_is(node->text, "http") && !str_is(node->text, "https"))
        return decode_fail(d, node, "expected the scheme http or https, got \"%.*s\"",
                           STR_ARG(node->text));
    return rc;
}

static int decode_params(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct scrape_config *config = out;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of parameters to lists of texts");
    config->params = arena_calloc(d->arena, node->child_count, sizeof(*config->params));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct string_list values = {0};
        int rc = decode_strings(d, child, &values);
        if (rc)
            return rc;
        config->params[config->param_count++] = (struct config_param){
            .name = child->key->text, .values = values.items, .value_count = values.count};
    }
    return OK;
}

static int decode_histogram_limit(struct decoder *d, const struct yaml_node *node, void *out)
{
    double value;
    (void)out;
    if (node->kind != YAML_SCALAR || node->quoted || !float_parse(node->text, &value))
        return decode_fail(d, node, "expected a number");
    if (value != 0)
        decode_warn(d, node->key, "%.*s is accepted but has no effect", STR_ARG(node->key->text));
    return OK;
}

static const struct field scrape_fields[] = {
    {"job_name", FIELD_STRING, IN_CONFIG(job_name), NULL},
    {"scrape_interval", FIELD_DURATION, IN_CONFIG(scrape_interval_ms), NULL},
    {"scrape_timeout", FIELD_DURATION, IN_CONFIG(scrape_timeout_ms), NULL},
    {"scrape_protocols", FIELD_CUSTOM, IN_CONFIG(scrape_protocols), decode_scrape_protocols},
    {"fallback_scrape_protocol", FIELD_CUSTOM, IN_CONFIG(fallback_protocol), decode_protocol},
    {"honor_labels", FIELD_BOOL, IN_CONFIG(honor_labels), NULL},
    {"honor_timestamps", FIELD_BOOL, IN_CONFIG(honor_timestamps), NULL},
    {"track_timestamps_staleness", FIELD_BOOL, IN_CONFIG(track_timestamps_staleness), NULL},
    {"enable_compression", FIELD_BOOL, IN_CONFIG(enable_compression), NULL},
    {"metrics_path", FIELD_STRING, IN_CONFIG(metrics_path), NULL},
    {"scheme", FIELD_CUSTOM, IN_CONFIG(scheme), decode_scheme},
    {"params", FIELD_CUSTOM, offsetof(struct raw_scrape, config), decode_params},
    {"body_size_limit", FIELD_SIZE, IN_CONFIG(body_size_limit), NULL},
    {"sample_limit", FIELD_U64, IN_CONFIG(sample_limit), NULL},
    {"label_limit", FIELD_U64, IN_CONFIG(label_limit), NULL},
    {"label_name_length_limit", FIELD_U64, IN_CONFIG(label_name_length_limit), NULL},
    {"label_value_length_limit", FIELD_U64, IN_CONFIG(label_value_length_limit), NULL},
    {"target_limit", FIELD_U64, IN_CONFIG(target_limit), NULL},
    {"keep_dropped_targets", FIELD_U64, IN_CONFIG(keep_dropped_targets), NULL},
    {"metric_name_validation_scheme", FIELD_STRING, offsetof(struct raw_scrape, name_validation),
     NULL},
    {"metric_name_escaping_scheme", FIELD_STRING, offsetof(struct raw_scrape, name_escaping), NULL},
    {"relabel_configs", FIELD_CUSTOM, IN_CONFIG(relabel), decode_relabel_configs},
    {"metric_relabel_configs", FIELD_CUSTOM, IN_CONFIG(metric_relabel), decode_relabel_configs},
    {"native_histogram_bucket_limit", FIELD_CUSTOM, 0, decode_histogram_limit},
    {"native_histogram_min_bucket_factor", FIELD_CUSTOM, 0, decode_histogram_limit},
    {"scrape_native_histograms", FIELD_SWITCH_NO_EFFECT, 0, NULL},
    {"convert_classic_histograms_to_nhcb", FIELD_SWITCH_NO_EFFECT, 0, NULL},
    {"always_scrape_classic_histograms", FIELD_SWITCH_NO_EFFECT, 0, NULL},
    {"extra_scrape_metrics", FIELD_BOOL, IN_CONFIG(extra_metrics), NULL},
    {"scrape_failure_log_file", FIELD_NO_EFFECT, 0, NULL},
};
static const struct section scrape_section =
    SECTION_WITH("scrape_config", scrape_fields, {&http_section, IN_CONFIG(http)},
                 {&discovery_section, offsetof(struct raw_scrape, discovery)});

static void inherit(uint64_t *limit, uint64_t global)
{
    if (*limit == 0)
        *limit = global;
}

static void fill_from_global(struct raw_scrape *raw, const struct scrape_defaults *global)
{
    struct scrape_config *c = &raw->config;
    if (c->scrape_interval_ms == 0)
        c->scrape_interval_ms = global->scrape_interval_ms;
    if (c->scrape_timeout_ms == 0)
        c->scrape_timeout_ms = global->scrape_timeout_ms < c->scrape_interval_ms
                                   ? global->scrape_timeout_ms
                                   : c->scrape_interval_ms;
    inherit(&c->body_size_limit, global->body_size_limit);
    inherit(&c->sample_limit, global->sample_limit);
    inherit(&c->label_limit, global->label_limit);
    inherit(&c->label_name_length_limit, global->label_name_length_limit);
    inherit(&c->label_value_length_limit, global->label_value_length_limit);
    inherit(&c->target_limit, global->target_limit);
    inherit(&c->keep_dropped_targets, global->keep_dropped_targets);
    if (c->scrape_protocol_count == 0) {
        c->scrape_protocols = global->scrape_protocols;
        c->scrape_protocol_count = global->scrape_protocol_count;
    }
    struct str validation =
        raw->name_validation.len ? raw->name_validation : global->name_validation;
    c->legacy_names = str_is(validation, "legacy");
    c->name_escaping = raw->name_escaping.len ? raw->name_escaping : global->name_escaping;
    if (c->name_escaping.len == 0)
        c->name_escaping = c->legacy_names ? STR("underscores") : STR("allow-utf-8");
}

static int check_scrape(struct decoder *d, const struct yaml_node *node, struct raw_scrape *raw)
{
    const struct scrape_config *c = &raw->config;
    if (c->job_name.len == 0)
        return decode_fail(d, node, "job_name is empty");
    if (c->scrape_timeout_ms > c->scrape_interval_ms)
        return decode_fail(d, yaml_get(node, "scrape_timeout"),
                           "scrape timeout greater than scrape interval for scrape config with "
                           "job name \"%.*s\"",
                           STR_ARG(c->job_name));
    int rc = http_check(d, node, &c->http);
    if (rc == OK)
        rc = check_name_schemes(d, node, raw->name_validation, raw->name_escaping);
    // With rules a target may be anything: the rules make an address of it.
    if (rc == OK && c->relabel.count == 0)
        rc = check_static_targets(d, node, &raw->discovery);
    return rc;
}

static int decode_scrape(struct decoder *d, const struct yaml_node *node, void *out)
{
    const struct scrape_defaults *global = d->context;
    struct raw_scrape raw = {
        .config =
            {
                .line = node->line,
                .honor_timestamps = true,
                .enable_compression = true,
                .extra_metrics = global->extra_metrics,
                .metrics_path = STR("/metrics"),
                .scheme = STR("http"),
            },
    };
    http_defaults(&raw.config.http);
    int rc = decode_section(d, node, &scrape_section, &raw);
    if (rc)
        return rc;
    fill_from_global(&raw, global);
    rc = check_scrape(d, node, &raw);
    raw.config.static_groups = raw.discovery.static_groups;
    raw.config.static_group_count = raw.discovery.static_group_count;
    raw.config.file_sds = raw.discovery.file_sds;
    raw.config.file_sd_count = raw.discovery.file_sd_count;
    raw.config.other_sds = raw.discovery.other_sds;
    raw.config.other_sd_count = raw.discovery.other_sd_count;
    *(struct scrape_config *)out = raw.config;
    return rc;
}

static int check_unique_jobs(struct decoder *d, const struct yaml_node *list,
                             const struct scrape_config *items, size_t old_count, size_t count)
{
    const struct yaml_node *node = list->child;
    for (size_t i = old_count; i < count; i++, node = node->next) {
        for (size_t j = 0; j < i; j++) {
            if (str_eq(items[i].job_name, items[j].job_name))
                return decode_fail(d, yaml_get(node, "job_name"),
                                   "found multiple scrape configs with job name \"%.*s\"",
                                   STR_ARG(items[i].job_name));
        }
    }
    return OK;
}

int decode_scrape_configs(struct decoder *d, const struct yaml_node *node,
                          struct scrape_config **items, size_t *count)
{
    void *added = NULL;
    size_t added_count = 0;
    int rc =
        decode_list(d, node, sizeof(struct scrape_config), decode_scrape, &added, &added_count);
    if (rc || added_count == 0)
        return rc;
    size_t total = *count + added_count;
    struct scrape_config *all = arena_array(d->arena, total, sizeof(*all));
    if (*count)
        memcpy(all, *items, *count * sizeof(*all));
    memcpy(all + *count, added, added_count * sizeof(*all));
    rc = check_unique_jobs(d, node, all, *count, total);
    *items = all;
    *count = total;
    return rc;
}
