// printf: Go's verbs over C's conversions, one directive at a time.
#include <math.h>

#include "base/float_text.h"
#include "template_tree.h"

struct directive {
    bool minus, plus, sharp, space, zero;
    int width, precision; // -1: not given
    char verb;
};

static int take_int(struct str *s)
{
    int value = -1;
    while (s->len && s->ptr[0] >= '0' && s->ptr[0] <= '9' && value < 10000) {
        value = (value < 0 ? 0 : value * 10) + (s->ptr[0] - '0');
        *s = str_skip(*s, 1);
    }
    return value;
}

static struct directive take_directive(struct str *s)
{
    struct directive d = {.precision = -1};
    for (; s->len && strchr("-+# 0", s->ptr[0]) && s->ptr[0]; *s = str_skip(*s, 1)) {
        d.minus |= s->ptr[0] == '-';
        d.plus |= s->ptr[0] == '+';
        d.sharp |= s->ptr[0] == '#';
        d.space |= s->ptr[0] == ' ';
        d.zero |= s->ptr[0] == '0';
    }
    d.width = take_int(s);
    if (s->len && s->ptr[0] == '.') {
        *s = str_skip(*s, 1);
        d.precision = take_int(s);
        if (d.precision < 0)
            d.precision = 0;
    }
    if (s->len) {
        d.verb = s->ptr[0];
        *s = str_skip(*s, 1);
    }
    return d;
}

static void pad(struct buf *out, const struct directive *d, struct str text)
{
    size_t runes = 0;
    for (size_t i = 0; i < text.len; i++)
        runes += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    size_t fill = d->width > 0 && (size_t)d->width > runes ? (size_t)d->width - runes : 0;
    bool numeric = strchr("dfeEgGxXob", d->verb) != NULL;
    char with = d->zero && !d->minus && numeric ? '0' : ' ';
    if (d->minus)
        buf_str(out, text);
    if (with == '0' && text.len && (text.ptr[0] == '-' || text.ptr[0] == '+')) {
        buf_char(out, text.ptr[0]);
        text = str_skip(text, 1);
    }
    for (size_t i = 0; i < fill; i++)
        buf_char(out, with);
    if (!d->minus)
        buf_str(out, text);
}

static void format_float(struct buf *out, const struct directive *d, double value)
{
    char layout[16];
    if (!isfinite(value)) {
        buf_float(out, value, FLOAT_G);
        return;
    }
    if (d->plus && !signbit(value))
        buf_char(out, '+');
    if (d->precision < 0 && (d->verb == 'g' || d->verb == 'G' || d->verb == 'v')) {
        buf_float(out, value, FLOAT_G);
        return;
    }
    snprintf(layout, sizeof(layout), "%%.*%c", d->verb == 'v' ? 'g' : d->verb);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    buf_printf(out, layout, d->precision < 0 ? 6 : d->precision, value);
#pragma GCC diagnostic pop
}

static void format_integer(struct buf *out, const struct directive *d, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0 || d->plus)
        buf_char(out, value < 0 ? '-' : '+');
    if (d->verb == 'x')
        buf_printf(out, "%s%llx", d->sharp ? "0x" : "", (unsigned long long)magnitude);
    else if (d->verb == 'X')
        buf_printf(out, "%s%llX", d->sharp ? "0X" : "", (unsigned long long)magnitude);
    else if (d->verb == 'o')
        buf_printf(out, "%llo", (unsigned long long)magnitude);
    else
        buf_u64(out, magnitude);
}

static void format_text(struct buf *out, const struct directive *d, struct str text)
{
    if (d->precision >= 0 && (size_t)d->precision < text.len)
        text = str_first(text, (size_t)d->precision);
    if (d->verb == 'q') {
        str_quote(out, text);
    } else if (d->verb == 'x') {
        for (size_t i = 0; i < text.len; i++)
            buf_printf(out, "%02x", (unsigned char)text.ptr[i]);
    } else {
        buf_str(out, text);
    }
}

static bool verb_suits(char verb, enum value_kind kind)
{
    switch (kind) {
    case VALUE_FLOAT:
        return strchr("eEfFgGv", verb) != NULL;
    case VALUE_INT:
        return strchr("dxXobcqUv", verb) != NULL;
    case VALUE_BOOL:
        return strchr("tv", verb) != NULL;
    case VALUE_STRING:
    case VALUE_SAFE:
        return strchr("sqxXv", verb) != NULL;
    default:
        return strchr("sv", verb) != NULL;
    }
}

static void format_one(struct execution *ex, struct buf *out, const struct directive *d,
                       const struct value *v)
{
    struct buf text = BUF_INIT;
    if (d->verb == 'T')
        buf_cstr(&text, value_type_name(v));
    else if (!verb_suits(d->verb, v->kind))
        buf_printf(&text, "%%!%c(%s=%.*s)", d->verb, value_type_name(v),
                   STR_ARG(value_string(ex->arena, v)));
    else if (v->kind == VALUE_FLOAT)
        format_float(&text, d, v->number);
    else if (v->kind == VALUE_INT)
        format_integer(&text, d, v->integer);
    else
        format_text(&text, d, value_string(ex->arena, v));
    pad(out, d, buf_view(&text));
    buf_release(&text);
}

void template_printf(struct execution *ex, struct buf *out, struct str format,
                     const struct value *args, size_t count)
{
    size_t used = 0;
    while (format.len) {
        size_t percent = str_find(format, '%');
        buf_append(out, format.ptr, percent);
        format = str_skip(format, percent);
        if (format.len == 0)
            break;
        format = str_skip(format, 1);
        struct directive d = take_directive(&format);
        if (d.verb == '%')
            buf_char(out, '%');
        else if (!d.verb)
            buf_cstr(out, "%!(NOVERB)");
        else if (used == count)
            buf_printf(out, "%%!%c(MISSING)", d.verb);
        else
            format_one(ex, out, &d, &args[used++]);
    }
    if (used < count)
        buf_cstr(out, "%!(EXTRA arguments)");
}
