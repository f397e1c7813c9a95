// What a character begins depends on where it stands, as in Prometheus' lexer, whose complaints
// users know:
//
//     anywhere         words with colons, numbers, durations, strings, operators
//     in braces        names without colons, strings, = != =~ !~
//     behind a [       up to the first number: operators, numbers, step range min_of max_of
//     behind that      anything, but words only those four, and a colon alone
//
// Numbers are first scanned for their shape, then read: 1_ has the shape of one and is none.
#include "lex.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/float_text.h"
#include "base/utf8.h"
#include "model/duration.h"
#include "model/labels.h"

int syntax_error(struct error *err, struct str text, size_t at, const char *format, ...)
{
    char message[ERROR_TEXT_SIZE - 64];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    int line = 1, column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        column = text.ptr[i] == '\n' ? 1 : column + 1;
        line += text.ptr[i] == '\n';
    }
    return error_set_at(err, ERR_INVALID, line, column, "%d:%d: parse error: %s", line, column,
                        message);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static char at(const struct lexer *l, size_t i)
{
    return i < l->text.len ? l->text.ptr[i] : '\0';
}

static void skip_blank(struct lexer *l)
{
    for (;;) {
        char c = at(l, l->at);
        if (c == '#' && !l->in_duration) {
            while (l->at < l->text.len && at(l, l->at) != '\n')
                l->at++;
        } else if (l->at < l->text.len && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
            l->at++;
        } else {
            return;
        }
    }
}

// Removes the underscores of 1_000: each must stand between digits.
static bool strip_underscores(struct str text, char *out, size_t size, size_t *len)
{
    bool hex = text.len > 2 && (text.ptr[1] | 0x20) == 'x';
    *len = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '_') {
            char before = i ? text.ptr[i - 1] : '\0';
            char after = i + 1 < text.len ? text.ptr[i + 1] : '\0';
            bool prefix = hex && i == 2;
            bool good = (is_digit(before) || hex) && before != '_' && (is_digit(after) || hex) &&
                        after && after != '_';
            if (!good && !prefix)
                return false;
            continue;
        }
        if (*len == size)
            return false;
        out[(*len)++] = c;
    }
    return true;
}

static bool parse_integer(struct str s, double *out)
{
    bool hex = s.len > 2 && s.ptr[0] == '0' && (s.ptr[1] | 0x20) == 'x';
    bool octal = !hex && s.len > 1 && s.ptr[0] == '0';
    if (!hex && !octal)
        return false;
    uint64_t value = 0;
    for (size_t i = hex ? 2 : 1; i < s.len; i++) {
        char c = (char)(s.ptr[i] | 0x20);
        unsigned digit = is_digit(s.ptr[i])            ? (unsigned)(s.ptr[i] - '0')
                         : hex && c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                       : 99;
        unsigned base = hex ? 16 : 8;
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = (double)value;
    return true;
}

static bool parse_number(struct str text, double *out)
{
    char digits[512];
    size_t len;
    if (!strip_underscores(text, digits, sizeof(digits), &len))
        return false;
    struct str s = str_make(digits, len);
    return parse_integer(s, out) || float_parse(s, out);
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

// The digits of a number, from where l->at stands, whose prefix it passes.
static const char *number_digits(const struct lexer *l, size_t *i)
{
    if (at(l, *i) != '0')
        return "0123456789";
    *i += 1;
    if (!is_one_of(at(l, *i), "xX"))
        return "0123456789";
    *i += 1 + (at(l, *i + 1) == '_');
    return "0123456789abcdefABCDEF";
}

// Behind a point, an exponent's letter or an underscore: what may not follow is read, too.
static bool may_go_on(const struct lexer *l, size_t *i, const char *forbidden, bool at_end)
{
    bool bad = is_one_of(at(l, *i), forbidden);
    *i += bad;
    return !bad && (at_end || *i < l->text.len);
}

// The point, exponent or underscore at *i, or a run of digits.
static bool scan_part(const struct lexer *l, size_t *i, const char *digits, bool *point,
                      bool *exponent)
{
    char c = at(l, *i);
    bool hex = digits[10];
    if (c == '.' || is_one_of(c, "eE")) {
        bool *seen = c == '.' ? point : exponent;
        *i += 1;
        if (*seen)
            return false;
        *seen = true;
        if (c == '.')
            return may_go_on(l, i, "_.", true) && !hex;
        *i += is_one_of(at(l, *i), "+-");
        return may_go_on(l, i, "._eE", false);
    }
    *i += 1;
    if (c == '_')
        return may_go_on(l, i, "._eE", false);
    while (is_one_of(at(l, *i), digits))
        *i += 1;
    return true;
}

// Whether a number stands at l->at; *end is as far as was read. Whether it means something is seen
// later.
static bool scan_number(const struct lexer *l, size_t *end)
{
    size_t i = l->at;
    const char *digits = number_digits(l, &i);
    bool point = false, exponent = false, good = true;
    i += at(l, i) == '.';
    i += is_one_of(at(l, i), digits);
    while (good && (is_one_of(at(l, i), digits) || is_one_of(at(l, i), "._eE")))
        good = scan_part(l, &i, digits, &point, &exponent);
    *end = i;
    return good && !is_digit(at(l, i)) && !is_letter(at(l, i));
}

// Whether what was begun as a number goes on as a duration.
static bool scan_duration(const struct lexer *l, size_t *end)
{
    size_t i = *end;
    bool good = is_one_of(at(l, i), "smhdwy");
    i += good;
    i += good && at(l, i) == 's';
    while (good && is_digit(at(l, i))) {
        while (is_digit(at(l, i)))
            i++;
        good = is_one_of(at(l, i), "smhdw");
        i += good;
        i += good && at(l, i) == 's';
    }
    // What makes it none is read, too.
    bool goes_on = good && (is_digit(at(l, i)) || is_letter(at(l, i)));
    *end = i + goes_on;
    return good && !goes_on;
}

static int fail_parse_float(struct lexer *l, struct str text, const char *why)
{
    return syntax_error(l->err, l->text, l->at,
                        "error parsing number: strconv.ParseFloat: parsing \"%.*s\": %s",
                        STR_ARG(text), why);
}

// Numbers with units of which one is unknown, or that are out of order or too large.
static int fail_duration(struct lexer *l, struct str text)
{
    static const char *const units[] = {"y", "w", "d", "h", "m", "s", "ms"};
    size_t next = 0, i = 0;
    while (i < text.len) {
        size_t start = i, unit = 0;
        while (i < text.len && is_digit(text.ptr[i]))
            i++;
        size_t digits = i - start;
        for (start = i; i < text.len && !is_digit(text.ptr[i]);)
            i++;
        struct str name = str_make(text.ptr + start, i - start);
        while (unit < 7 && !str_is(name, units[unit]))
            unit++;
        if (unit == 7 && digits && name.len)
            return syntax_error(l->err, l->text, l->at,
                                "unknown unit \"%.*s\" in duration \"%.*s\"", STR_ARG(name),
                                STR_ARG(text));
        if (!digits || digits > 19 || !name.len || unit < next)
            return syntax_error(l->err, l->text, l->at, "not a valid duration string: \"%.*s\"",
                                STR_ARG(text));
        next = unit + 1;
    }
    return syntax_error(l->err, l->text, l->at, "duration out of range");
}

static int lex_number(struct lexer *l, struct token *t)
{
    size_t end;
    bool number = scan_number(l, &end), duration = !number && scan_duration(l, &end);
    t->text = str_make(l->text.ptr + l->at, end - l->at);
    if (number) {
        if (!parse_number(t->text, &t->number))
            return fail_parse_float(l, t->text, "invalid syntax");
        if (isinf(t->number))
            return fail_parse_float(l, t->text, "value out of range");
        t->kind = TOKEN_NUMBER;
    } else if (!duration) {
        return syntax_error(l->err, l->text, l->at, "bad number or duration syntax: \"%.*s\"",
                            STR_ARG(t->text));
    } else if (duration_parse(t->text, &t->duration_ms)) {
        t->kind = TOKEN_DURATION;
        t->number = (double)t->duration_ms / 1000;
    } else {
        return fail_duration(l, t->text);
    }
    l->at = end;
    return OK;
}

// \xHH, \uHHHH, \UHHHHHHHH and \OOO behind the backslash.
static bool lex_coded(struct lexer *l, struct buf *out)
{
    char c = at(l, l->at);
    bool octal = c >= '0' && c <= '7';
    if (!octal && c != 'x' && c != 'u' && c != 'U')
        return false;
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : octal ? 3 : 0;
    uint32_t value = 0;
    l->at += !octal;
    for (int i = 0; i < digits; i++) {
        int digit = hex_digit(at(l, l->at));
        if (digit < 0 || (octal && digit > 7))
            return false;
        value = value * (octal ? 8 : 16) + (uint32_t)digit;
        l->at++;
    }
    l->bad_code_point = value > (octal ? 255 : 0x10ffff) || (value >= 0xd800 && value < 0xe000);
    if (l->bad_code_point)
        return false;
    if (c == 'x' || octal)
        buf_char(out, (char)value);
    else
        utf8_encode(out, value);
    return true;
}

static bool lex_escape(struct lexer *l, char quote, struct buf *out)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    char c = at(l, l->at);
    const char *hit = c ? strchr(from, c) : NULL;
    if (hit || (c == quote && c)) {
        buf_char(out, hit ? to[hit - from] : quote);
        l->at++;
        return true;
    }
    return lex_coded(l, out);
}

// `escape`: where it began, behind the backslash; l->at: where it went wrong.
static int fail_escape(struct lexer *l, size_t start, size_t escape)
{
    uint32_t code_point = 0;
    struct str rest = str_skip(l->text, l->at < l->text.len ? l->at : l->text.len);
    size_t size = utf8_decode(rest, &code_point);
    if (l->bad_code_point)
        return syntax_error(l->err, l->text, start,
                            "escape sequence is an invalid Unicode code point");
    if (!rest.len)
        return syntax_error(l->err, l->text, start, "escape sequence not terminated");
    return syntax_error(l->err, l->text, start,
                        l->at == escape ? "unknown escape sequence U+%04X '%.*s'"
                                        : "illegal character U+%04X '%.*s' in escape sequence",
                        code_point, (int)size, rest.ptr);
}

static int lex_quoted(struct lexer *l, struct token *t, struct buf *text)
{
    size_t start = l->at;
    char quote = at(l, l->at++);
    for (;;) {
        char c = at(l, l->at);
        if (l->at >= l->text.len || (c == '\n' && quote != '`'))
            return syntax_error(l->err, l->text, start,
                                quote == '`' ? "unterminated raw string"
                                             : "unterminated quoted string");
        l->at++;
        if (c == quote)
            break;
        size_t escape = l->at;
        if (c != '\\' || quote == '`')
            buf_char(text, c);
        else if (!lex_escape(l, quote, text))
            return fail_escape(l, start, escape);
    }
    t->kind = TOKEN_STRING;
    t->text = str_make(l->text.ptr + start, l->at - start);
    t->string = arena_copy(l->arena, buf_view(text));
    return OK;
}

static int lex_string(struct lexer *l, struct token *t)
{
    struct buf text = BUF_INIT;
    int rc = lex_quoted(l, t, &text);
    buf_release(&text);
    return rc;
}

static void lex_word(struct lexer *l, struct token *t)
{
    size_t end = l->at;
    while (is_letter(at(l, end)) || is_digit(at(l, end)) || (at(l, end) == ':' && !l->in_braces))
        end++;
    t->kind = TOKEN_WORD;
    t->text = str_make(l->text.ptr + l->at, end - l->at);
    l->at = end;
    if (l->in_braces)
        return;
    if (str_eq_nocase(t->text, STR("inf")) || str_eq_nocase(t->text, STR("nan"))) {
        t->kind = TOKEN_NUMBER;
        float_parse(t->text, &t->number);
        if (isnan(t->number))
            t->number = __builtin_nan("");
    }
}

// What cannot stand where it does, as Go quotes characters.
static int fail_character(struct lexer *l, const char *what, size_t where)
{
    uint32_t code_point;
    struct str rest = str_skip(l->text, where < l->text.len ? where : l->text.len);
    size_t size = utf8_decode(rest, &code_point);
    if (!size)
        return syntax_error(l->err, l->text, l->at, "%s: '\xef\xbf\xbd'", what);
    if (code_point == '\'' || code_point == '"')
        return syntax_error(l->err, l->text, l->at, "%s: '%s'", what,
                            code_point == '"' ? "\"" : "\\'");
    struct buf quoted = BUF_INIT;
    str_quote(&quoted, str_first(rest, size));
    int rc = syntax_error(l->err, l->text, l->at, "%s: '%.*s'", what, (int)quoted.len - 2,
                          buf_text(&quoted) + 1);
    buf_release(&quoted);
    return rc;
}

static int lex_punctuation(struct lexer *l, struct token *t)
{
    static const char *const doubles[] = {"==", "!=", "<=", ">="};
    size_t len = 0;
    char c = at(l, l->at);
    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
        if (str_has_prefix(str_skip(l->text, l->at), str_from(doubles[i])))
            len = 2;
    }
    if (c == '=' && at(l, l->at + 1) == '~')
        return fail_character(l, "unexpected character after '='", l->at + 1);
    if (!len && c == '!')
        return fail_character(l, "unexpected character after '!'", l->at + 1);
    if (!len && !is_one_of(c, "(){}[],:@+-*/%^<>="))
        return fail_character(l, "unexpected character", l->at);
    t->kind = TOKEN_PUNCTUATION;
    t->text = str_make(l->text.ptr + l->at, len ? len : 1);
    l->in_braces = c == '{';
    l->at += t->text.len;
    return OK;
}

// Between the braces of a selector.
static int lex_in_braces(struct lexer *l, struct token *t)
{
    char c = at(l, l->at), next = at(l, l->at + 1);
    if (is_letter(c)) {
        lex_word(l, t);
        return OK;
    }
    if (c == '!' && next != '=' && next != '~')
        return fail_character(l, "unexpected character after '!' inside braces", l->at + 1);
    if (c == '{')
        return syntax_error(l->err, l->text, l->at, "unexpected left brace '{'");
    if (!is_one_of(c, ",=!}"))
        return fail_character(l, "unexpected character inside braces", l->at);
    bool two = c == '!' || (c == '=' && next == '~');
    t->kind = TOKEN_PUNCTUATION;
    t->text = str_make(l->text.ptr + l->at, two ? 2 : 1);
    l->in_braces = c != '}';
    l->at += t->text.len;
    return OK;
}

// step, range, min_of and max_of: the words of durations.
static bool lex_duration_word(struct lexer *l, struct token *t)
{
    static const char *const words[] = {"step", "range", "min_of", "max_of"};
    size_t end = l->at;
    while (is_letter(at(l, end)))
        end++;
    t->kind = TOKEN_WORD;
    t->text = str_make(l->text.ptr + l->at, end - l->at);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_eq_nocase(t->text, str_from(words[i]))) {
            l->at = end;
            return true;
        }
    }
    return false;
}

// Behind a bracket, up to the first number.
static int lex_in_duration(struct lexer *l, struct token *t)
{
    char c = at(l, l->at);
    if (is_digit(c) || (c == '.' && is_digit(at(l, l->at + 1))))
        return lex_number(l, t);
    if (is_letter(c) && lex_duration_word(l, t))
        return OK;
    if (!is_one_of(c, "]:()+-*/%^,"))
        return fail_character(l, "unexpected character in duration expression", l->at);
    return lex_punctuation(l, t);
}

// Behind the first number in brackets, what isn't a word is as anywhere.
static int lex_bracketed_word(struct lexer *l, struct token *t)
{
    if (lex_duration_word(l, t))
        return OK;
    return syntax_error(l->err, l->text, l->at, "unexpected character: '%c', expected ':'",
                        at(l, l->at));
}

static void note_brackets(struct lexer *l, const struct token *t)
{
    if (t->kind == TOKEN_NUMBER || t->kind == TOKEN_DURATION)
        l->in_duration = false;
    if (t->kind == TOKEN_PUNCTUATION && is_one_of(t->text.ptr[0], "[]"))
        l->in_brackets = l->in_duration = t->text.ptr[0] == '[';
}

static int lex_any(struct lexer *l, struct token *t)
{
    char c = at(l, l->at);
    if (l->in_duration)
        return lex_in_duration(l, t);
    if (c == '"' || c == '\'' || c == '`')
        return lex_string(l, t);
    if (l->in_braces)
        return lex_in_braces(l, t);
    if (is_digit(c) || (c == '.' && is_digit(at(l, l->at + 1))))
        return lex_number(l, t);
    if (is_letter(c) && l->in_brackets)
        return lex_bracketed_word(l, t);
    if (!is_letter(c) && (c != ':' || l->in_brackets))
        return lex_punctuation(l, t);
    lex_word(l, t);
    return OK;
}

int lex_next(struct lexer *l, struct token *t)
{
    int rc = OK;
    skip_blank(l);
    *t = (struct token){.kind = TOKEN_END, .start = (uint32_t)l->at, .end = (uint32_t)l->at};
    if (l->at >= l->text.len)
        return OK;
    rc = lex_any(l, t);
    if (rc == OK)
        note_brackets(l, t);
    t->end = (uint32_t)l->at;
    return rc;
}
