// A line at a time. The series text of a sample (`name{...}`) is only scanned to its end here:
// scrapes repeat, and the caller's cache usually knows it, so that labels are taken apart once in a
// series' life.
#include "scrape/exposition.h"

#include <math.h>

#include "base/float_text.h"
#include "base/utf8.h"

enum exposition_format exposition_format_of(struct str content_type)
{
    struct str media, parameters;
    str_cut(content_type, ';', &media, &parameters);
    media = str_trim(media);
    if (str_eq_nocase(media, STR("text/plain")))
        return EXPOSITION_TEXT;
    if (str_eq_nocase(media, STR("application/openmetrics-text")))
        return EXPOSITION_OPENMETRICS;
    return EXPOSITION_NONE;
}

void exposition_init(struct exposition *x, struct str body, enum exposition_format format,
                     struct arena *arena)
{
    *x = (struct exposition){.rest = body, .format = format, .arena = arena};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct str skip_blank(struct str s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = str_skip(s, 1);
    return s;
}

static struct str take_field(struct str *s)
{
    size_t len = 0;
    while (len < s->len && !is_blank(s->ptr[len]))
        len++;
    struct str field = str_first(*s, len);
    *s = skip_blank(str_skip(*s, len));
    return field;
}

static int bad(const struct exposition *x, struct error *err, const char *expected, struct str got)
{
    if (got.len > 40)
        got.len = 40;
    return error_set_at(err, ERR_INVALID, x->line, 1, "line %d: expected %s, got \"%.*s\"", x->line,
                        expected, STR_ARG(got));
}

// Index behind the closing quote of a string that begins at s.ptr[at], or s.len + 1.
static size_t string_end(struct str s, size_t at)
{
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            return i + 1;
    }
    return s.len + 1;
}

// Length of `name{labels}` at the start of a line, 0 when the braces don't close.
static size_t series_length(struct str s)
{
    size_t i = 0;
    while (i < s.len && !is_blank(s.ptr[i]) && s.ptr[i] != '{')
        i++;
    size_t brace = i;
    while (brace < s.len && is_blank(s.ptr[brace]))
        brace++;
    if (brace >= s.len || s.ptr[brace] != '{')
        return i;
    for (i = brace + 1; i < s.len;) {
        if (s.ptr[i] == '"')
            i = string_end(s, i);
        else if (s.ptr[i++] == '}')
            return i;
    }
    return 0;
}

static struct str unescape(struct arena *arena, struct str s)
{
    if (str_find(s, '\\') == s.len)
        return s;
    char *out = arena_alloc(arena, s.len);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len && strchr("n\\\"", s.ptr[i + 1]) && s.ptr[i + 1]) {
            i++;
            c = s.ptr[i] == 'n' ? '\n' : s.ptr[i];
        }
        out[len++] = c;
    }
    return str_make(out, len);
}

static bool parse_time(const struct exposition *x, struct str text, int64_t *t_ms)
{
    double seconds;
    if (x->format == EXPOSITION_TEXT)
        return str_to_i64(text, t_ms);
    if (!float_parse(text, &seconds) || !(fabs(seconds) < 9.2e15))
        return false;
    *t_ms = (int64_t)round(seconds * 1000);
    return true;
}

static bool parse_value(struct str text, double *value)
{
    if (!float_parse(text, value))
        return false;
    // Every NaN of a target is the one ordinary NaN: no target can forge a staleness marker.
    if (isnan(*value))
        *value = __builtin_nan("");
    return true;
}

static int parse_sample(struct exposition *x, struct str line, struct exposition_entry *out,
                        struct error *err)
{
    size_t length = series_length(line);
    out->kind = EXPOSITION_SAMPLE;
    out->series = str_first(line, length);
    size_t name = str_find(out->series, '{');
    out->name = str_trim(str_first(out->series, name));
    if (length == 0)
        return bad(x, err, "a metric name and labels in closed braces", line);
    if (out->name.len && !metric_name_is_legacy(out->name))
        return bad(x, err, "a valid metric name", out->name);
    struct str rest = skip_blank(str_skip(line, length));
    struct str value = take_field(&rest);
    if (!parse_value(value, &out->value))
        return bad(x, err, "a value", value);
    out->has_time = rest.len > 0 && rest.ptr[0] != '#';
    if (out->has_time) {
        struct str time = take_field(&rest);
        if (!parse_time(x, time, &out->t_ms))
            return bad(x, err, "a timestamp", time);
    }
    bool exemplar = x->format == EXPOSITION_OPENMETRICS && rest.len && rest.ptr[0] == '#';
    if (rest.len && !exemplar)
        return bad(x, err, "the end of the line", rest);
    return OK;
}

static bool type_is_known(struct str type, enum exposition_format format)
{
    static const char *const text[] = {"counter", "gauge", "histogram", "summary", "untyped"};
    static const char *const open[] = {"counter", "gauge",    "histogram",      "summary",
                                       "info",    "stateset", "gaugehistogram", "unknown"};
    const char *const *types = format == EXPOSITION_TEXT ? text : open;
    size_t count =
        format == EXPOSITION_TEXT ? sizeof(text) / sizeof(text[0]) : sizeof(open) / sizeof(open[0]);
    for (size_t i = 0; i < count; i++) {
        if (str_is(type, types[i]))
            return true;
    }
    return false;
}

// # HELP name text, # TYPE name type, # UNIT name unit, # EOF; ERR_NOT_FOUND: a comment to skip.
static int parse_comment(struct exposition *x, struct str line, struct exposition_entry *out,
                         struct error *err)
{
    struct str rest = skip_blank(str_skip(line, 1));
    struct str keyword = take_field(&rest);
    if (str_is(keyword, "EOF") && x->format == EXPOSITION_OPENMETRICS) {
        x->ended = true;
        return ERR_NOT_FOUND;
    }
    if (str_is(keyword, "HELP"))
        out->kind = EXPOSITION_HELP;
    else if (str_is(keyword, "TYPE"))
        out->kind = EXPOSITION_TYPE;
    else if (str_is(keyword, "UNIT") && x->format == EXPOSITION_OPENMETRICS)
        out->kind = EXPOSITION_UNIT;
    else if (x->format == EXPOSITION_OPENMETRICS)
        return bad(x, err, "HELP, TYPE, UNIT or EOF", line);
    else
        return ERR_NOT_FOUND;
    bool quoted = rest.len && rest.ptr[0] == '"';
    size_t end = quoted ? string_end(rest, 0) : 0;
    if (quoted && end <= rest.len) {
        out->name = unescape(x->arena, str_make(rest.ptr + 1, end - 2));
        rest = skip_blank(str_skip(rest, end));
    } else {
        out->name = take_field(&rest);
    }
    if (!label_name_is_valid(out->name))
        return bad(x, err, "a metric name", line);
    out->text = out->kind == EXPOSITION_HELP ? unescape(x->arena, rest) : str_trim(rest);
    if (out->kind == EXPOSITION_TYPE && !type_is_known(out->text, x->format))
        return bad(x, err, "a metric type", out->text);
    return utf8_valid(out->text) ? OK : bad(x, err, "UTF-8", STR("bytes that are none"));
}

static bool next_line(struct exposition *x, struct str *line)
{
    if (x->rest.len == 0)
        return false;
    str_cut(x->rest, '\n', line, &x->rest);
    x->line++;
    if (line->len && line->ptr[line->len - 1] == '\r' && x->format == EXPOSITION_TEXT)
        line->len--;
    return true;
}

int exposition_next(struct exposition *x, struct exposition_entry *out, struct error *err)
{
    struct str line;
    while (next_line(x, &line)) {
        if (x->ended)
            return bad(x, err, "nothing behind # EOF", line);
        line = x->format == EXPOSITION_TEXT ? skip_blank(line) : line;
        if (line.len == 0) {
            if (x->format == EXPOSITION_OPENMETRICS)
                return bad(x, err, "a sample or a comment", line);
            continue;
        }
        *out = (struct exposition_entry){.kind = EXPOSITION_SAMPLE};
        int rc =
            line.ptr[0] == '#' ? parse_comment(x, line, out, err) : parse_sample(x, line, out, err);
        if (rc != ERR_NOT_FOUND)
            return rc;
    }
    if (x->format == EXPOSITION_OPENMETRICS && !x->ended)
        return error_set_at(err, ERR_INVALID, x->line, 1, "data does not end with # EOF");
    return ERR_END;
}

struct label_scan {
    struct str rest;
    struct labels_builder *out;
    struct error *err;
};

static int label_error(const struct label_scan *s, const char *expected)
{
    struct str got = s->rest.len > 40 ? str_first(s->rest, 40) : s->rest;
    return error_set(s->err, ERR_INVALID, "expected %s, got \"%.*s\"", expected, STR_ARG(got));
}

static bool scan_string(struct label_scan *s, struct str *out)
{
    size_t end = s->rest.len && s->rest.ptr[0] == '"' ? string_end(s->rest, 0) : s->rest.len + 1;
    if (end > s->rest.len)
        return false;
    *out = unescape(s->out->arena, str_make(s->rest.ptr + 1, end - 2));
    s->rest = skip_blank(str_skip(s->rest, end));
    return true;
}

static int set_once(struct label_scan *s, struct str name, struct str value)
{
    for (size_t i = 0; i < s->out->count; i++) {
        if (str_eq(s->out->items[i].name, name))
            return error_set(s->err, ERR_INVALID, "label name \"%.*s\" is not unique",
                             STR_ARG(name));
    }
    if (!utf8_valid(value))
        return error_set(s->err, ERR_INVALID, "the value of label \"%.*s\" is not UTF-8",
                         STR_ARG(name));
    labels_builder_set(s->out, name, value);
    return OK;
}

static int scan_label(struct label_scan *s)
{
    struct str name, value;
    bool quoted = s->rest.len && s->rest.ptr[0] == '"';
    if (quoted) {
        if (!scan_string(s, &name))
            return label_error(s, "a closing quote");
    } else {
        size_t len = 0;
        while (len < s->rest.len && !is_blank(s->rest.ptr[len]) && s->rest.ptr[len] != '=')
            len++;
        name = str_first(s->rest, len);
        s->rest = skip_blank(str_skip(s->rest, len));
    }
    if (!(quoted ? label_name_is_valid(name) : label_name_is_legacy(name)))
        return label_error(s, "a label name");
    // A quoted string alone is the metric's name.
    if (quoted && (s->rest.len == 0 || s->rest.ptr[0] != '='))
        return set_once(s, STR(LABEL_METRIC_NAME), name);
    if (s->rest.len == 0 || s->rest.ptr[0] != '=')
        return label_error(s, "\"=\"");
    s->rest = skip_blank(str_skip(s->rest, 1));
    if (!scan_string(s, &value))
        return label_error(s, "a label value in quotes");
    return set_once(s, name, value);
}

int exposition_labels(struct str series, struct labels_builder *out, struct error *err)
{
    struct label_scan s = {.out = out, .err = err};
    size_t brace = str_find(series, '{');
    struct str name = str_trim(str_first(series, brace));
    if (name.len)
        labels_builder_set(out, STR(LABEL_METRIC_NAME), name);
    if (brace == series.len)
        return OK;
    s.rest = skip_blank(str_make(series.ptr + brace + 1, series.len - brace - 2));
    while (s.rest.len) {
        int rc = scan_label(&s);
        if (rc)
            return rc;
        if (s.rest.len == 0)
            break;
        if (s.rest.ptr[0] != ',')
            return label_error(&s, "\",\" or \"}\"");
        s.rest = skip_blank(str_skip(s.rest, 1));
    }
    if (!labels_builder_get(out, STR(LABEL_METRIC_NAME)).len)
        return error_set(err, ERR_INVALID, "expected a metric name");
    return OK;
}
