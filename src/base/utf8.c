#include "base/utf8.h"

// The length a first byte announces, 0 for one that cannot begin a code point.
static size_t announced(unsigned char first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2)
        return 0;
    if (first < 0xe0)
        return 2;
    if (first < 0xf0)
        return 3;
    return first < 0xf5 ? 4 : 0;
}

size_t utf8_decode(struct str s, uint32_t *code_point)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t len = announced(p[0]);
    if (len == 0 || len > s.len)
        return 0;
    uint32_t value = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (p[i] & 0x3f);
    }
    if (value < least[len] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    *code_point = value;
    return len;
}

bool utf8_valid(struct str s)
{
    while (s.len) {
        uint32_t ignored;
        size_t len = (unsigned char)s.ptr[0] < 0x80 ? 1 : utf8_decode(s, &ignored);
        if (len == 0)
            return false;
        s = str_skip(s, len);
    }
    return true;
}

void utf8_encode(struct buf *out, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        c = 0xfffd;
    if (c < 0x80) {
        buf_char(out, (char)c);
        return;
    }
    size_t len = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    char bytes[4];
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    bytes[0] = (char)((0xf0u << (4 - len)) | c);
    buf_append(out, bytes, len);
}
