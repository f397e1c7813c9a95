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

// A label that makes any label set a selector.
#define STAND_IN "not_a_label"

static int add_label(struct labels_builder *b, const struct matcher *m, struct error *err)
{
    if (m->type != MATCH_EQUAL)
        return error_set(err, ERR_INVALID, "expected labels as name=\"value\" in a series");
    for (size_t i = 0; i < b->count; i++)
        if (str_eq(b->items[i].name, m->name))
            return error_set(err, ERR_INVALID, "the label \"%.*s\" is there twice",
                             STR_ARG(m->name));
    if (!str_is(m->name, STAND_IN))
        labels_builder_set(b, arena_copy(b->arena, m->name), arena_copy(b->arena, m->value));
    return OK;
}

static int add_selector(struct labels_builder *b, struct str text, struct error *err)
{
    struct matcher *matchers;
    size_t count;
    int rc = promql_parse_selector(text, &matchers, &count, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < count; i++) {
        rc = rc ? rc : add_label(b, &matchers[i], err);
        matcher_release(&matchers[i]);
    }
    mem_free(matchers);
    return rc;
}

// What is in the braces without having to select something, then the name before them: it wins.
static int add_parts(struct labels_builder *b, struct str text, struct error *err)
{
    size_t brace = str_find(text, '{');
    if (brace == text.len)
        return ERR_INVALID;
    struct str inside = str_skip(text, brace + 1);
    struct labels_builder front;
    labels_builder_init(&front, b->arena, (struct labels){0});
    int rc =
        add_selector(b, arena_printf(b->arena, "{" STAND_IN "=\"x\",%.*s", STR_ARG(inside)), err);
    if (rc || !brace || (rc = add_selector(&front, str_first(text, brace), err)))
        return rc;
    labels_builder_set(b, front.items[0].name, front.items[0].value);
    return OK;
}

int series_text_labels(struct arena *arena, struct str text, struct labels *out, struct error *err)
{
    struct labels_builder b;
    struct error again;
    labels_builder_init(&b, arena, (struct labels){0});
    int rc = str_is(text, "{}") ? OK : add_selector(&b, text, err);
    if (rc) {
        labels_builder_init(&b, arena, (struct labels){0});
        rc = add_parts(&b, text, &again) ? rc : OK;
    }
    *out = labels_builder_finish(&b);
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
    struct str behind = str_skip(line, name);
    size_t end = str_has_prefix(behind, STR("{")) ? labels_end(behind) : 0;
    *rest = str_skip(behind, end);
    return str_first(line, name + end);
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

static int push_copies(struct points *p, enum point_kind kind, double value, uint64_t times)
{
    int rc = OK;
    for (uint64_t i = 0; i < times && rc == OK; i++)
        rc = push(p, kind, value);
    return rc;
}

static int push_run(struct points *p, double first, double by, uint64_t times)
{
    int rc = OK;
    double value = first;
    for (uint64_t i = 0; i < times && rc == OK; i++, value += by)
        rc = push(p, POINT_FLOAT, value);
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

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

// Inf, NaN and `stale` are words, and end where a word ends.
static size_t word_length(struct str s)
{
    size_t i = 0;
    if (!s.len || is_digit(s.ptr[0]))
        return 0;
    while (i < s.len && is_word(s.ptr[i]))
        i++;
    return i;
}

// How many bytes of a number stand at the start, behind the sign.
static size_t digits_length(struct str s)
{
    size_t i = 0;
    while (i < s.len && (is_digit(s.ptr[i]) || s.ptr[i] == '.' || is_separator(s, i)))
        i++;
    if (i == 0 || i + 1 >= s.len || (s.ptr[i] != 'e' && s.ptr[i] != 'E'))
        return i;
    size_t exponent = i + 1 + (s.ptr[i + 1] == '+' || s.ptr[i + 1] == '-');
    if (exponent >= s.len || !is_digit(s.ptr[exponent]))
        return i;
    for (i = exponent; i < s.len && (is_digit(s.ptr[i]) || is_separator(s, i));)
        i++;
    return i;
}

// 0: no number.
static size_t number_length(struct str s)
{
    size_t sign = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-');
    struct str behind = str_skip(s, sign);
    size_t word = word_length(behind);
    struct str name = str_first(behind, word);
    bool special = str_eq_nocase(name, STR("inf")) || str_eq_nocase(name, STR("nan"));
    size_t length = word ? (special ? word : 0) : digits_length(behind);
    return length ? sign + length : 0;
}

static bool take_number(struct str *s, double *out)
{
    size_t length = number_length(*s);
    struct buf digits = BUF_INIT;
    for (size_t i = 0; i < length; i++)
        if (s->ptr[i] != '_')
            buf_char(&digits, s->ptr[i]);
    bool is_number = length && float_parse(buf_view(&digits), out);
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

static bool take_value(struct str *s, double *out)
{
    if (!str_is(str_first(*s, word_length(*s)), "stale"))
        return take_number(s, out);
    *out = sample_stale();
    *s = str_skip(*s, 5);
    return true;
}

static int parse_value(struct points *p, struct str token)
{
    struct str rest = token;
    double first, by;
    uint64_t times;
    if (!take_value(&rest, &first))
        return fail_point(p, token);
    bool stepped = rest.len && (rest.ptr[0] == '+' || rest.ptr[0] == '-');
    if (stepped && (!take_number(&rest, &by) || !rest.len))
        return fail_point(p, token);
    if (!take_times(rest, 0, &times))
        return fail_point(p, token);
    // What is only repeated stays as it is: adding even 0 would change -0 and staleness markers.
    return stepped ? push_run(p, first, by, times + 1)
                   : push_copies(p, POINT_FLOAT, first, times + 1);
}

static int parse_point(struct points *p, struct str token)
{
    uint64_t times;
    if (token.ptr[0] != '_')
        return parse_value(p, token);
    return take_times(str_skip(token, 1), 1, &times) ? push_copies(p, POINT_ABSENT, 0, times)
                                                     : fail_point(p, token);
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
    return push_copies(p, POINT_HISTOGRAM, 0, times + 1);
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
    if (rc == OK && rest.len && rest.ptr[0] != ' ' && rest.ptr[0] != '\t')
        rc = error_set(err, ERR_INVALID, "expected a space behind the series, got \"%.*s\"",
                       STR_ARG(rest));
    return rc ? rc : series_text_points(arena, rest, out, err);
}
