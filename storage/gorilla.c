// Gorilla chunks: the codec of samples in memory.
//
// Most series are regular: scraped at a fixed interval, their values constant or moving in small
// steps, as counters and readings of a few decimals do. So a time is stored as the change of its
// distance to the one before, samples that repeat both distance and value are counted, and a changed
// value is stored as the difference of two integers where both are decimal numbers, else as the XOR
// with the one before. A steady, constant series costs ten bits in all; a counter a bit more than its
// increments.
//
// The bits, most significant first, behind the header:
//
//     sample  1     value                    the time as expected, the value changed
//             000   3: n - 1                 n samples, 1 .. 8, with time as expected, same value
//             001   7: n - 1                 the same, 1 .. 128
//             01    time, then 0             another time, same value
//             01    time, then 1 value       another time, value changed
//
//     time    dod = (t - t') - (t' - t''), with t' - t'' = 0 for the second sample
//             0     + 7 bits                 -64 .. 63
//             10    + 14 bits                -8192 .. 8191
//             110   + 20 bits                -524288 .. 524287
//             111   + 34 bits                anything
//
//     value   0     + w bits                 difference of the integers v * 10^e, width w as before
//             10    1: signed + 6: w - 1     ... of a new width
//             110   3: e + 1 + 6             ... with another exponent, of a new width
//             1110  + window bits            XOR, fits into the last window
//             1111  5: leading zeros + 6: length - 1 + length bits     a new window
//
// A difference is written as it is where it is never negative (a counter), else in zigzag form. It is
// used only if both values are k / 10^e for whole numbers k below 2^53 to the bit, which -0, NaN,
// infinity and most computed values are not. Exponents only grow, as a decimal of two places has
// three, too. After some finite values that are no decimals of 7 places a chunk has no more of them.
//
// A new width or window is begun not only when the value doesn't fit but also when the old one would
// cost more than the new header: a single outlier then doesn't widen the rest of the chunk.
//
// Invariants
//   1. Times increase strictly. The writer asserts it, the reader answers ERR_CORRUPT.
//   2. Bits of `tail` behind bit_count % 32 are zero.
//   3. A chunk never takes more than GORILLA_BYTES_MAX, as no sample takes more than SAMPLE_BITS_MAX.
//   4. A sample in `run` is counted in sample_count, and has no bits yet.
//   5. `exponent` is 0 before the first decimal, then one more than the exponent, and counts misses.
//
// Nothing here locks: the owner of a chunk guards it.
#include "storage/gorilla.h"

#include <assert.h>

#include "base/coding.h"
#include "base/error.h"

#define COUNT_SIZE      2
#define RUN_BITS_MAX    10
#define TIME_BITS_MAX   (2 + 3 + 34 + 1)
#define VALUE_BITS_MAX  (4 + 5 + 6 + 64)
#define SAMPLE_BITS_MAX (RUN_BITS_MAX + TIME_BITS_MAX + VALUE_BITS_MAX)
#define SHORT_RUN_MAX   8
#define WINDOW_HEADER   11
#define LEADING_MAX     31
#define WIDTH_SIGNED    0x80
#define WIDTH_HEADER    8
#define EXPONENT_MAX    7
#define EXPONENT_MASK   0x0f // 0: none yet, else the exponent + 1
#define MISS            0x10 // counted above the exponent
#define MISSES_MAX      0x40
#define LAST_EXACT      0x80               // `last` is a decimal of the exponent
#define EXACT_MAX       9007199254740992.0 // 2^53: up to here doubles count in ones

_Static_assert(GORILLA_HEADER_SIZE + (GORILLA_SAMPLES_MAX * SAMPLE_BITS_MAX + 7) / 8 <=
                   GORILLA_BYTES_MAX,
               "any chunk fits");
_Static_assert(31 + SAMPLE_BITS_MAX < (GORILLA_WORDS_MAX + 1) * 32, "so do the words of a sample");
_Static_assert(GORILLA_SAMPLES_MAX <= 128, "a run is written at once");

static const double POWERS[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};

struct time_code {
    uint8_t prefix;
    uint8_t prefix_bits;
    uint8_t bits;
};

static const struct time_code TIME_CODES[] = {{0, 1, 7}, {2, 2, 14}, {6, 3, 20}, {7, 3, 34}};

// True when `v` survives being cut to `bits` bits of two's complement.
static inline bool fits(int64_t v, unsigned bits)
{
    int64_t limit = INT64_C(1) << (bits - 1);
    return v >= -limit && v < limit;
}

static inline int64_t nearest(double k)
{
    return (int64_t)(k + __builtin_copysign(0.5, k));
}

// True when v is k / 10^e to the bit; *out is k.
static inline bool is_decimal(double v, unsigned exponent, int64_t *out)
{
    double k = v * POWERS[exponent];
    if (!(k > -EXACT_MAX && k < EXACT_MAX))
        return false;
    *out = nearest(k);
    return double_bits((double)*out / POWERS[exponent]) == double_bits(v);
}

// Bits gathered in 64, handed out by 32.
struct bit_writer {
    uint64_t bits;
    unsigned used; // below 32
    uint32_t *words;
    unsigned word_count;
};

static inline struct bit_writer writer_of(const struct gorilla *g, uint32_t *words)
{
    return (struct bit_writer){(uint64_t)g->tail << 32, g->bit_count % 32, words, 0};
}

// Appends the low `count` bits, 1..32; the others must be zero.
static inline void put(struct bit_writer *w, uint64_t bits, unsigned count)
{
    w->used += count;
    w->bits |= bits << (64 - w->used);
    if (w->used >= 32) {
        w->words[w->word_count++] = __builtin_bswap32((uint32_t)(w->bits >> 32));
        w->bits <<= 32;
        w->used -= 32;
    }
}

static inline void put_long(struct bit_writer *w, uint64_t bits, unsigned count)
{
    if (count > 32) {
        put(w, bits >> 32, count - 32);
        bits &= UINT32_MAX;
        count = 32;
    }
    put(w, bits, count);
}

static void put_run(struct bit_writer *w, unsigned run)
{
    if (run == 0)
        return;
    if (run <= SHORT_RUN_MAX)
        put(w, run - 1, 6);
    else
        put(w, 1 << 7 | (run - 1), 10);
}

static void put_time(struct bit_writer *w, int64_t dod)
{
    const struct time_code *code = TIME_CODES;
    while (code->bits < 34 && !fits(dod, code->bits))
        code++;
    put(w, 1, 2);
    put(w, code->prefix, code->prefix_bits);
    put_long(w, (uint64_t)dod & ((UINT64_C(1) << code->bits) - 1), code->bits);
}

static void put_window(struct bit_writer *w, struct gorilla *g, uint64_t x, unsigned leading,
                       unsigned trailing)
{
    unsigned length = 64 - leading - trailing;
    put(w, UINT64_C(15) << 11 | leading << 6 | (length - 1), 15);
    put_long(w, x >> trailing, length);
    g->leading = (uint8_t)leading;
    g->trailing = (uint8_t)trailing;
}

static void put_xor(struct bit_writer *w, struct gorilla *g, uint64_t x)
{
    unsigned leading = (unsigned)__builtin_clzll(x);
    unsigned trailing = (unsigned)__builtin_ctzll(x);
    if (leading > LEADING_MAX)
        leading = LEADING_MAX;
    unsigned length = 64 - leading - trailing;
    unsigned old_length = 64U - g->leading - g->trailing;
    if (old_length < 64 && leading >= g->leading && trailing >= g->trailing &&
        old_length <= length + WINDOW_HEADER) {
        put(w, 14, 4);
        put_long(w, x >> g->trailing, old_length);
    } else {
        put_window(w, g, x, leading, trailing);
    }
}

// The difference of two decimals of the chunk's exponent.
static bool same_exponent(const struct gorilla *g, double value, int64_t *difference)
{
    unsigned exponent = (g->exponent & EXPONENT_MASK) - 1U;
    int64_t from, to;
    if (exponent > EXPONENT_MAX || !is_decimal(value, exponent, &to))
        return false;
    if (g->exponent & LAST_EXACT)
        from = nearest(g->last * POWERS[exponent]);
    else if (!is_decimal(g->last, exponent, &from))
        return false;
    *difference = to - from;
    return true;
}

// Looks for the smallest exponent past the chunk's.
static bool next_exponent(struct gorilla *g, double value, int64_t *difference)
{
    for (unsigned e = g->exponent & EXPONENT_MASK; e <= EXPONENT_MAX; e++) {
        int64_t from, to;
        if (is_decimal(value, e, &to) && is_decimal(g->last, e, &from)) {
            g->exponent = (uint8_t)((g->exponent & ~(unsigned)EXPONENT_MASK) | (e + 1));
            *difference = to - from;
            return true;
        }
    }
    if (value - value == 0 && g->last - g->last == 0)
        g->exponent = (uint8_t)(g->exponent + MISS);
    return false;
}

static inline unsigned bits_of(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 1;
}

static void put_new_width(struct bit_writer *w, struct gorilla *g, int64_t difference,
                          bool is_signed, bool new_exponent)
{
    uint64_t coded = is_signed ? zigzag(difference) : (uint64_t)difference;
    unsigned width = bits_of(coded);
    if (new_exponent)
        put(w, UINT64_C(6) << 3 | ((g->exponent & EXPONENT_MASK) - 1U), 6);
    else
        put(w, 2, 2);
    put(w, (uint64_t)is_signed << 6 | (width - 1), 7);
    put_long(w, coded, width);
    g->width = (uint8_t)(width | (is_signed ? WIDTH_SIGNED : 0));
}

static void put_difference(struct bit_writer *w, struct gorilla *g, int64_t difference)
{
    unsigned width = g->width & ~(unsigned)WIDTH_SIGNED;
    uint64_t coded = g->width & WIDTH_SIGNED ? zigzag(difference) : (uint64_t)difference;
    unsigned needed = bits_of(coded);
    if (needed > width)
        put_new_width(w, g, difference, difference < 0 || g->width & WIDTH_SIGNED, false);
    else if (width > needed + WIDTH_HEADER)
        put_new_width(w, g, difference, difference < 0, false);
    else {
        put(w, 0, 1);
        put_long(w, coded, width);
    }
}

static void put_value(struct bit_writer *w, struct gorilla *g, double value)
{
    int64_t difference;
    bool decimals = (g->exponent & ~(unsigned)LAST_EXACT) < MISSES_MAX;
    if (decimals && same_exponent(g, value, &difference)) {
        put_difference(w, g, difference);
    } else if (decimals && next_exponent(g, value, &difference)) {
        put_new_width(w, g, difference, difference < 0, true);
    } else {
        put_xor(w, g, double_bits(value) ^ double_bits(g->last));
        g->exponent &= (uint8_t)~LAST_EXACT;
        return;
    }
    g->exponent |= LAST_EXACT;
}

static void put_sample(struct gorilla *g, struct bit_writer *w, uint32_t delta_ms, double value)
{
    bool changed = double_bits(value) != double_bits(g->last);
    put_run(w, g->run);
    g->run = 0;
    if (delta_ms == g->delta_ms) {
        put(w, 1, 1);
    } else {
        put_time(w, (int64_t)delta_ms - g->delta_ms);
        put(w, changed, 1);
    }
    if (changed)
        put_value(w, g, value);
}

int gorilla_append(struct gorilla *g, int64_t t_ms, double value, uint32_t *words)
{
    unsigned word_count = 0;
    if (g->sample_count) {
        assert(t_ms > g->t_last_ms);
        uint64_t delta_ms = (uint64_t)t_ms - (uint64_t)g->t_last_ms;
        if (g->sample_count == GORILLA_SAMPLES_MAX || delta_ms > UINT32_MAX)
            return -1;
        if (delta_ms == g->delta_ms && double_bits(value) == double_bits(g->last)) {
            g->run++;
        } else {
            struct bit_writer w = writer_of(g, words);
            put_sample(g, &w, (uint32_t)delta_ms, value);
            word_count = w.word_count;
            g->tail = (uint32_t)(w.bits >> 32);
            g->bit_count = (uint16_t)((g->bit_count / 32 + word_count) * 32 + w.used);
            g->delta_ms = (uint32_t)delta_ms;
            g->last = value;
        }
    } else {
        g->last = value;
    }
    g->t_last_ms = t_ms;
    g->sample_count++;
    return (int)word_count;
}

unsigned gorilla_finish(const struct gorilla *g, uint32_t *words)
{
    struct bit_writer w = writer_of(g, words);
    put_run(&w, g->run);
    unsigned bit_count = (g->bit_count / 32U + w.word_count) * 32 + w.used;
    if (w.used)
        w.words[w.word_count] = __builtin_bswap32((uint32_t)(w.bits >> 32));
    return bit_count;
}

void gorilla_header_put(unsigned char *out, unsigned sample_count, int64_t t_first_ms, double first)
{
    out[0] = (unsigned char)(sample_count >> 8);
    out[1] = (unsigned char)sample_count;
    be64_put(out + COUNT_SIZE, (uint64_t)t_first_ms);
    be64_put(out + COUNT_SIZE + 8, double_bits(first));
}

struct bit_reader {
    const unsigned char *bytes;
    uint64_t bit_count;
    uint64_t bit;
};

static uint64_t peek_tail(const struct bit_reader *r)
{
    uint64_t word = 0;
    uint64_t byte = r->bit / 8;
    for (unsigned i = 0; i < 8; i++)
        word = word << 8 | (byte + i < r->bit_count / 8 ? r->bytes[byte + i] : 0);
    return word << (r->bit % 8);
}

// The next bits, left-aligned, at least 57 of them, zeros past the end.
static inline uint64_t peek(const struct bit_reader *r)
{
    if (r->bit + 64 <= r->bit_count)
        return be64_get(r->bytes + r->bit / 8) << (r->bit % 8);
    return peek_tail(r);
}

// The next `count` bits, 1..56. Reading past the end gives zeros; the caller checks the position.
static inline uint64_t take(struct bit_reader *r, unsigned count)
{
    uint64_t bits = peek(r) >> (64 - count);
    r->bit += count;
    return bits;
}

static inline uint64_t take_long(struct bit_reader *r, unsigned count)
{
    if (count <= 56)
        return take(r, count);
    uint64_t high = take(r, count - 32);
    return high << 32 | take(r, 32);
}

// A chunk being read.
struct decoding {
    struct bit_reader in;
    int64_t t_ms;
    int64_t delta_ms;
    uint64_t value_bits;
    int64_t integer;   // of the value, when is_integer
    bool is_integer;   // the last difference led there
    unsigned exponent; // past EXPONENT_MAX: none yet
    unsigned width;    // 0: none yet
    bool is_signed;
    unsigned leading;
    unsigned trailing;
    bool has_window;
};

// False when the time doesn't increase.
static bool read_time(struct decoding *d)
{
    uint64_t next = peek(&d->in);
    unsigned ones = (unsigned)__builtin_clzll(~next | UINT64_C(1) << 60);
    const struct time_code *code = &TIME_CODES[ones];
    d->in.bit += code->prefix_bits;
    uint64_t bits = take(&d->in, code->bits);
    d->delta_ms += (int64_t)(bits << (64 - code->bits)) >> (64 - code->bits);
    return d->delta_ms > 0 && d->delta_ms <= (int64_t)UINT32_MAX;
}

// The value as an integer, which a writer has made sure that it is.
static bool to_integer(struct decoding *d)
{
    return d->is_integer ||
           (d->is_integer = is_decimal(double_from_bits(d->value_bits), d->exponent, &d->integer));
}

static inline bool read_difference(struct decoding *d)
{
    if (d->width == 0 || !to_integer(d))
        return false;
    uint64_t coded = take(&d->in, d->width);
    d->integer += d->is_signed ? unzigzag(coded) : (int64_t)coded;
    if (d->integer <= -(INT64_C(1) << 53) || d->integer >= INT64_C(1) << 53)
        return false;
    d->value_bits = double_bits((double)d->integer / POWERS[d->exponent]);
    return true;
}

static bool read_width(struct decoding *d)
{
    uint64_t header = take(&d->in, 7);
    d->is_signed = header >> 6;
    d->width = (unsigned)(header & 63) + 1;
    return d->width <= 55 && d->exponent <= EXPONENT_MAX;
}

static bool read_xor(struct decoding *d, bool new_window)
{
    if (new_window) {
        uint64_t header = take(&d->in, WINDOW_HEADER);
        d->leading = (unsigned)(header >> 6);
        unsigned length = (unsigned)(header & 63) + 1;
        if (d->leading + length > 64)
            return false;
        d->trailing = 64 - d->leading - length;
        d->has_window = true;
    }
    if (!d->has_window)
        return false;
    uint64_t x = take_long(&d->in, 64 - d->leading - d->trailing) << d->trailing;
    d->value_bits ^= x;
    d->is_integer = false;
    return x != 0;
}

static inline bool read_value(struct decoding *d)
{
    unsigned ones = (unsigned)__builtin_clzll(~peek(&d->in) | UINT64_C(1) << 59);
    d->in.bit += ones < 4 ? ones + 1 : 4;
    switch (ones) {
    case 0:
        return read_difference(d);
    case 1:
        return read_width(d) && read_difference(d);
    case 2:
        d->exponent = (unsigned)take(&d->in, 3);
        d->is_integer = false;
        return read_width(d) && read_difference(d);
    default:
        return read_xor(d, ones > 3);
    }
}

// Reads up to the next sample; *run is how many samples in a row are like it. False when it is
// nothing that a writer writes.
static inline bool read_code(struct decoding *d, unsigned *run)
{
    uint64_t next = peek(&d->in);
    *run = 1;
    if (next >> 63) {
        d->in.bit++;
        return read_value(d);
    }
    if (next >> 62 == 0) {
        bool is_short = next >> 61 == 0;
        *run = (unsigned)(is_short ? next << 3 >> 61 : next << 3 >> 57) + 1;
        d->in.bit += is_short ? 6 : 10;
        return true;
    }
    d->in.bit += 2;
    return read_time(d) && (!take(&d->in, 1) || read_value(d));
}

// After the last sample only the zeros that pad a byte may be left.
static bool at_end(const struct bit_reader *r)
{
    return r->bit <= r->bit_count && r->bit_count - r->bit < 8 && peek(r) == 0;
}

int gorilla_decode(struct str bytes, int64_t *times_ms, double *values)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    if (bytes.len < GORILLA_HEADER_SIZE)
        return ERR_CORRUPT;
    unsigned count = (unsigned)p[0] << 8 | p[1];
    if (count == 0 || count > GORILLA_SAMPLES_MAX)
        return ERR_CORRUPT;
    struct decoding d = {.in = {p + GORILLA_HEADER_SIZE, (bytes.len - GORILLA_HEADER_SIZE) * 8, 0},
                         .t_ms = (int64_t)be64_get(p + COUNT_SIZE),
                         .value_bits = be64_get(p + COUNT_SIZE + 8),
                         .exponent = EXPONENT_MAX + 1};
    times_ms[0] = d.t_ms;
    values[0] = double_from_bits(d.value_bits);
    for (unsigned i = 1, run; i < count;) {
        if (!read_code(&d, &run) || run > count - i || d.delta_ms == 0 ||
            d.t_ms > INT64_MAX - (int64_t)run * d.delta_ms)
            return ERR_CORRUPT;
        for (unsigned end = i + run; i < end; i++) {
            d.t_ms += d.delta_ms;
            times_ms[i] = d.t_ms;
            values[i] = double_from_bits(d.value_bits);
        }
    }
    return at_end(&d.in) ? (int)count : ERR_CORRUPT;
}
