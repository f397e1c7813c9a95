// The notation is read token by token. `1+2x3` stands for 1 3 5 7 and `7x2` for 7 7 7, while `_x3`
// is three gaps. Histogram literals are recognised so that a script that has them is read; their
// points have no value.
#include "cli/series_text.h"

#include "base/float_text.h"
#include "base/mem.h"
#include "model/sample.h"
#include "promql/selector.h"

static struct str skip_spaces(struct str s)
{
    while (s.len && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = str_skip(s, 1);
    return s;
}

// ---- labels

static int labels_from_matchers(struct arena *arena, const struct matcher *matchers, size_t count,
                                struct str not_named, struct labels *out, struct error *err)
{
    struct labels_builder b;
    labels_builder_init(&b, arena, (struct labels){0});
    for (size_t i = 0; i < count; i++) {
        if (matchers[i].type != MATCH_EQUAL)
            return error_set(err, ERR_INVALID, "expected labels as name=\"value\" in a series");
        if (not_named.len && str_is(matchers[i].name, LABEL_METRIC_NAME) &&
            str_eq(matchers[i].value, not_named))
            continue;
        labels_builder_set(&b, arena_copy(arena, matchers[i].name),
                           arena_copy(arena, matchers[i].value));
    }
    *out = labels_builder_finish(&b);
    return OK;
}

static int parse_labels_as(struct arena *arena, struct str text, struct str not_named,
                           struct labels *out, struct error *err)
{
    struct matcher *matchers;
    size_t count;
    int rc = promql_parse_selector(text, &matchers, &count, err);
    if (rc)
        return rc;
    rc = labels_from_matchers(arena, matchers, count, not_named, out, err);
    for (size_t i = 0; i < count; i++)
        matcher_release(&matchers[i]);
    mem_free(matchers);
    return rc;
}

int series_text_labels(struct arena *arena, struct str text, struct labels *out, struct error *err)
{
    static const char stand_in[] = "no_metric_name";
    *out = (struct labels){0};
    if (str_is(text, "{}"))
        return OK;
    int rc = parse_labels_as(arena, text, STR(""), out, err);
    // A selector must have a matcher that isn't empty; a label set need not.
    struct error again;
    if (rc && text.len && text.ptr[0] == '{') {
        struct str named = arena_printf(arena, "%s%.*s", stand_in, STR_ARG(text));
        if (parse_labels_as(arena, named, str_from(stand_in), out, &again) == OK)
            return OK;
    }
    return rc;
}

// Where the closing brace of a label set stands, behind it; 0: nowhere.
static size_t labels_end(struct str s)
{
    char quote = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (quote && c == '\\' && quote != '`')
            i++;
        else if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || c == '\'' || c == '`')
            quote = c;
        else if (c == '}')
            return i + 1;
    }
    return 0;
}

// Cuts the series' name and labels off a line; *rest begins behind them.
static struct str cut_series(struct str line, struct str *rest)
{
    size_t name = 0;
    while (name < line.len && line.ptr[name] != ' ' && line.ptr[name] != '\t' &&
           line.ptr[name] != '{')
        name++;
    struct str behind = skip_spaces(str_skip(line, name));
    bool braces = str_has_prefix(behind, STR("{")) && !str_has_prefix(behind, STR("{{"));
    if (!braces) {
        *rest = str_skip(line, name);
        return str_first(line, name);
    }
    size_t start = line.len - behind.len, end = labels_end(behind);
    *rest = end ? str_skip(behind, end) : str_skip(line, line.len);
    return end ? str_first(line, start + end) : line;
}

// ---- points

struct points {
    struct arena *arena;
    struct series_text *out;
    size_t capacity;
    struct error *err;
};

static int push(struct points *p, enum point_kind kind, double value)
{
    struct series_text *s = p->out;
    if (s->count >= SERIES_TEXT_POINTS_MAX)
        return error_set(p->err, ERR_LIMIT, "a series has more than %d points",
                         SERIES_TEXT_POINTS_MAX);
    ARENA_GROW(p->arena, s->points, s->count, p->capacity);
    s->points[s->count++] = (struct point){kind, value};
    return OK;
}

static int push_run(struct points *p, enum point_kind kind, double first, double by, uint64_t times)
{
    int rc = OK;
    double value = first;
    // Adding even 0 would make a staleness marker an ordinary NaN.
    for (uint64_t i = 0; i < times && rc == OK; i++, value = by == 0 ? value : value + by)
        rc = push(p, kind, value);
    return rc;
}

static int fail_point(struct points *p, struct str token)
{
    return error_set(p->err, ERR_INVALID,
                     "expected a point such as 1, 1+2x3, _, _x3 or stale, got \"%.*s\"",
                     STR_ARG(token));
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// 1_000
static bool is_separator(struct str s, size_t i)
{
    return s.ptr[i] == '_' && i > 0 && is_digit(s.ptr[i - 1]) && i + 1 < s.len &&
           is_digit(s.ptr[i + 1]);
}

// How many bytes of a number stand at the start: decimal, Inf or NaN, with a sign.
static size_t number_length(struct str s)
{
    size_t i = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-');
    size_t start = i;
    while (i < s.len && (s.ptr[i] >= 'A' && s.ptr[i] != 'E') && s.ptr[i] != 'x' &&
           s.ptr[i] != '_' && s.ptr[i] != 'e')
        i++;
    if (i > start)
        return i;
    while (i < s.len && (is_digit(s.ptr[i]) || s.ptr[i] == '.' || is_separator(s, i)))
        i++;
    if (i > start && i + 1 < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        size_t exponent = i + 1 + (s.ptr[i + 1] == '+' || s.ptr[i + 1] == '-');
        if (exponent < s.len && is_digit(s.ptr[exponent]))
            for (i = exponent; i < s.len && is_digit(s.ptr[i]);)
                i++;
    }
    return i;
}

static bool take_number(struct str *s, double *out)
{
    size_t length = number_length(*s);
    struct buf digits = BUF_INIT;
    for (size_t i = 0; i < length; i++)
        if (s->ptr[i] != '_')
            buf_char(&digits, s->ptr[i]);
    bool is_number = float_parse(buf_view(&digits), out);
    buf_release(&digits);
    if (!is_number)
        return false;
    *s = str_skip(*s, length);
    return true;
}

// `xN` or nothing, to the end of the token. *times is N, or `otherwise`.
static bool take_times(struct str s, uint64_t otherwise, uint64_t *times)
{
    *times = otherwise;
    if (!s.len)
        return true;
    return s.ptr[0] == 'x' && str_to_u64(str_skip(s, 1), times);
}

static int parse_number_point(struct points *p, struct str token)
{
    struct str rest = token;
    double first, by = 0;
    uint64_t times;
    if (!take_number(&rest, &first))
        return fail_point(p, token);
    bool stepped = rest.len && (rest.ptr[0] == '+' || rest.ptr[0] == '-');
    if (stepped && (!take_number(&rest, &by) || !rest.len))
        return fail_point(p, token);
    if (!take_times(rest, 0, &times))
        return fail_point(p, token);
    return push_run(p, POINT_FLOAT, first, by, times + 1);
}

static int parse_point(struct points *p, struct str token)
{
    uint64_t times;
    if (token.ptr[0] == '_')
        return take_times(str_skip(token, 1), 1, &times) ? push_run(p, POINT_ABSENT, 0, 0, times)
                                                         : fail_point(p, token);
    if (str_has_prefix(token, STR("stale")))
        return take_times(str_skip(token, 5), 0, &times)
                   ? push_run(p, POINT_FLOAT, sample_stale(), 0, times + 1)
                   : fail_point(p, token);
    return parse_number_point(p, token);
}

// {{...}}, {{...}}x3, {{...}}+{{...}}x3
static int parse_histogram(struct points *p, struct str *text)
{
    struct str rest = *text;
    uint64_t times = 0;
    do {
        size_t end = str_search(rest, STR("}}"));
        if (end == rest.len)
            return error_set(p->err, ERR_INVALID, "a histogram literal has no closing }}");
        rest = str_skip(rest, end + 2);
    } while (str_has_prefix(rest, STR("+{{")) || str_has_prefix(rest, STR("-{{")));
    size_t length = 0;
    while (length < rest.len && rest.ptr[length] != ' ' && rest.ptr[length] != '\t')
        length++;
    if (!take_times(str_first(rest, length), 0, &times))
        return fail_point(p, *text);
    *text = str_skip(rest, length);
    return push_run(p, POINT_HISTOGRAM, 0, 0, times + 1);
}

int series_text_points(struct arena *arena, struct str text, struct series_text *out,
                       struct error *err)
{
    struct points p = {arena, out, 0, err};
    out->points = NULL;
    out->count = 0;
    int rc = OK;
    for (text = skip_spaces(text); text.len && rc == OK; text = skip_spaces(text)) {
        if (str_has_prefix(text, STR("{{"))) {
            rc = parse_histogram(&p, &text);
            continue;
        }
        size_t length = 0;
        while (length < text.len && text.ptr[length] != ' ' && text.ptr[length] != '\t')
            length++;
        rc = parse_point(&p, str_first(text, length));
        text = str_skip(text, length);
    }
    return rc;
}

int series_text_parse(struct arena *arena, struct str line, struct series_text *out,
                      struct error *err)
{
    struct str rest;
    *out = (struct series_text){0};
    struct str series = cut_series(line, &rest);
    int rc = series_text_labels(arena, series, &out->labels, err);
    return rc ? rc : series_text_points(arena, rest, out, err);
}
