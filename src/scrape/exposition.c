// A line at a time: a comment or a sample.
//
// Scrapes repeat. The caller says by a hint which series it expects next, as length and hash of its
// text; when the rest of the body begins so, name and labels are neither scanned nor taken apart,
// and the end of the line is found behind the value. Comments are known likewise. A line that only
// begins as expected ("a {b="c"} 1" where "a" was), since no value follows, is read without the
// hint.
//
// Both formats share the code. OpenMetrics is the stricter: one space where text allows any run of
// blanks, no empty lines, no free comments, an end that is written out.
#include "scrape/exposition.h"

#include <math.h>

#include "base/float_text.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "exposition_text.h"

#define SHOWN_MAX 40

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

static const char *const type_names[] = {
#define X(name, text) text,
    METRIC_TYPE_TABLE(X)
#undef X
};

const char *metric_type_name(enum metric_type type)
{
    return type_names[type];
}

void exposition_init(struct exposition *x, struct str body, enum exposition_format format,
                     struct arena *arena)
{
    *x = (struct exposition){.rest = body, .format = format, .arena = arena};
}

static int bad(const struct exposition *x, struct error *err, const char *expected, struct str got)
{
    struct buf shown = BUF_INIT;
    str_quote(&shown, got.len > SHOWN_MAX ? str_first(got, SHOWN_MAX) : got);
    error_set_at(err, ERR_INVALID, x->line, 1, "line %d: expected %s, got %s", x->line, expected,
                 buf_text(&shown));
    buf_release(&shown);
    return ERR_INVALID;
}

// What separates the parts of a line.
static struct str skip_separator(const struct exposition *x, struct str s)
{
    if (x->format == EXPOSITION_TEXT)
        return skip_blank(s);
    return s.len && s.ptr[0] == ' ' ? str_skip(s, 1) : s;
}

static struct str take_field(const struct exposition *x, struct str *s)
{
    size_t len = 0;
    while (len < s->len && !is_blank(s->ptr[len]))
        len++;
    struct str field = str_first(*s, len);
    *s = skip_separator(x, str_skip(*s, len));
    return field;
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
    return brace < s.len && s.ptr[brace] == '{' ? braces_end(s, brace) : i;
}

static bool parse_time(const struct exposition *x, struct str text, int64_t *t_ms)
{
    double seconds;
    if (x->format == EXPOSITION_TEXT)
        return str_to_i64(text, t_ms);
    if (!parse_number(text, &seconds) || !(fabs(seconds) < 9.2e15))
        return false;
    *t_ms = (int64_t)round(seconds * 1000);
    return true;
}

static bool parse_value(struct str text, double *value)
{
    if (!parse_number(text, value))
        return false;
    // Every NaN of a target is the one ordinary NaN: no target can forge a staleness marker.
    if (isnan(*value))
        *value = __builtin_nan("");
    return true;
}

// # {labels} value [timestamp], behind a sample of OpenMetrics.
static int check_exemplar(const struct exposition *x, struct str text, struct error *err)
{
    struct str rest = text;
    struct labels_builder labels;
    double value;
    int64_t t_ms;
    rest = skip_separator(x, str_skip(rest, 1));
    size_t end = rest.len && rest.ptr[0] == '{' ? braces_end(rest, 0) : 0;
    if (end == 0)
        return bad(x, err, "the labels of an exemplar in braces", text);
    labels_builder_init(&labels, x->arena, (struct labels){0});
    if (label_pairs_parse(str_make(rest.ptr + 1, end - 2), &labels, err))
        return bad(x, err, "labels of an exemplar", rest);
    rest = skip_separator(x, str_skip(rest, end));
    if (!parse_value(take_field(x, &rest), &value))
        return bad(x, err, "the value of an exemplar", text);
    if (rest.len && !parse_time(x, take_field(x, &rest), &t_ms))
        return bad(x, err, "the timestamp of an exemplar", text);
    return rest.len ? bad(x, err, "the end of the line", rest) : OK;
}

// Value, timestamp and exemplar, behind the series.
static int parse_tail(struct exposition *x, struct str rest, struct exposition_entry *out,
                      struct error *err)
{
    rest = skip_separator(x, rest);
    struct str value = take_field(x, &rest);
    if (!parse_value(value, &out->value))
        return bad(x, err, "a value", value);
    out->has_time = rest.len > 0 && rest.ptr[0] != '#';
    if (out->has_time) {
        struct str time = take_field(x, &rest);
        if (!parse_time(x, time, &out->t_ms))
            return bad(x, err, "a timestamp", time);
    }
    if (rest.len && rest.ptr[0] == '#' && x->format == EXPOSITION_OPENMETRICS)
        return check_exemplar(x, rest, err);
    return rest.len ? bad(x, err, "the end of the line", rest) : OK;
}

static int parse_sample(struct exposition *x, struct str line, struct exposition_entry *out,
                        struct error *err)
{
    size_t length = series_length(line);
    out->kind = EXPOSITION_SAMPLE;
    if (length == 0)
        return bad(x, err, "a metric name, and labels in closed braces", line);
    out->series = str_first(line, length);
    out->hash = hash_str(out->series);
    out->name = str_trim(str_first(out->series, str_find(out->series, '{')));
    if (out->name.len && !metric_name_is_legacy(out->name))
        return bad(x, err, "a valid metric name", out->name);
    return parse_tail(x, str_skip(line, length), out, err);
}

static bool parse_type(struct str text, enum exposition_format format, enum metric_type *out)
{
    if (format == EXPOSITION_TEXT && str_is(text, "untyped")) {
        *out = METRIC_TYPE_UNKNOWN;
        return true;
    }
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        *out = (enum metric_type)i;
        bool in_text = *out == METRIC_TYPE_COUNTER || *out == METRIC_TYPE_GAUGE ||
                       *out == METRIC_TYPE_HISTOGRAM || *out == METRIC_TYPE_SUMMARY;
        if (str_is(text, type_names[i]))
            return format == EXPOSITION_OPENMETRICS || in_text;
    }
    return false;
}

static int parse_family(struct exposition *x, struct str *rest, struct exposition_entry *out,
                        struct error *err)
{
    bool quoted = rest->len && rest->ptr[0] == '"';
    size_t end = quoted ? string_end(*rest, 0) : 0;
    struct str whole = *rest;
    if (quoted && end <= rest->len) {
        out->name = unescape(x->arena, str_make(rest->ptr + 1, end - 2), true);
        *rest = skip_separator(x, str_skip(*rest, end));
    } else {
        out->name = take_field(x, rest);
    }
    bool valid = quoted ? label_name_is_valid(out->name) : metric_name_is_legacy(out->name);
    return valid ? OK : bad(x, err, "a metric name", whole);
}

static int parse_metadata(struct exposition *x, struct str text, struct exposition_entry *out,
                          struct error *err)
{
    bool open = x->format == EXPOSITION_OPENMETRICS;
    if (!utf8_valid(text))
        return bad(x, err, "UTF-8", text);
    if (out->kind == EXPOSITION_HELP) {
        out->text = unescape(x->arena, text, open);
        return OK;
    }
    out->text = open ? text : str_trim(text);
    if (out->kind == EXPOSITION_TYPE)
        return parse_type(out->text, x->format, &out->type)
                   ? OK
                   : bad(x, err, "a metric type", out->text);
    bool fits = out->name.len > out->text.len && str_has_suffix(out->name, out->text) &&
                out->name.ptr[out->name.len - out->text.len - 1] == '_';
    return out->text.len == 0 || fits
               ? OK
               : bad(x, err, "a unit that the metric's name ends in", out->text);
}

static bool keyword_kind(const struct exposition *x, struct str keyword, enum exposition_kind *out)
{
    if (str_is(keyword, "HELP"))
        *out = EXPOSITION_HELP;
    else if (str_is(keyword, "TYPE"))
        *out = EXPOSITION_TYPE;
    else if (str_is(keyword, "UNIT") && x->format == EXPOSITION_OPENMETRICS)
        *out = EXPOSITION_UNIT;
    else
        return false;
    return true;
}

// # HELP name text, # TYPE name type, # UNIT name unit, # EOF; ERR_NOT_FOUND: a comment to skip.
static int parse_comment(struct exposition *x, struct str line, struct exposition_entry *out,
                         struct error *err)
{
    bool open = x->format == EXPOSITION_OPENMETRICS;
    if (open && str_is(line, "# EOF")) {
        x->ended = true;
        return ERR_NOT_FOUND;
    }
    out->hash = hash_str(line);
    out->series = line;
    struct str rest = skip_separator(x, str_skip(line, 1));
    struct str keyword = take_field(x, &rest);
    if (!keyword_kind(x, keyword, &out->kind) || rest.len == 0)
        return open ? bad(x, err, "# HELP, # TYPE, # UNIT or # EOF", line) : ERR_NOT_FOUND;
    int rc = parse_family(x, &rest, out, err);
    return rc ? rc : parse_metadata(x, rest, out, err);
}

// Moves behind a line of which `len` bytes were read, if it ends there.
static bool skip_line(struct exposition *x, size_t len)
{
    if (len < x->rest.len && x->rest.ptr[len] != '\n')
        return false;
    x->rest = str_skip(x->rest, len + (len < x->rest.len));
    x->line++;
    return true;
}

static bool is_known_comment(struct exposition *x, struct exposition_entry *out)
{
    size_t len = x->hint.comment_len;
    if (len == 0 || len > x->rest.len || x->rest.ptr[0] != '#' ||
        (uint32_t)hash64(x->rest.ptr, len, 0) != x->hint.comment_hash || !skip_line(x, len))
        return false;
    out->kind = EXPOSITION_REPEATED;
    return true;
}

// What follows a known series: nearly always a value and nothing else.
static bool is_known_tail(struct exposition *x, size_t start, struct exposition_entry *out)
{
    const char *body = x->rest.ptr;
    size_t size = x->rest.len, end = start + 1;
    while (end < size && (unsigned char)body[end] > ' ')
        end++;
    out->has_time = false;
    if (end == size || body[end] == '\n')
        return parse_value(str_make(body + start + 1, end - start - 1), &out->value) &&
               skip_line(x, end);
    end += str_find(str_make(body + end, size - end), '\n');
    return parse_tail(x, str_make(body + start, end - start), out, NULL) == OK && skip_line(x, end);
}

static bool is_known_sample(struct exposition *x, struct exposition_entry *out)
{
    const char *body = x->rest.ptr;
    size_t len = x->hint.series_len;
    if (len == 0 || len + 1 >= x->rest.len || body[len] != ' ' ||
        hash64(body, len, 0) != x->hint.series_hash || !is_known_tail(x, len, out))
        return false;
    out->kind = EXPOSITION_SAMPLE;
    out->known = true;
    out->series = str_make(body, len);
    out->hash = x->hint.series_hash;
    return true;
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
    if (!x->ended && (is_known_comment(x, out) || is_known_sample(x, out)))
        return OK;
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
        if (line.ptr[0] != '#')
            return parse_sample(x, line, out, err);
        int rc = parse_comment(x, line, out, err);
        if (rc != ERR_NOT_FOUND)
            return rc;
    }
    if (x->format == EXPOSITION_OPENMETRICS && !x->ended)
        return error_set_at(err, ERR_INVALID, x->line, 1, "data does not end with # EOF");
    return ERR_END;
}
