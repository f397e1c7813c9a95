// Reads the head of an `eval` and the lines under it.
#include <ctype.h>
#include <math.h>

#include "base/float_text.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "cli/script_parse.h"
#include "model/duration.h"
#include "promql/selector.h"

static int fail(struct error *err, const char *expected, struct str got)
{
    return error_set(err, ERR_INVALID, "expected %s, got \"%.*s\"", expected, STR_ARG(got));
}

struct str script_word(struct str *rest)
{
    *rest = str_trim(*rest);
    size_t length = 0;
    while (length < rest->len && rest->ptr[length] != ' ' && rest->ptr[length] != '\t')
        length++;
    struct str word = str_first(*rest, length);
    *rest = str_trim(str_skip(*rest, length));
    return word;
}

bool script_time(struct str text, int64_t *ms)
{
    double seconds;
    bool negative = text.len && text.ptr[0] == '-';
    if (float_parse(text, &seconds) && seconds > -1e15 && seconds < 1e15) {
        *ms = (int64_t)(seconds * 1000 + (seconds < 0 ? -0.5 : 0.5));
        return true;
    }
    if (!duration_parse(str_skip(text, negative), ms))
        return false;
    *ms = negative ? -*ms : *ms;
    return true;
}

static bool word_is(struct str *rest, struct str word)
{
    struct str after = *rest;
    if (!str_eq(script_word(&after), word))
        return false;
    *rest = after;
    return true;
}

static int read_times(struct str *rest, struct eval_case *c, struct error *err)
{
    if (!word_is(rest, STR("from")) || !script_time(script_word(rest), &c->start_ms) ||
        !word_is(rest, STR("to")) || !script_time(script_word(rest), &c->end_ms) ||
        !word_is(rest, STR("step")) || !script_time(script_word(rest), &c->step_ms) ||
        c->step_ms <= 0)
        return fail(err, "from TIME to TIME step DURATION", *rest);
    if (c->end_ms < c->start_ms)
        return error_set(err, ERR_INVALID, "the end is before the start");
    return OK;
}

static void expect(struct arena *arena, struct eval_case *c, enum expect_kind kind, bool is_regex,
                   struct str text)
{
    ARENA_GROW(arena, c->expectations, c->expectation_count, c->expectation_capacity);
    c->expectations[c->expectation_count++] = (struct expectation){kind, is_regex, text};
}

static int read_verb(struct str verb, struct eval_case *c, struct error *err)
{
    if (str_is(verb, "eval_fail"))
        c->old_fail = true;
    else if (str_is(verb, "eval_warn"))
        c->old_warn = true;
    else if (str_is(verb, "eval_info"))
        c->old_info = true;
    else if (str_is(verb, "eval_ordered"))
        c->ordered = true;
    else if (!str_is(verb, "eval"))
        return fail(err, "eval", verb);
    return OK;
}

static int read_when(struct str *rest, struct eval_case *c, struct error *err)
{
    struct str line = *rest;
    if (word_is(rest, STR("range")) && !c->ordered)
        return read_times(rest, c, err);
    if (!word_is(rest, STR("instant")))
        return fail(err, "eval instant or eval range", line);
    if (!word_is(rest, STR("at")) || !script_time(script_word(rest), &c->start_ms))
        return fail(err, "at TIME", line);
    c->end_ms = c->start_ms;
    c->instant = true;
    return OK;
}

int script_read_eval(struct str line, struct eval_case *c, struct error *err)
{
    struct str rest = line;
    int rc = read_verb(script_word(&rest), c, err);
    if (rc == OK)
        rc = read_when(&rest, c, err);
    if (rc == OK && !rest.len)
        rc = fail(err, "an expression", line);
    c->expression = rest;
    return rc;
}

// Whether it begins with its quote, and has one character between single ones, as Go has it.
static bool is_go_literal(struct str literal, struct str text)
{
    uint32_t c;
    if (!literal.len || str_find(STR("\"'`"), literal.ptr[0]) == 3)
        return false;
    return !str_has_prefix(literal, STR("'")) || (text.len && utf8_decode(text, &c) == text.len);
}

// "text", 'c' or `text` as the language reads it: a string in a selector is one.
static int unquote(struct arena *arena, struct str literal, struct str *out, struct error *err)
{
    struct buf selector = BUF_INIT;
    struct matcher *matchers;
    size_t count;
    buf_printf(&selector, "{__name__=\"x\", x=%.*s}", STR_ARG(literal));
    int rc = promql_parse_selector(buf_view(&selector), &matchers, &count, err);
    buf_release(&selector);
    if (rc)
        return fail(err, "a string in quotes", literal);
    bool alone = count == 2;
    *out = arena_copy(arena, matchers[1].value);
    for (size_t i = 0; i < count; i++)
        matcher_release(&matchers[i]);
    mem_free(matchers);
    return alone && is_go_literal(literal, *out) ? OK : fail(err, "a string in quotes", literal);
}

// Those that exclude each other, and failures, of which there is one.
static int check_expectations(const struct eval_case *c, struct error *err)
{
    size_t counts[EXPECT_NO_INFO + 1] = {0};
    for (size_t i = 0; i < c->expectation_count; i++)
        counts[c->expectations[i].kind]++;
    if ((counts[EXPECT_INFO] && counts[EXPECT_NO_INFO]) ||
        (counts[EXPECT_WARN] && counts[EXPECT_NO_WARN]))
        return error_set(err, ERR_INVALID, "annotations are expected and forbidden at once");
    if (counts[EXPECT_FAIL] > 1)
        return error_set(err, ERR_INVALID, "a query fails once: more than one expect fail");
    return OK;
}

static int read_range(struct str rest, struct eval_case *c, struct error *err)
{
    struct str line = rest;
    c->has_range = word_is(&rest, STR("vector"));
    if (!c->has_range)
        return fail(err, "range vector from TIME to TIME step DURATION", line);
    c->lines++;
    return read_times(&rest, c, err);
}

static int read_expectation(struct arena *arena, struct str rest, struct eval_case *c,
                            struct error *err)
{
    static const char *const kinds[] = {
        [EXPECT_FAIL] = "fail", [EXPECT_WARN] = "warn",       [EXPECT_NO_WARN] = "no_warn",
        [EXPECT_INFO] = "info", [EXPECT_NO_INFO] = "no_info", [EXPECT_ORDERED] = "ordered"};
    struct str kind = script_word(&rest);
    if (str_is(kind, "range"))
        return read_range(rest, c, err);
    size_t k = 0;
    while (k < sizeof(kinds) / sizeof(kinds[0]) && !str_is(kind, kinds[k]))
        k++;
    if (k == sizeof(kinds) / sizeof(kinds[0]))
        return fail(err, "fail, warn, no_warn, info, no_info, ordered, string or range", kind);
    struct str how = rest, text = STR("");
    if (rest.len && (!str_cut(rest, ':', &how, &text) ||
                     (!str_is(how, "msg") && !str_is(how, "regex")) || !text.len))
        return fail(err, "msg: TEXT or regex: PATTERN", rest);
    if (k == EXPECT_ORDERED)
        c->ordered = true;
    else
        expect(arena, c, (enum expect_kind)k, str_is(how, "regex"), str_trim(text));
    return check_expectations(c, err);
}

// Digits of an integer in a base.
static bool read_digits(struct str digits, unsigned base, double *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        char c = (char)(digits.ptr[i] | 0x20);
        unsigned digit = c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : (unsigned)(c - '0');
        if (digit >= base || value > INT64_MAX / base)
            return false;
        value = value * base + digit;
    }
    *out = (double)value;
    return digits.len > 0;
}

// 0x1f, 0b11, 0o17 and 017.
static bool read_prefixed(struct str digits, double *out)
{
    static const struct {
        const char *prefix;
        unsigned base;
    } bases[] = {{"0x", 16}, {"0b", 2}, {"0o", 8}, {"0", 8}};
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
        struct str prefix = str_from(bases[i].prefix);
        if (digits.len > prefix.len && str_eq_nocase(str_first(digits, prefix.len), prefix))
            return read_digits(str_skip(digits, prefix.len), bases[i].base, out);
    }
    return false;
}

// Whether a _ stands between digits, or behind a prefix.
static bool is_separator(struct str s, size_t i)
{
    return s.ptr[i] == '_' && i > 0 && i + 1 < s.len && isxdigit((unsigned char)s.ptr[i + 1]) &&
           (isxdigit((unsigned char)s.ptr[i - 1]) || (i == 2 && isalpha((unsigned char)s.ptr[1])));
}

// A number as it may stand alone on a line: as Go reads integers and floats.
static bool read_number(struct str text, double *out)
{
    struct buf digits = BUF_INIT;
    bool negative = str_has_prefix(text, STR("-"));
    struct str rest = str_skip(text, negative || str_has_prefix(text, STR("+")));
    for (size_t i = 0; i < rest.len; i++)
        if (!is_separator(rest, i))
            buf_char(&digits, rest.ptr[i]);
    bool prefixed = read_prefixed(buf_view(&digits), out);
    if (prefixed && negative)
        *out = -*out;
    bool is_number = prefixed || float_parse(text, out);
    if (!is_number && rest.len && isdigit((unsigned char)rest.ptr[0]) &&
        float_parse(buf_view(&digits), out)) {
        is_number = true;
        *out = negative ? -*out : *out;
    }
    buf_release(&digits);
    // What is past the largest number is none.
    return is_number && (!isinf(*out) || !isdigit((unsigned char)rest.ptr[0]));
}

// expected_fail_message TEXT, expected_fail_regexp PATTERN: the last line of an eval_fail.
static bool read_old_failure(struct arena *arena, struct str line, struct eval_case *c)
{
    static const struct str message = STR_INIT("expected_fail_message"),
                            pattern = STR_INIT("expected_fail_regexp");
    bool is_regex = str_has_prefix(line, pattern);
    if (!c->old_fail || (!is_regex && !str_has_prefix(line, message)))
        return false;
    struct str text = str_trim(str_skip(line, is_regex ? pattern.len : message.len));
    expect(arena, c, EXPECT_FAIL, is_regex, text);
    return c->complete = true;
}

// A series said twice is as said last.
static int add_series(struct arena *arena, const struct series_text *series, struct eval_case *c,
                      struct error *err)
{
    if (series->count > 1 && c->instant && !c->has_range)
        return error_set(err, ERR_INVALID,
                         "an instant query gives one value; a range vector's are announced by "
                         "expect range vector");
    size_t i = 0;
    while (i < c->series_count && !labels_eq(c->series[i].labels, series->labels))
        i++;
    if (i == c->series_count) {
        ARENA_GROW(arena, c->series, c->series_count, c->series_capacity);
        ARENA_GROW(arena, c->places, c->series_count, c->place_capacity);
        c->series_count++;
    }
    c->series[i] = *series;
    c->places[i] = ++c->lines;
    return OK;
}

int script_read_case_line(struct arena *arena, struct str line, struct eval_case *c,
                          struct error *err)
{
    if (read_old_failure(arena, line, c))
        return OK;
    static const struct str string = STR_INIT("expect string");
    if (str_has_prefix(line, string)) {
        bool apart = line.len > string.len && line.ptr[string.len] == ' ';
        c->has_string = true;
        c->lines++;
        return unquote(arena, apart ? str_skip(line, string.len + 1) : line, &c->string, err);
    }
    if (str_is(line, "expect") || str_has_prefix(line, STR("expect ")))
        return read_expectation(arena, str_skip(line, 6), c, err);
    c->has_number = read_number(line, &c->number);
    if (c->has_number) {
        c->complete = true;
        return OK;
    }
    struct series_text series;
    int rc = series_text_parse(arena, line, &series, err);
    return rc ? rc : add_series(arena, &series, c, err);
}
