// /api/v1/admin/tsdb/...: deleting series, cleaning up after it, snapshots; behind
// --web.enable-admin-api.
#include "api.h"
#include "routes.h"
#include "storage/admin.h"

static bool is_enabled(struct web_server *web, struct response *res)
{
    if (!web->options.enable_admin)
        api_fail(res, API_UNAVAILABLE, "admin APIs disabled");
    return web->options.enable_admin;
}

static void fail_with(struct response *res, const struct error *err)
{
    api_fail(res, API_INTERNAL, "%s", err->text);
}

static void delete_sets(struct web_server *web, struct response *res,
                        const struct matcher_sets *sets, int64_t start_ms, int64_t end_ms)
{
    struct error err;
    for (size_t i = 0; i < sets->count; i++) {
        if (storage_delete(web->options.storage, sets->items[i].matchers, sets->items[i].count,
                           start_ms, end_ms, &err)) {
            fail_with(res, &err);
            return;
        }
    }
    res->status = 204;
}

void api_delete_series(struct web_server *web, struct request *req, struct response *res)
{
    struct matcher_sets sets = {.count = 0};
    int64_t start_ms, end_ms;
    size_t count;
    if (!is_enabled(web, res))
        return;
    request_param_all(req, "match[]", &count);
    if (count == 0) {
        api_fail(res, API_BAD_DATA, "no match[] parameter provided");
        return;
    }
    if (api_time_or(req, res, "start", INT64_MIN / 4, &start_ms) &&
        api_time_or(req, res, "end", INT64_MAX / 4, &end_ms) &&
        api_matchers(req, res, "match[]", false, &sets))
        delete_sets(web, res, &sets, start_ms, end_ms);
    matcher_sets_release(&sets);
}

void api_clean_tombstones(struct web_server *web, struct request *req, struct response *res)
{
    struct error err;
    (void)req;
    if (!is_enabled(web, res))
        return;
    if (storage_clean(web->options.storage, &err))
        fail_with(res, &err);
    else
        res->status = 204;
}

// Go's strconv.ParseBool; an absent one is false.
static bool read_switch(const struct request *req, struct response *res, const char *name,
                        bool *out)
{
    static const char *const words[] = {"0", "f", "F", "FALSE", "false", "False",
                                        "1", "t", "T", "TRUE",  "true",  "True"};
    struct str text = request_param(req, name);
    *out = false;
    if (text.len == 0)
        return true;
    for (size_t i = 0; i < 12; i++) {
        if (str_is(text, words[i])) {
            *out = i >= 6;
            return true;
        }
    }
    struct buf quoted = BUF_INIT;
    str_quote(&quoted, text);
    api_fail_param(res, name,
                   "unable to parse boolean: strconv.ParseBool: parsing %.*s: invalid syntax",
                   STR_ARG(buf_view(&quoted)));
    buf_release(&quoted);
    return false;
}

void api_snapshot(struct web_server *web, struct request *req, struct response *res)
{
    struct buf name = BUF_INIT;
    struct json_writer w;
    struct error err;
    bool skip_head;
    if (!is_enabled(web, res) || !read_switch(req, res, "skip_head", &skip_head))
        return;
    if (storage_snapshot(web->options.storage, skip_head, &name, &err)) {
        error_prefix(&err, "create snapshot: ");
        fail_with(res, &err);
    } else {
        api_begin(res, &w);
        json_object_begin(&w);
        json_key(&w, "name");
        json_str(&w, buf_view(&name));
        json_object_end(&w);
        api_end(&w);
    }
    buf_release(&name);
}
