#include "xor_chunk.h"

#include <assert.h>

#include "base/coding.h"
#include "model/sample.h"

struct bit_writer {
    struct buf *out;
    uint64_t pending; // the low `count` bits
    unsigned count;   // below 8
};

static void put_bits(struct bit_writer *w, uint64_t bits, unsigned count)
{
    while (count > 0) {
        unsigned take = 8 - w->count < count ? 8 - w->count : count;
        uint64_t part = bits >> (count - take) & ((1u << take) - 1);
        w->pending = w->pending << take | part;
        w->count += take;
        count -= take;
        if (w->count == 8) {
            buf_char(w->out, (char)w->pending);
            w->pending = 0;
            w->count = 0;
        }
    }
}

static void put_varint(struct bit_writer *w, uint64_t value)
{
    unsigned char bytes[VARINT_SIZE_MAX];
    size_t size = varint_put(bytes, value);
    for (size_t i = 0; i < size; i++)
        put_bits(w, bytes[i], 8);
}

// Prometheus' ranges: one more above zero than below it.
static bool fits(int64_t value, unsigned bits)
{
    int64_t half = INT64_C(1) << (bits - 1);
    return -(half - 1) <= value && value <= half;
}

static void put_delta_change(struct bit_writer *w, int64_t change)
{
    static const struct {
        unsigned prefix, prefix_bits, bits;
    } classes[] = {{0x2, 2, 14}, {0x6, 3, 17}, {0xe, 4, 20}};
    if (change == 0) {
        put_bits(w, 0, 1);
        return;
    }
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (fits(change, classes[i].bits)) {
            put_bits(w, classes[i].prefix, classes[i].prefix_bits);
            put_bits(w, (uint64_t)change, classes[i].bits);
            return;
        }
    }
    put_bits(w, 0xf, 4);
    put_bits(w, (uint64_t)change, 64);
}

// The window of bits that changed last; `leading` is NO_WINDOW before the first.
#define NO_WINDOW 0xff
struct window {
    unsigned leading, trailing;
};

static void put_value(struct bit_writer *w, struct window *last, uint64_t changed)
{
    if (changed == 0) {
        put_bits(w, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(changed);
    unsigned trailing = (unsigned)__builtin_ctzll(changed);
    leading = leading > 31 ? 31 : leading; // 5 bits
    put_bits(w, 1, 1);
    bool same =
        last->leading != NO_WINDOW && leading >= last->leading && trailing >= last->trailing;
    put_bits(w, !same, 1);
    if (!same) {
        *last = (struct window){leading, trailing};
        put_bits(w, leading, 5);
        put_bits(w, 64 - leading - trailing, 6); // 64 is written as 0
    }
    put_bits(w, changed >> last->trailing, 64 - last->leading - last->trailing);
}

void xor_chunk_encode(struct buf *out, const int64_t *times_ms, const double *values, size_t count)
{
    struct bit_writer w = {.out = out};
    struct window last = {NO_WINDOW, 0};
    uint64_t delta = 0;
    assert(count > 0 && count <= XOR_CHUNK_SAMPLES);
    put_bits(&w, count, 16);
    put_varint(&w, zigzag(times_ms[0]));
    put_bits(&w, double_bits(values[0]), 64);
    for (size_t i = 1; i < count; i++) {
        uint64_t next = (uint64_t)times_ms[i] - (uint64_t)times_ms[i - 1];
        if (i == 1)
            put_varint(&w, next);
        else
            put_delta_change(&w, (int64_t)(next - delta));
        delta = next;
        put_value(&w, &last, double_bits(values[i]) ^ double_bits(values[i - 1]));
    }
    if (w.count)
        put_bits(&w, 0, 8 - w.count);
}
