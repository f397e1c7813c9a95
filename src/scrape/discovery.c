#include "discovery.h"

#include <stdlib.h>

#include "model/duration.h"
#include "scrape/relabel.h"

#define PARAM_PREFIX "__param_"

static void set_duration(struct labels_builder *set, struct str name, int64_t ms)
{
    struct buf text = BUF_INIT;
    duration_format(&text, ms);
    labels_builder_set(set, name, arena_copy(set->arena, buf_view(&text)));
    buf_release(&text);
}

static void set_default(struct labels_builder *set, struct str name, struct str value)
{
    if (!labels_builder_get(set, name).len)
        labels_builder_set(set, name, value);
}

// What the group does not say itself.
static void set_meta(struct labels_builder *set, const struct scrape_config *config)
{
    set_default(set, STR("job"), config->job_name);
    set_default(set, STR("__scheme__"), config->scheme);
    set_default(set, STR("__metrics_path__"), config->metrics_path);
    if (!labels_builder_get(set, STR("__scrape_interval__")).len)
        set_duration(set, STR("__scrape_interval__"), config->scrape_interval_ms);
    if (!labels_builder_get(set, STR("__scrape_timeout__")).len)
        set_duration(set, STR("__scrape_timeout__"), config->scrape_timeout_ms);
    for (size_t i = 0; i < config->param_count; i++) {
        const struct config_param *p = &config->params[i];
        if (p->value_count)
            set_default(set, arena_printf(set->arena, PARAM_PREFIX "%.*s", STR_ARG(p->name)),
                        p->values[0]);
    }
}

static bool is_plain(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c && strchr("-_.~", c));
}

static void escape(struct buf *out, struct str s, const char *also_plain, bool in_query)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (is_plain(c) || (c && strchr(also_plain, c)))
            buf_char(out, (char)c);
        else if (c == ' ' && in_query)
            buf_char(out, '+');
        else
            buf_printf(out, "%%%02X", c);
    }
}

struct param {
    struct str name;
    struct str first; // from the label, which relabelling may have set
    const struct config_param *configured;
};

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct param *)a)->name, ((const struct param *)b)->name);
}

static struct param *find_param(struct param *params, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(params[i].name, name))
            return &params[i];
    }
    return NULL;
}

// Parameters of the job and of __param_ labels, sorted by name. A label stands for the first value;
// further ones are the job's.
static struct param *collect_params(const struct scrape_config *config,
                                    const struct labels_builder *set, size_t *count)
{
    struct param *params =
        arena_array(set->arena, config->param_count + set->count, sizeof(*params));
    *count = 0;
    for (size_t i = 0; i < config->param_count; i++) {
        const struct config_param *p = &config->params[i];
        if (p->value_count)
            params[(*count)++] = (struct param){p->name, p->values[0], p};
    }
    for (size_t i = 0; i < set->count; i++) {
        struct label l = set->items[i];
        if (!str_has_prefix(l.name, STR(PARAM_PREFIX)))
            continue;
        l.name = str_skip(l.name, sizeof(PARAM_PREFIX) - 1);
        struct param *known = find_param(params, *count, l.name);
        if (known)
            known->first = l.value;
        else
            params[(*count)++] = (struct param){l.name, l.value, NULL};
    }
    if (*count)
        qsort(params, *count, sizeof(*params), by_name);
    return params;
}

static void add_param(struct buf *out, char *separator, struct str name, struct str value)
{
    buf_char(out, *separator);
    *separator = '&';
    escape(out, name, "", true);
    buf_char(out, '=');
    escape(out, value, "", true);
}

static struct str make_url(const struct scrape_config *config, const struct labels_builder *set)
{
    struct buf url = BUF_INIT;
    size_t count;
    char separator = '?';
    struct str path = labels_builder_get(set, STR("__metrics_path__"));
    const struct param *params = collect_params(config, set, &count);
    buf_printf(&url, "%.*s://%.*s", STR_ARG(labels_builder_get(set, STR("__scheme__"))),
               STR_ARG(labels_builder_get(set, STR("__address__"))));
    if (path.len && path.ptr[0] != '/')
        buf_char(&url, '/');
    escape(&url, path, "$&+,/:;=@", false);
    for (size_t i = 0; i < count; i++) {
        add_param(&url, &separator, params[i].name, params[i].first);
        for (size_t v = 1; params[i].configured && v < params[i].configured->value_count; v++)
            add_param(&url, &separator, params[i].name, params[i].configured->values[v]);
    }
    struct str copy = arena_copy(set->arena, buf_view(&url));
    buf_release(&url);
    return copy;
}

static int read_duration(const struct labels_builder *set, struct str name, const char *what,
                         int64_t *out, struct error *err)
{
    struct str text = labels_builder_get(set, name);
    if (!duration_parse(text, out))
        return error_set(err, ERR_INVALID,
                         "error parsing %s: %.*s is \"%.*s\", expected a duration such as 15s",
                         what, STR_ARG(name), STR_ARG(text));
    return *out > 0 ? OK : error_set(err, ERR_INVALID, "%s cannot be 0", what);
}

static int read_times(const struct labels_builder *set, struct discovered_target *out,
                      struct error *err)
{
    int rc =
        read_duration(set, STR("__scrape_interval__"), "scrape interval", &out->interval_ms, err);
    if (rc == OK)
        rc = read_duration(set, STR("__scrape_timeout__"), "scrape timeout", &out->timeout_ms, err);
    if (rc == OK && out->timeout_ms > out->interval_ms)
        rc = error_set(err, ERR_INVALID,
                       "scrape timeout cannot be greater than scrape interval (\"%.*s\" > "
                       "\"%.*s\")",
                       STR_ARG(labels_builder_get(set, STR("__scrape_timeout__"))),
                       STR_ARG(labels_builder_get(set, STR("__scrape_interval__"))));
    return rc;
}

static int check_address(const struct labels_builder *set, struct error *err)
{
    struct str address = labels_builder_get(set, STR("__address__"));
    struct str scheme = labels_builder_get(set, STR("__scheme__"));
    if (!address.len)
        return error_set(err, ERR_INVALID, "no address");
    if (str_find(address, '/') < address.len)
        return error_set(err, ERR_INVALID, "\"%.*s\" is not a valid hostname", STR_ARG(address));
    if (!str_is(scheme, "http") && !str_is(scheme, "https"))
        return error_set(err, ERR_INVALID, "__scheme__ is \"%.*s\", expected http or https",
                         STR_ARG(scheme));
    return OK;
}

static void drop_hidden(struct labels_builder *set)
{
    for (size_t i = set->count; i-- > 0;) {
        if (str_has_prefix(set->items[i].name, STR("__")))
            labels_builder_del(set, set->items[i].name);
    }
}

int discovery_resolve(const struct scrape_config *config, struct str address, struct labels group,
                      struct arena *arena, struct discovered_target *out, struct error *err)
{
    struct labels_builder set;
    labels_builder_init(&set, arena, group);
    labels_builder_set(&set, STR("__address__"), address);
    set_meta(&set, config);
    *out =
        (struct discovered_target){.discovered = labels_copy(arena, labels_builder_finish(&set))};
    out->dropped = !relabel_apply(&config->relabel, &set);
    if (out->dropped)
        return OK;
    int rc = check_address(&set, err);
    if (rc == OK)
        rc = read_times(&set, out, err);
    if (rc)
        return rc;
    out->url = make_url(config, &set);
    set_default(&set, STR("instance"), labels_builder_get(&set, STR("__address__")));
    drop_hidden(&set);
    out->labels = labels_builder_finish(&set);
    return OK;
}
