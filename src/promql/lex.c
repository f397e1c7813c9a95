#include "lex.h"

#include <math.h>
#include <stdio.h>

#include "base/float_text.h"
#include "base/utf8.h"
#include "model/duration.h"

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
        if (c == '#') {
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

// The run of characters that a number or duration may be made of.
static size_t number_end(const struct lexer *l)
{
    size_t i = l->at;
    bool hex = at(l, i) == '0' && (at(l, i + 1) | 0x20) == 'x';
    bool plain = true; // only digits, points and underscores so far
    for (;; i++) {
        char c = at(l, i);
        bool sign =
            (c == '+' || c == '-') && i > l->at && (at(l, i - 1) | 0x20) == 'e' && plain && !hex;
        if (!sign && !is_digit(c) && !is_letter(c) && c != '.')
            return i;
        if (is_letter(c) && c != '_' && (c | 0x20) != 'e')
            plain = false;
    }
}

// 0x and 1e, which are begun and not finished.
static bool is_unfinished(struct str text)
{
    size_t last = text.len - 1;
    char c = text.ptr[last];
    if (last && (c == '+' || c == '-'))
        c = text.ptr[--last];
    bool exponent = (c | 0x20) == 'e' && last > 0;
    for (size_t i = 0; exponent && i < last; i++)
        exponent = is_digit(text.ptr[i]) || text.ptr[i] == '.';
    return exponent || str_eq_nocase(text, STR("0x"));
}

static bool is_unit(char c)
{
    return c && strchr("smhdwy", c);
}

// Up to where a number goes on, then a duration's units and digits.
static size_t readable_length(struct str text, bool *duration)
{
    size_t n = 0;
    bool hex = text.len > 1 && text.ptr[0] == '0' && (text.ptr[1] | 0x20) == 'x';
    for (n = hex ? 2 : 0; n < text.len; n++) {
        char c = text.ptr[n];
        if (!is_digit(c) && c != '_' && c != '.')
            break;
        if ((c == '_' || c == '.') && n && str_find(str_first(text, n), c) < n) {
            n++;
            break;
        }
    }
    *duration = n < text.len && is_unit(text.ptr[n]);
    while (*duration && n < text.len) {
        n += str_has_prefix(str_skip(text, n), STR("ms")) ? 2 : 1;
        size_t digits = n;
        while (n < text.len && is_digit(text.ptr[n]))
            n++;
        // What breaks it is read, too.
        *duration = n == text.len ? digits == n : digits < n && is_unit(text.ptr[n]);
        if (!*duration && n < text.len)
            return n + 1;
    }
    return n;
}

static int fail_parse_float(struct lexer *l, struct str text, const char *why)
{
    return syntax_error(l->err, l->text, l->at,
                        "error parsing number: strconv.ParseFloat: parsing \"%.*s\": %s",
                        STR_ARG(text), why);
}

static int fail_number(struct lexer *l, struct str text)
{
    bool duration;
    size_t length = readable_length(text, &duration);
    size_t point = str_find(text, '.');
    if (is_unfinished(text))
        return fail_parse_float(l, text, "invalid syntax");
    if (duration && point < text.len) {
        size_t end = point + 1;
        while (end < text.len && !is_digit(text.ptr[end]))
            end++;
        return syntax_error(l->err, l->text, l->at, "unknown unit \"%.*s\" in duration \"%.*s\"",
                            (int)(end - point), text.ptr + point, STR_ARG(text));
    }
    if (duration)
        return syntax_error(l->err, l->text, l->at, "not a valid duration string: \"%.*s\"",
                            STR_ARG(text));
    return syntax_error(l->err, l->text, l->at, "bad number or duration syntax: \"%.*s\"",
                        STR_ARG(str_first(text, length)));
}

static int lex_number(struct lexer *l, struct token *t)
{
    size_t end = number_end(l);
    t->text = str_make(l->text.ptr + l->at, end - l->at);
    if (parse_number(t->text, &t->number)) {
        if (isinf(t->number) && is_digit(t->text.ptr[0]))
            return fail_parse_float(l, t->text, "value out of range");
        t->kind = TOKEN_NUMBER;
    } else if (duration_parse(t->text, &t->duration_ms)) {
        t->kind = TOKEN_DURATION;
        t->number = (double)t->duration_ms / 1000;
    } else {
        return fail_number(l, t->text);
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
    if (!digits || value > 0x10ffff || (octal && value > 255))
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
    while (is_letter(at(l, end)) || is_digit(at(l, end)) || at(l, end) == ':')
        end++;
    t->kind = TOKEN_WORD;
    t->text = str_make(l->text.ptr + l->at, end - l->at);
    l->at = end;
    if (str_eq_nocase(t->text, STR("inf")) || str_eq_nocase(t->text, STR("nan"))) {
        t->kind = TOKEN_NUMBER;
        float_parse(t->text, &t->number);
        if (isnan(t->number))
            t->number = __builtin_nan("");
    }
}

static int lex_punctuation(struct lexer *l, struct token *t)
{
    static const char *const doubles[] = {"==", "!=", "<=", ">=", "=~", "!~"};
    size_t len = 0;
    char c = at(l, l->at);
    for (size_t i = 0; i < sizeof(doubles) / sizeof(doubles[0]); i++) {
        if (str_has_prefix(str_skip(l->text, l->at), str_from(doubles[i])))
            len = 2;
    }
    if (!len && c && strchr("(){}[],:@+-*/%^<>=", c))
        len = 1;
    if (!len) {
        uint32_t code_point;
        struct str rest = str_skip(l->text, l->at + (c == '!'));
        size_t size = utf8_decode(rest, &code_point);
        if (c == '!' && size)
            return syntax_error(l->err, l->text, l->at, "unexpected character after '!': '%.*s'",
                                (int)size, rest.ptr);
        if (!size)
            return syntax_error(l->err, l->text, l->at, "unexpected character: '\\x%02x'",
                                (unsigned char)c);
        return syntax_error(l->err, l->text, l->at, "unexpected character: '%s%.*s'",
                            l->text.ptr[l->at] == '\\' ? "\\" : "", (int)size, rest.ptr);
    }
    t->kind = TOKEN_PUNCTUATION;
    t->text = str_make(l->text.ptr + l->at, len);
    l->at += len;
    return OK;
}

int lex_next(struct lexer *l, struct token *t)
{
    int rc = OK;
    skip_blank(l);
    *t = (struct token){.kind = TOKEN_END, .start = (uint32_t)l->at, .end = (uint32_t)l->at};
    if (l->at >= l->text.len)
        return OK;
    char c = at(l, l->at);
    if (is_digit(c) || (c == '.' && is_digit(at(l, l->at + 1))))
        rc = lex_number(l, t);
    else if (c == '"' || c == '\'' || c == '`')
        rc = lex_string(l, t);
    else if (is_letter(c) || (c == ':' && (is_letter(at(l, l->at + 1)) || at(l, l->at + 1) == ':')))
        lex_word(l, t);
    else
        rc = lex_punctuation(l, t);
    t->end = (uint32_t)l->at;
    return rc;
}
