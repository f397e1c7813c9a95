// prometheus.yml.
//
// `global` is decoded first wherever it stands, since scrape configs inherit from it; all else in
// the order of the file. scrape_config_files are read at once: a configuration is whole or not at
// all. Sections whose data would be lost without a word (remote_write and the like) are refused by
// name; keys that merely do nothing here are warnings.
#include "config/prometheus.h"

#include <glob.h>

#include "base/file.h"
#include "base/mem.h"
#include "sections.h"

#define FILE_SIZE_MAX     ((size_t)64 << 20)
#define DEFAULT_MINUTE_MS 60000

struct global {
    struct scrape_defaults scrape;
    int64_t evaluation_interval_ms;
    int64_t rule_query_offset_ms;
    struct labels external_labels;
};

struct raw_config {
    struct prometheus_config *config;
    struct global global;
    struct string_list scrape_config_files;
};

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The variable named at the front of `rest`, behind its '$': {NAME}, NAME or '$'. Returns how much
// of `rest` it takes; 0 when the dollar stands for itself.
static size_t variable_name(struct str rest, struct str *name)
{
    *name = str_make(NULL, 0);
    if (rest.len && rest.ptr[0] == '{') {
        size_t end = str_find(rest, '}');
        if (end == rest.len)
            return 0;
        *name = str_make(rest.ptr + 1, end - 1);
        return end + 1;
    }
    size_t len = 0;
    while (len < rest.len && is_name_char(rest.ptr[len]))
        len++;
    if (len == 0 && rest.len && rest.ptr[0] == '$')
        len = 1;
    *name = str_first(rest, len);
    return len;
}

static void append_variable(struct decoder *d, const struct yaml_node *node, struct str name,
                            struct buf *out)
{
    if (str_is(name, "$")) {
        buf_char(out, '$');
        return;
    }
    struct str copy = arena_copy(d->arena, name);
    const char *value = getenv(copy.ptr);
    if (value)
        buf_cstr(out, value);
    else if (name.len)
        decode_warn(d, node, "external_labels: the environment variable \"%.*s\" is not set",
                    STR_ARG(name));
}

static struct str expand_variables(struct decoder *d, const struct yaml_node *node, struct str text)
{
    struct buf out = BUF_INIT;
    while (text.len) {
        size_t dollar = str_find(text, '$');
        buf_append(&out, text.ptr, dollar);
        if (dollar == text.len)
            break;
        text = str_skip(text, dollar + 1);
        struct str name;
        size_t taken = variable_name(text, &name);
        if (taken)
            append_variable(d, node, name, &out);
        else
            buf_char(&out, '$');
        text = str_skip(text, taken);
    }
    struct str expanded = arena_copy(d->arena, buf_view(&out));
    buf_release(&out);
    return expanded;
}

static int decode_external_labels(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct labels raw = {0};
    int rc = decode_labels(d, node, &raw);
    if (rc)
        return rc;
    struct labels_builder set;
    labels_builder_init(&set, d->arena, (struct labels){0});
    for (size_t i = 0; i < raw.count; i++)
        labels_builder_set(&set, raw.items[i].name, expand_variables(d, node, raw.items[i].value));
    *(struct labels *)out = labels_builder_finish(&set);
    return OK;
}

#define IN_SCRAPE(member)                                                                          \
    (offsetof(struct global, scrape) + offsetof(struct scrape_defaults, member))

static const struct field global_fields[] = {
    {"scrape_interval", FIELD_DURATION, IN_SCRAPE(scrape_interval_ms), NULL},
    {"scrape_timeout", FIELD_DURATION, IN_SCRAPE(scrape_timeout_ms), NULL},
    {"scrape_protocols", FIELD_CUSTOM, IN_SCRAPE(scrape_protocols), decode_scrape_protocols},
    {"evaluation_interval", FIELD_DURATION, offsetof(struct global, evaluation_interval_ms), NULL},
    {"rule_query_offset", FIELD_DURATION, offsetof(struct global, rule_query_offset_ms), NULL},
    {"external_labels", FIELD_CUSTOM, offsetof(struct global, external_labels),
     decode_external_labels},
    {"body_size_limit", FIELD_SIZE, IN_SCRAPE(body_size_limit), NULL},
    {"sample_limit", FIELD_U64, IN_SCRAPE(sample_limit), NULL},
    {"label_limit", FIELD_U64, IN_SCRAPE(label_limit), NULL},
    {"label_name_length_limit", FIELD_U64, IN_SCRAPE(label_name_length_limit), NULL},
    {"label_value_length_limit", FIELD_U64, IN_SCRAPE(label_value_length_limit), NULL},
    {"target_limit", FIELD_U64, IN_SCRAPE(target_limit), NULL},
    {"keep_dropped_targets", FIELD_U64, IN_SCRAPE(keep_dropped_targets), NULL},
    {"metric_name_validation_scheme", FIELD_STRING, IN_SCRAPE(name_validation), NULL},
    {"metric_name_escaping_scheme", FIELD_STRING, IN_SCRAPE(name_escaping), NULL},
    {"scrape_native_histograms", FIELD_SWITCH_NO_EFFECT, 0, NULL},
    {"convert_classic_histograms_to_nhcb", FIELD_SWITCH_NO_EFFECT, 0, NULL},
    {"always_scrape_classic_histograms", FIELD_SWITCH_NO_EFFECT, 0, NULL},
    {"extra_scrape_metrics", FIELD_BOOL, IN_SCRAPE(extra_metrics), NULL},
    {"query_log_file", FIELD_NO_EFFECT, 0, NULL},
    {"scrape_failure_log_file", FIELD_NO_EFFECT, 0, NULL},
};
static const struct section global_section = SECTION("global", global_fields);

static void global_defaults(struct decoder *d, struct global *global)
{
    static const enum scrape_protocol order[] = {
        SCRAPE_PROTOCOL_OPENMETRICS_1_0_0, SCRAPE_PROTOCOL_OPENMETRICS_0_0_1,
        SCRAPE_PROTOCOL_TEXT_1_0_0, SCRAPE_PROTOCOL_TEXT_0_0_4};
    size_t count = sizeof(order) / sizeof(order[0]);
    struct scrape_defaults *scrape = &global->scrape;
    if (scrape->scrape_interval_ms == 0)
        scrape->scrape_interval_ms = DEFAULT_MINUTE_MS;
    if (global->evaluation_interval_ms == 0)
        global->evaluation_interval_ms = DEFAULT_MINUTE_MS;
    if (scrape->scrape_timeout_ms == 0)
        scrape->scrape_timeout_ms =
            scrape->scrape_interval_ms < 10000 ? scrape->scrape_interval_ms : 10000;
    if (scrape->scrape_protocol_count == 0) {
        scrape->scrape_protocols = arena_array(d->arena, count, sizeof(order[0]));
        memcpy(scrape->scrape_protocols, order, sizeof(order));
        scrape->scrape_protocol_count = count;
    }
}

static int decode_global(struct decoder *d, const struct yaml_node *node, struct global *global)
{
    int rc = node ? decode_section(d, node, &global_section, global) : OK;
    if (rc)
        return rc;
    global_defaults(d, global);
    if (global->scrape.scrape_timeout_ms > global->scrape.scrape_interval_ms)
        return decode_fail(d, yaml_get(node, "scrape_timeout"),
                           "global scrape timeout greater than scrape interval");
    return check_name_schemes(d, node, global->scrape.name_validation,
                              global->scrape.name_escaping);
}

// One '*' at most, in the last element.
static bool is_config_pattern(struct str path)
{
    size_t star = str_find(path, '*');
    struct str behind = star < path.len ? str_skip(path, star + 1) : str_make(NULL, 0);
    return path.len > 0 && str_find(behind, '/') == behind.len;
}

static int decode_patterns(struct decoder *d, const struct yaml_node *node, struct string_list *out,
                           const char *what)
{
    int rc = decode_strings(d, node, out);
    if (rc)
        return rc;
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (!is_config_pattern(child->text))
            return decode_fail(d, child,
                               "invalid %s file path \"%.*s\": expected * only in its "
                               "last element",
                               what, STR_ARG(child->text));
    }
    for (size_t i = 0; i < out->count; i++)
        out->items[i] = path_resolve(d, out->items[i]);
    return OK;
}

static int decode_rule_files(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct prometheus_config *config = ((struct raw_config *)out)->config;
    struct string_list files = {0};
    int rc = decode_patterns(d, node, &files, "rule");
    config->rule_files = files.items;
    config->rule_file_count = files.count;
    return rc;
}

static int decode_scrape_config_files(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_patterns(d, node, out, "scrape config");
}

static int decode_scrapes(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct prometheus_config *config = ((struct raw_config *)out)->config;
    return decode_scrape_configs(d, node, &config->scrapes, &config->scrape_count);
}

struct raw_alertmanager {
    struct alertmanager_target_config target;
    struct discovery discovery;
    struct str api_version;
};

#define IN_TARGET(member)                                                                          \
    (offsetof(struct raw_alertmanager, target) +                                                   \
     offsetof(struct alertmanager_target_config, member))

static const struct field alertmanager_fields[] = {
    {"scheme", FIELD_STRING, IN_TARGET(scheme), NULL},
    {"path_prefix", FIELD_STRING, IN_TARGET(path_prefix), NULL},
    {"timeout", FIELD_DURATION, IN_TARGET(timeout_ms), NULL},
    {"api_version", FIELD_STRING, offsetof(struct raw_alertmanager, api_version), NULL},
    {"relabel_configs", FIELD_CUSTOM, IN_TARGET(relabel), decode_relabel_configs},
    {"alert_relabel_configs", FIELD_CUSTOM, IN_TARGET(alert_relabel), decode_relabel_configs},
    {"sigv4", FIELD_UNSUPPORTED, 0, NULL},
};
static const struct section alertmanager_section =
    SECTION_WITH("alertmanager_config", alertmanager_fields, {&http_section, IN_TARGET(http)},
                 {&discovery_section, offsetof(struct raw_alertmanager, discovery)});

static int check_alertmanager(struct decoder *d, const struct yaml_node *node,
                              const struct raw_alertmanager *raw)
{
    struct str scheme = raw->target.scheme;
    if (!str_is(scheme, "http") && !str_is(scheme, "https"))
        return decode_fail(d, yaml_get(node, "scheme"),
                           "expected the scheme http or https, got \"%.*s\"", STR_ARG(scheme));
    if (raw->api_version.len && !str_is(raw->api_version, "v2"))
        return decode_fail(d, yaml_get(node, "api_version"),
                           "expected Alertmanager api version to be v2 but got \"%.*s\"",
                           STR_ARG(raw->api_version));
    int rc = http_check(d, node, &raw->target.http);
    if (rc == OK && raw->target.relabel.count == 0)
        rc = check_static_targets(d, node, &raw->discovery);
    return rc;
}

static int decode_alertmanager(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct raw_alertmanager raw = {
        .target = {.scheme = STR("http"), .timeout_ms = 10000},
    };
    http_defaults(&raw.target.http);
    int rc = decode_section(d, node, &alertmanager_section, &raw);
    if (rc == OK)
        rc = check_alertmanager(d, node, &raw);
    raw.target.static_groups = raw.discovery.static_groups;
    raw.target.static_group_count = raw.discovery.static_group_count;
    raw.target.file_sds = raw.discovery.file_sds;
    raw.target.file_sd_count = raw.discovery.file_sd_count;
    raw.target.other_sds = raw.discovery.other_sds;
    raw.target.other_sd_count = raw.discovery.other_sd_count;
    *(struct alertmanager_target_config *)out = raw.target;
    return rc;
}

static int decode_alertmanagers(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct prometheus_config *config = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct alertmanager_target_config), decode_alertmanager,
                         &items, &config->alertmanager_count);
    config->alertmanagers = items;
    return rc;
}

static const struct field alerting_fields[] = {
    {"alert_relabel_configs", FIELD_CUSTOM, offsetof(struct prometheus_config, alert_relabel),
     decode_relabel_configs},
    {"alertmanagers", FIELD_CUSTOM, 0, decode_alertmanagers},
};
static const struct section alerting_section = SECTION("alerting", alerting_fields);

static int decode_alerting(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &alerting_section, ((struct raw_config *)out)->config);
}

static const struct field retention_fields[] = {
    {"time", FIELD_DURATION, offsetof(struct prometheus_config, retention_ms), NULL},
    {"size", FIELD_SIZE, offsetof(struct prometheus_config, retention_bytes), NULL},
    {"percentage", FIELD_UNSUPPORTED, 0, NULL},
};
static const struct section retention_section = SECTION("retention", retention_fields);

static int decode_retention(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &retention_section, out);
}

static const struct field tsdb_fields[] = {
    {"out_of_order_time_window", FIELD_DURATION,
     offsetof(struct prometheus_config, out_of_order_ms), NULL},
    {"retention", FIELD_CUSTOM, 0, decode_retention},
    {"stale_series_compaction_threshold", FIELD_NO_EFFECT, 0, NULL},
};
static const struct section tsdb_section = SECTION("tsdb", tsdb_fields);

static int decode_tsdb(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &tsdb_section, out);
}

static const struct field exemplars_fields[] = {{"max_exemplars", FIELD_NO_EFFECT, 0, NULL}};
static const struct section exemplars_section = SECTION("exemplars", exemplars_fields);

static int decode_exemplars(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &exemplars_section, out);
}

static const struct field storage_fields[] = {
    {"tsdb", FIELD_CUSTOM, 0, decode_tsdb},
    {"exemplars", FIELD_CUSTOM, 0, decode_exemplars},
};
static const struct section storage_section = SECTION("storage", storage_fields);

static int decode_storage(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &storage_section, ((struct raw_config *)out)->config);
}

static const struct field runtime_fields[] = {{"gogc", FIELD_NO_EFFECT, 0, NULL}};
static const struct section runtime_section = SECTION("runtime", runtime_fields);

static int decode_runtime(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &runtime_section, out);
}

static const struct field config_fields[] = {
    {"global", FIELD_LATER, 0, NULL},
    {"runtime", FIELD_CUSTOM, 0, decode_runtime},
    {"rule_files", FIELD_CUSTOM, 0, decode_rule_files},
    {"scrape_config_files", FIELD_CUSTOM, offsetof(struct raw_config, scrape_config_files),
     decode_scrape_config_files},
    {"scrape_configs", FIELD_CUSTOM, 0, decode_scrapes},
    {"alerting", FIELD_CUSTOM, 0, decode_alerting},
    {"storage", FIELD_CUSTOM, 0, decode_storage},
    {"remote_write", FIELD_UNSUPPORTED, 0, NULL},
    {"remote_read", FIELD_UNSUPPORTED, 0, NULL},
    {"tracing", FIELD_UNSUPPORTED, 0, NULL},
    {"otlp", FIELD_UNSUPPORTED, 0, NULL},
};
static const struct section config_section = SECTION("config", config_fields);

static const struct field scrape_file_fields[] = {
    {"scrape_configs", FIELD_CUSTOM, 0, decode_scrapes},
};
static const struct section scrape_file_section = SECTION("scrape config file", scrape_file_fields);

// The file's text, name and folder stand in for the main file's while it is decoded. The text lives
// in the arena like all that borrows from it; its secrets are in no text that is shown.
static int load_scrape_file(struct decoder *d, const char *path, struct raw_config *raw)
{
    struct buf bytes = BUF_INIT;
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, d->err);
    struct decoder sub = *d;
    sub.text = arena_copy(d->arena, buf_view(&bytes));
    buf_release(&bytes);
    if (rc)
        return rc;
    sub.name = arena_copy(d->arena, str_from(path)).ptr;
    sub.folder = path_folder(str_from(sub.name));
    sub.masked = NULL;
    sub.masked_count = sub.masked_capacity = 0;
    struct yaml_node *root;
    rc = decoder_parse(&sub, &root);
    if (rc == OK)
        rc = decode_section(&sub, root, &scrape_file_section, raw);
    d->regexes = sub.regexes;
    return rc;
}

static int load_scrape_pattern(struct decoder *d, struct str pattern, struct raw_config *raw)
{
    glob_t found;
    struct str text = arena_copy(d->arena, pattern);
    int failed = glob(text.ptr, 0, NULL, &found);
    if (failed == GLOB_NOMATCH)
        return OK;
    if (failed)
        return error_set(d->err, ERR_IO, "%s: cannot list the files of %s", d->name, text.ptr);
    int rc = OK;
    for (size_t i = 0; rc == OK && i < found.gl_pathc; i++)
        rc = load_scrape_file(d, found.gl_pathv[i], raw);
    globfree(&found);
    return rc;
}

static int decode_config(struct decoder *d, const struct yaml_node *root, struct raw_config *raw)
{
    if (root->kind != YAML_MAPPING && root->kind != YAML_NULL)
        return decode_fail(d, root, "expected a mapping with global, scrape_configs, ...");
    d->context = &raw->global.scrape;
    int rc = decode_global(d, yaml_get(root, "global"), &raw->global);
    if (rc == OK)
        rc = decode_section(d, root, &config_section, raw);
    for (size_t i = 0; rc == OK && i < raw->scrape_config_files.count; i++)
        rc = load_scrape_pattern(d, raw->scrape_config_files.items[i], raw);
    return rc;
}

static void take_global(struct prometheus_config *config, const struct global *global)
{
    config->scrape_interval_ms = global->scrape.scrape_interval_ms;
    config->scrape_timeout_ms = global->scrape.scrape_timeout_ms;
    config->evaluation_interval_ms = global->evaluation_interval_ms;
    config->rule_query_offset_ms = global->rule_query_offset_ms;
    config->external_labels = global->external_labels;
}

static int parse_into(struct prometheus_config *config, struct str text, const char *name,
                      const char *folder, struct buf *warnings, struct error *err)
{
    struct arena *arena = &config->arena;
    struct decoder d;
    struct yaml_node *root;
    struct raw_config raw = {.config = config};
    // The folder is borrowed by paths that are relative to it.
    struct str own_folder = arena_copy(arena, str_from(folder ? folder : ""));
    config_decoder_init(&d, arena, text, name, own_folder.ptr, warnings, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_config(&d, root, &raw);
    if (rc == OK) {
        take_global(config, &raw.global);
        config->text = decoder_masked_text(&d);
        config->regexes = decoder_take_regexes(&d, &config->regex_count);
    }
    decoder_release(&d);
    return rc;
}

int prometheus_config_parse(struct prometheus_config **out, struct str text, const char *name,
                            const char *folder, struct buf *warnings, struct error *err)
{
    struct prometheus_config *config = mem_calloc(1, sizeof(*config));
    atomic_init(&config->references, 1);
    arena_init(&config->arena, 0);
    int rc = parse_into(config, text, name, folder, warnings, err);
    if (rc) {
        prometheus_config_unref(config);
        return rc;
    }
    *out = config;
    return OK;
}

int prometheus_config_load(struct prometheus_config **out, const char *path, struct buf *warnings,
                           struct error *err)
{
    struct buf bytes = BUF_INIT;
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
    if (rc == OK) {
        char *folder = mem_copy_str(path_folder(str_from(path)));
        rc = prometheus_config_parse(out, buf_view(&bytes), path, folder, warnings, err);
        mem_free(folder);
    }
    buf_release(&bytes);
    return rc;
}

struct prometheus_config *prometheus_config_ref(struct prometheus_config *c)
{
    atomic_fetch_add(&c->references, 1);
    return c;
}

void prometheus_config_unref(struct prometheus_config *c)
{
    if (!c || atomic_fetch_sub(&c->references, 1) != 1)
        return;
    for (size_t i = 0; i < c->regex_count; i++)
        regex_free(c->regexes[i]);
    arena_release(&c->arena);
    mem_free(c);
}
