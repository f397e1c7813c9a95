// UTF-8 (RFC 3629: no surrogates, no overlong forms, up to U+10FFFF).
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"

bool utf8_valid(struct str s);
// Decodes the first code point of a non-empty view: its length 1..4, or 0 when it is invalid.
size_t utf8_decode(struct str s, uint32_t *code_point);
// Appends a code point; invalid ones become U+FFFD.
void utf8_encode(struct buf *out, uint32_t code_point);

#endif
