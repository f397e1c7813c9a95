// Gorilla chunks: the codec of every sample at rest, in memory and on disk.
//
// Most series are regular: scraped at a fixed interval, their values constant or moving in small
// steps. So a time is stored as the change of its distance to the one before (0 for a steady
// scrape: one bit), and a value as the XOR with the one before (0 when unchanged: one bit). A
// steady, constant series costs two bits a sample; real ones about one byte.
//
// The bits, most significant first:
//
//     +----------------+-------------------+--------------------+
//     | 16: samples    | 64: first time ms | 64: first value    |   18 bytes, then per sample
//     +----------------+-------------------+--------------------+
//
//     time    dod = (t - t') - (t' - t''), with t' - t'' = 0 for the second sample
//             0                          dod == 0
//             10    + 7 bits             -64 .. 63
//             110   + 14 bits            -8192 .. 8191
//             1110  + 20 bits            -524288 .. 524287
//             1111  + 64 bits            anything
//
//     value   x = bits(v) XOR bits(v')
//             0                          x == 0
//             10    + window bits        x fits into the last stored window
//             11    + 5: leading zeros + 6: length - 1 + length bits      a new window
//
//       x  0000000000001011010000000000000000000...
//          |- leading -||len|-- trailing ---------|
//
// The window is renewed not only when x doesn't fit but also when the old one would cost more than
// the 11 bits of a new header: a single outlier then doesn't widen the rest of the chunk.
//
// Arithmetic on times wraps (it is done unsigned), so that any two int64 have a difference. The
// count in the first bytes is what ends reading; fewer than eight zero bits may pad the last byte.
//
// Invariants
//   1. Times increase strictly. The writer asserts it, the reader answers ERR_CORRUPT.
//   2. Bits at and behind bit_count are zero up to byte_capacity: writing is a bitwise or.
//   3. byte_capacity leaves room for the largest sample plus the nine bytes a put may touch.
//   4. A chunk never exceeds GORILLA_SAMPLES_MAX samples nor GORILLA_BYTES_MAX bytes.
//   5. leading + trailing == 64 means that no window was stored yet.
//
// Nothing here locks: the owner of a chunk guards it.
#include "storage/gorilla.h"

#include <assert.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/mem.h"

#define COUNT_SIZE      2
#define HEADER_SIZE     18
#define SAMPLE_BITS_MAX (4 + 64 + 2 + 5 + 6 + 64)
// What one append may touch behind bit_count: the sample, and the tail of a 64-bit store.
#define RESERVE_SIZE   (SAMPLE_BITS_MAX / 8 + 1 + 9)
#define CAPACITY_FIRST 64
#define WINDOW_HEADER  11
#define LEADING_MAX    31

_Static_assert(HEADER_SIZE + RESERVE_SIZE <= CAPACITY_FIRST, "the first sample fits at once");
_Static_assert(GORILLA_SAMPLES_MAX <= UINT16_MAX, "the count is stored in 16 bits");

struct time_code {
    uint8_t prefix;
    uint8_t prefix_bits;
    uint8_t bits;
};

static const struct time_code TIME_CODES[] = {{2, 2, 7}, {6, 3, 14}, {14, 4, 20}, {15, 4, 64}};

// True when `v` survives being cut to `bits` bits of two's complement.
static inline bool fits(int64_t v, unsigned bits)
{
    int64_t limit = INT64_C(1) << (bits - 1);
    return v >= -limit && v < limit;
}

void gorilla_init(struct gorilla *g)
{
    *g = (struct gorilla){.leading = 64};
}

void gorilla_release(struct gorilla *g)
{
    mem_free(g->bytes);
    gorilla_init(g);
}

void gorilla_reset(struct gorilla *g)
{
    unsigned char *bytes = g->bytes;
    uint32_t capacity = g->byte_capacity;
    if (bytes)
        memset(bytes, 0, (g->bit_count + 7) / 8);
    gorilla_init(g);
    g->bytes = bytes;
    g->byte_capacity = capacity;
}

static void grow(struct gorilla *g)
{
    uint32_t old = g->byte_capacity;
    uint32_t capacity = old ? (old + old / 2 + 15) & ~15U : CAPACITY_FIRST;
    g->bytes = mem_realloc(g->bytes, capacity, 1);
    memset(g->bytes + old, 0, capacity - old);
    g->byte_capacity = capacity;
}

// Appends the low `count` bits, 1..64; the others must be zero.
static inline void put_bits(struct gorilla *g, uint64_t bits, unsigned count)
{
    unsigned char *at = g->bytes + g->bit_count / 8;
    unsigned used = g->bit_count % 8;
    uint64_t high = bits << (64 - count);
    be64_put(at, be64_get(at) | high >> used);
    if (used + count > 64)
        at[8] = (unsigned char)((high << (64 - used)) >> 56);
    g->bit_count += count;
}

static inline void put_count(struct gorilla *g)
{
    g->bytes[0] = (unsigned char)(g->sample_count >> 8);
    g->bytes[1] = (unsigned char)g->sample_count;
}

static void append_first(struct gorilla *g, int64_t t_ms, double value)
{
    while (g->byte_capacity < HEADER_SIZE + RESERVE_SIZE)
        grow(g);
    be64_put(g->bytes + COUNT_SIZE, (uint64_t)t_ms);
    be64_put(g->bytes + COUNT_SIZE + 8, double_bits(value));
    g->bit_count = HEADER_SIZE * 8;
    g->t_first_ms = t_ms;
}

static void append_time_code(struct gorilla *g, int64_t dod)
{
    const struct time_code *code = TIME_CODES;
    while (code->bits < 64 && !fits(dod, code->bits))
        code++;
    put_bits(g, code->prefix, code->prefix_bits);
    uint64_t mask = code->bits == 64 ? UINT64_MAX : (UINT64_C(1) << code->bits) - 1;
    put_bits(g, (uint64_t)dod & mask, code->bits);
}

static inline void append_time(struct gorilla *g, int64_t t_ms)
{
    int64_t delta = (int64_t)((uint64_t)t_ms - (uint64_t)g->t_last_ms);
    int64_t dod = (int64_t)((uint64_t)delta - (uint64_t)g->delta_ms);
    g->delta_ms = delta;
    if (dod == 0)
        put_bits(g, 0, 1);
    else
        append_time_code(g, dod);
}

static void append_window(struct gorilla *g, uint64_t x, unsigned leading, unsigned trailing)
{
    unsigned length = 64 - leading - trailing;
    put_bits(g, UINT64_C(3) << 11 | leading << 6 | (length - 1), 13);
    put_bits(g, x >> trailing, length);
    g->leading = (uint8_t)leading;
    g->trailing = (uint8_t)trailing;
}

static inline void append_value(struct gorilla *g, double value)
{
    uint64_t x = double_bits(value) ^ double_bits(g->last);
    if (x == 0) {
        put_bits(g, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(x);
    unsigned trailing = (unsigned)__builtin_ctzll(x);
    if (leading > LEADING_MAX)
        leading = LEADING_MAX;
    unsigned length = 64 - leading - trailing;
    unsigned old_length = 64U - g->leading - g->trailing;
    if (leading >= g->leading && trailing >= g->trailing && old_length <= length + WINDOW_HEADER) {
        put_bits(g, 2, 2);
        put_bits(g, x >> g->trailing, old_length);
    } else {
        append_window(g, x, leading, trailing);
    }
}

bool gorilla_append(struct gorilla *g, int64_t t_ms, double value)
{
    if (g->sample_count == 0) {
        append_first(g, t_ms, value);
    } else {
        assert(t_ms > g->t_last_ms);
        if (g->sample_count == GORILLA_SAMPLES_MAX ||
            g->bit_count + SAMPLE_BITS_MAX > GORILLA_BYTES_MAX * 8)
            return false;
        if (g->bit_count / 8 + RESERVE_SIZE > g->byte_capacity)
            grow(g);
        append_time(g, t_ms);
        append_value(g, value);
    }
    g->t_last_ms = t_ms;
    g->last = value;
    g->sample_count++;
    put_count(g);
    return true;
}

struct str gorilla_bytes(const struct gorilla *g)
{
    return str_make((const char *)g->bytes, (g->bit_count + 7) / 8);
}

uint16_t gorilla_sample_count(struct str bytes)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    return bytes.len < COUNT_SIZE ? 0 : (uint16_t)(p[0] << 8 | p[1]);
}

void gorilla_reader_init(struct gorilla_reader *r, struct str bytes)
{
    *r = (struct gorilla_reader){
        .bytes = (const unsigned char *)bytes.ptr,
        .bit_count = (uint64_t)bytes.len * 8,
        .sample_count = gorilla_sample_count(bytes),
        .leading = 64,
    };
}

static uint64_t peek_tail(const struct gorilla_reader *r)
{
    uint64_t word = 0;
    uint64_t byte = r->bit / 8;
    for (unsigned i = 0; i < 8; i++)
        word = word << 8 | (byte + i < r->bit_count / 8 ? r->bytes[byte + i] : 0);
    return word << (r->bit % 8);
}

// The next bits, left-aligned, at least 57 of them, zeros past the end.
static inline uint64_t peek(const struct gorilla_reader *r)
{
    if (r->bit + 64 <= r->bit_count)
        return be64_get(r->bytes + r->bit / 8) << (r->bit % 8);
    return peek_tail(r);
}

// The next `count` bits, 1..56. Reading past the end gives zeros; the caller checks the position.
static inline uint64_t take(struct gorilla_reader *r, unsigned count)
{
    uint64_t bits = peek(r) >> (64 - count);
    r->bit += count;
    return bits;
}

static inline uint64_t take_long(struct gorilla_reader *r, unsigned count)
{
    if (count <= 56)
        return take(r, count);
    uint64_t high = take(r, count - 32);
    return high << 32 | take(r, 32);
}

static inline int64_t sign_extend(uint64_t v, unsigned bits)
{
    return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static int64_t read_time_code(struct gorilla_reader *r, uint64_t next)
{
    unsigned ones = (unsigned)__builtin_clzll(~next | UINT64_C(1) << 59);
    const struct time_code *code = &TIME_CODES[ones - 1];
    r->bit += code->prefix_bits;
    return sign_extend(take_long(r, code->bits), code->bits);
}

// False when the time doesn't increase.
static inline bool read_time(struct gorilla_reader *r)
{
    uint64_t next = peek(r);
    if (next >> 63)
        r->delta_ms = (int64_t)((uint64_t)r->delta_ms + (uint64_t)read_time_code(r, next));
    else
        r->bit++;
    int64_t t = (int64_t)((uint64_t)r->t_ms + (uint64_t)r->delta_ms);
    bool increases = t > r->t_ms;
    r->t_ms = t;
    return increases;
}

// False when there is no window to use, or the new one doesn't fit a double.
static inline bool read_changed_value(struct gorilla_reader *r)
{
    if (take(r, 2) == 3) {
        uint64_t header = take(r, WINDOW_HEADER);
        unsigned leading = (unsigned)(header >> 6);
        unsigned length = (unsigned)(header & 63) + 1;
        if (leading + length > 64)
            return false;
        r->leading = (uint8_t)leading;
        r->trailing = (uint8_t)(64 - leading - length);
    }
    unsigned length = 64U - r->leading - r->trailing;
    if (length == 0)
        return false;
    uint64_t x = take_long(r, length) << r->trailing;
    r->value_bits ^= x;
    return x != 0;
}

static inline bool read_value(struct gorilla_reader *r)
{
    if (peek(r) >> 63)
        return read_changed_value(r);
    r->bit++;
    return true;
}

static bool read_first(struct gorilla_reader *r)
{
    if (r->bit_count < HEADER_SIZE * 8 || r->sample_count > GORILLA_SAMPLES_MAX)
        return false;
    r->t_ms = (int64_t)be64_get(r->bytes + COUNT_SIZE);
    r->value_bits = be64_get(r->bytes + COUNT_SIZE + 8);
    r->bit = HEADER_SIZE * 8;
    return true;
}

static inline bool read_sample(struct gorilla_reader *r)
{
    bool good = r->index == 0 ? read_first(r) : read_time(r) && read_value(r);
    r->index++;
    return good && r->bit <= r->bit_count;
}

// After the last sample only the zeros that pad a byte may be left.
static bool at_end(const struct gorilla_reader *r)
{
    return r->bit_count - r->bit < 8 && peek(r) == 0;
}

int gorilla_next(struct gorilla_reader *r, struct sample *out)
{
    if (r->index >= r->sample_count)
        return r->sample_count > 0 && at_end(r) ? ERR_END : ERR_CORRUPT;
    if (!read_sample(r)) {
        r->sample_count = 0;
        return ERR_CORRUPT;
    }
    *out = (struct sample){r->t_ms, double_from_bits(r->value_bits)};
    return OK;
}

int gorilla_decode(struct str bytes, int64_t *times_ms, double *values)
{
    struct gorilla_reader r;
    gorilla_reader_init(&r, bytes);
    unsigned count = r.sample_count;
    for (unsigned i = 0; i < count; i++) {
        if (!read_sample(&r))
            return ERR_CORRUPT;
        times_ms[i] = r.t_ms;
        values[i] = double_from_bits(r.value_bits);
    }
    return count > 0 && at_end(&r) ? (int)count : ERR_CORRUPT;
}
