// The bodies of API v2, checked in the order of Alertmanager's generated server: types first, as
// when a document is unmarshalled, then what is required and its form, by name.
#include <math.h>

#include "api_v2.h"
#include "base/utf8.h"
#include "model/duration.h"

static const char *kind_name(const struct json *value)
{
    static const char *const names[] = {"null", "bool", "number", "string", "array", "object"};
    return names[json_kind(value)];
}

static int fail_type(struct v2_error *err, const char *body, const struct json *value,
                     const char *field, const char *expected)
{
    return v2_error_set(err, 400,
                        "parsing %s body from \"\" failed, because json: cannot unmarshal %s into "
                        "field %s of type %s",
                        body, kind_name(value), field, expected);
}

static int fail_required(struct v2_error *err, const char *prefix, const char *field)
{
    return v2_error_set(err, V2_REQUIRED, "%s%s in body is required", prefix, field);
}

static bool is_given(const struct json *value)
{
    return value && json_kind(value) != JSON_NULL;
}

static int read_text(const struct json *object, const char *body, const char *field,
                     struct str *out, struct v2_error *err)
{
    const struct json *value = json_get(object, field);
    *out = str_make(NULL, 0);
    if (!is_given(value))
        return 0;
    if (json_kind(value) != JSON_STRING)
        return fail_type(err, body, value, field, "string");
    *out = json_text(value);
    if (!utf8_valid(*out))
        return v2_error_set(err, 400, "%s is not valid UTF-8", field);
    return 0;
}

static int read_bool(const struct json *object, const char *body, const char *field, bool *out,
                     struct v2_error *err)
{
    const struct json *value = json_get(object, field);
    if (!is_given(value))
        return 0;
    if (json_kind(value) != JSON_BOOL)
        return fail_type(err, body, value, field, "bool");
    *out = json_is_true(value);
    return 0;
}

// Go's zero time, and no text at all, count as not given: 0.
static int read_time(const struct json *object, const char *body, const char *field, int64_t *out,
                     struct v2_error *err)
{
    struct str text;
    *out = 0;
    int rc = read_text(object, body, field, &text, err);
    if (rc || text.len == 0 || str_has_prefix(text, STR("0001-01-01T00:00:00")))
        return rc;
    if (!timestamp_parse_rfc3339(text, out))
        return v2_error_set(err, 400,
                            "parsing %s body from \"\" failed, because parsing time \"%.*s\" as "
                            "\"2006-01-02T15:04:05Z07:00\": it is none",
                            body, STR_ARG(text));
    return 0;
}

static int read_labels(const struct json *object, const char *body, const char *field,
                       struct arena *arena, struct labels *out, struct v2_error *err)
{
    const struct json *value = json_get(object, field);
    struct labels_builder b;
    *out = (struct labels){0};
    if (!is_given(value))
        return 0;
    if (json_kind(value) != JSON_OBJECT)
        return fail_type(err, body, value, field, "models.LabelSet");
    labels_builder_init(&b, arena, (struct labels){0});
    for (const struct json *pair = json_child(value); pair; pair = json_next(pair)) {
        if (json_kind(pair) != JSON_STRING)
            return fail_type(err, body, pair, field, "string");
        labels_builder_set(&b, json_name(pair), json_text(pair));
    }
    *out = labels_builder_finish(&b);
    return 0;
}

// What Go's url.ParseRequestURI takes: a path, or a scheme and something behind it.
static bool is_uri(struct str text)
{
    size_t colon = str_find(text, ':');
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f)
            return false;
    if (text.len == 0 || text.ptr[0] == '/')
        return true;
    for (size_t i = 0; i < colon; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other))
            return false;
    }
    return colon > 0 && colon + 1 < text.len;
}

static int read_alert(const struct json *value, struct arena *arena, struct alert *out,
                      struct v2_error *err)
{
    if (json_kind(value) != JSON_OBJECT)
        return fail_type(err, "alerts", value, "alert", "models.PostableAlert");
    int rc = read_labels(value, "alerts", "annotations", arena, &out->annotations, err);
    if (!rc)
        rc = read_labels(value, "alerts", "labels", arena, &out->labels, err);
    if (!rc)
        rc = read_time(value, "alerts", "startsAt", &out->starts_ms, err);
    if (!rc)
        rc = read_time(value, "alerts", "endsAt", &out->ends_ms, err);
    if (!rc)
        rc = read_text(value, "alerts", "generatorURL", &out->generator_url, err);
    return rc;
}

static int check_alert(const struct json *value, const struct alert *alert, size_t index,
                       struct v2_error *err)
{
    if (!is_uri(alert->generator_url))
        return v2_error_set(err, V2_BAD_FORMAT,
                            "%zu.generatorURL in body must be of type uri: \"%.*s\"", index,
                            STR_ARG(alert->generator_url));
    if (!is_given(json_get(value, "labels")))
        return v2_error_set(err, V2_REQUIRED, "%zu.labels in body is required", index);
    return 0;
}

static size_t child_count(const struct json *list)
{
    size_t count = 0;
    for (const struct json *child = json_child(list); child; child = json_next(child))
        count++;
    return count;
}

int v2_parse_alerts(const struct json *document, struct arena *arena, struct alert **alerts,
                    size_t *count, struct v2_error *err)
{
    size_t index = 0;
    *count = 0;
    if (json_kind(document) != JSON_ARRAY && json_kind(document) != JSON_NULL)
        return fail_type(err, "alerts", document, "alerts", "models.PostableAlerts");
    size_t all = json_kind(document) == JSON_ARRAY ? child_count(document) : 0;
    *alerts = arena_calloc(arena, all + 1, sizeof(**alerts));
    for (const struct json *child = json_child(document); index < all;
         child = json_next(child), index++) {
        int rc = read_alert(child, arena, &(*alerts)[index], err);
        if (rc)
            return rc;
    }
    index = 0;
    for (const struct json *child = json_child(document); index < all;
         child = json_next(child), index++) {
        int rc = check_alert(child, &(*alerts)[index], index, err);
        if (rc)
            return rc;
    }
    *count = all;
    return 0;
}

static bool labels_are_bad(struct labels set, const char *what, struct buf *why)
{
    for (size_t i = 0; i < set.count; i++) {
        bool bad_name = !label_name_is_valid(set.items[i].name);
        if (!bad_name && utf8_valid(set.items[i].value))
            continue;
        buf_printf(why, "invalid %s: invalid %s ", what, bad_name ? "name" : "value");
        str_quote(why, bad_name ? set.items[i].name : set.items[i].value);
        return true;
    }
    return false;
}

bool v2_alert_is_bad(const struct alert *alert, int64_t default_end_ms, struct buf *why)
{
    size_t before = why->len;
    int64_t ends_ms = alert->ends_ms ? alert->ends_ms : default_end_ms;
    if (before)
        buf_cstr(why, "; ");
    if (alert->starts_ms && ends_ms < alert->starts_ms)
        buf_cstr(why, "start time must be before end time");
    else if (alert->labels.count == 0)
        buf_cstr(why, "at least one label pair required");
    else if (!labels_are_bad(alert->labels, "label set", why) &&
             !labels_are_bad(alert->annotations, "annotations", why))
        buf_truncate(why, before);
    return why->len > before;
}

static int read_matcher(const struct json *value, size_t index, struct silence_matcher *out,
                        struct v2_error *err)
{
    static const char *const required[] = {"isRegex", "name", "value"};
    char prefix[40];
    bool is_equal = true, is_regex = false;
    if (json_kind(value) != JSON_OBJECT)
        return fail_type(err, "silence", value, "matchers", "models.Matcher");
    int rc = read_text(value, "silence", "name", &out->name, err);
    if (!rc)
        rc = read_text(value, "silence", "value", &out->value, err);
    if (!rc)
        rc = read_bool(value, "silence", "isRegex", &is_regex, err);
    if (!rc)
        rc = read_bool(value, "silence", "isEqual", &is_equal, err);
    snprintf(prefix, sizeof(prefix), "matchers.%zu.", index);
    for (size_t i = 0; !rc && i < 3; i++)
        if (!is_given(json_get(value, required[i])))
            rc = fail_required(err, prefix, required[i]);
    out->type = is_regex ? (is_equal ? MATCH_REGEX : MATCH_NOT_REGEX)
                         : (is_equal ? MATCH_EQUAL : MATCH_NOT_EQUAL);
    return rc;
}

static int read_matchers(const struct json *list, struct arena *arena, struct silence_spec *out,
                         struct v2_error *err)
{
    size_t count = child_count(list), index = 0;
    struct silence_matcher *matchers = arena_calloc(arena, count + 1, sizeof(*matchers));
    if (count == 0)
        return v2_error_set(err, V2_TOO_FEW, "matchers in body should have at least 1 items");
    for (const struct json *child = json_child(list); child; child = json_next(child), index++) {
        int rc = read_matcher(child, index, &matchers[index], err);
        if (rc)
            return rc;
    }
    out->matchers = matchers;
    out->matcher_count = count;
    return 0;
}

static void print_json(struct json_writer *w, const struct json *value)
{
    bool is_object = json_kind(value) == JSON_OBJECT;
    switch (json_kind(value)) {
    case JSON_NULL:
        json_null(w);
        return;
    case JSON_BOOL:
        json_bool(w, json_is_true(value));
        return;
    case JSON_NUMBER:
        json_double(w, json_number(value));
        return;
    case JSON_STRING:
        json_str(w, json_text(value));
        return;
    case JSON_ARRAY:
    case JSON_OBJECT:
        break;
    }
    (is_object ? json_object_begin : json_array_begin)(w);
    for (const struct json *child = json_child(value); child; child = json_next(child)) {
        if (is_object)
            json_key_str(w, json_name(child));
        print_json(w, child);
    }
    (is_object ? json_object_end : json_array_end)(w);
}

static bool is_deeper(const struct json *value, int depth)
{
    if (json_kind(value) != JSON_ARRAY && json_kind(value) != JSON_OBJECT)
        return false;
    if (depth == 0)
        return true;
    for (const struct json *child = json_child(value); child; child = json_next(child))
        if (is_deeper(child, depth - 1))
            return true;
    return false;
}

// A list of time intervals, kept as JSON text; null or [] takes it away.
static int read_recurrence(const struct json *document, struct arena *arena,
                           struct silence_spec *out, struct v2_error *err)
{
    const struct json *value = json_get(document, "recurrence");
    struct json_writer w;
    struct buf text = BUF_INIT;
    if (!value)
        return 0;
    out->recurrence = str_make(NULL, 0);
    if (json_kind(value) != JSON_ARRAY && json_kind(value) != JSON_NULL)
        return fail_type(err, "silence", value, "recurrence", "a list of time intervals");
    if (is_deeper(value, 8))
        return v2_error_set(err, 400, "recurrence is nested too deep");
    if (!json_child(value))
        return 0;
    json_writer_init(&w, &text);
    print_json(&w, value);
    out->recurrence = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return 0;
}

static int read_extras(const struct json *document, struct arena *arena, struct silence_spec *out,
                       struct v2_error *err)
{
    struct str remind;
    int rc = read_recurrence(document, arena, out, err);
    if (!rc && json_get(document, "expireOnResolve")) {
        out->expire_on_resolve = false;
        rc = read_bool(document, "silence", "expireOnResolve", &out->expire_on_resolve, err);
    }
    if (rc || !json_get(document, "remindBefore"))
        return rc;
    out->remind_before_ms = 0;
    rc = read_text(document, "silence", "remindBefore", &remind, err);
    if (!rc && remind.len && !duration_parse(remind, &out->remind_before_ms))
        rc = v2_error_set(err, 400, "remindBefore: \"%.*s\" is not a duration such as 30m",
                          STR_ARG(remind));
    return rc;
}

static int read_fields(const struct json *document, struct arena *arena, struct silence_spec *out,
                       struct v2_error *err)
{
    int rc = read_text(document, "silence", "id", &out->id, err);
    if (!rc)
        rc = read_text(document, "silence", "comment", &out->comment, err);
    if (!rc)
        rc = read_text(document, "silence", "createdBy", &out->created_by, err);
    if (!rc)
        rc = read_time(document, "silence", "startsAt", &out->starts_ms, err);
    if (!rc)
        rc = read_time(document, "silence", "endsAt", &out->ends_ms, err);
    if (!rc)
        rc = read_labels(document, "silence", "annotations", arena, &out->annotations, err);
    return rc;
}

int v2_parse_silence(const struct json *document, struct arena *arena, struct silence_spec *out,
                     struct v2_error *err)
{
    static const char *const required[] = {"comment", "createdBy", "endsAt", "matchers",
                                           "startsAt"};
    enum json_kind kind = json_kind(document);
    const struct json *matchers = json_get(document, "matchers");
    if (kind != JSON_OBJECT && kind != JSON_NULL)
        return fail_type(err, "silence", document, "silence", "models.PostableSilence");
    int rc = read_fields(document, arena, out, err);
    if (!rc && is_given(matchers) && json_kind(matchers) != JSON_ARRAY)
        rc = fail_type(err, "silence", matchers, "matchers", "models.Matchers");
    for (size_t i = 0; !rc && i < sizeof(required) / sizeof(required[0]); i++)
        if (!is_given(json_get(document, required[i])))
            rc = fail_required(err, "", required[i]);
    if (!rc)
        rc = read_matchers(matchers, arena, out, err);
    return rc ? rc : read_extras(document, arena, out, err);
}
