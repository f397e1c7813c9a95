// /api/v1/heartbeat/NAME: any GET, POST or PUT is a beat, DELETE ends the expectation;
// /api/v1/heartbeat lists them.
#include "alerting/heartbeat.h"

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

static void write_heartbeat(struct json_writer *w, const struct heartbeat_status *h)
{
    struct buf timeout = BUF_INIT;
    duration_format(&timeout, h->timeout_ms);
    json_object_begin(w);
    json_key(w, "name");
    json_str(w, h->name);
    json_key(w, "lastBeat");
    json_time(w, h->last_ms);
    json_key(w, "timeout");
    json_str(w, buf_view(&timeout));
    json_key(w, "missing");
    json_bool(w, h->missing);
    json_key(w, "labels");
    labels_json(w, h->labels);
    json_object_end(w);
    buf_release(&timeout);
}

void api_heartbeats(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    size_t count;
    struct alertmanager *engine = engine_of(web, res);
    if (!engine)
        return;
    const struct heartbeat_status *all = alertmanager_heartbeats(engine, &req->arena, &count);
    api_begin(res, &w);
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        write_heartbeat(&w, &all[i]);
    json_array_end(&w);
    api_end(&w);
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
        if (!str_cut(pairs[i], '=', &name, &value) || !label_name_is_legacy(name)) {
            api_fail_param(res, "label", "\"%.*s\" is not NAME=VALUE", STR_ARG(pairs[i]));
            return false;
        }
        labels_builder_set(&b, name, value);
    }
    *out = labels_builder_finish(&b);
    return true;
}

static void answer_nothing(struct response *res)
{
    struct json_writer w;
    api_begin(res, &w);
    json_object_begin(&w);
    json_object_end(&w);
    api_end(&w);
}

static void beat(struct alertmanager *engine, struct request *req, struct response *res,
                 int64_t now_ms)
{
    struct labels labels;
    struct error err;
    int64_t timeout_ms = HEARTBEAT_TIMEOUT_MS;
    if (!api_duration(req, res, "timeout", &timeout_ms) || !read_labels(req, res, &labels))
        return;
    int rc = alertmanager_beat(engine, req->path_param, timeout_ms, labels, now_ms, &err);
    if (rc)
        api_fail(res, api_error_type_from(rc), "%s", err.text);
    else
        answer_nothing(res);
}

void api_heartbeat(struct web_server *web, struct request *req, struct response *res)
{
    struct alertmanager *engine = engine_of(web, res);
    if (!engine)
        return;
    int64_t now_ms = clock_wall_ms(web->options.clock);
    if (req->method != HTTP_DELETE)
        beat(engine, req, res, now_ms);
    else if (alertmanager_forget_heartbeat(engine, req->path_param, now_ms))
        api_fail(res, API_NOT_FOUND, "there is no heartbeat \"%.*s\"", STR_ARG(req->path_param));
    else
        answer_nothing(res);
}
