// The JSON envelope of /api/v1 and its parameters, as Prometheus has them.
//
//     {"status":"success","data":...,"warnings":[...],"infos":[...]}
//     {"status":"error","errorType":"bad_data","error":"..."}
//
// The functions that read a parameter return false after they have put the error into the answer.
#ifndef WEB_API_H
#define WEB_API_H

#include "base/json_write.h"
#include "context.h"
#include "model/matcher.h"
#include "request.h"
#include "response.h"

// X(name, errorType, HTTP status)
#define API_ERROR_TABLE(X)                                                                         \
    X(BAD_DATA, "bad_data", 400)                                                                   \
    X(EXECUTION, "execution", 422)                                                                 \
    X(CANCELED, "canceled", 499)                                                                   \
    X(TIMEOUT, "timeout", 503)                                                                     \
    X(UNAVAILABLE, "unavailable", 503)                                                             \
    X(NOT_FOUND, "not_found", 404)                                                                 \
    X(INTERNAL, "internal", 500)

enum api_error_type {
#define X(name, text, status) API_##name,
    API_ERROR_TABLE(X)
#undef X
};

void api_fail(struct response *res, enum api_error_type type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// `invalid parameter "NAME": ...`
void api_fail_param(struct response *res, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// For what the store and the engine return.
enum api_error_type api_error_type_from(int code);

// Writes the envelope up to the data, which the caller writes next with *w.
void api_begin(struct response *res, struct json_writer *w);
void api_end(struct json_writer *w);
// With annotations; a list without entries leaves its key out.
void api_end_notes(struct json_writer *w, const struct str *warnings, size_t warning_count,
                   const struct str *infos, size_t info_count);
extern const struct str API_TRUNCATED; // the warning of a result cut by `limit`

// Open ends of a time range, far from overflowing when something is added.
#define API_TIME_OPEN_MS (INT64_C(1) << 53)

// A time parameter that must be there.
bool api_time(const struct request *req, struct response *res, const char *name, int64_t *ms);
// A time parameter with a default.
bool api_time_or(const struct request *req, struct response *res, const char *name,
                 int64_t default_ms, int64_t *ms);
// Float seconds or a duration.
bool api_duration_parse(struct str text, int64_t *ms);
// A duration parameter; an absent one leaves *ms alone.
bool api_duration(const struct request *req, struct response *res, const char *name, int64_t *ms);
// `limit`: 0 is none.
bool api_limit(const struct request *req, struct response *res, size_t *limit);
// An optional `start` and `end`; wide open without them.
bool api_range(const struct request *req, struct response *res, int64_t *start_ms, int64_t *end_ms);

// The expression of `query`, with the server's language features. The caller frees it.
bool api_expression(struct web_server *web, struct request *req, struct response *res,
                    struct promql_expr **out);

// ERR_INVALID where a text is no UTF-8, in the parser's words.
int api_text_check(struct str text, struct error *err);

struct matcher_set {
    struct matcher *matchers; // owned
    size_t count;
};

struct matcher_sets {
    struct matcher_set *items; // in the arena
    size_t count;
};

// All values of a parameter parsed as selectors. Release in both cases.
int matcher_sets_parse(struct request *req, const char *name, struct matcher_sets *out,
                       struct error *err);
// The same, with the error in the answer. `strict`: each must have a matcher that does not
// match the empty string. Release in both cases.
bool api_matchers(struct request *req, struct response *res, const char *name, bool strict,
                  struct matcher_sets *out);
void matcher_sets_release(struct matcher_sets *sets);
// Whether any of the sets matches.
bool matcher_sets_match(const struct matcher_sets *sets, struct labels labels);

// RFC 3339 as Go writes it; 0 becomes Go's zero time.
void json_time(struct json_writer *w, int64_t ms);

#endif
