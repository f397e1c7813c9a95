// printf: Go's verbs over C's conversions, one directive at a time.
#include <math.h>
#include <stdio.h>

#include "base/float_text.h"
#include "base/utf8.h"
#include "template_tree.h"

#define WIDTH_MAX 10000

struct directive {
    bool minus, plus, sharp, space, zero, bad_index;
    bool go_syntax;       // %#v
    int width, precision; // -1: not given
    char verb;
};

struct arguments {
    const struct value *items;
    size_t count, used;
    bool reordered; // by an index
};

static int take_int(struct str *s)
{
    int value = -1;
    while (s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9' && value < WIDTH_MAX) {
        value = (value < 0 ? 0 : value * 10) + (s->ptr[0] - '0');
        *s = str_skip(*s, 1);
    }
    return value;
}

// [n]: the argument to go on with.
static void take_index(struct str *s, struct arguments *arguments, struct directive *d)
{
    if (!s->len || s->ptr[0] != '[')
        return;
    *s = str_skip(*s, 1);
    int index = take_int(s);
    arguments->reordered = true;
    if (s->len && s->ptr[0] == ']')
        *s = str_skip(*s, 1);
    if (index < 1 || (size_t)index > arguments->count)
        d->bad_index = true;
    else
        arguments->used = (size_t)index - 1;
}

// A number, or * for the next argument's.
static int take_size(struct str *s, struct arguments *arguments)
{
    if (!s->len || s->ptr[0] != '*')
        return take_int(s);
    *s = str_skip(*s, 1);
    if (arguments->used >= arguments->count)
        return -1;
    const struct value *v = &arguments->items[arguments->used++];
    bool fits = v->kind == VALUE_INT && v->integer > -WIDTH_MAX && v->integer < WIDTH_MAX;
    return fits ? (int)v->integer : -1;
}

static struct directive take_directive(struct str *s, struct arguments *arguments)
{
    struct directive d = {.precision = -1};
    for (; s->len && strchr("-+# 0", s->ptr[0]) && s->ptr[0]; *s = str_skip(*s, 1)) {
        d.minus |= s->ptr[0] == '-';
        d.plus |= s->ptr[0] == '+';
        d.sharp |= s->ptr[0] == '#';
        d.space |= s->ptr[0] == ' ';
        d.zero |= s->ptr[0] == '0';
    }
    take_index(s, arguments, &d);
    d.width = take_size(s, arguments);
    if (s->len && s->ptr[0] == '.') {
        *s = str_skip(*s, 1);
        take_index(s, arguments, &d);
        d.precision = take_size(s, arguments);
        if (d.precision < 0)
            d.precision = 0;
    }
    take_index(s, arguments, &d);
    if (s->len) {
        d.verb = s->ptr[0];
        *s = str_skip(*s, 1);
    }
    // To %v the flags ask for more detail, not for a sign or a prefix.
    if (d.verb == 'v') {
        d.go_syntax = d.sharp;
        d.plus = d.sharp = false;
    }
    return d;
}

static void pad(struct buf *out, const struct directive *d, struct str text)
{
    size_t runes = 0;
    for (size_t i = 0; i < text.len; i++)
        runes += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    size_t fill = d->width > 0 && (size_t)d->width > runes ? (size_t)d->width - runes : 0;
    // Integers have their zeros by now.
    bool is_float = strchr("fFeEgG", d->verb) || (d->verb == 'b' && d->precision < 0);
    char with = d->zero && !d->minus && is_float ? '0' : ' ';
    if (d->minus)
        buf_str(out, text);
    if (with == '0' && !d->minus && text.len &&
        (text.ptr[0] == '-' || text.ptr[0] == '+' || text.ptr[0] == ' ')) {
        buf_char(out, text.ptr[0]);
        text = str_skip(text, 1);
    }
    for (size_t i = 0; i < fill; i++)
        buf_char(out, with);
    if (!d->minus)
        buf_str(out, text);
}

// %b: the mantissa and the exponent of two, as they are kept.
static void put_binary_float(struct buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    int exponent = (int)(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & ((UINT64_C(1) << 52) - 1);
    if (exponent)
        mantissa |= UINT64_C(1) << 52;
    else
        exponent = 1;
    buf_printf(out, "%s%llup%+d", signbit(value) ? "-" : "", (unsigned long long)mantissa,
               exponent - 1075);
}

static void format_float(struct buf *out, const struct directive *d, double value)
{
    char layout[16];
    if (!isfinite(value)) {
        buf_float(out, value, FLOAT_G);
        return;
    }
    if ((d->plus || d->space) && !signbit(value))
        buf_char(out, d->plus ? '+' : ' ');
    if (d->verb == 'b') {
        put_binary_float(out, value);
        return;
    }
    if (d->precision < 0 && (d->verb == 'g' || d->verb == 'G' || d->verb == 'v')) {
        size_t start = out->len;
        buf_float(out, value, FLOAT_G);
        for (size_t i = start; i < out->len && d->verb == 'G'; i++)
            out->ptr[i] = out->ptr[i] == 'e' ? 'E' : out->ptr[i];
        return;
    }
    snprintf(layout, sizeof(layout), "%%.*%c", d->verb == 'v' ? 'g' : d->verb);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    buf_printf(out, layout, d->precision < 0 ? 6 : d->precision, value);
#pragma GCC diagnostic pop
}

static void put_binary(struct buf *out, uint64_t magnitude)
{
    int bit = 63;
    while (bit > 0 && !(magnitude >> bit & 1))
        bit--;
    for (; bit >= 0; bit--)
        buf_char(out, (char)('0' + (magnitude >> bit & 1)));
}

// As quoting sees it: what it neither escapes nor refuses.
static bool is_printable(uint32_t c)
{
    struct buf text = BUF_INIT, quoted = BUF_INIT;
    utf8_encode(&text, c);
    str_quote(&quoted, buf_view(&text));
    bool is_kept = quoted.len == text.len + 2;
    buf_release(&text);
    buf_release(&quoted);
    return is_kept || c == '"' || c == '\\';
}

// %c, %q and %U: the integer is a code point.
static bool format_code_point(struct buf *out, const struct directive *d, int64_t value)
{
    struct buf text = BUF_INIT;
    uint32_t c = value < 0 || value > 0x10ffff ? 0xfffd : (uint32_t)value;
    if (d->verb == 'U') {
        buf_printf(out, "U+%0*llX", d->precision > 4 ? d->precision : 4, (unsigned long long)value);
        if (d->sharp && (int64_t)c == value && is_printable(c)) {
            utf8_encode(&text, c);
            buf_printf(out, " '%s'", buf_text(&text));
        }
    } else if (d->verb == 'c')
        utf8_encode(out, c);
    else if (d->verb == 'q') {
        utf8_encode(&text, c);
        buf_printf(out, c == '\'' || c == '\\' ? "'\\%s'" : "'%s'", buf_text(&text));
    }
    buf_release(&text);
    return strchr("Ucq", d->verb) != NULL;
}

static const char *integer_prefix(const struct directive *d)
{
    if (d->verb == 'O')
        return "0o";
    if (!d->sharp)
        return "";
    switch (d->verb) {
    case 'x':
        return "0x";
    case 'X':
        return "0X";
    case 'o':
        return "0";
    case 'b':
        return "0b";
    }
    return "";
}

// A width to be filled with zeros is a number of digits, unless that is given.
static int digits_min(const struct directive *d, bool has_sign)
{
    if (d->precision >= 0)
        return d->precision;
    return d->zero && !d->minus ? d->width - has_sign : 0;
}

static void format_integer(struct buf *out, const struct directive *d, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    bool has_sign = value < 0 || d->plus || d->space;
    if (format_code_point(out, d, value) || (value == 0 && d->precision == 0))
        return;
    if (has_sign)
        buf_char(out, value < 0 ? '-' : d->plus ? '+' : ' ');
    buf_cstr(out, integer_prefix(d));
    struct buf digits = BUF_INIT;
    if (d->verb == 'x')
        buf_printf(&digits, "%llx", (unsigned long long)magnitude);
    else if (d->verb == 'X')
        buf_printf(&digits, "%llX", (unsigned long long)magnitude);
    else if (d->verb == 'o' || d->verb == 'O')
        buf_printf(&digits, "%llo", (unsigned long long)magnitude);
    else if (d->verb == 'b')
        put_binary(&digits, magnitude);
    else
        buf_u64(&digits, magnitude);
    for (int i = (int)digits.len; i < digits_min(d, has_sign); i++)
        buf_char(out, '0');
    buf_str(out, buf_view(&digits));
    buf_release(&digits);
}

// The first `count` characters.
static struct str first_runes(struct str text, size_t count)
{
    size_t at = 0;
    while (at < text.len && count-- > 0) {
        uint32_t c;
        size_t len = utf8_decode(str_skip(text, at), &c);
        at += len ? len : 1;
    }
    return str_first(text, at);
}

// %x: the bytes, of which "% x" stand apart and those of "%#x" have a prefix.
static void put_hex(struct buf *out, const struct directive *d, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (i && d->space)
            buf_char(out, ' ');
        if (d->sharp && (i == 0 || d->space))
            buf_cstr(out, d->verb == 'x' ? "0x" : "0X");
        buf_printf(out, d->verb == 'x' ? "%02x" : "%02X", (unsigned char)text.ptr[i]);
    }
}

// A text that "%#q" may put between back quotes.
static bool is_raw(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c < ' ' && c != '\t') || c == '`' || c == 0x7f)
            return false;
    }
    return utf8_valid(text);
}

static void put_quoted(struct buf *out, const struct directive *d, struct str text)
{
    if (d->sharp && is_raw(text)) {
        buf_printf(out, "`%.*s`", STR_ARG(text));
        return;
    }
    struct buf quoted = BUF_INIT;
    str_quote(d->plus ? &quoted : out, text);
    struct str rest = buf_view(&quoted);
    while (rest.len) {
        uint32_t c;
        size_t len = utf8_decode(rest, &c);
        if (len == 0 || c < 0x80)
            buf_char(out, rest.ptr[0]);
        else
            buf_printf(out, c > 0xffff ? "\\U%08x" : "\\u%04x", c);
        rest = str_skip(rest, len ? len : 1);
    }
    buf_release(&quoted);
}

static void format_text(struct buf *out, const struct directive *d, struct str text)
{
    if (d->precision >= 0)
        text = first_runes(text, (size_t)d->precision);
    if (d->verb == 'q') {
        put_quoted(out, d, text);
    } else if (d->verb == 'x' || d->verb == 'X') {
        put_hex(out, d, text);
    } else {
        buf_str(out, text);
    }
}

static bool verb_suits(char verb, enum value_kind kind)
{
    switch (kind) {
    case VALUE_FLOAT:
        return strchr("beEfFgGv", verb) != NULL;
    case VALUE_INT:
        return strchr("dxXobOcqUv", verb) != NULL;
    case VALUE_BOOL:
        return strchr("tv", verb) != NULL;
    case VALUE_STRING:
    case VALUE_SAFE:
    case VALUE_SAFE_URL:
        return strchr("sqxXv", verb) != NULL;
    case VALUE_DURATION:
        return strchr("sdqv", verb) != NULL;
    case VALUE_NIL:
        return verb == 'v';
    default:
        return strchr("sqv", verb) != NULL;
    }
}

static void format_scalar(struct execution *ex, struct buf *out, const struct directive *d,
                          const struct value *v)
{
    bool as_integer = v->kind == VALUE_INT || (v->kind == VALUE_DURATION && d->verb == 'd');
    if (!verb_suits(d->verb, v->kind)) {
        if (v->kind == VALUE_NIL)
            buf_printf(out, "%%!%c(<nil>)", d->verb);
        else
            buf_printf(out, "%%!%c(%s=%.*s)", d->verb, value_type_name(v),
                       STR_ARG(value_string(ex->arena, v)));
    } else if (v->kind == VALUE_NIL) {
        buf_cstr(out, "<nil>");
    } else if (v->kind == VALUE_FLOAT) {
        format_float(out, d, v->number);
    } else if (as_integer) {
        format_integer(out, d, v->integer);
    } else if (v->kind == VALUE_STRING && d->go_syntax) {
        str_quote(out, value_string(ex->arena, v));
    } else {
        format_text(out, d, value_string(ex->arena, v));
    }
}

static void format_one(struct execution *ex, struct buf *out, const struct directive *d,
                       const struct value *v);

// The verb is each element's: %q of a list is ["a" "b"].
static void format_list(struct execution *ex, struct buf *out, const struct directive *d,
                        const struct value *v)
{
    buf_char(out, '[');
    for (size_t i = 0; i < v->list.count; i++) {
        if (i)
            buf_char(out, ' ');
        format_one(ex, out, d, &v->list.items[i]);
    }
    buf_char(out, ']');
}

static void format_one(struct execution *ex, struct buf *out, const struct directive *d,
                       const struct value *v)
{
    struct buf text = BUF_INIT;
    if (v->kind == VALUE_LIST && v->list.type != LIST_PAIRS && d->verb != 'T') {
        format_list(ex, out, d, v);
        return;
    }
    if (d->verb == 'T')
        buf_cstr(&text, value_type_name(v));
    else
        format_scalar(ex, &text, d, v);
    pad(out, d, buf_view(&text));
    buf_release(&text);
}

static void put_extra(struct execution *ex, struct buf *out, const struct value *args, size_t count)
{
    buf_cstr(out, "%!(EXTRA ");
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_cstr(out, ", ");
        if (args[i].kind == VALUE_NIL)
            buf_cstr(out, "<nil>");
        else
            buf_printf(out, "%s=%.*s", value_type_name(&args[i]),
                       STR_ARG(value_string(ex->arena, &args[i])));
    }
    buf_char(out, ')');
}

void template_printf(struct execution *ex, struct buf *out, struct str format,
                     const struct value *args, size_t count)
{
    struct arguments arguments = {args, count, 0, false};
    while (format.len) {
        size_t percent = str_find(format, '%');
        buf_append(out, format.ptr, percent);
        format = str_skip(format, percent);
        if (format.len == 0)
            break;
        format = str_skip(format, 1);
        struct directive d = take_directive(&format, &arguments);
        if (d.verb == '%')
            buf_char(out, '%');
        else if (!d.verb)
            buf_cstr(out, "%!(NOVERB)");
        else if (d.bad_index)
            buf_printf(out, "%%!%c(BADINDEX)", d.verb);
        else if (arguments.used >= count)
            buf_printf(out, "%%!%c(MISSING)", d.verb);
        else
            format_one(ex, out, &d, &args[arguments.used++]);
    }
    if (arguments.used < count && !arguments.reordered)
        put_extra(ex, out, args + arguments.used, count - arguments.used);
}
