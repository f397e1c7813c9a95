// relabel_configs: rules that rewrite, keep or drop label sets. What each action needs and what it
// cannot take follows Prometheus 3, where label names may be any UTF-8 text.
#include "sections.h"

#define DEFAULT_SEPARATOR   ";"
#define DEFAULT_REGEX       "(.*)"
#define DEFAULT_REPLACEMENT "$1"

static const char *const action_names[] = {
    [RELABEL_REPLACE] = "replace",     [RELABEL_KEEP] = "keep",
    [RELABEL_DROP] = "drop",           [RELABEL_KEEPEQUAL] = "keepequal",
    [RELABEL_DROPEQUAL] = "dropequal", [RELABEL_HASHMOD] = "hashmod",
    [RELABEL_LABELMAP] = "labelmap",   [RELABEL_LABELDROP] = "labeldrop",
    [RELABEL_LABELKEEP] = "labelkeep", [RELABEL_LOWERCASE] = "lowercase",
    [RELABEL_UPPERCASE] = "uppercase",
};

const char *relabel_action_name(enum relabel_action action)
{
    return action_names[action];
}

static int decode_action(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str name = {0};
    int rc = decode_string(d, node, &name);
    if (rc)
        return rc;
    for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++) {
        if (str_eq_nocase(name, str_from(action_names[i]))) {
            *(enum relabel_action *)out = (enum relabel_action)i;
            return OK;
        }
    }
    return decode_fail(d, node,
                       "unknown relabel action \"%.*s\": expected replace, keep, drop, "
                       "keepequal, dropequal, hashmod, labelmap, labeldrop, labelkeep, "
                       "lowercase or uppercase",
                       STR_ARG(name));
}

static int decode_source_labels(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct relabel_config *rule = out;
    struct string_list names = {0};
    int rc = decode_strings(d, node, &names);
    if (rc)
        return rc;
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (!label_name_is_valid(child->text))
            return decode_fail(d, child, "\"%.*s\" is not a valid label name",
                               STR_ARG(child->text));
    }
    rule->source_labels = names.items;
    rule->source_label_count = names.count;
    return OK;
}

static const struct field relabel_fields[] = {
    {"source_labels", FIELD_CUSTOM, 0, decode_source_labels},
    {"separator", FIELD_STRING, offsetof(struct relabel_config, separator), NULL},
    {"regex", FIELD_STRING, offsetof(struct relabel_config, regex_text), NULL},
    {"modulus", FIELD_U64, offsetof(struct relabel_config, modulus), NULL},
    {"target_label", FIELD_STRING, offsetof(struct relabel_config, target_label), NULL},
    {"replacement", FIELD_STRING, offsetof(struct relabel_config, replacement), NULL},
    {"action", FIELD_CUSTOM, offsetof(struct relabel_config, action), decode_action},
};
static const struct section relabel_section = SECTION("relabel_config", relabel_fields);

static bool is_case_change(enum relabel_action action)
{
    return action == RELABEL_LOWERCASE || action == RELABEL_UPPERCASE;
}

static bool is_comparison(enum relabel_action action)
{
    return action == RELABEL_KEEPEQUAL || action == RELABEL_DROPEQUAL;
}

static bool needs_target(enum relabel_action action)
{
    return action == RELABEL_REPLACE || action == RELABEL_HASHMOD || is_case_change(action) ||
           is_comparison(action);
}

static int check_target(struct decoder *d, const struct yaml_node *node,
                        const struct relabel_config *rule)
{
    if (!needs_target(rule->action))
        return OK;
    const char *action = action_names[rule->action];
    if (rule->target_label.len == 0)
        return decode_fail(d, node,
                           "relabel configuration for %s action requires 'target_label' "
                           "value",
                           action);
    if (is_case_change(rule->action) && has_key(node, "replacement") &&
        !str_is(rule->replacement, DEFAULT_REPLACEMENT))
        return decode_fail(d, yaml_get(node, "replacement")->key,
                           "'replacement' can not be set for %s action", action);
    return OK;
}

// The first of the keys that the mapping has although the action has no use for it.
static int check_unused(struct decoder *d, const struct yaml_node *node, const char *const *keys,
                        const char *action, const char *allowed)
{
    for (; *keys; keys++) {
        if (has_key(node, *keys))
            return decode_fail(d, yaml_get(node, *keys)->key,
                               "%s action requires only %s, and no other fields", action, allowed);
    }
    return OK;
}

static int check_rule(struct decoder *d, const struct yaml_node *node,
                      const struct relabel_config *rule)
{
    static const char *const beside_comparison[] = {"regex", "modulus", "separator", "replacement",
                                                    NULL};
    static const char *const beside_regex[] = {"source_labels", "target_label", "modulus",
                                               "separator",     "replacement",  NULL};
    const char *action = action_names[rule->action];
    if (rule->action == RELABEL_HASHMOD && rule->modulus == 0)
        return decode_fail(d, node, "relabel configuration for hashmod requires non-zero modulus");
    int rc = check_target(d, node, rule);
    if (rc == OK && is_comparison(rule->action))
        rc = check_unused(d, node, beside_comparison, action, "'source_labels' and 'target_label'");
    if (rc == OK && (rule->action == RELABEL_LABELDROP || rule->action == RELABEL_LABELKEEP))
        rc = check_unused(d, node, beside_regex, action, "'regex'");
    if (rc == OK && rule->action == RELABEL_LABELMAP && rule->replacement.len == 0)
        rc = decode_fail(d, node, "\"\" is invalid 'replacement' for labelmap action");
    return rc;
}

static int decode_rule(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct relabel_config *rule = out;
    *rule = (struct relabel_config){
        .action = RELABEL_REPLACE,
        .separator = STR(DEFAULT_SEPARATOR),
        .regex_text = STR(DEFAULT_REGEX),
        .replacement = STR(DEFAULT_REPLACEMENT),
    };
    int rc = decode_section(d, node, &relabel_section, rule);
    if (rc == OK)
        rc = check_rule(d, node, rule);
    const struct yaml_node *regex = yaml_get(node, "regex");
    return rc ? rc : decode_regex(d, regex ? regex : node, rule->regex_text, &rule->regex);
}

int decode_relabel_configs(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct relabel_configs *configs = out;
    void *items = NULL;
    int rc =
        decode_list(d, node, sizeof(struct relabel_config), decode_rule, &items, &configs->count);
    configs->items = items;
    return rc;
}
