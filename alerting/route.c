#include "route.h"

// Alertmanager prints a route's matchers sorted by name, value, operator.
static int matcher_order(const void *left, const void *right)
{
    const struct matcher *a = *(const struct matcher *const *)left;
    const struct matcher *b = *(const struct matcher *const *)right;
    int order = str_cmp(a->name, b->name);
    if (!order)
        order = str_cmp(a->value, b->value);
    return order ? order : (a->type > b->type) - (a->type < b->type);
}

// Names that its matcher syntax takes bare may hold anything but white space and {}!=~,\"'`.
static bool name_is_bare(struct str name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || memchr("{}!=~,\\\"'`", name.ptr[i], 10))
            return false;
    return name.len > 0;
}

static void quote_minimal(struct buf *out, struct str value)
{
    buf_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\n') {
            buf_cstr(out, "\\n");
            continue;
        }
        if (c == '"' || c == '\\')
            buf_char(out, '\\');
        buf_char(out, c);
    }
    buf_char(out, '"');
}

static void matcher_key(struct buf *out, const struct matcher *m)
{
    bool bare = name_is_bare(m->name);
    if (bare)
        buf_str(out, m->name);
    else
        str_quote(out, m->name);
    buf_cstr(out, matcher_operator(m->type));
    if (bare)
        quote_minimal(out, m->value);
    else
        str_quote(out, m->value);
}

static void matchers_key(struct buf *out, const struct route_config *config, struct arena *arena)
{
    const struct matcher **sorted =
        arena_array(arena, config->matcher_count + 1, sizeof(const struct matcher *));
    for (size_t i = 0; i < config->matcher_count; i++)
        sorted[i] = &config->matchers[i];
    qsort(sorted, config->matcher_count, sizeof(*sorted), matcher_order);
    buf_char(out, '{');
    for (size_t i = 0; i < config->matcher_count; i++) {
        if (i)
            buf_char(out, ',');
        matcher_key(out, sorted[i]);
    }
    buf_char(out, '}');
}

static void route_init(struct route *route, struct arena *arena, const struct route_config *config,
                       const struct route *parent, size_t index)
{
    struct buf text = BUF_INIT;
    *route = (struct route){.config = config, .child_count = config->child_count};
    if (parent)
        buf_printf(&text, "%.*s/", STR_ARG(parent->key));
    matchers_key(&text, config, arena);
    route->key = arena_copy(arena, buf_view(&text));

    buf_reset(&text);
    if (parent)
        buf_printf(&text, "%.*s/", STR_ARG(parent->id));
    matchers_key(&text, config, arena);
    buf_printf(&text, "/%zu", index);
    route->id = arena_copy(arena, buf_view(&text));
    buf_release(&text);

    route->children = arena_calloc(arena, config->child_count + 1, sizeof(*route->children));
    for (size_t i = 0; i < config->child_count; i++)
        route_init(&route->children[i], arena, &config->children[i], route, i);
}

struct route *route_new(struct arena *arena, const struct route_config *config)
{
    struct route *root = ARENA_NEW(arena, struct route);
    route_init(root, arena, config, NULL, 0);
    return root;
}

static bool match_below(struct route *route, struct labels labels,
                        void (*each)(void *context, struct route *route), void *context)
{
    if (!matchers_match(route->config->matchers, route->config->matcher_count, labels))
        return false;
    bool taken = false;
    for (size_t i = 0; i < route->child_count; i++) {
        struct route *child = &route->children[i];
        if (!match_below(child, labels, each, context))
            continue;
        taken = true;
        if (!child->config->continue_matching)
            break;
    }
    if (!taken)
        each(context, route);
    return true;
}

void route_match(struct route *route, struct labels labels,
                 void (*each)(void *context, struct route *route), void *context)
{
    (void)match_below(route, labels, each, context);
}

int route_each(struct route *route, int (*each)(void *context, struct route *route), void *context)
{
    int rc = each(context, route);
    for (size_t i = 0; rc == 0 && i < route->child_count; i++)
        rc = route_each(&route->children[i], each, context);
    return rc;
}

static bool groups_by(const struct route_config *config, struct str name)
{
    if (config->group_by_all)
        return true;
    for (size_t i = 0; i < config->group_by_count; i++)
        if (str_eq(config->group_by[i], name))
            return true;
    return false;
}

struct labels route_group_labels(const struct route *route, struct labels labels,
                                 struct arena *arena)
{
    struct label *items = arena_array(arena, labels.count + 1, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < labels.count; i++)
        if (groups_by(route->config, labels.items[i].name))
            items[count++] = labels.items[i];
    return (struct labels){.items = items, .count = count};
}
