// Alertmanager's API v2: its errors, and its bodies as it validates them.
//
// Errors come in two shapes: what Alertmanager itself says is a JSON string, what its generated
// server says is {"code":...,"message":...}.
#ifndef WEB_API_V2_H
#define WEB_API_V2_H

#include "alerting/alert_status.h"
#include "alerting/silence.h"
#include "api.h"
#include "base/json.h"
#include "config/matcher_text.h"

// Codes that the generated server gives beside a status of 422.
enum v2_code { V2_BAD_FORMAT = 601, V2_REQUIRED = 602, V2_TOO_FEW = 612 };

// "text"
void v2_fail_text(struct response *res, int status, struct str text);
// {"code":CODE,"message":"..."}
void v2_fail(struct response *res, int status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// The same for an error of parsing or checking a body: 422 for those of enum v2_code, else 400.
struct v2_error {
    int code;
    char text[512];
};

int v2_error_set(struct v2_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Writes the JSON document up to its value; v2_end() ends it as Alertmanager does.
void v2_begin(struct response *res, struct json_writer *w);
void v2_end(struct response *res);

// The engine, or NULL and the answer filled in.
struct alertmanager *v2_engine(struct web_server *web, struct response *res);
// 2026-01-02T03:04:05.678Z
void v2_time(struct json_writer *w, int64_t ms);
// {"name":"...","labels":{...}}
void v2_receiver(struct json_writer *w, const struct receiver_status *receiver);
// [{"name":"..."}]
void v2_receivers(struct json_writer *w, const struct receiver_status *receivers, size_t count);

// The body parsed, or the answer filled in: not JSON by its Content-Type, empty, or malformed.
// `name` is what messages call it.
bool v2_body(const struct request *req, struct response *res, const char *name,
             struct json **document);
// Whether a parameter that is on by default is given as false, as Alertmanager's server reads it: what
// it does not know as true is false.
bool v2_switched_off(const struct request *req, const char *name);
// All `filter` parameters, or the answer filled in; release in both cases.
bool v2_filters(struct request *req, struct response *res, const char *param,
                struct matcher_list *out);

// Bodies; strings are borrowed from the document or live in the arena. Return 0, or a code with the
// error filled in.
int v2_parse_alerts(const struct json *document, struct arena *arena, struct alert **alerts,
                    size_t *count, struct v2_error *err);
// Fields of Lapwing's own that the body does not have are left as they are in *out.
int v2_parse_silence(const struct json *document, struct arena *arena, struct silence_spec *out,
                     struct v2_error *err);
// What is wrong with an alert as such, in Alertmanager's words; false when nothing is. One without an
// end has the default one.
bool v2_alert_is_bad(const struct alert *alert, int64_t default_end_ms, struct buf *why);

#endif
