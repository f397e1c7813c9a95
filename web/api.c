#include "api.h"

#include <math.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "model/duration.h"
#include "promql/selector.h"

static const struct {
    const char *text;
    int status;
} error_types[] = {
#define X(name, text, status) {text, status},
    API_ERROR_TABLE(X)
#undef X
};

const struct str API_TRUNCATED = STR_INIT("results truncated due to limit");

static void fail(struct response *res, enum api_error_type type, struct str message)
{
    struct json_writer w;
    buf_reset(&res->body);
    res->fixed_body = (struct str){0};
    res->status = error_types[type].status;
    res->content_type = "application/json";
    json_writer_init(&w, &res->body);
    json_object_begin(&w);
    json_key(&w, "status");
    json_cstr(&w, "error");
    json_key(&w, "errorType");
    json_cstr(&w, error_types[type].text);
    json_key(&w, "error");
    json_str(&w, message);
    json_object_end(&w);
}

void api_fail(struct response *res, enum api_error_type type, const char *format, ...)
{
    struct buf message = BUF_INIT;
    va_list args;
    va_start(args, format);
    buf_vprintf(&message, format, args);
    va_end(args);
    fail(res, type, buf_view(&message));
    buf_release(&message);
}

void api_fail_param(struct response *res, const char *name, const char *format, ...)
{
    struct buf message = BUF_INIT;
    va_list args;
    buf_printf(&message, "invalid parameter \"%s\": ", name);
    va_start(args, format);
    buf_vprintf(&message, format, args);
    va_end(args);
    fail(res, API_BAD_DATA, buf_view(&message));
    buf_release(&message);
}

enum api_error_type api_error_type_from(int code)
{
    switch (code) {
    case ERR_INVALID:
        return API_BAD_DATA;
    case ERR_TIMEOUT:
        return API_TIMEOUT;
    case ERR_CANCELED:
        return API_CANCELED;
    case ERR_UNAVAILABLE:
        return API_UNAVAILABLE;
    case ERR_NOT_FOUND:
        return API_NOT_FOUND;
    case ERR_EXECUTION:
    case ERR_LIMIT:
    case ERR_UNSUPPORTED:
        return API_EXECUTION;
    default:
        return API_INTERNAL;
    }
}

void api_begin(struct response *res, struct json_writer *w)
{
    res->content_type = "application/json";
    json_writer_init(w, &res->body);
    json_object_begin(w);
    json_key(w, "status");
    json_cstr(w, "success");
    json_key(w, "data");
}

static void notes(struct json_writer *w, const char *key, const struct str *items, size_t count)
{
    if (count == 0)
        return;
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        json_str(w, items[i]);
    json_array_end(w);
}

void api_end_notes(struct json_writer *w, const struct str *warnings, size_t warning_count,
                   const struct str *infos, size_t info_count)
{
    notes(w, "warnings", warnings, warning_count);
    notes(w, "infos", infos, info_count);
    json_object_end(w);
}

void api_end(struct json_writer *w)
{
    json_object_end(w);
}

// Go's RFC 3339 has no five-digit years, so that Prometheus knows these two by heart.
static bool parse_time(struct str text, int64_t *ms)
{
    if (str_is(text, "-292273086-05-16T16:47:06Z")) {
        *ms = -API_TIME_OPEN_MS;
        return true;
    }
    if (str_is(text, "292277025-08-18T07:12:54.999999999Z")) {
        *ms = API_TIME_OPEN_MS;
        return true;
    }
    return timestamp_parse(text, ms);
}

bool api_time(const struct request *req, struct response *res, const char *name, int64_t *ms)
{
    struct str text = request_param(req, name);
    if (parse_time(text, ms))
        return true;
    api_fail_param(res, name, "cannot parse \"%.*s\" to a valid timestamp", STR_ARG(text));
    return false;
}

bool api_time_or(const struct request *req, struct response *res, const char *name,
                 int64_t default_ms, int64_t *ms)
{
    struct str text = request_param(req, name);
    *ms = default_ms;
    if (text.len == 0 || parse_time(text, ms))
        return true;
    api_fail_param(res, name,
                   "Invalid time value for '%s': cannot parse \"%.*s\" to a valid timestamp", name,
                   STR_ARG(text));
    return false;
}

bool api_duration_parse(struct str text, int64_t *ms)
{
    double seconds;
    if (float_parse(text, &seconds)) {
        if (!(fabs(seconds) <= (double)INT64_MAX / 1e9))
            return false;
        *ms = (int64_t)(seconds * 1000);
        return true;
    }
    // Grafana sends durations as Go prints them.
    return duration_parse(text, ms) || duration_parse_go(text, ms);
}

bool api_duration(const struct request *req, struct response *res, const char *name, int64_t *ms)
{
    struct str text = request_param(req, name);
    if (text.len == 0 || api_duration_parse(text, ms))
        return true;
    api_fail_param(res, name, "cannot parse \"%.*s\" to a valid duration", STR_ARG(text));
    return false;
}

bool api_limit(const struct request *req, struct response *res, size_t *limit)
{
    struct str text = request_param(req, "limit");
    int64_t number = 0;
    *limit = 0;
    if (text.len == 0)
        return true;
    if (!str_to_i64(text, &number)) {
        api_fail_param(res, "limit", "strconv.Atoi: parsing \"%.*s\": invalid syntax",
                       STR_ARG(text));
        return false;
    }
    if (number < 0) {
        api_fail_param(res, "limit", "limit must be non-negative");
        return false;
    }
    *limit = (size_t)number;
    return true;
}

bool api_range(const struct request *req, struct response *res, int64_t *start_ms, int64_t *end_ms)
{
    if (!api_time_or(req, res, "start", -API_TIME_OPEN_MS, start_ms) ||
        !api_time_or(req, res, "end", API_TIME_OPEN_MS, end_ms))
        return false;
    if (*end_ms >= *start_ms)
        return true;
    api_fail_param(res, "end", "end timestamp must not be before start time");
    return false;
}

static bool selects_something(const struct matcher_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        if (!matcher_match_empty(&set->matchers[i]))
            return true;
    }
    return false;
}

int api_text_check(struct str text, struct error *err)
{
    size_t at = 0;
    uint32_t code_point;
    while (at < text.len) {
        size_t size = utf8_decode(str_skip(text, at), &code_point);
        if (size == 0)
            return error_set_at(err, ERR_INVALID, 1, (int)at + 1,
                                "1:%zu: parse error: invalid UTF-8 rune", at + 1);
        at += size;
    }
    return OK;
}

int matcher_sets_parse(struct request *req, const char *name, struct matcher_sets *out,
                       struct error *err)
{
    size_t count;
    struct str *texts = request_param_all(req, name, &count);
    *out = (struct matcher_sets){.items = arena_array(&req->arena, count, sizeof(*out->items))};
    for (size_t i = 0; i < count; i++) {
        struct matcher_set *set = &out->items[i];
        int rc = api_text_check(texts[i], err);
        if (rc == OK)
            rc = promql_parse_selector(texts[i], &set->matchers, &set->count, err);
        if (rc)
            return rc;
        out->count++;
    }
    return OK;
}

bool api_matchers(struct request *req, struct response *res, const char *name, bool strict,
                  struct matcher_sets *out)
{
    struct error err;
    if (matcher_sets_parse(req, name, out, &err)) {
        api_fail_param(res, name, "%s", err.text);
        return false;
    }
    for (size_t i = 0; strict && i < out->count; i++) {
        if (!selects_something(&out->items[i])) {
            api_fail_param(res, name, "match[] must contain at least one non-empty matcher");
            return false;
        }
    }
    return true;
}

void matcher_sets_release(struct matcher_sets *sets)
{
    for (size_t i = 0; i < sets->count; i++) {
        for (size_t k = 0; k < sets->items[i].count; k++)
            matcher_release(&sets->items[i].matchers[k]);
        mem_free(sets->items[i].matchers);
    }
    sets->count = 0;
}

bool matcher_sets_match(const struct matcher_sets *sets, struct labels labels)
{
    for (size_t i = 0; i < sets->count; i++) {
        if (matchers_match(sets->items[i].matchers, sets->items[i].count, labels))
            return true;
    }
    return false;
}

void json_time(struct json_writer *w, int64_t ms)
{
    if (ms == 0) {
        json_cstr(w, "0001-01-01T00:00:00Z");
        return;
    }
    struct buf text = BUF_INIT;
    timestamp_format_nano(&text, ms);
    json_str(w, buf_view(&text));
    buf_release(&text);
}
