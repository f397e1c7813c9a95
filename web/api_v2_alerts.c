// API v2: alerts, one by one or by group, and taking them in.
#include "api_v2.h"
#include "routes.h"

static void json_list(struct json_writer *w, const char *key, const struct str *items, size_t count)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        json_str(w, items[i]);
    json_array_end(w);
}

static struct str fingerprint_text(struct arena *arena, uint64_t fingerprint)
{
    return arena_printf(arena, "%016llx", (unsigned long long)fingerprint);
}

static void write_status(struct json_writer *w, const struct alert_status *s, struct arena *arena)
{
    struct str source = fingerprint_text(arena, s->inhibited_by);
    bool muted = s->is_inhibited || s->silenced_count || s->muted_count;
    json_key(w, "status");
    json_object_begin(w);
    json_list(w, "inhibitedBy", &source, s->is_inhibited);
    json_list(w, "mutedBy", s->muted_by, s->muted_count);
    json_list(w, "silencedBy", s->silenced_by, s->silenced_count);
    json_key(w, "state");
    json_cstr(w, muted ? "suppressed" : "active");
    json_object_end(w);
}

static void write_alert(struct json_writer *w, const struct alert_status *s, struct arena *arena)
{
    json_object_begin(w);
    json_key(w, "annotations");
    labels_json(w, s->alert.annotations);
    json_key(w, "endsAt");
    v2_time(w, s->alert.ends_ms);
    json_key(w, "fingerprint");
    json_str(w, fingerprint_text(arena, s->fingerprint));
    json_key(w, "receivers");
    v2_receivers(w, s->receivers, s->receiver_count);
    json_key(w, "startsAt");
    v2_time(w, s->alert.starts_ms);
    write_status(w, s, arena);
    json_key(w, "updatedAt");
    v2_time(w, s->updated_ms);
    if (s->alert.generator_url.len) {
        json_key(w, "generatorURL");
        json_str(w, s->alert.generator_url);
    }
    json_key(w, "labels");
    labels_json(w, s->alert.labels);
    json_object_end(w);
}

struct wanted {
    struct alert_filter filter;
    struct matcher_list matchers; // owned, as the next two
    struct matcher_list receiver_matchers;
    struct regex *receiver;
};

static void wanted_release(struct wanted *w)
{
    matcher_list_release(&w->matchers);
    matcher_list_release(&w->receiver_matchers);
    regex_free(w->receiver);
}

static bool read_receiver(const struct request *req, struct response *res, struct wanted *out)
{
    struct error err;
    struct str pattern = request_param(req, "receiver");
    if (pattern.len == 0 || regex_new(&out->receiver, pattern, &err) == OK)
        return true;
    struct buf message = BUF_INIT;
    buf_printf(&message, "failed to parse receiver param: %s", err.text);
    v2_fail_text(res, 400, buf_view(&message));
    buf_release(&message);
    return false;
}

// Release in both cases.
static bool read_wanted(struct request *req, struct response *res, struct wanted *out)
{
    *out = (struct wanted){.receiver = NULL};
    if (!v2_filters(req, res, "filter", &out->matchers) ||
        !v2_filters(req, res, "receiver_matchers", &out->receiver_matchers) ||
        !read_receiver(req, res, out))
        return false;
    out->filter = (struct alert_filter){
        .matchers = out->matchers.items,
        .matcher_count = out->matchers.count,
        .receiver = out->receiver,
        .receiver_matchers = out->receiver_matchers.items,
        .receiver_matcher_count = out->receiver_matchers.count,
        .no_active = v2_switched_off(req, "active"),
        .no_silenced = v2_switched_off(req, "silenced"),
        .no_inhibited = v2_switched_off(req, "inhibited"),
        .no_muted = v2_switched_off(req, "muted"),
    };
    return true;
}

static void list_alerts(struct web_server *web, struct alertmanager *engine, struct request *req,
                        struct response *res)
{
    struct json_writer w;
    struct wanted wanted;
    size_t count;
    if (read_wanted(req, res, &wanted)) {
        int64_t now_ms = clock_wall_ms(web->options.clock);
        const struct alert_status *alerts =
            alertmanager_alerts(engine, &wanted.filter, now_ms, &req->arena, &count);
        v2_begin(res, &w);
        json_array_begin(&w);
        for (size_t i = 0; i < count; i++)
            write_alert(&w, &alerts[i], &req->arena);
        json_array_end(&w);
        v2_end(res);
    }
    wanted_release(&wanted);
}

// Good alerts are taken even when others of the same request are not.
static void take_alerts(struct web_server *web, struct alertmanager *engine, struct alert *alerts,
                        size_t count, struct response *res)
{
    struct buf why = BUF_INIT;
    size_t good = 0;
    int64_t now_ms = clock_wall_ms(web->options.clock);
    int64_t default_end_ms = now_ms + alertmanager_resolve_timeout_ms(engine);
    for (size_t i = 0; i < count; i++)
        if (!v2_alert_is_bad(&alerts[i], default_end_ms, &why))
            alerts[good++] = alerts[i];
    alertmanager_put(engine, alerts, good, now_ms);
    alertmanager_sync(engine, now_ms); // what is acknowledged survives
    if (why.len)
        v2_fail_text(res, 400, buf_view(&why));
    buf_release(&why);
}

static void post_alerts(struct web_server *web, struct alertmanager *engine, struct request *req,
                        struct response *res)
{
    struct json *document;
    struct alert *alerts;
    struct v2_error err;
    size_t count;
    if (!v2_body(req, res, "alerts", &document))
        return;
    int rc = v2_parse_alerts(document, &req->arena, &alerts, &count, &err);
    if (rc)
        v2_fail(res, rc == 400 ? 400 : 422, rc, "%s", err.text);
    else
        take_alerts(web, engine, alerts, count, res);
    json_free(document);
}

void api_v2_alerts(struct web_server *web, struct request *req, struct response *res)
{
    struct alertmanager *engine = v2_engine(web, res);
    if (!engine)
        return;
    if (req->method == HTTP_POST)
        post_alerts(web, engine, req, res);
    else
        list_alerts(web, engine, req, res);
}

static void write_group(struct json_writer *w, const struct alert_group_status *group,
                        struct arena *arena)
{
    json_object_begin(w);
    json_key(w, "alerts");
    json_array_begin(w);
    for (size_t i = 0; i < group->alert_count; i++)
        write_alert(w, &group->alerts[i], arena);
    json_array_end(w);
    json_key(w, "labels");
    labels_json(w, group->labels);
    json_key(w, "receiver");
    v2_receiver(w, &group->receiver);
    json_object_end(w);
}

void api_v2_groups(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    struct wanted wanted;
    size_t count;
    struct alertmanager *engine = v2_engine(web, res);
    if (!engine)
        return;
    if (read_wanted(req, res, &wanted)) {
        int64_t now_ms = clock_wall_ms(web->options.clock);
        const struct alert_group_status *groups =
            alertmanager_groups(engine, &wanted.filter, now_ms, &req->arena, &count);
        v2_begin(res, &w);
        json_array_begin(&w);
        for (size_t i = 0; i < count; i++)
            write_group(&w, &groups[i], &req->arena);
        json_array_end(&w);
        v2_end(res);
    }
    wanted_release(&wanted);
}
