#include "base/utf8.h"
#include "template_tree.h"

#define CODE_POINT_MAX 0x10ffff

static int digit_of(char c, unsigned base)
{
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' ? (c | 0x20) - 'a' + 10 : 99;
    return (unsigned)digit < base ? digit : -1;
}

// \101 and \x41 are bytes, \u and \U code points.
static size_t unescape_number(struct str s, struct buf *out)
{
    bool octal = s.ptr[0] >= '0' && s.ptr[0] <= '7';
    size_t at = octal ? 0 : 1;
    size_t digits = octal ? 3 : s.ptr[0] == 'x' ? 2 : s.ptr[0] == 'u' ? 4 : s.ptr[0] == 'U' ? 8 : 0;
    uint64_t value = 0;
    if (digits == 0 || s.len < at + digits)
        return 0;
    for (size_t i = at; i < at + digits; i++) {
        int digit = digit_of(s.ptr[i], octal ? 8 : 16);
        if (digit < 0)
            return 0;
        value = value * (octal ? 8 : 16) + (unsigned)digit;
    }
    bool is_byte = digits < 4;
    bool surrogate = value >= 0xd800 && value < 0xe000;
    if (is_byte ? value > 255 : value > CODE_POINT_MAX || surrogate)
        return 0;
    if (is_byte)
        buf_char(out, (char)value);
    else
        utf8_encode(out, (uint32_t)value);
    return at + digits;
}

size_t template_unescape(struct str s, struct buf *out)
{
    static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
    const char *hit = s.len && s.ptr[0] ? strchr(from, s.ptr[0]) : NULL;
    if (s.len == 0)
        return 0;
    if (!hit)
        return unescape_number(s, out);
    buf_char(out, to[hit - from]);
    return 1;
}
