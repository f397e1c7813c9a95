#include "target.h"

#include "base/file.h"
#include "base/mem.h"

// "name=" before the scheme or host: what comes before the first '=' has no ':', '/' or '?'.
static bool takes_name(struct str *rest, struct str *name)
{
    size_t at = str_find(*rest, '=');
    for (size_t i = 0; i < at; i++)
        if (strchr(":/?,", rest->ptr[i]))
            return false;
    return str_cut(*rest, '=', name, rest);
}

int target_parse(struct target *t, const char *text, struct arena *arena, struct error *err)
{
    struct str rest = str_from(text), piece, key, value;
    *t = (struct target){0};
    takes_name(&rest, &t->name);
    if (!str_next(&rest, ',', &piece) || !piece.len)
        return error_set(err, ERR_INVALID, "\"%s\": expected [NAME=]URL[,data=FOLDER][,pid=N]",
                         text);
    char *url = http_base_url(arena_copy(arena, piece).ptr);
    t->url = arena_copy(arena, str_from(url));
    mem_free(url);
    while (str_next(&rest, ',', &piece)) {
        uint64_t pid;
        if (str_cut(piece, '=', &key, &value) && str_is(key, "data")) {
            t->data = arena_copy(arena, value);
        } else if (str_is(key, "pid") && str_to_u64(value, &pid)) {
            t->pid = (pid_t)pid;
        } else {
            return error_set(err, ERR_INVALID,
                             "\"%s\": expected data=FOLDER or pid=N, got \"%.*s\"", text,
                             STR_ARG(piece));
        }
    }
    return OK;
}

static enum target_kind kind_of(struct str metrics)
{
    static const struct {
        const char *name;
        enum target_kind kind;
    } SIGNS[] = {
        {"\nlapwing_build_info", KIND_LAPWING},
        {"vm_app_version", KIND_VICTORIA_METRICS},
        {"\nprometheus_build_info", KIND_PROMETHEUS},
    };
    for (size_t i = 0; i < sizeof(SIGNS) / sizeof(SIGNS[0]); i++)
        if (str_search(metrics, str_from(SIGNS[i].name)) < metrics.len)
            return SIGNS[i].kind;
    return KIND_OTHER;
}

static struct str host_of(struct str url)
{
    size_t at = str_search(url, STR("://"));
    struct str host = at < url.len ? str_skip(url, at + 3) : url;
    return str_first(host, str_find(host, '/'));
}

static pid_t local_pid(struct str host)
{
    struct str name, port_text;
    uint64_t port;
    if (!str_cut(host, ':', &name, &port_text) || !str_to_u64(port_text, &port))
        return 0;
    bool local = str_is(name, "localhost") || str_has_prefix(name, STR("127."));
    return local && port <= UINT16_MAX ? process_of_port((unsigned)port) : 0;
}

int target_probe(struct target *t, struct http *http, int64_t timeout_ms, struct arena *arena,
                 struct error *err)
{
    struct buf url = BUF_INIT;
    struct http_answer answer;
    buf_printf(&url, "%.*s/metrics", STR_ARG(t->url));
    struct http_request request = {.url = buf_text(&url), .timeout_ms = timeout_ms};
    int result = http_send(http, &request, &answer, err);
    buf_release(&url);
    if (result)
        return result;
    t->kind = answer.status == 200 ? kind_of(answer.body) : KIND_OTHER;
    if (!t->name.len)
        t->name = t->kind == KIND_OTHER ? arena_copy(arena, host_of(t->url))
                                        : str_from(target_kind_names[t->kind]);
    if (!t->pid)
        t->pid = local_pid(host_of(t->url));
    return OK;
}

void target_measure(struct target *t, struct process_usage *out)
{
    if (t->pid && !process_usage(t->pid, out))
        t->pid = 0;
    if (t->data.len)
        t->disk_bytes = dir_size(t->data.ptr);
}
