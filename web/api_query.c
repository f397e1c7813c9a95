// /api/v1/query, query_range, query_exemplars.
//
// A result is written point by point into the answer's buffer; nothing stands between the engine's
// columns and the text. The engine enforces the budgets; here only the shape of the request is
// checked, in Prometheus' order and words, since clients show these messages to people.
#include "api.h"
#include "model/duration.h"
#include "routes.h"

#define POINTS_MAX 11000

// Milliseconds as Prometheus writes them: seconds, with exactly three decimals if any.
static size_t format_time(char *out, int64_t ms)
{
    char digits[24];
    size_t count = 0, len = 0;
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    unsigned fraction = (unsigned)(left % 1000);
    left /= 1000;
    do {
        digits[count++] = (char)('0' + left % 10);
        left /= 10;
    } while (left);
    if (ms < 0)
        out[len++] = '-';
    while (count)
        out[len++] = digits[--count];
    if (fraction) {
        out[len++] = '.';
        out[len++] = (char)('0' + fraction / 100);
        out[len++] = (char)('0' + fraction / 10 % 10);
        out[len++] = (char)('0' + fraction % 10);
    }
    return len;
}

// [1700000000.123,"1.5"]
static void write_point(struct buf *out, int64_t t_ms, double value)
{
    char *text = buf_reserve(out, FLOAT_TEXT_SIZE + 32);
    if (!text)
        return;
    size_t len = 0;
    text[len++] = '[';
    len += format_time(text + len, t_ms);
    text[len++] = ',';
    text[len++] = '"';
    len += float_format(value, FLOAT_SAMPLE, text + len);
    text[len++] = '"';
    text[len++] = ']';
    buf_advance(out, len);
}

static void write_value(struct json_writer *w, int64_t t_ms, double value)
{
    json_raw(w, STR("")); // the comma
    write_point(w->out, t_ms, value);
}

// The series of a range query have their points at the same times, or some of them: what stands before
// each value is written once.
struct time_texts {
    const int64_t *times_ms; // of the series that has the most
    size_t count;
    struct time_text {
        char text[31]; // ,[1700000000.123,"
        uint8_t len;
    } * texts;
};

static void time_texts_init(struct time_texts *t, struct arena *arena,
                            const struct promql_result *result, size_t count)
{
    *t = (struct time_texts){0};
    for (size_t i = 0; i < count; i++) {
        if (result->series[i].count <= t->count)
            continue;
        t->times_ms = result->series[i].times_ms;
        t->count = result->series[i].count;
    }
    t->texts = arena_array(arena, t->count, sizeof(*t->texts));
    for (size_t i = 0; i < t->count; i++) {
        struct time_text *text = &t->texts[i];
        text->text[0] = ',';
        text->text[1] = '[';
        size_t len = 2 + format_time(text->text + 2, t->times_ms[i]);
        text->text[len++] = ',';
        text->text[len++] = '"';
        text->len = (uint8_t)len;
    }
}

// Without its comma when it is the first one.
static void write_known_point(struct buf *out, const struct time_text *text, double value,
                              bool is_first)
{
    char *at = buf_reserve(out, sizeof(*text) + FLOAT_TEXT_SIZE);
    if (!at)
        return;
    memcpy(at, text->text + is_first, sizeof(text->text) - 1);
    size_t len = text->len - is_first;
    len += float_format(value, FLOAT_SAMPLE, at + len);
    at[len++] = '"';
    at[len++] = ']';
    buf_advance(out, len);
}

static void write_points(struct json_writer *w, const struct promql_series *s,
                         const struct time_texts *known)
{
    size_t at = 0;
    json_array_begin(w);
    for (size_t i = 0; i < s->count; i++) {
        while (at < known->count && known->times_ms[at] < s->times_ms[i])
            at++;
        if (at < known->count && known->times_ms[at] == s->times_ms[i]) {
            write_known_point(w->out, &known->texts[at], s->values[i], i == 0);
            continue;
        }
        if (i)
            buf_char(w->out, ',');
        write_point(w->out, s->times_ms[i], s->values[i]);
    }
    json_array_end(w);
}

// Of the text of a point, and of a series without points.
#define POINT_SIZE  36
#define SERIES_SIZE 200

static void write_series(struct json_writer *w, const struct promql_result *result, size_t count,
                         struct arena *arena)
{
    struct time_texts times = {0};
    size_t points = 0;
    if (result->type == PROMQL_MATRIX)
        time_texts_init(&times, arena, result, count);
    for (size_t i = 0; i < count; i++)
        points += result->series[i].count;
    // What it will be, about: growing step by step copies all that is there.
    if (points * POINT_SIZE < RESPONSE_BODY_MAX / 2)
        buf_reserve(w->out, count * SERIES_SIZE + points * POINT_SIZE);
    json_array_begin(w);
    for (size_t i = 0; i < count && !w->out->failed; i++) {
        const struct promql_series *s = &result->series[i];
        json_object_begin(w);
        json_key(w, "metric");
        labels_json(w, s->labels);
        json_key(w, result->type == PROMQL_VECTOR ? "value" : "values");
        if (result->type == PROMQL_VECTOR)
            write_value(w, s->times_ms[0], s->values[0]);
        else
            write_points(w, s, &times);
        json_object_end(w);
    }
    json_array_end(w);
}

// Scalars and strings are not laid out as samples are: the time is a plain number, and the value has
// never an exponent.
static void write_string(struct json_writer *w, int64_t t_ms, struct str text)
{
    json_array_begin(w);
    json_double(w, (double)t_ms / 1000);
    json_str(w, text);
    json_array_end(w);
}

static void write_scalar(struct json_writer *w, const struct sample *s)
{
    char text[FLOAT_TEXT_SIZE];
    write_string(w, s->t_ms, str_make(text, float_format(s->value, FLOAT_F, text)));
}

static void write_stats(struct json_writer *w, const struct promql_result *result, double seconds)
{
    static const char *const zero[] = {"resultSortTime", "queryPreparationTime", "innerEvalTime",
                                       "execQueueTime"};
    json_key(w, "stats");
    json_object_begin(w);
    json_key(w, "timings");
    json_object_begin(w);
    json_key(w, "evalTotalTime");
    json_double(w, seconds);
    for (size_t i = 0; i < sizeof(zero) / sizeof(zero[0]); i++) {
        json_key(w, zero[i]);
        json_i64(w, 0);
    }
    json_key(w, "execTotalTime");
    json_double(w, seconds);
    json_object_end(w);
    json_key(w, "samples");
    json_object_begin(w);
    json_key(w, "totalQueryableSamples");
    json_u64(w, result->samples_read);
    json_key(w, "samplesRead");
    json_u64(w, result->samples_read);
    json_key(w, "peakSamples");
    json_u64(w, result->bytes_peak / sizeof(struct sample));
    json_object_end(w);
    json_object_end(w);
}

// What a request asks for beside the expression.
struct query_form {
    struct promql_expr *expr; // owned; NULL until it is parsed
    struct promql_query query;
    size_t limit;
    bool stats;
};

static void write_data(struct json_writer *w, const struct query_form *form,
                       const struct promql_result *result, size_t count, double seconds,
                       struct arena *arena)
{
    json_object_begin(w);
    json_key(w, "resultType");
    json_cstr(w, promql_type_name(result->type));
    json_key(w, "result");
    if (result->type == PROMQL_SCALAR)
        write_scalar(w, &result->scalar);
    else if (result->type == PROMQL_STRING)
        write_string(w, form->query.start_ms, result->string);
    else
        write_series(w, result, count, arena);
    if (form->stats)
        write_stats(w, result, seconds);
    json_object_end(w);
}

static void write_result(struct request *req, struct response *res, const struct query_form *form,
                         const struct promql_result *result, double seconds)
{
    struct json_writer w;
    bool cut = form->limit && result->series_count > form->limit;
    struct str *warnings = arena_array(&req->arena, result->warning_count + 1, sizeof(*warnings));
    if (result->warning_count)
        memcpy(warnings, result->warnings, result->warning_count * sizeof(*warnings));
    warnings[result->warning_count] = API_TRUNCATED;
    api_begin(res, &w);
    write_data(&w, form, result, cut ? form->limit : result->series_count, seconds, &req->arena);
    api_end_notes(&w, warnings, result->warning_count + cut, result->infos, result->info_count);
}

// To compress more points than this takes longer than a brief request may. Queries of so many steps
// that a few series have more are not even begun.
#define BRIEF_GZIP_POINTS 500
#define BRIEF_GZIP_STEPS  50

static bool is_brief_gzip(const struct request *req)
{
    return req->brief && header_accepts(req->accept_encoding, "gzip");
}

static bool has_many_steps(const struct request *req, const struct promql_query *q)
{
    return is_brief_gzip(req) && q->step_ms &&
           ((uint64_t)q->end_ms - (uint64_t)q->start_ms) / (uint64_t)q->step_ms > BRIEF_GZIP_STEPS;
}

static bool is_slow_to_send(const struct request *req, const struct promql_result *result)
{
    size_t points = 0;
    if (!is_brief_gzip(req))
        return false;
    for (size_t i = 0; i < result->series_count; i++)
        points += result->series[i].count;
    return points > BRIEF_GZIP_POINTS;
}

static void run_query(struct web_server *web, struct request *req, struct response *res,
                      struct query_form *form)
{
    struct promql_result result = {0};
    struct error err;
    if (has_many_steps(req, &form->query)) {
        res->deferred = true;
        return;
    }
    form->query.cancel = &req->cancel;
    form->query.brief = req->brief;
    form->query.may_reuse = !request_param(req, "nocache").len;
    int64_t start_ns = clock_mono_ns(web->options.clock);
    int rc = promql_run(web->options.engine, &form->query, &req->arena, &result, &err);
    double seconds = (double)(clock_mono_ns(web->options.clock) - start_ns) / 1e9;
    res->deferred = rc == ERR_DEFERRED || (rc == OK && is_slow_to_send(req, &result));
    if (rc && !res->deferred)
        api_fail(res, api_error_type_from(rc), "%s", err.text);
    else if (!res->deferred)
        write_result(req, res, form, &result, seconds);
    promql_result_release(web->options.engine, &result);
}

// timeout, lookback_delta, stats and the expression, which come last.
static bool parse_common(struct web_server *web, struct request *req, struct response *res,
                         struct query_form *form)
{
    struct str lookback = request_param(req, "lookback_delta");
    if (!api_duration(req, res, "timeout", &form->query.timeout_ms))
        return false;
    if (lookback.len && !api_duration_parse(lookback, &form->query.lookback_ms)) {
        api_fail(res, API_BAD_DATA,
                 "error parsing lookback delta duration: cannot parse \"%.*s\" to a valid duration",
                 STR_ARG(lookback));
        return false;
    }
    // No time at all is up before it begins; to the engine 0 means its own limit.
    if (request_param(req, "timeout").len && form->query.timeout_ms == 0) {
        api_fail(res, API_TIMEOUT, "query timed out in query queue");
        return false;
    }
    if (form->query.timeout_ms < 0 || form->query.lookback_ms < 0) {
        api_fail(res, API_BAD_DATA, "timeout and lookback_delta must not be negative");
        return false;
    }
    form->stats = request_param(req, "stats").len > 0;
    if (!api_expression(web, req, res, &form->expr))
        return false;
    form->query.expr = form->expr;
    form->query.text = request_param(req, "query");
    return true;
}

void api_query(struct web_server *web, struct request *req, struct response *res)
{
    struct query_form form = {0};
    int64_t now_ms = clock_wall_ms(web->options.clock);
    if (api_limit(req, res, &form.limit) &&
        api_time_or(req, res, "time", now_ms, &form.query.start_ms) &&
        parse_common(web, req, res, &form)) {
        form.query.end_ms = form.query.start_ms;
        run_query(web, req, res, &form);
    }
    promql_expr_free(form.expr);
}

static bool parse_steps(const struct request *req, struct response *res, struct promql_query *q)
{
    if (!api_time(req, res, "start", &q->start_ms) || !api_time(req, res, "end", &q->end_ms))
        return false;
    if (q->end_ms < q->start_ms) {
        api_fail_param(res, "end", "end timestamp must not be before start time");
        return false;
    }
    struct str step = request_param(req, "step");
    if (!api_duration_parse(step, &q->step_ms)) {
        api_fail_param(res, "step", "cannot parse \"%.*s\" to a valid duration", STR_ARG(step));
        return false;
    }
    if (q->step_ms <= 0) {
        api_fail_param(res, "step",
                       "zero or negative query resolution step widths are not accepted. Try a "
                       "positive integer");
        return false;
    }
    uint64_t span_ms = (uint64_t)q->end_ms - (uint64_t)q->start_ms;
    if (span_ms / (uint64_t)q->step_ms > POINTS_MAX) {
        api_fail(res, API_BAD_DATA,
                 "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
                 "query resolution (?step=XX)");
        return false;
    }
    return true;
}

static bool has_range_type(struct response *res, const struct promql_expr *expr)
{
    enum promql_type type = promql_expr_type(expr);
    if (type == PROMQL_SCALAR || type == PROMQL_VECTOR)
        return true;
    api_fail_param(
        res, "query",
        "invalid expression type \"%s\" for range query, must be Scalar or instant Vector",
        type == PROMQL_MATRIX ? "range vector" : promql_type_name(type));
    return false;
}

void api_query_range(struct web_server *web, struct request *req, struct response *res)
{
    struct query_form form = {0};
    if (api_limit(req, res, &form.limit) && parse_steps(req, res, &form.query) &&
        parse_common(web, req, res, &form) && has_range_type(res, form.expr))
        run_query(web, req, res, &form);
    promql_expr_free(form.expr);
}

// Exemplars are not stored: a valid request has an empty answer.
void api_query_exemplars(struct web_server *web, struct request *req, struct response *res)
{
    int64_t start_ms, end_ms;
    struct promql_expr *expr;
    struct json_writer w;
    if (!api_range(req, res, &start_ms, &end_ms) || !api_expression(web, req, res, &expr))
        return;
    promql_expr_free(expr);
    api_begin(res, &w);
    json_array_begin(&w);
    json_array_end(&w);
    api_end(&w);
}
