// /api/v1/alerts/history: what happened to alerts and what was decided about telling them, as JSON;
// /api/v1/alerts/explain: the same as lines for people.
#include "alerting/history.h"

#include "api_v2.h"
#include "model/duration.h"
#include "routes.h"

#define LIMIT_DEFAULT 1000

static bool read_fingerprint(const struct request *req, struct response *res, uint64_t *out,
                             const uint64_t **wanted)
{
    struct str text = request_param(req, "fingerprint");
    if (text.len == 0)
        return true;
    *out = 0;
    for (size_t i = 0; i < text.len; i++) {
        static const char digits[] = "0123456789abcdef";
        const char *digit = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
        if (!digit || text.len != 16) {
            api_fail_param(res, "fingerprint", "\"%.*s\" is not 16 hex digits", STR_ARG(text));
            return false;
        }
        *out = *out << 4 | (uint64_t)(digit - digits);
    }
    *wanted = out;
    return true;
}

struct search {
    struct history_query query;
    struct matcher_list matchers; // owned
    uint64_t fingerprint;
};

static bool read_filters(struct request *req, struct response *res, struct matcher_list *out)
{
    struct error err;
    size_t count;
    const struct str *texts = request_param_all(req, "filter", &count);
    for (size_t i = 0; i < count; i++) {
        struct matcher m;
        if (matcher_parse_one(&m, texts[i], &err)) {
            api_fail_param(res, "filter", "%s", err.text);
            return false;
        }
        matcher_list_add(out, &m);
    }
    return true;
}

static bool read_search(struct request *req, struct response *res, struct search *s)
{
    *s = (struct search){.query = {.limit = LIMIT_DEFAULT}};
    if (!read_filters(req, res, &s->matchers) ||
        !api_range(req, res, &s->query.start_ms, &s->query.end_ms) ||
        !read_fingerprint(req, res, &s->fingerprint, &s->query.fingerprint))
        return false;
    if (request_param(req, "limit").len && !api_limit(req, res, &s->query.limit))
        return false;
    s->query.matchers = s->matchers.items;
    s->query.matcher_count = s->matchers.count;
    return true;
}

static void write_text(struct json_writer *w, const char *key, struct str text)
{
    if (text.len == 0)
        return;
    json_key(w, key);
    json_str(w, text);
}

static void write_event(struct json_writer *w, const struct history_event *e)
{
    char fingerprint[17];
    snprintf(fingerprint, sizeof(fingerprint), "%016llx", (unsigned long long)e->fingerprint);
    json_object_begin(w);
    json_key(w, "time");
    json_time(w, e->time_ms);
    json_key(w, "event");
    json_cstr(w, history_event_name(e->type));
    json_key(w, "status");
    json_cstr(w, e->type == HISTORY_PENDING  ? "pending"
                 : e->type == HISTORY_LAPSED ? "inactive"
                 : e->resolved               ? "resolved"
                                             : "firing");
    json_key(w, "fingerprint");
    json_cstr(w, fingerprint);
    json_key(w, "labels");
    labels_json(w, e->labels);
    write_text(w, "receiver", e->receiver);
    write_text(w, "group", e->group);
    write_text(w, "by", e->by);
    write_text(w, "integration", e->integration);
    if (e->attempt) {
        json_key(w, "attempt");
        json_u64(w, e->attempt);
    }
    write_text(w, "error", e->error);
    json_object_end(w);
}

static void write_json(struct response *res, const struct history_event *events, size_t count,
                       bool truncated)
{
    struct json_writer w;
    api_begin(res, &w);
    json_object_begin(&w);
    json_key(&w, "events");
    json_array_begin(&w);
    for (size_t i = 0; i < count; i++)
        write_event(&w, &events[i]);
    json_array_end(&w);
    json_object_end(&w);
    api_end_notes(&w, &API_TRUNCATED, truncated, NULL, 0);
}

static void write_lines(struct response *res, const struct history_event *events, size_t count,
                        bool truncated)
{
    struct buf *out = &res->body;
    res->content_type = "text/plain; charset=utf-8";
    if (truncated)
        buf_printf(out, "(older events left out: ask with a larger limit)\n");
    for (size_t i = 0; i < count; i++) {
        timestamp_format(out, events[i].time_ms);
        buf_cstr(out, "  ");
        labels_format(out, events[i].labels);
        buf_cstr(out, "  ");
        history_describe(out, &events[i]);
        buf_char(out, '\n');
    }
    if (count == 0)
        buf_cstr(out, "nothing is known of such alerts\n");
}

static void answer(struct web_server *web, struct request *req, struct response *res,
                   void (*write)(struct response *res, const struct history_event *events,
                                 size_t count, bool truncated))
{
    struct search s;
    struct history_event *events;
    size_t count;
    bool truncated;
    struct alertmanager *engine = web->options.alertmanager;
    if (!engine) {
        api_fail(res, API_UNAVAILABLE,
                 "nobody is notified from here: Lapwing runs without --alertmanager.config.file");
        return;
    }
    if (read_search(req, res, &s)) {
        int rc = alertmanager_history(engine, &s.query, &req->arena, &events, &count, &truncated);
        if (rc)
            api_fail(res, API_INTERNAL, "the ledger cannot be read: %s", err_text(rc));
        else
            write(res, events, count, truncated);
    }
    matcher_list_release(&s.matchers);
}

void api_history(struct web_server *web, struct request *req, struct response *res)
{
    answer(web, req, res, write_json);
}

void api_explain(struct web_server *web, struct request *req, struct response *res)
{
    answer(web, req, res, write_lines);
}
