// Integers as bytes: big-endian fixed width (LMDB keys sort by them), LEB128 varints, zigzag.
#ifndef BASE_CODING_H
#define BASE_CODING_H

#include "base/buf.h"

#define VARINT_SIZE_MAX 10

static inline void be32_put(void *out, uint32_t v)
{
    v = __builtin_bswap32(v);
    memcpy(out, &v, sizeof(v));
}

static inline uint32_t be32_get(const void *in)
{
    uint32_t v;
    memcpy(&v, in, sizeof(v));
    return __builtin_bswap32(v);
}

static inline void be64_put(void *out, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(out, &v, sizeof(v));
}

static inline uint64_t be64_get(const void *in)
{
    uint64_t v;
    memcpy(&v, in, sizeof(v));
    return __builtin_bswap64(v);
}

static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

// Bytes of a varint.
static inline size_t varint_size(uint64_t v)
{
    return (size_t)(70 - __builtin_clzll(v | 1)) / 7;
}

// Writes up to VARINT_SIZE_MAX bytes and returns how many.
static inline size_t varint_put(unsigned char *out, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        out[n++] = (unsigned char)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (unsigned char)v;
    return n;
}

// Reads from [*pos, end): false on a cut or overlong varint, leaving *pos alone.
static inline bool varint_get(const unsigned char **pos, const unsigned char *end, uint64_t *out)
{
    uint64_t v = 0;
    const unsigned char *p = *pos;
    for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
        unsigned char byte = *p++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = v;
            *pos = p;
            return true;
        }
    }
    return false;
}

void buf_be32(struct buf *b, uint32_t v);
void buf_be64(struct buf *b, uint64_t v);
void buf_varint(struct buf *b, uint64_t v);
void buf_svarint(struct buf *b, int64_t v); // zigzag
// A varint length, then the bytes.
void buf_sized(struct buf *b, struct str s);

// Reads encoded data with a sticky error: after a failure everything read is 0 or empty.
struct decoder {
    const unsigned char *pos;
    const unsigned char *end;
    bool failed;
};

void decoder_init(struct decoder *d, struct str bytes);
uint8_t decode_u8(struct decoder *d);
uint32_t decode_be32(struct decoder *d);
uint64_t decode_be64(struct decoder *d);
uint64_t decode_long_varint(struct decoder *d);
// Mostly it is one byte.
static inline uint64_t decode_varint(struct decoder *d)
{
    if (!d->failed && d->pos < d->end && *d->pos < 0x80)
        return *d->pos++;
    return decode_long_varint(d);
}
int64_t decode_svarint(struct decoder *d);
struct str decode_sized(struct decoder *d); // borrowed from the input
struct str decode_bytes(struct decoder *d, size_t len);
static inline size_t decoder_left(const struct decoder *d)
{
    return (size_t)(d->end - d->pos);
}

#endif
