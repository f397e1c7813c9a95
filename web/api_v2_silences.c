// API v2: silences.
#include "api_v2.h"
#include "model/duration.h"
#include "routes.h"

static void write_matcher(struct json_writer *w, const struct silence_matcher *m)
{
    json_object_begin(w);
    json_key(w, "isEqual");
    json_bool(w, m->type == MATCH_EQUAL || m->type == MATCH_REGEX);
    json_key(w, "isRegex");
    json_bool(w, m->type == MATCH_REGEX || m->type == MATCH_NOT_REGEX);
    json_key(w, "name");
    json_str(w, m->name);
    json_key(w, "value");
    json_str(w, m->value);
    json_object_end(w);
}

// Only what is set, so that a plain silence reads as Alertmanager's.
static void write_extras(struct json_writer *w, const struct silence_spec *spec)
{
    if (spec->recurrence.len) {
        json_key(w, "recurrence");
        json_raw(w, spec->recurrence);
    }
    if (spec->expire_on_resolve) {
        json_key(w, "expireOnResolve");
        json_bool(w, true);
    }
    if (spec->remind_before_ms) {
        struct buf text = BUF_INIT;
        duration_format(&text, spec->remind_before_ms);
        json_key(w, "remindBefore");
        json_str(w, buf_view(&text));
        buf_release(&text);
    }
}

static void write_spec(struct json_writer *w, const struct silence_spec *spec)
{
    if (spec->annotations.count) {
        json_key(w, "annotations");
        labels_json(w, spec->annotations);
    }
    json_key(w, "comment");
    json_str(w, spec->comment);
    json_key(w, "createdBy");
    json_str(w, spec->created_by);
    json_key(w, "endsAt");
    v2_time(w, spec->ends_ms);
    json_key(w, "matchers");
    json_array_begin(w);
    for (size_t i = 0; i < spec->matcher_count; i++)
        write_matcher(w, &spec->matchers[i]);
    json_array_end(w);
    json_key(w, "startsAt");
    v2_time(w, spec->starts_ms);
    write_extras(w, spec);
}

static void write_silence(struct json_writer *w, const struct silence_status *silence)
{
    json_object_begin(w);
    json_key(w, "id");
    json_str(w, silence->spec.id);
    json_key(w, "status");
    json_object_begin(w);
    json_key(w, "state");
    json_cstr(w, silence_state_name(silence->state));
    json_object_end(w);
    json_key(w, "updatedAt");
    v2_time(w, silence->updated_ms);
    write_spec(w, &silence->spec);
    json_object_end(w);
}

// A filter asks for a matcher of this very kind, name and value.
static bool has_matcher(const struct silence_spec *spec, const struct matcher *wanted)
{
    for (size_t i = 0; i < spec->matcher_count; i++) {
        const struct silence_matcher *m = &spec->matchers[i];
        if (m->type == wanted->type && str_eq(m->name, wanted->name) &&
            str_eq(m->value, wanted->value))
            return true;
    }
    return false;
}

static bool is_wanted(const struct silence_spec *spec, const struct matcher_list *filters)
{
    for (size_t i = 0; i < filters->count; i++)
        if (!has_matcher(spec, &filters->items[i]))
            return false;
    return true;
}

static void list_silences(struct alertmanager *engine, struct request *req, struct response *res,
                          int64_t now_ms)
{
    struct json_writer w;
    struct matcher_list filters;
    size_t count;
    const bool hidden[] = {
        [SILENCE_PENDING] = v2_switched_off(req, "pending"),
        [SILENCE_ACTIVE] = v2_switched_off(req, "active"),
        [SILENCE_EXPIRED] = v2_switched_off(req, "expired"),
    };
    if (v2_filters(req, res, "filter", &filters)) {
        const struct silence_status *all =
            alertmanager_silences(engine, now_ms, &req->arena, &count);
        v2_begin(res, &w);
        json_array_begin(&w);
        for (size_t i = 0; i < count; i++)
            if (!hidden[all[i].state] && is_wanted(&all[i].spec, &filters))
                write_silence(&w, &all[i]);
        json_array_end(&w);
        v2_end(res);
    }
    matcher_list_release(&filters);
}

static void fail_set(struct response *res, const struct error *err)
{
    v2_fail_text(res, err->code == ERR_NOT_FOUND ? 404 : 400, str_from(err->text));
}

static void set_silence(struct alertmanager *engine, const struct silence_spec *spec,
                        struct response *res, int64_t now_ms)
{
    struct json_writer w;
    struct error err = {0};
    char id[SILENCE_ID_SIZE];
    if (spec->starts_ms >= spec->ends_ms) {
        v2_fail_text(res, 400, STR("Failed to create silence: start time must be before end time"));
    } else if (spec->ends_ms < now_ms) {
        v2_fail_text(res, 400, STR("Failed to create silence: end time can't be in the past"));
    } else if (alertmanager_set_silence(engine, spec, now_ms, id, &err)) {
        fail_set(res, &err);
    } else {
        v2_begin(res, &w);
        json_object_begin(&w);
        json_key(&w, "silenceID");
        json_cstr(&w, id);
        json_object_end(&w);
        v2_end(res);
    }
}

// A change by a client that knows nothing of Lapwing's own fields leaves them alone.
static void keep_extras(struct alertmanager *engine, const struct json *document,
                        struct request *req, int64_t now_ms, struct silence_spec *spec)
{
    struct silence_status old;
    struct str id = json_text(json_get(document, "id"));
    if (alertmanager_find_silence(engine, id, now_ms, &req->arena, &old))
        return;
    spec->recurrence = old.spec.recurrence;
    spec->expire_on_resolve = old.spec.expire_on_resolve;
    spec->remind_before_ms = old.spec.remind_before_ms;
}

static void post_silence(struct alertmanager *engine, struct request *req, struct response *res,
                         int64_t now_ms)
{
    struct json *document;
    struct v2_error err;
    struct silence_spec spec = {.remind_before_ms = 0};
    if (!v2_body(req, res, "silence", &document))
        return;
    keep_extras(engine, document, req, now_ms, &spec);
    int rc = v2_parse_silence(document, &req->arena, &spec, &err);
    if (rc)
        v2_fail(res, rc == 400 ? 400 : 422, rc, "%s", err.text);
    else
        set_silence(engine, &spec, res, now_ms);
    json_free(document);
}

void api_v2_silences(struct web_server *web, struct request *req, struct response *res)
{
    struct alertmanager *engine = v2_engine(web, res);
    if (!engine)
        return;
    int64_t now_ms = clock_wall_ms(web->options.clock);
    if (req->method == HTTP_POST)
        post_silence(engine, req, res, now_ms);
    else
        list_silences(engine, req, res, now_ms);
}

static bool is_uuid(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (dash ? c != '-' : !hex)
            return false;
    }
    return text.len == SILENCE_ID_SIZE - 1;
}

void api_v2_silence(struct web_server *web, struct request *req, struct response *res)
{
    struct json_writer w;
    struct silence_status silence;
    struct alertmanager *engine = v2_engine(web, res);
    struct str id = req->path_param;
    if (!engine)
        return;
    int64_t now_ms = clock_wall_ms(web->options.clock);
    if (!is_uuid(id)) {
        v2_fail(res, 422, V2_BAD_FORMAT, "silenceID in path must be of type uuid: \"%.*s\"",
                STR_ARG(id));
    } else if (req->method == HTTP_DELETE) {
        if (alertmanager_expire_silence(engine, id, now_ms))
            res->status = 404;
    } else if (alertmanager_find_silence(engine, id, now_ms, &req->arena, &silence)) {
        res->status = 404;
    } else {
        v2_begin(res, &w);
        write_silence(&w, &silence);
        v2_end(res);
    }
}
