// The common part of API v2, its status and its receivers.
#include "api_v2.h"

#include "base/version.h"
#include "model/duration.h"
#include "routes.h"

void v2_fail_text(struct response *res, int status, struct str text)
{
    struct json_writer w;
    buf_reset(&res->body);
    res->status = status;
    v2_begin(res, &w);
    json_str(&w, text);
    v2_end(res);
}

static void fail(struct response *res, int status, int code, struct str message)
{
    struct json_writer w;
    buf_reset(&res->body);
    res->status = status;
    v2_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "code");
    json_i64(&w, code);
    json_key(&w, "message");
    json_str(&w, message);
    json_object_end(&w);
}

void v2_fail(struct response *res, int status, int code, const char *format, ...)
{
    struct buf message = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&message, format, args);
    va_end(args);
    fail(res, status, code, buf_view(&message));
    buf_release(&message);
}

int v2_error_set(struct v2_error *err, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->code = code;
    return code;
}

void v2_begin(struct response *res, struct json_writer *w)
{
    res->content_type = "application/json";
    json_writer_init(w, &res->body);
}

void v2_end(struct response *res)
{
    buf_char(&res->body, '\n');
}

bool v2_body(const struct request *req, struct response *res, const char *name,
             struct json **document)
{
    struct error err;
    struct str type = media_type(req->content_type);
    if (req->body.len && !str_eq_nocase(type, STR("application/json"))) {
        v2_fail(res, 415, 415,
                "unsupported media type \"%.*s\", only [application/json] are allowed",
                STR_ARG(type.len ? req->content_type : STR("application/octet-stream")));
        return false;
    }
    if (str_trim(req->body).len == 0) {
        v2_fail(res, 422, V2_REQUIRED, "%s in body is required", name);
        return false;
    }
    if (json_parse(document, req->body, &err)) {
        v2_fail(res, 400, 400, "parsing %s body from \"\" failed, because %s", name, err.text);
        return false;
    }
    return true;
}

bool v2_filters(struct request *req, struct response *res, const char *param,
                struct matcher_list *out)
{
    struct error err;
    size_t count;
    const struct str *texts = request_param_all(req, param, &count);
    *out = (struct matcher_list){0};
    for (size_t i = 0; i < count; i++) {
        struct matcher m;
        if (matcher_parse_one(&m, texts[i], &err)) {
            v2_fail_text(res, 400, str_from(err.text));
            return false;
        }
        matcher_list_add(out, &m);
    }
    return true;
}

struct alertmanager *v2_engine(struct web_server *web, struct response *res)
{
    if (!web->options.alertmanager)
        v2_fail(res, 503, 503,
                "nobody is notified from here: Lapwing runs without --alertmanager.config.file");
    return web->options.alertmanager;
}

void v2_time(struct json_writer *w, int64_t ms)
{
    struct buf text = BUF_INIT;
    timestamp_format(&text, ms);
    json_str(w, buf_view(&text));
    buf_release(&text);
}

void v2_receiver(struct json_writer *w, const struct receiver_status *receiver)
{
    json_object_begin(w);
    if (receiver->labels.count) {
        json_key(w, "labels");
        labels_json(w, receiver->labels);
    }
    json_key(w, "name");
    json_str(w, receiver->name);
    json_object_end(w);
}

void v2_receivers(struct json_writer *w, const struct receiver_status *receivers, size_t count)
{
    json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        v2_receiver(w, &receivers[i]);
    json_array_end(w);
}

static void write_pair(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstr(w, value);
}

static void write_version(struct json_writer *w)
{
    json_key(w, "versionInfo");
    json_object_begin(w);
    write_pair(w, "branch", "lapwing-" LAPWING_VERSION);
    write_pair(w, "buildDate", "");
    write_pair(w, "buildUser", "");
    write_pair(w, "goVersion", "");
    write_pair(w, "revision", lapwing_revision);
    write_pair(w, "version", ALERTMANAGER_VERSION);
    json_object_end(w);
}

static void write_cluster(struct json_writer *w)
{
    json_key(w, "cluster");
    json_object_begin(w);
    json_key(w, "peers");
    json_array_begin(w);
    json_array_end(w);
    write_pair(w, "status", "disabled");
    json_object_end(w);
}

void api_v2_status(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    struct web_runtime runtime = {0};
    struct alertmanager *engine = v2_engine(web, res);
    if (!engine)
        return;
    web->options.runtime(web->options.context, &runtime);
    v2_begin(res, &w);
    json_object_begin(&w);
    write_cluster(&w);
    json_key(&w, "config");
    json_object_begin(&w);
    json_key(&w, "original");
    json_str(&w, alertmanager_config_text(engine, &req->arena));
    json_object_end(&w);
    json_key(&w, "uptime");
    v2_time(&w, runtime.start_ms);
    write_version(&w);
    json_object_end(&w);
    v2_end(res);
}

void api_v2_receivers(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    struct matcher_list matchers;
    size_t count;
    struct alertmanager *engine = v2_engine(web, res);
    if (!engine)
        return;
    if (v2_filters(req, res, "receiver_matchers", &matchers)) {
        const struct alert_filter filter = {.receiver_matchers = matchers.items,
                                            .receiver_matcher_count = matchers.count};
        const struct receiver_status *receivers =
            alertmanager_receivers(engine, &filter, &req->arena, &count);
        v2_begin(res, &w);
        v2_receivers(&w, receivers, count);
        v2_end(res);
    }
    matcher_list_release(&matchers);
}

void api_v1_gone(struct web_server *web, struct request *req, struct response *res)
{
    (void)web, (void)req;
    res->status = 410;
    res->content_type = "application/json";
    buf_cstr(&res->body, "{\"status\":\"deprecated\",\"error\":\"The Alertmanager v1 API was "
                         "deprecated in version 0.16.0 and is removed as of version 0.27.0 - "
                         "please use the equivalent route in the v2 API\"}\n");
}

bool v2_switched_off(const struct request *req, const char *name)
{
    static const char *const yes[] = {"true", "1",        "yes",     "ok", "y",
                                      "on",   "selected", "checked", "t",  "enabled"};
    struct str value = request_param(req, name);
    if (value.len == 0)
        return false;
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (str_eq_nocase(value, str_from(yes[i])))
            return false;
    return true;
}
