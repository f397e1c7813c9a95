#include "base/buf.h"

#include <stdio.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_release(struct buf *b)
{
    mem_free(b->ptr);
    *b = (struct buf){.limit = b->limit};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

void buf_truncate(struct buf *b, size_t len)
{
    if (len < b->len)
        b->len = len;
}

char *buf_grow(struct buf *b, size_t size)
{
    if (b->failed || (b->limit && size > b->limit - b->len)) {
        b->failed = true;
        return NULL;
    }
    size_t needed = b->len + size + 1;
    if (needed > b->cap) {
        size_t cap = b->cap ? b->cap * 2 : 64;
        b->cap = cap < needed ? needed : cap;
        b->ptr = mem_realloc(b->ptr, b->cap, 1);
    }
    return b->ptr + b->len;
}

void buf_append(struct buf *b, const void *ptr, size_t len)
{
    char *room = buf_reserve(b, len);
    if (room && len) {
        memcpy(room, ptr, len);
        b->len += len;
    }
}

void buf_str(struct buf *b, struct str s)
{
    buf_append(b, s.ptr, s.len);
}

void buf_cstr(struct buf *b, const char *s)
{
    buf_append(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    char *room = len >= 0 ? buf_reserve(b, (size_t)len) : NULL;
    if (room) {
        vsnprintf(room, (size_t)len + 1, format, again);
        b->len += (size_t)len;
    }
    va_end(again);
}

void buf_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_append(b, digits + at, sizeof(digits) - at);
}

void buf_i64(struct buf *b, int64_t value)
{
    if (value < 0)
        buf_char(b, '-');
    buf_u64(b, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

struct str buf_view(const struct buf *b)
{
    return str_make(b->ptr, b->len);
}

const char *buf_text(struct buf *b)
{
    if (!b->ptr)
        return "";
    b->ptr[b->len] = '\0';
    return b->ptr;
}

char *buf_steal(struct buf *b)
{
    char *text = b->ptr ? b->ptr : mem_alloc(1);
    text[b->len] = '\0';
    *b = (struct buf){.limit = b->limit};
    return text;
}
