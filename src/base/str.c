#include "base/str.h"

size_t str_find(struct str s, char needle)
{
    const char *hit = s.len ? memchr(s.ptr, needle, s.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

size_t str_find_last(struct str s, char needle)
{
    const char *hit = s.len ? memrchr(s.ptr, needle, s.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

size_t str_search(struct str s, struct str needle)
{
    if (needle.len == 0)
        return 0;
    const char *hit = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return hit ? (size_t)(hit - s.ptr) : s.len;
}

bool str_cut(struct str s, char separator, struct str *before, struct str *after)
{
    size_t at = str_find(s, separator);
    *before = str_first(s, at);
    *after = at < s.len ? str_skip(s, at + 1) : str_make(NULL, 0);
    return at < s.len;
}

bool str_next(struct str *rest, char separator, struct str *piece)
{
    if (!rest->ptr || rest->len == 0)
        return false;
    size_t at = str_find(*rest, separator);
    *piece = str_first(*rest, at);
    if (at == rest->len) {
        *rest = str_make(NULL, 0);
    } else {
        *rest = str_skip(*rest, at + 1);
    }
    return true;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.len && is_space(s.ptr[0]))
        s = str_skip(s, 1);
    while (s.len && is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.ptr[i]) != lower(b.ptr[i]))
            return false;
    }
    return true;
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = value;
    return true;
}

bool str_to_i64(struct str s, int64_t *out)
{
    bool negative = s.len && s.ptr[0] == '-';
    uint64_t magnitude;
    if (!str_to_u64(negative ? str_skip(s, 1) : s, &magnitude) ||
        magnitude > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}
