// /api/v1/alerts/routes: where an alert with these labels would go; /api/v1/receivers/test: a test
// notification.
#include "alerting/preview.h"

#include "api.h"
#include "model/duration.h"
#include "routes.h"

static struct alertmanager *engine_of(struct web_server *web, struct response *res)
{
    if (!web->options.alertmanager)
        api_fail(res, API_UNAVAILABLE,
                 "nobody is notified from here: Lapwing runs without --alertmanager.config.file");
    return web->options.alertmanager;
}

// Parameters `label`, each NAME=VALUE.
static bool read_labels(struct request *req, struct response *res, struct labels *out)
{
    struct labels_builder b;
    size_t count;
    const struct str *pairs = request_param_all(req, "label", &count);
    labels_builder_init(&b, &req->arena, (struct labels){0});
    for (size_t i = 0; i < count; i++) {
        struct str name, value;
        if (!str_cut(pairs[i], '=', &name, &value) || !label_name_is_valid(name)) {
            api_fail_param(res, "label", "\"%.*s\" is not NAME=VALUE", STR_ARG(pairs[i]));
            return false;
        }
        labels_builder_set(&b, name, value);
    }
    *out = labels_builder_finish(&b);
    if (out->count == 0)
        api_fail_param(res, "label", "at least one NAME=VALUE is required");
    return out->count > 0;
}

static void write_list(struct json_writer *w, const char *key, const struct str *items,
                       size_t count)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        json_str(w, items[i]);
    json_array_end(w);
}

static void write_duration(struct json_writer *w, const char *key, int64_t ms)
{
    struct buf text = BUF_INIT;
    duration_format(&text, ms);
    json_key(w, key);
    json_str(w, buf_view(&text));
    buf_release(&text);
}

static void write_route(struct json_writer *w, const struct route_preview *route)
{
    json_object_begin(w);
    json_key(w, "receiver");
    json_str(w, route->receiver);
    json_key(w, "group");
    json_str(w, route->group);
    write_duration(w, "groupWait", route->group_wait_ms);
    write_duration(w, "groupInterval", route->group_interval_ms);
    write_duration(w, "repeatInterval", route->repeat_interval_ms);
    write_list(w, "mutedBy", route->muted_by, route->muted_count);
    json_object_end(w);
}

void api_alert_routes(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    struct labels labels;
    struct alert_status status;
    size_t count;
    struct alertmanager *engine = engine_of(web, res);
    if (!engine || !read_labels(req, res, &labels))
        return;
    const struct route_preview *routes = alertmanager_preview(
        engine, labels, clock_wall_ms(web->options.clock), &req->arena, &count, &status);
    struct str source =
        arena_printf(&req->arena, "%016llx", (unsigned long long)status.inhibited_by);
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "routes");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        write_route(&w, &routes[i]);
    json_array_end(&w);
    write_list(&w, "silencedBy", status.silenced_by, status.silenced_count);
    write_list(&w, "inhibitedBy", &source, status.is_inhibited);
    json_object_end(&w);
    api_end(&w);
}

static void write_result(struct json_writer *w, const struct test_result *result)
{
    json_object_begin(w);
    json_key(w, "integration");
    json_str(w, result->integration);
    json_key(w, "delivered");
    json_bool(w, result->delivered);
    json_key(w, "status");
    json_i64(w, result->status);
    if (result->error.len) {
        json_key(w, "error");
        json_str(w, result->error);
    }
    json_object_end(w);
}

void api_receiver_test(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    struct test_result *results;
    size_t count;
    struct alertmanager *engine = engine_of(web, res);
    struct str name = request_param(req, "receiver");
    if (!engine)
        return;
    if (alertmanager_send_test(engine, name, clock_wall_ms(web->options.clock), &req->arena,
                               &results, &count)) {
        api_fail(res, API_NOT_FOUND, "there is no receiver \"%.*s\"", STR_ARG(name));
        return;
    }
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "receiver");
    json_str(&w, name);
    json_key(&w, "integrations");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        write_result(&w, &results[i]);
    json_array_end(&w);
    json_object_end(&w);
    api_end(&w);
}
