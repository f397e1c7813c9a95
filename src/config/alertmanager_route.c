// The route tree, inhibition rules, and the matchers in both.
//
// A route starts as its parent's settings and is then overwritten by its own keys; children are
// decoded when their parent is complete, whatever the order of the keys. What used to be match and
// match_re becomes matchers here, so that nobody later knows two kinds.
#include <stdlib.h>

#include "alertmanager_sections.h"
#include "base/mem.h"
#include "config/matcher_text.h"

static int add_matcher(struct decoder *d, const struct yaml_node *node, struct matcher_set *set,
                       enum matcher_type type, struct str name, struct str value)
{
    struct matcher m = {type, name, value, NULL};
    if (type == MATCH_REGEX || type == MATCH_NOT_REGEX) {
        int rc = decode_regex(d, node, value, &m.regex);
        if (rc)
            return rc;
    }
    ARENA_GROW(d->arena, set->items, set->count, set->capacity);
    set->items[set->count++] = m;
    return OK;
}

static int add_pairs(struct decoder *d, const struct yaml_node *node, struct matcher_set *set,
                     enum matcher_type type)
{
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of label names to %s",
                           type == MATCH_EQUAL ? "values" : "regular expressions");
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        struct str value = str_make(NULL, 0);
        if (!label_name_is_legacy(child->key->text))
            return decode_fail(d, child->key, "invalid label name \"%.*s\"",
                               STR_ARG(child->key->text));
        int rc = child->kind == YAML_NULL ? OK : decode_string(d, child, &value);
        if (rc == OK)
            rc = add_matcher(d, child, set, type, child->key->text, value);
        if (rc)
            return rc;
        // So Alertmanager spells it in group keys.
        if (type == MATCH_REGEX)
            set->items[set->count - 1].value = arena_printf(d->arena, "^(?:%.*s)$", STR_ARG(value));
    }
    return OK;
}

int decode_match(struct decoder *d, const struct yaml_node *node, void *out)
{
    return add_pairs(d, node, out, MATCH_EQUAL);
}

int decode_match_re(struct decoder *d, const struct yaml_node *node, void *out)
{
    return add_pairs(d, node, out, MATCH_REGEX);
}

static int add_text(struct decoder *d, const struct yaml_node *node, struct matcher_set *set)
{
    struct matcher_list list;
    struct str text;
    struct error inner;
    int rc = decode_string(d, node, &text);
    if (rc)
        return rc;
    if (matcher_list_parse(&list, text, &inner))
        return decode_fail(d, node, "%s", inner.text);
    for (size_t i = 0; rc == OK && i < list.count; i++) {
        const struct matcher *m = &list.items[i];
        rc = add_matcher(d, node, set, m->type, arena_copy(d->arena, m->name),
                         arena_copy(d->arena, m->value));
    }
    matcher_list_release(&list);
    return rc;
}

int decode_matchers(struct decoder *d, const struct yaml_node *node, void *out)
{
    if (node->kind == YAML_SCALAR)
        return add_text(d, node, out);
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list of matchers such as severity=\"critical\"");
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        int rc = add_text(d, child, out);
        if (rc)
            return rc;
    }
    return OK;
}

struct raw_route {
    struct route_config route;
    struct matcher_set matchers;
    struct string_list mute, active;
};

#define IN_ROUTE(member) (offsetof(struct raw_route, route) + offsetof(struct route_config, member))

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int decode_group_by(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct route_config *route = out;
    struct string_list names = {0};
    int rc = decode_strings(d, node, &names);
    if (rc)
        return rc;
    route->group_by_all = false;
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (str_is(child->text, "..."))
            route->group_by_all = true;
        else if (!label_name_is_valid(child->text))
            return decode_fail(d, child, "invalid label name \"%.*s\" in group_by list",
                               STR_ARG(child->text));
    }
    if (route->group_by_all && names.count > 1)
        return decode_fail(d, node,
                           "cannot have wildcard group_by (`...`) and other labels at "
                           "the same time");
    if (names.count > 1)
        qsort(names.items, names.count, sizeof(*names.items), by_text);
    for (size_t i = 1; i < names.count; i++) {
        if (str_eq(names.items[i], names.items[i - 1]))
            return decode_fail(d, node, "duplicated label \"%.*s\" in group_by",
                               STR_ARG(names.items[i]));
    }
    route->group_by = names.items;
    route->group_by_count = route->group_by_all ? 0 : names.count;
    return OK;
}

static int decode_positive_duration(struct decoder *d, const struct yaml_node *node, void *out)
{
    int rc = decode_duration(d, node, out);
    if (rc == OK && *(int64_t *)out == 0)
        return decode_fail(d, node, "%.*s cannot be zero", STR_ARG(node->key->text));
    return rc;
}

static const struct field route_fields[] = {
    {"receiver", FIELD_STRING, IN_ROUTE(receiver), NULL},
    {"group_by", FIELD_CUSTOM, offsetof(struct raw_route, route), decode_group_by},
    {"match", FIELD_CUSTOM, offsetof(struct raw_route, matchers), decode_match},
    {"match_re", FIELD_CUSTOM, offsetof(struct raw_route, matchers), decode_match_re},
    {"matchers", FIELD_CUSTOM, offsetof(struct raw_route, matchers), decode_matchers},
    {"continue", FIELD_BOOL, IN_ROUTE(continue_matching), NULL},
    {"labels", FIELD_NO_EFFECT, 0, NULL},
    {"group_wait", FIELD_DURATION, IN_ROUTE(group_wait_ms), NULL},
    {"group_interval", FIELD_CUSTOM, IN_ROUTE(group_interval_ms), decode_positive_duration},
    {"repeat_interval", FIELD_CUSTOM, IN_ROUTE(repeat_interval_ms), decode_positive_duration},
    {"mute_time_intervals", FIELD_STRINGS, offsetof(struct raw_route, mute), NULL},
    {"active_time_intervals", FIELD_STRINGS, offsetof(struct raw_route, active), NULL},
    {"routes", FIELD_LATER, 0, NULL},
};
static const struct section route_section = SECTION("route", route_fields);

static bool has_receiver(const struct alertmanager_config *config, struct str name)
{
    for (size_t i = 0; i < config->receiver_count; i++) {
        if (str_eq(config->receivers[i].name, name))
            return true;
    }
    return false;
}

static bool has_interval(const struct alertmanager_config *config, struct str name)
{
    for (size_t i = 0; i < config->time_interval_count; i++) {
        if (str_eq(config->time_intervals[i].name, name))
            return true;
    }
    return false;
}

static int check_intervals(struct decoder *d, const struct yaml_node *list,
                           const struct alertmanager_config *config)
{
    for (const struct yaml_node *name = list ? list->child : NULL; name; name = name->next) {
        if (!has_interval(config, name->text))
            return decode_fail(d, name, "undefined time interval \"%.*s\" used in route",
                               STR_ARG(name->text));
    }
    return OK;
}

static int check_route(struct decoder *d, const struct yaml_node *node,
                       const struct route_config *route, const struct alertmanager_config *config)
{
    if (!has_receiver(config, route->receiver))
        return decode_fail(d, has_key(node, "receiver") ? yaml_get(node, "receiver") : node,
                           "undefined receiver \"%.*s\" used in route", STR_ARG(route->receiver));
    int rc = check_intervals(d, yaml_get(node, "mute_time_intervals"), config);
    return rc ? rc : check_intervals(d, yaml_get(node, "active_time_intervals"), config);
}

static int decode_one_route(struct decoder *d, const struct yaml_node *node,
                            const struct route_config *parent, struct route_config *out)
{
    struct raw_route raw = {
        .route =
            {
                .receiver = parent->receiver,
                .group_by = parent->group_by,
                .group_by_count = parent->group_by_count,
                .group_by_all = parent->group_by_all,
                .group_wait_ms = parent->group_wait_ms,
                .group_interval_ms = parent->group_interval_ms,
                .repeat_interval_ms = parent->repeat_interval_ms,
                .line = node->line,
            },
    };
    int rc = decode_section(d, node, &route_section, &raw);
    if (rc)
        return rc;
    matchers_sort(raw.matchers.items, raw.matchers.count);
    raw.route.matchers = raw.matchers.items;
    raw.route.matcher_count = raw.matchers.count;
    raw.route.mute_time_intervals = raw.mute.items;
    raw.route.mute_time_interval_count = raw.mute.count;
    raw.route.active_time_intervals = raw.active.items;
    raw.route.active_time_interval_count = raw.active.count;
    *out = raw.route;
    return OK;
}

// Recursion is bounded by the depth of the YAML tree.
static int decode_children(struct decoder *d, const struct yaml_node *node,
                           const struct alertmanager_config *config, struct route_config *route)
{
    const struct yaml_node *list = yaml_get(node, "routes");
    if (!node_is_given(list))
        return OK;
    if (list->kind != YAML_SEQUENCE)
        return decode_fail(d, list, "expected a list of routes");
    route->children = arena_calloc(d->arena, list->child_count, sizeof(*route->children));
    for (const struct yaml_node *child = list->child; child; child = child->next) {
        struct route_config *own = &route->children[route->child_count++];
        if (child->kind != YAML_MAPPING)
            return decode_fail(d, child, "expected a mapping as route");
        int rc = decode_one_route(d, child, route, own);
        if (rc == OK)
            rc = check_route(d, child, own, config);
        if (rc == OK)
            rc = decode_children(d, child, config, own);
        if (rc)
            return rc;
    }
    return OK;
}

static int check_root(struct decoder *d, const struct yaml_node *node,
                      const struct route_config *root)
{
    if (root->receiver.len == 0)
        return decode_fail(d, node, "root route must specify a default receiver");
    if (root->matcher_count)
        return decode_fail(d, node, "root route must not have any matchers");
    if (root->mute_time_interval_count)
        return decode_fail(d, node, "root route must not have any mute time intervals");
    if (root->active_time_interval_count)
        return decode_fail(d, node, "root route must not have any active time intervals");
    if (root->continue_matching)
        return decode_fail(d, node, "cannot have continue in root route");
    return OK;
}

int decode_route(struct decoder *d, const struct yaml_node *node,
                 struct alertmanager_config *config)
{
    static const struct route_config defaults = {
        .group_wait_ms = 30 * 1000,
        .group_interval_ms = 5 * 60 * 1000,
        .repeat_interval_ms = (int64_t)4 * 60 * 60 * 1000,
    };
    config->route = ARENA_NEW(d->arena, struct route_config);
    int rc = decode_one_route(d, node, &defaults, config->route);
    if (rc == OK)
        rc = check_root(d, node, config->route);
    if (rc == OK)
        rc = check_route(d, node, config->route, config);
    return rc ? rc : decode_children(d, node, config, config->route);
}

struct raw_inhibit_rule {
    struct matcher_set source, target;
    struct string_list equal;
    struct str name;
};

static const struct field inhibit_fields[] = {
    {"name", FIELD_STRING, offsetof(struct raw_inhibit_rule, name), NULL},
    {"source_match", FIELD_CUSTOM, offsetof(struct raw_inhibit_rule, source), decode_match},
    {"source_match_re", FIELD_CUSTOM, offsetof(struct raw_inhibit_rule, source), decode_match_re},
    {"source_matchers", FIELD_CUSTOM, offsetof(struct raw_inhibit_rule, source), decode_matchers},
    {"target_match", FIELD_CUSTOM, offsetof(struct raw_inhibit_rule, target), decode_match},
    {"target_match_re", FIELD_CUSTOM, offsetof(struct raw_inhibit_rule, target), decode_match_re},
    {"target_matchers", FIELD_CUSTOM, offsetof(struct raw_inhibit_rule, target), decode_matchers},
    {"equal", FIELD_STRINGS, offsetof(struct raw_inhibit_rule, equal), NULL},
};
static const struct section inhibit_section = SECTION("inhibit_rule", inhibit_fields);

static int decode_inhibit_rule(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct raw_inhibit_rule raw = {0};
    int rc = decode_section(d, node, &inhibit_section, &raw);
    if (rc)
        return rc;
    const struct yaml_node *equal = yaml_get(node, "equal");
    for (const struct yaml_node *name = equal ? equal->child : NULL; name; name = name->next) {
        if (!label_name_is_valid(name->text))
            return decode_fail(d, name, "invalid label name \"%.*s\" in equal list",
                               STR_ARG(name->text));
    }
    matchers_sort(raw.source.items, raw.source.count);
    matchers_sort(raw.target.items, raw.target.count);
    *(struct inhibit_rule_config *)out = (struct inhibit_rule_config){
        .source = raw.source.items,
        .source_count = raw.source.count,
        .target = raw.target.items,
        .target_count = raw.target.count,
        .equal = raw.equal.items,
        .equal_count = raw.equal.count,
    };
    return OK;
}

int decode_inhibit_rules(struct decoder *d, const struct yaml_node *node,
                         struct alertmanager_config *config)
{
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct inhibit_rule_config), decode_inhibit_rule, &items,
                         &config->inhibit_rule_count);
    config->inhibit_rules = items;
    return rc;
}
