// Prometheus' XOR chunk differs from ours in its first sample (byte-aligned varints), in the widths of
// its delta-of-deltas (14, 17, 20 and 64 bits) and in their sign: of n bits, everything above
// 2^(n-1) is negative, so that 2^(n-1) itself is not.
//
//     be16 samples | varint t0 | 64 bits v0 | uvarint t1 - t0 | xor v1 | dod t2 | xor v2 | ...
#include "import_chunk.h"

#include "base/coding.h"
#include "model/sample.h"

struct bits {
    const unsigned char *bytes;
    uint64_t at; // next bit
    uint64_t end;
    bool failed;
};

static uint64_t take(struct bits *b, unsigned count)
{
    uint64_t out = 0;
    if (count > b->end - b->at) {
        b->failed = true;
        b->at = b->end;
        return 0;
    }
    while (count) {
        unsigned used = b->at & 7, left = 8 - used;
        unsigned now = count < left ? count : left;
        unsigned byte = b->bytes[b->at >> 3];
        out = out << now | (byte >> (left - now) & ((1u << now) - 1));
        b->at += now;
        count -= now;
    }
    return out;
}

static uint64_t take_varint(struct bits *b)
{
    uint64_t out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = take(b, 8);
        out |= (byte & 0x7f) << shift;
        if (!(byte & 0x80))
            return out;
    }
    b->failed = true;
    return 0;
}

static int64_t take_dod(struct bits *b)
{
    static const unsigned widths[] = {0, 14, 17, 20, 64};
    unsigned ones = 0;
    while (ones < 4 && take(b, 1))
        ones++;
    unsigned width = widths[ones];
    if (width == 0)
        return 0;
    uint64_t raw = take(b, width);
    if (width < 64 && raw > UINT64_C(1) << (width - 1))
        raw -= UINT64_C(1) << width;
    return (int64_t)raw;
}

struct values {
    uint64_t bits;
    unsigned leading, length;
};

static void take_value(struct bits *b, struct values *v)
{
    if (!take(b, 1))
        return;
    if (take(b, 1)) {
        v->leading = (unsigned)take(b, 5);
        v->length = (unsigned)take(b, 6);
        if (v->length == 0)
            v->length = 64;
    }
    if (v->length == 0 || v->leading + v->length > 64) {
        b->failed = true;
        return;
    }
    v->bits ^= take(b, v->length) << (64 - v->leading - v->length);
}

static void keep(struct columns *out, int64_t t_ms, uint64_t value)
{
    columns_reserve(out, out->count + 1);
    out->times_ms[out->count] = t_ms;
    out->values[out->count++] = double_from_bits(value);
}

static bool decode(struct bits *b, unsigned count, int64_t min_ms, int64_t max_ms,
                   struct columns *out)
{
    uint64_t t = 0, delta = 0;
    struct values v = {0, 0, 0};
    for (unsigned i = 0; i < count; i++) {
        int64_t before_ms = (int64_t)t;
        if (i == 0) {
            t = (uint64_t)unzigzag(take_varint(b));
            v.bits = take(b, 64);
        } else {
            delta = i == 1 ? take_varint(b) : delta + (uint64_t)take_dod(b);
            t += delta;
            take_value(b, &v);
        }
        if (b->failed || (i && (int64_t)t <= before_ms))
            return false;
        if ((int64_t)t >= min_ms && (int64_t)t <= max_ms)
            keep(out, (int64_t)t, v.bits);
    }
    return true;
}

uint16_t prom_chunk_sample_count(struct str data)
{
    const unsigned char *bytes = (const unsigned char *)data.ptr;
    return data.len < 2 ? 0 : (uint16_t)(bytes[0] << 8 | bytes[1]);
}

int xor_chunk_decode(struct str data, int64_t min_ms, int64_t max_ms, struct columns *out)
{
    size_t before = out->count;
    if (data.len < 2)
        return ERR_CORRUPT;
    struct bits b = {(const unsigned char *)data.ptr, 16, (uint64_t)data.len * 8, false};
    if (decode(&b, prom_chunk_sample_count(data), min_ms, max_ms, out))
        return OK;
    out->count = before;
    return ERR_CORRUPT;
}
