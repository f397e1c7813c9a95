// Target groups: static_configs, and the files of file_sd_configs in YAML or JSON.
#include "base/json.h"
#include "base/utf8.h"
#include "sections.h"

struct raw_group {
    struct string_list targets;
    struct labels labels;
};

static int decode_group_labels(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_labels(d, node, out);
}

static const struct field group_fields[] = {
    {"targets", FIELD_STRINGS, offsetof(struct raw_group, targets), NULL},
    {"labels", FIELD_CUSTOM, offsetof(struct raw_group, labels), decode_group_labels},
};
static const struct section group_section = SECTION("static_config", group_fields);

static int decode_group(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_target_group *group = out;
    struct raw_group raw = {0};
    int rc = decode_section(d, node, &group_section, &raw);
    *group = (struct config_target_group){
        .targets = raw.targets.items,
        .target_count = raw.targets.count,
        .labels = raw.labels,
    };
    return rc;
}

static int decode_groups(struct decoder *d, const struct yaml_node *node,
                         struct config_target_group **groups, size_t *count)
{
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct config_target_group), decode_group, &items, count);
    *groups = items;
    return rc;
}

static int decode_static_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct discovery *discovery = out;
    return decode_groups(d, node, &discovery->static_groups, &discovery->static_group_count);
}

int check_static_targets(struct decoder *d, const struct yaml_node *mapping,
                         const struct discovery *discovery)
{
    const struct yaml_node *configs = yaml_get(mapping, "static_configs");
    if (discovery->static_group_count == 0)
        return OK;
    for (const struct yaml_node *group = configs->child; group; group = group->next) {
        const struct yaml_node *targets = yaml_get(group, "targets");
        for (const struct yaml_node *t = targets ? targets->child : NULL; t; t = t->next) {
            if (str_find(t->text, '/') < t->text.len)
                return decode_fail(d, t,
                                   "\"%.*s\" is not a valid hostname: expected host:port "
                                   "without scheme or path",
                                   STR_ARG(t->text));
        }
    }
    return OK;
}

// Any number of folders without '*', one '*' in the last element, and a known ending.
static bool is_file_pattern(struct str path)
{
    static const char *const endings[] = {".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"};
    size_t star = str_find(path, '*');
    struct str behind = star < path.len ? str_skip(path, star + 1) : str_make(NULL, 0);
    if (str_find(behind, '/') < behind.len)
        return false;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (str_has_suffix(path, str_from(endings[i])))
            return true;
    }
    return false;
}

static int decode_files(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_file_sd *sd = out;
    struct string_list files = {0};
    int rc = decode_strings(d, node, &files);
    if (rc)
        return rc;
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (!is_file_pattern(child->text))
            return decode_fail(d, child,
                               "path name \"%.*s\" is not valid for file discovery: "
                               "expected it to end in .json, .yml or .yaml, with * only "
                               "in its last element",
                               STR_ARG(child->text));
    }
    for (size_t i = 0; i < files.count; i++)
        files.items[i] = path_resolve(d, files.items[i]);
    sd->files = files.items;
    sd->file_count = files.count;
    return OK;
}

static const struct field file_sd_fields[] = {
    {"files", FIELD_CUSTOM, 0, decode_files},
    {"refresh_interval", FIELD_DURATION, offsetof(struct config_file_sd, refresh_interval_ms),
     NULL},
};
static const struct section file_sd_section = SECTION("file_sd_config", file_sd_fields);

static int decode_file_sd(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_file_sd *sd = out;
    sd->refresh_interval_ms = 5 * 60 * 1000;
    int rc = decode_section(d, node, &file_sd_section, sd);
    if (rc)
        return rc;
    if (sd->file_count == 0)
        return decode_fail(d, node,
                           "file service discovery config must contain at least one path "
                           "name");
    if (sd->refresh_interval_ms == 0)
        return decode_fail(d, yaml_get(node, "refresh_interval"),
                           "refresh_interval must be above 0");
    return OK;
}

static int decode_file_sds(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct discovery *discovery = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct config_file_sd), decode_file_sd, &items,
                         &discovery->file_sd_count);
    discovery->file_sds = items;
    return rc;
}

static const struct field discovery_fields[] = {
    {"static_configs", FIELD_CUSTOM, 0, decode_static_configs},
    {"file_sd_configs", FIELD_CUSTOM, 0, decode_file_sds},
};
const struct section discovery_section =
    SECTION_WITH("discovery", discovery_fields, {&other_sd_section, 0});

static int parse_yaml_groups(struct str text, const char *name, struct arena *arena,
                             struct config_target_group **out, size_t *count, struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    config_decoder_init(&d, arena, text, name, "", NULL, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_groups(&d, root, out, count);
    decoder_release(&d);
    return rc;
}

static int json_targets(const struct json *value, const char *name, struct arena *arena,
                        struct config_target_group *group, struct error *err)
{
    size_t count = 0;
    if (json_kind(value) != JSON_ARRAY)
        return error_set(err, ERR_INVALID, "%s: expected a list of texts as targets", name);
    for (const struct json *each = json_child(value); each; each = json_next(each))
        count++;
    group->targets = arena_array(arena, count, sizeof(*group->targets));
    for (const struct json *each = json_child(value); each; each = json_next(each)) {
        if (json_kind(each) != JSON_STRING || !utf8_valid(json_text(each)))
            return error_set(err, ERR_INVALID, "%s: expected a list of texts as targets", name);
        group->targets[group->target_count++] = arena_copy(arena, json_text(each));
    }
    return OK;
}

static int json_labels(const struct json *value, const char *name, struct arena *arena,
                       struct config_target_group *group, struct error *err)
{
    struct labels_builder set;
    labels_builder_init(&set, arena, (struct labels){0});
    if (json_kind(value) != JSON_OBJECT)
        return error_set(err, ERR_INVALID, "%s: expected an object of texts as labels", name);
    for (const struct json *each = json_child(value); each; each = json_next(each)) {
        struct str label = json_name(each);
        if (!label_name_is_valid(label))
            return error_set(err, ERR_INVALID, "%s: \"%.*s\" is not a valid label name", name,
                             STR_ARG(label));
        if (json_kind(each) != JSON_STRING || !utf8_valid(json_text(each)))
            return error_set(err, ERR_INVALID, "%s: label \"%.*s\": expected text as its value",
                             name, STR_ARG(label));
        labels_builder_set(&set, arena_copy(arena, label), arena_copy(arena, json_text(each)));
    }
    group->labels = labels_builder_finish(&set);
    return OK;
}

static int json_group(const struct json *value, const char *name, struct arena *arena,
                      struct config_target_group *group, struct error *err)
{
    if (json_kind(value) != JSON_OBJECT)
        return error_set(err, ERR_INVALID, "%s: expected a list of objects with targets and labels",
                         name);
    int rc = OK;
    for (const struct json *each = json_child(value); rc == OK && each; each = json_next(each)) {
        struct str key = json_name(each);
        if (json_kind(each) == JSON_NULL)
            continue;
        if (str_is(key, "targets"))
            rc = json_targets(each, name, arena, group, err);
        else if (str_is(key, "labels"))
            rc = json_labels(each, name, arena, group, err);
        else
            rc = error_set(err, ERR_INVALID, "%s: field %.*s not found in target group", name,
                           STR_ARG(key));
    }
    return rc;
}

static int json_groups(const struct json *root, const char *name, struct arena *arena,
                       struct config_target_group **out, size_t *count, struct error *err)
{
    size_t total = 0;
    if (json_kind(root) != JSON_ARRAY)
        return error_set(err, ERR_INVALID, "%s: expected a list of objects with targets and labels",
                         name);
    for (const struct json *each = json_child(root); each; each = json_next(each))
        total++;
    struct config_target_group *groups = arena_calloc(arena, total, sizeof(*groups));
    size_t done = 0;
    for (const struct json *each = json_child(root); each; each = json_next(each)) {
        int rc = json_group(each, name, arena, &groups[done++], err);
        if (rc)
            return rc;
    }
    *out = groups;
    *count = total;
    return OK;
}

static int parse_json_groups(struct str text, const char *name, struct arena *arena,
                             struct config_target_group **out, size_t *count, struct error *err)
{
    struct json *document;
    int rc = json_parse(&document, text, err);
    if (rc) {
        error_prefix(err, "%s: ", name);
        return rc;
    }
    rc = json_groups(document, name, arena, out, count, err);
    json_free(document);
    return rc;
}

int target_groups_parse(struct str text, const char *name, struct arena *arena,
                        struct config_target_group **out, size_t *count, struct error *err)
{
    struct config_target_group *groups = NULL;
    size_t group_count = 0;
    bool is_json = strlen(name) >= 5 && strcasecmp(name + strlen(name) - 5, ".json") == 0;
    int rc = is_json ? parse_json_groups(text, name, arena, &groups, &group_count, err)
                     : parse_yaml_groups(text, name, arena, &groups, &group_count, err);
    if (rc)
        return rc;
    *out = groups;
    *count = group_count;
    return OK;
}
