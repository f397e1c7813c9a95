#include "base/coding.h"

void buf_be32(struct buf *b, uint32_t v)
{
    unsigned char bytes[4];
    be32_put(bytes, v);
    buf_append(b, bytes, sizeof(bytes));
}

void buf_be64(struct buf *b, uint64_t v)
{
    unsigned char bytes[8];
    be64_put(bytes, v);
    buf_append(b, bytes, sizeof(bytes));
}

void buf_varint(struct buf *b, uint64_t v)
{
    unsigned char bytes[VARINT_SIZE_MAX];
    buf_append(b, bytes, varint_put(bytes, v));
}

void buf_svarint(struct buf *b, int64_t v)
{
    buf_varint(b, zigzag(v));
}

void buf_sized(struct buf *b, struct str s)
{
    buf_varint(b, s.len);
    buf_str(b, s);
}

void decoder_init(struct decoder *d, struct str bytes)
{
    const unsigned char *start = (const unsigned char *)bytes.ptr;
    *d = (struct decoder){.pos = start, .end = bytes.len ? start + bytes.len : start};
}

struct str decode_bytes(struct decoder *d, size_t len)
{
    if (d->failed || len > decoder_left(d)) {
        d->failed = true;
        return str_make(NULL, 0);
    }
    struct str bytes = str_make((const char *)d->pos, len);
    d->pos += len;
    return bytes;
}

uint8_t decode_u8(struct decoder *d)
{
    struct str byte = decode_bytes(d, 1);
    return byte.len ? (uint8_t)byte.ptr[0] : 0;
}

uint32_t decode_be32(struct decoder *d)
{
    struct str bytes = decode_bytes(d, 4);
    return bytes.len ? be32_get(bytes.ptr) : 0;
}

uint64_t decode_be64(struct decoder *d)
{
    struct str bytes = decode_bytes(d, 8);
    return bytes.len ? be64_get(bytes.ptr) : 0;
}

uint64_t decode_long_varint(struct decoder *d)
{
    uint64_t v = 0;
    if (d->failed || !varint_get(&d->pos, d->end, &v))
        d->failed = true;
    return d->failed ? 0 : v;
}

int64_t decode_svarint(struct decoder *d)
{
    return unzigzag(decode_varint(d));
}

struct str decode_sized(struct decoder *d)
{
    uint64_t len = decode_varint(d);
    return decode_bytes(d, d->failed ? 0 : len);
}
