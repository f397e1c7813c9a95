// A borrowed view of bytes: the one string type that crosses module boundaries.
//
// A view never owns and need not be NUL-terminated; it may hold NUL bytes. An empty view may have
// a NULL pointer. Text is UTF-8 wherever it was validated at an edge (see base/utf8.h).
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *ptr;
    size_t len;
};

// A view of a string literal.
#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
// The same as an initialiser of static data.
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }
// The two arguments of a "%.*s" conversion.
#define STR_ARG(s) (int)(s).len, ((s).ptr ? (s).ptr : "")

// A view of a NUL-terminated string; NULL gives the empty view.
static inline struct str str_from(const char *text)
{
    return (struct str){text, text ? strlen(text) : 0};
}

static inline struct str str_make(const char *ptr, size_t len)
{
    return (struct str){ptr, len};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool str_is(struct str a, const char *literal)
{
    return str_eq(a, str_from(literal));
}

// Byte order, a prefix before what it begins: negative, 0 or positive.
static inline int str_cmp(struct str a, struct str b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static inline bool str_has_prefix(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_make(s.ptr, prefix.len), prefix);
}

static inline bool str_has_suffix(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_make(s.ptr + s.len - suffix.len, suffix.len), suffix);
}

// `s` without its first `count` bytes; count <= s.len.
static inline struct str str_skip(struct str s, size_t count)
{
    return str_make(s.ptr ? s.ptr + count : NULL, s.len - count);
}

static inline struct str str_first(struct str s, size_t count)
{
    return str_make(s.ptr, count);
}

// 0 .. 15, or -1 of no hexadecimal digit.
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Index of the first `needle`, or s.len when there is none.
size_t str_find(struct str s, char needle);
// The same from the end.
size_t str_find_last(struct str s, char needle);
// Index of the first occurrence of the bytes `needle`, or s.len.
size_t str_search(struct str s, struct str needle);
// Splits at the first `separator`: false, and *before = s, *after empty, when there is none.
bool str_cut(struct str s, char separator, struct str *before, struct str *after);
// Takes the next piece of *rest up to `separator`; false once nothing is left. "a,,b" has three
// pieces, "" has none.
bool str_next(struct str *rest, char separator, struct str *piece);
// Without ASCII white space at either end.
struct str str_trim(struct str s);
bool str_eq_nocase(struct str a, struct str b);
// Decimal digits only, with an optional leading '-' for the signed form; false on anything else or
// on overflow, leaving *out alone.
bool str_to_u64(struct str s, uint64_t *out);
bool str_to_i64(struct str s, int64_t *out);

#endif
