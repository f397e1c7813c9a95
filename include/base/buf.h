// A growing byte buffer with a sticky error: append freely, check once at the end.
//
// With a limit set, an append past it is dropped whole, sets `failed`, and so is every later one.
// Without one (limit 0) appends cannot fail.
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>

#include "base/str.h"

struct buf {
    char *ptr; // owned
    size_t len;
    size_t cap;
    size_t limit; // bytes; 0 is none
    bool failed;
};

#define BUF_INIT                                                                                   \
    {                                                                                              \
        0                                                                                          \
    }

void buf_init(struct buf *b, size_t limit);
void buf_release(struct buf *b);
// Empties it and clears the error; keeps the memory.
void buf_reset(struct buf *b);
// Drops everything after the first `len` bytes.
void buf_truncate(struct buf *b, size_t len);
// Makes room, or fails at the limit: what buf_reserve() does when there is none yet.
char *buf_grow(struct buf *b, size_t size);
// Room for `size` more bytes, not yet counted in len; NULL when over the limit. Follow with
// buf_advance() by what was written. One byte beyond is always there, for buf_text()'s NUL.
static inline char *buf_reserve(struct buf *b, size_t size)
{
    if (!b->failed && size < b->cap - b->len && (!b->limit || size <= b->limit - b->len))
        return b->ptr + b->len;
    return buf_grow(b, size);
}
static inline void buf_advance(struct buf *b, size_t size)
{
    b->len += size;
}
static inline void buf_char(struct buf *b, char c)
{
    char *room = buf_reserve(b, 1);
    if (room) {
        *room = c;
        b->len++;
    }
}

void buf_append(struct buf *b, const void *ptr, size_t len);
void buf_str(struct buf *b, struct str s);
void buf_cstr(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
// Decimal text, much faster than buf_printf().
void buf_i64(struct buf *b, int64_t value);
void buf_u64(struct buf *b, uint64_t value);

// The bytes so far; borrowed until the next change.
struct str buf_view(const struct buf *b);
// The bytes NUL-terminated; borrowed until the next change.
const char *buf_text(struct buf *b);
// Hands the NUL-terminated bytes to the caller, who frees them with mem_free(); `b` is then empty.
char *buf_steal(struct buf *b);

#endif
