// Rule files. A file is Prometheus' own (`groups:`) or a PrometheusRule manifest of the operator
// (`apiVersion`, `kind`, `spec.groups`); what tells them apart is the key `kind`.
#include "config/rules.h"

#include <glob.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "decode.h"

#define FILE_SIZE_MAX ((size_t)64 << 20)

static int decode_label_map(struct decoder *d, const struct yaml_node *node, void *out)
{
    int rc = decode_labels(d, node, out);
    const struct yaml_node *name = yaml_get(node, LABEL_METRIC_NAME);
    if (rc == OK && name)
        return decode_fail(d, name->key, "invalid label name: __name__ cannot be set by a rule");
    return rc;
}

static int decode_annotations(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_labels(d, node, out);
}

static int decode_expr(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_config *rule = out;
    int rc = decode_string(d, node, &rule->expr);
    rule->expr_line = node->content_line;
    rule->expr_column = node->content_column;
    return rc;
}

// To Prometheus every number below 1 is no limit.
static int decode_limit(struct decoder *d, const struct yaml_node *node, void *out)
{
    int64_t below = 0;
    if (node->kind == YAML_SCALAR && str_to_i64(node->text, &below) && below < 0) {
        *(uint64_t *)out = 0;
        return OK;
    }
    return decode_u64(d, node, out);
}

struct raw_rule {
    struct rule_config rule;
    struct str record;
    struct str alert;
};

#define IN_RULE(member) (offsetof(struct raw_rule, rule) + offsetof(struct rule_config, member))

static const struct field rule_fields[] = {
    {"record", FIELD_STRING, offsetof(struct raw_rule, record), NULL},
    {"alert", FIELD_STRING, offsetof(struct raw_rule, alert), NULL},
    {"expr", FIELD_CUSTOM, offsetof(struct raw_rule, rule), decode_expr},
    {"for", FIELD_DURATION, IN_RULE(for_ms), NULL},
    {"keep_firing_for", FIELD_DURATION, IN_RULE(keep_firing_for_ms), NULL},
    {"labels", FIELD_CUSTOM, IN_RULE(labels), decode_label_map},
    {"annotations", FIELD_CUSTOM, IN_RULE(annotations), decode_annotations},
};
static const struct section rule_section = SECTION("rule", rule_fields);

static int check_recording(struct decoder *d, const struct yaml_node *node,
                           const struct raw_rule *raw)
{
    struct str name = raw->record;
    const char *unfit = raw->rule.annotations.count    ? "annotations"
                        : raw->rule.for_ms             ? "for"
                        : raw->rule.keep_firing_for_ms ? "keep_firing_for"
                                                       : NULL;
    if (unfit)
        return decode_fail(d, yaml_get(node, unfit)->key, "invalid field '%s' in recording rule",
                           unfit);
    if (str_find(name, '{') < name.len || str_find(name, '}') < name.len)
        return decode_fail(d, yaml_get(node, "record"),
                           "invalid recording rule name: \"%.*s\": braces present in the recording "
                           "rule name; should it be in expr?",
                           STR_ARG(name));
    return OK;
}

static int check_rule(struct decoder *d, const struct yaml_node *node, const struct raw_rule *raw)
{
    if (raw->record.len && raw->alert.len)
        return decode_fail(d, node, "only one of 'record' and 'alert' must be set");
    if (!raw->record.len && !raw->alert.len)
        return decode_fail(d, node, "one of 'record' or 'alert' must be set");
    if (str_trim(raw->rule.expr).len == 0)
        return decode_fail(d, node, "field 'expr' must be set in rule \"%.*s\"",
                           STR_ARG(raw->rule.name));
    return raw->record.len ? check_recording(d, node, raw) : OK;
}

static int decode_rule(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct raw_rule raw = {.rule = {.line = node->line}};
    int rc = decode_section(d, node, &rule_section, &raw);
    if (rc)
        return rc;
    raw.rule.is_alert = raw.alert.len > 0;
    raw.rule.name = raw.rule.is_alert ? raw.alert : raw.record;
    *(struct rule_config *)out = raw.rule;
    return check_rule(d, node, &raw);
}

static int decode_rules(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_group_config *group = out;
    void *items = NULL;
    int rc =
        decode_list(d, node, sizeof(struct rule_config), decode_rule, &items, &group->rule_count);
    group->rules = items;
    return rc;
}

static const struct field group_fields[] = {
    {"name", FIELD_STRING, offsetof(struct rule_group_config, name), NULL},
    {"interval", FIELD_DURATION, offsetof(struct rule_group_config, interval_ms), NULL},
    {"query_offset", FIELD_DURATION, offsetof(struct rule_group_config, query_offset_ms), NULL},
    {"limit", FIELD_CUSTOM, offsetof(struct rule_group_config, limit), decode_limit},
    {"labels", FIELD_CUSTOM, offsetof(struct rule_group_config, labels), decode_label_map},
    {"rules", FIELD_CUSTOM, 0, decode_rules},
};
static const struct section group_section = SECTION("rule group", group_fields);

static const struct field manifest_group_fields[] = {
    {"partial_response_strategy", FIELD_IGNORED, 0, NULL},
};
static const struct section manifest_group_section =
    SECTION_WITH("rule group", manifest_group_fields, {&group_section, 0});

struct rule_file {
    struct rule_group_config *groups;
    size_t group_count;
    const struct section *group_section;
    struct str name;
};

static int decode_group(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_file *file = d->context;
    struct rule_group_config *group = out;
    group->file = file->name;
    group->line = node->line;
    group->query_offset_ms = -1;
    int rc = decode_section(d, node, file->group_section, group);
    if (rc)
        return rc;
    if (group->name.len == 0)
        return decode_fail(d, node, "groupname must not be empty");
    return OK;
}

static int check_unique_groups(struct decoder *d, const struct yaml_node *list)
{
    struct strmap seen;
    int rc = OK;
    strmap_init(&seen);
    for (const struct yaml_node *group = list->child; rc == OK && group; group = group->next) {
        const struct yaml_node *name = yaml_get(group, "name");
        if (strmap_has(&seen, name->text))
            rc = decode_fail(d, name, "groupname: \"%.*s\" is repeated in the same file",
                             STR_ARG(name->text));
        strmap_put(&seen, name->text, NULL);
    }
    strmap_release(&seen);
    return rc;
}

static int decode_groups(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_file *file = d->context;
    void *items = NULL;
    (void)out;
    int rc = decode_list(d, node, sizeof(struct rule_group_config), decode_group, &items,
                         &file->group_count);
    file->groups = items;
    return rc ? rc : check_unique_groups(d, node);
}

static const struct field file_fields[] = {{"groups", FIELD_CUSTOM, 0, decode_groups}};
static const struct section file_section = SECTION("rule file", file_fields);
static const struct section spec_section = SECTION("PrometheusRule spec", file_fields);

static int decode_spec(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &spec_section, out);
}

static const struct field manifest_fields[] = {
    {"apiVersion", FIELD_IGNORED, 0, NULL}, {"kind", FIELD_IGNORED, 0, NULL},
    {"metadata", FIELD_IGNORED, 0, NULL},   {"spec", FIELD_CUSTOM, 0, decode_spec},
    {"status", FIELD_IGNORED, 0, NULL},
};
static const struct section manifest_section = SECTION("PrometheusRule", manifest_fields);

static int decode_manifest(struct decoder *d, const struct yaml_node *root, struct rule_file *file)
{
    const struct yaml_node *kind = yaml_get(root, "kind");
    const struct yaml_node *version = yaml_get(root, "apiVersion");
    if (!kind || !str_is(kind->text, "PrometheusRule"))
        return decode_fail(d, kind ? kind : root,
                           "expected rule groups or a manifest of kind PrometheusRule, got kind "
                           "\"%.*s\"",
                           STR_ARG(kind ? kind->text : str_make(NULL, 0)));
    if (!version || !str_has_prefix(version->text, STR("monitoring.coreos.com/")))
        return decode_fail(d, version ? version : root,
                           "expected apiVersion monitoring.coreos.com/v1 of a PrometheusRule");
    file->group_section = &manifest_group_section;
    return decode_section(d, root, &manifest_section, file);
}

static int decode_file(struct decoder *d, const struct yaml_node *root, struct rule_file *file)
{
    d->context = file;
    if (root->kind != YAML_MAPPING && root->kind != YAML_NULL)
        return decode_fail(d, root, "expected a mapping with groups");
    if (yaml_get(root, "kind") || yaml_get(root, "apiVersion"))
        return decode_manifest(d, root, file);
    file->group_section = &group_section;
    return decode_section(d, root, &file_section, file);
}

static void append_groups(struct rules_config *c, const struct rule_file *file)
{
    if (file->group_count == 0)
        return;
    size_t total = c->group_count + file->group_count;
    c->groups = arena_grow(&c->arena, c->groups, c->group_count, total, sizeof(*c->groups));
    memcpy(c->groups + c->group_count, file->groups, file->group_count * sizeof(*c->groups));
    c->group_count = total;
}

int rules_config_parse(struct rules_config *c, struct str text, const char *name, struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    struct rule_file file = {.name = arena_copy(&c->arena, str_from(name))};
    config_decoder_init(&d, &c->arena, text, name, "", NULL, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_file(&d, root, &file);
    if (rc == OK)
        append_groups(c, &file);
    decoder_release(&d);
    return rc;
}

int rules_config_load(struct rules_config *c, const char *path, struct error *err)
{
    struct buf bytes = BUF_INIT;
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
    if (rc == OK)
        rc = rules_config_parse(c, buf_view(&bytes), path, err);
    buf_release(&bytes);
    return rc;
}

static int expand(glob_t *found, const struct str *patterns, size_t pattern_count,
                  struct error *err)
{
    *found = (glob_t){0};
    for (size_t i = 0; i < pattern_count; i++) {
        char *pattern = mem_copy_str(patterns[i]);
        int rc = glob(pattern, i ? GLOB_APPEND : 0, NULL, found);
        if (rc && rc != GLOB_NOMATCH)
            error_set(err, ERR_IO, "cannot list the files of %s", pattern);
        mem_free(pattern);
        if (rc && rc != GLOB_NOMATCH)
            return ERR_IO;
    }
    return OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Two patterns may find the same file: it counts once.
int rules_config_load_all(struct rules_config *c, const struct str *patterns, size_t pattern_count,
                          struct error *err)
{
    glob_t found;
    size_t group_count = c->group_count;
    int rc = expand(&found, patterns, pattern_count, err);
    if (found.gl_pathc)
        qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv), by_path);
    for (size_t i = 0; rc == OK && i < found.gl_pathc; i++) {
        if (i == 0 || strcmp(found.gl_pathv[i - 1], found.gl_pathv[i]) != 0)
            rc = rules_config_load(c, found.gl_pathv[i], err);
    }
    if (pattern_count)
        globfree(&found);
    if (rc)
        c->group_count = group_count;
    return rc;
}

void rules_config_init(struct rules_config *c)
{
    *c = (struct rules_config){0};
    arena_init(&c->arena, 0);
}

void rules_config_release(struct rules_config *c)
{
    arena_release(&c->arena);
    *c = (struct rules_config){0};
}
