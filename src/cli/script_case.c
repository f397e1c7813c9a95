// Reads the head of an `eval` and the lines under it.
#include "base/float_text.h"
#include "base/mem.h"
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

static int read_times(struct str *rest, int64_t *start_ms, int64_t *end_ms, int64_t *step_ms,
                      struct error *err)
{
    if (!word_is(rest, STR("from")) || !script_time(script_word(rest), start_ms) ||
        !word_is(rest, STR("to")) || !script_time(script_word(rest), end_ms) ||
        !word_is(rest, STR("step")) || !script_time(script_word(rest), step_ms) || *step_ms <= 0)
        return fail(err, "from TIME to TIME step DURATION", *rest);
    return OK;
}

static void expect(struct arena *arena, struct eval_case *c, enum expect_kind kind, bool is_regex,
                   struct str text)
{
    // A leading colon's text may be quoted.
    if (text.len > 1 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"')
        text = str_make(text.ptr + 1, text.len - 2);
    ARENA_GROW(arena, c->expectations, c->expectation_count, c->expectation_capacity);
    c->expectations[c->expectation_count++] = (struct expectation){kind, is_regex, text};
}

int script_read_eval(struct arena *arena, struct str line, struct eval_case *c, struct error *err)
{
    static const struct {
        const char *word;
        int kind; // -1: none
        bool ordered;
    } verbs[] = {{"eval", -1, false},
                 {"eval_fail", EXPECT_FAIL, false},
                 {"eval_warn", EXPECT_WARN, false},
                 {"eval_info", EXPECT_INFO, false},
                 {"eval_ordered", -1, true}};
    struct str rest = line, verb = script_word(&rest);
    size_t v = 0;
    while (v < sizeof(verbs) / sizeof(verbs[0]) && !str_is(verb, verbs[v].word))
        v++;
    if (v == sizeof(verbs) / sizeof(verbs[0]))
        return fail(err, "eval", verb);
    if (verbs[v].kind >= 0)
        expect(arena, c, (enum expect_kind)verbs[v].kind, false, STR(""));
    c->ordered = verbs[v].ordered;
    if (word_is(&rest, STR("instant"))) {
        if (word_is(&rest, STR("at")) && !script_time(script_word(&rest), &c->start_ms))
            return fail(err, "at TIME", line);
        c->end_ms = c->start_ms;
    } else if (!word_is(&rest, STR("range"))) {
        return fail(err, "eval instant or eval range", line);
    } else {
        int rc = read_times(&rest, &c->start_ms, &c->end_ms, &c->step_ms, err);
        if (rc)
            return rc;
    }
    c->expression = rest;
    return OK;
}

// "text", 'text' or `text` as the language reads it: a string in a selector is one.
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
    *out = arena_copy(arena, matchers[count - 1].value);
    for (size_t i = 0; i < count; i++)
        matcher_release(&matchers[i]);
    mem_free(matchers);
    return OK;
}

static int read_expectation(struct arena *arena, struct str rest, struct eval_case *c,
                            struct error *err)
{
    static const char *const kinds[] = {[EXPECT_FAIL] = "fail",
                                        [EXPECT_WARN] = "warn",
                                        [EXPECT_NO_WARN] = "no_warn",
                                        [EXPECT_INFO] = "info",
                                        [EXPECT_NO_INFO] = "no_info"};
    struct str line = rest, kind = script_word(&rest);
    if (str_is(kind, "ordered")) {
        c->ordered = true;
        return OK;
    }
    if (str_is(kind, "string")) {
        c->has_string = true;
        return unquote(arena, rest, &c->string, err);
    }
    if (str_is(kind, "range")) {
        c->has_range = word_is(&rest, STR("vector"));
        int rc = c->has_range ? read_times(&rest, &c->range_start_ms, &c->range_end_ms,
                                           &c->range_step_ms, err)
                              : fail(err, "range vector from TIME to TIME step DURATION", line);
        // The last of the times is when the query is evaluated.
        if (rc == OK && c->step_ms == 0)
            c->start_ms = c->end_ms = c->range_end_ms;
        return rc;
    }
    size_t k = 0;
    while (k < sizeof(kinds) / sizeof(kinds[0]) && !str_is(kind, kinds[k]))
        k++;
    if (k == sizeof(kinds) / sizeof(kinds[0]))
        return fail(err, "fail, warn, no_warn, info, no_info, ordered, string or range", kind);
    struct str how, text;
    bool given = str_cut(rest, ':', &how, &text);
    how = str_trim(how);
    if (rest.len && (!given || (!str_is(how, "msg") && !str_is(how, "regex"))))
        return fail(err, "msg: TEXT or regex: PATTERN", rest);
    expect(arena, c, (enum expect_kind)k, given && str_is(how, "regex"),
           given ? str_trim(text) : STR(""));
    return OK;
}

// A number as it may stand alone on a line: hexadecimal, too.
static bool read_number(struct str text, double *out)
{
    bool negative = str_has_prefix(text, STR("-"));
    struct str digits = str_skip(text, negative || str_has_prefix(text, STR("+")));
    if (!str_has_prefix(digits, STR("0x")) && !str_has_prefix(digits, STR("0X")))
        return float_parse(text, out);
    uint64_t value = 0;
    digits = str_skip(digits, 2);
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
        if (digit < 0 || digit > 15 || value >> 60)
            return false;
        value = value * 16 + (uint64_t)digit;
    }
    *out = negative ? -(double)value : (double)value;
    return digits.len > 0;
}

int script_read_case_line(struct arena *arena, struct str line, struct eval_case *c,
                          struct error *err)
{
    struct str rest = line, word = script_word(&rest);
    if (str_is(word, "expect"))
        return read_expectation(arena, rest, c, err);
    if (str_is(word, "expected_fail_message") || str_is(word, "expected_fail_regexp")) {
        c->expectation_count = 0; // the bare one of eval_fail
        expect(arena, c, EXPECT_FAIL, str_is(word, "expected_fail_regexp"), rest);
        c->complete = true;
        return OK;
    }
    double number;
    if (read_number(line, &number)) {
        c->has_number = c->complete = true;
        c->number = number;
        return OK;
    }
    ARENA_GROW(arena, c->series, c->series_count, c->series_capacity);
    return series_text_parse(arena, line, &c->series[c->series_count++], err);
}
