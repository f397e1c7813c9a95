#include "discovery.h"

#include <glob.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/duration.h"
#include "scrape/relabel.h"

#define SD_FILE_MAX ((size_t)64 << 20)

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

static void set_meta(struct labels_builder *set, const struct scrape_config *config)
{
    labels_builder_set(set, STR("job"), config->job_name);
    set_default(set, STR("__scheme__"), config->scheme);
    set_default(set, STR("__metrics_path__"), config->metrics_path);
    if (!labels_builder_get(set, STR("__scrape_interval__")).len)
        set_duration(set, STR("__scrape_interval__"), config->scrape_interval_ms);
    if (!labels_builder_get(set, STR("__scrape_timeout__")).len)
        set_duration(set, STR("__scrape_timeout__"), config->scrape_timeout_ms);
    for (size_t i = 0; i < config->param_count; i++) {
        const struct config_param *p = &config->params[i];
        if (p->value_count)
            set_default(set, arena_printf(set->arena, "__param_%.*s", STR_ARG(p->name)),
                        p->values[0]);
    }
}

static void escape_query(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                     (c && strchr("-_.~", c));
        if (plain)
            buf_char(out, (char)c);
        else
            buf_printf(out, "%%%02X", c);
    }
}

static void add_param(struct buf *out, bool *first, struct str name, struct str value)
{
    buf_char(out, *first ? '?' : '&');
    *first = false;
    escape_query(out, name);
    buf_char(out, '=');
    escape_query(out, value);
}

static struct str make_url(const struct scrape_config *config, const struct labels_builder *set)
{
    struct buf url = BUF_INIT;
    bool first = true;
    buf_printf(&url, "%.*s://%.*s%.*s", STR_ARG(labels_builder_get(set, STR("__scheme__"))),
               STR_ARG(labels_builder_get(set, STR("__address__"))),
               STR_ARG(labels_builder_get(set, STR("__metrics_path__"))));
    for (size_t i = 0; i < set->count; i++) {
        if (str_has_prefix(set->items[i].name, STR("__param_")))
            add_param(&url, &first, str_skip(set->items[i].name, 8), set->items[i].value);
    }
    // Further values of a parameter are not labels.
    for (size_t i = 0; i < config->param_count; i++) {
        for (size_t v = 1; v < config->params[i].value_count; v++)
            add_param(&url, &first, config->params[i].name, config->params[i].values[v]);
    }
    struct str copy = arena_copy(set->arena, buf_view(&url));
    buf_release(&url);
    return copy;
}

static int read_duration(const struct labels_builder *set, struct str name, int64_t *out,
                         struct error *err)
{
    struct str text = labels_builder_get(set, name);
    if (!duration_parse(text, out) || *out <= 0)
        return error_set(err, ERR_INVALID, "%.*s is \"%.*s\", expected a duration such as 15s",
                         STR_ARG(name), STR_ARG(text));
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
    struct str final = labels_builder_get(&set, STR("__address__"));
    if (!final.len)
        return error_set(err, ERR_INVALID, "no address");
    if (str_find(final, '/') < final.len)
        return error_set(err, ERR_INVALID, "\"%.*s\" is not a valid hostname", STR_ARG(final));
    int rc = read_duration(&set, STR("__scrape_interval__"), &out->interval_ms, err);
    if (rc == OK)
        rc = read_duration(&set, STR("__scrape_timeout__"), &out->timeout_ms, err);
    if (rc)
        return rc;
    out->url = make_url(config, &set);
    set_default(&set, STR("instance"), final);
    drop_hidden(&set);
    out->labels = labels_builder_finish(&set);
    return OK;
}

struct file_list {
    struct arena *arena;
    struct config_target_group *groups;
    size_t count;
    size_t capacity;
};

static void read_file(struct file_list *list, const char *path)
{
    struct buf text = BUF_INIT;
    struct error err;
    struct config_target_group *groups;
    size_t count = 0;
    int rc = file_read(path, SD_FILE_MAX, &text, &err);
    if (rc == OK)
        rc = target_groups_parse(buf_view(&text), path, list->arena, &groups, &count, &err);
    if (rc)
        log_error("a target file cannot be used", LOG_CSTR("file", path), LOG_ERR(&err));
    for (size_t i = 0; i < count && rc == OK; i++) {
        struct labels_builder set;
        labels_builder_init(&set, list->arena, groups[i].labels);
        labels_builder_set(&set, STR("__meta_filepath"), arena_copy(list->arena, str_from(path)));
        groups[i].labels = labels_builder_finish(&set);
        ARENA_GROW(list->arena, list->groups, list->count, list->capacity);
        list->groups[list->count++] = groups[i];
    }
    buf_release(&text);
}

static void each_file(const struct config_file_sd *sd,
                      void (*each)(void *context, const char *path), void *context)
{
    for (size_t i = 0; i < sd->file_count; i++) {
        struct buf pattern = BUF_INIT;
        glob_t found;
        buf_str(&pattern, sd->files[i]);
        if (glob(buf_text(&pattern), 0, NULL, &found) == 0) {
            for (size_t f = 0; f < found.gl_pathc; f++)
                each(context, found.gl_pathv[f]);
            globfree(&found);
        }
        buf_release(&pattern);
    }
}

static void read_each(void *context, const char *path)
{
    read_file(context, path);
}

void discovery_read_files(const struct config_file_sd *sd, struct arena *arena,
                          struct config_target_group **groups, size_t *count)
{
    struct file_list list = {.arena = arena};
    each_file(sd, read_each, &list);
    *groups = list.groups;
    *count = list.count;
}

static void hash_file(void *context, const char *path)
{
    uint64_t *hash = context;
    struct stat st;
    *hash = hash64(path, strlen(path), *hash);
    if (stat(path, &st) == 0) {
        int64_t parts[4] = {st.st_mtim.tv_sec, st.st_mtim.tv_nsec, st.st_size, (int64_t)st.st_ino};
        *hash = hash64(parts, sizeof(parts), *hash);
    }
}

uint64_t discovery_fingerprint(const struct config_file_sd *sd)
{
    uint64_t hash = 0;
    each_file(sd, hash_file, &hash);
    return hash;
}
