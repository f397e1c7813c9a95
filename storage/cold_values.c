// How a piece is chosen.
//
//     123.25  123.5   NaN    124.0      values
//     12325   12350   12350  12400      times 10^e, e = 2; what is no decimal repeats its neighbour
//     (25, 0, 50) / gcd 25 = 1  0  2    deltas, in units of what divides them all
//
// The exponent is the smallest e <= 14 with (double)i / 10^e equal to the value, bit for bit, where
// |i| < 2^53. Both i and 10^e are exact then and division rounds correctly, so a decimal that works
// for e works for every larger e whose i stays below 2^53: one pass with a growing e finds it.
//
// The form is the one whose numbers have the fewest bits in sum: offsets from the least value (for
// what jumps about), deltas (for what wanders), deltas of deltas (for what grows steadily). Bits,
// not bytes: entropy coding comes after.
//
// Arithmetic on stored integers is unsigned and wraps: damaged bytes give wrong numbers, not
// undefined behaviour.
#include "cold_values.h"

#include <math.h>

#include "base/coding.h"
#include "model/sample.h"

#define EXPONENT_MAX 14
#define EXPONENT_RAW 15

// The first byte of a piece: exponent, form, flags.
enum form { FORM_CONSTANT = 0, FORM_OFFSET = 1, FORM_DELTA = 2, FORM_DOUBLE_DELTA = 3 };
#define FORM_SHIFT      4
#define FLAG_EXCEPTIONS 0x40
#define FLAG_REST       0x80 // a constant that reaches to the end of the series

static const double POWERS[EXPONENT_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

struct piece {
    const double *values;
    size_t count;
    unsigned exponent;
    int64_t integers[COLD_PIECE_SIZE];
    uint16_t exceptions[COLD_PIECE_SIZE]; // places of values that are no decimals
    size_t exception_count;
    uint64_t divisor;
};

static inline bool same_bits(double a, double b)
{
    return double_bits(a) == double_bits(b);
}

static inline bool to_decimal(double value, unsigned exponent, int64_t *out)
{
    double scaled = value * POWERS[exponent];
    if (!(fabs(scaled) < 0x1p53))
        return false;
    *out = (int64_t)rint(scaled);
    return same_bits((double)*out / POWERS[exponent], value);
}

// More exceptions than this, and the piece is better off raw.
static size_t exceptions_max(const struct piece *p)
{
    return p->count / 8 + 1;
}

// Raises the exponent until it serves the values; false when too many have none.
static bool find_exponent(struct piece *p)
{
    size_t misfits = 0;
    p->exponent = 0;
    for (size_t i = 0; i < p->count; i++) {
        int64_t ignored;
        unsigned e = p->exponent;
        while (e <= EXPONENT_MAX && !to_decimal(p->values[i], e, &ignored))
            e++;
        if (e <= EXPONENT_MAX)
            p->exponent = e;
        else if (++misfits > exceptions_max(p))
            return false;
    }
    return true;
}

// Exceptions at the beginning have no neighbour before them: they repeat the first decimal.
static void repeat_backwards(struct piece *p)
{
    size_t first = 0;
    while (first < p->exception_count && p->exceptions[first] == first)
        first++;
    for (size_t i = 0; i < first && first < p->count; i++)
        p->integers[i] = p->integers[first];
}

static bool to_integers(struct piece *p)
{
    if (!find_exponent(p))
        return false;
    p->exception_count = 0;
    for (size_t i = 0; i < p->count; i++) {
        if (to_decimal(p->values[i], p->exponent, &p->integers[i]))
            continue;
        p->integers[i] = i ? p->integers[i - 1] : 0;
        p->exceptions[p->exception_count++] = (uint16_t)i;
    }
    if (p->exception_count > exceptions_max(p))
        return false;
    repeat_backwards(p);
    return true;
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static inline uint64_t distance(int64_t a, int64_t b)
{
    return a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
}

// What divides every step; 0 when there is none: a constant.
static uint64_t common_divisor(const struct piece *p)
{
    uint64_t divisor = 0;
    for (size_t i = 1; i < p->count && divisor != 1; i++) {
        if (p->integers[i] != p->integers[i - 1])
            divisor = gcd(distance(p->integers[i], p->integers[i - 1]), divisor);
    }
    return divisor;
}

static inline unsigned bits_of(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

static int64_t least(const struct piece *p)
{
    int64_t min = p->integers[0];
    for (size_t i = 1; i < p->count; i++)
        min = p->integers[i] < min ? p->integers[i] : min;
    return min;
}

static inline int64_t step(const struct piece *p, size_t i)
{
    int64_t difference = p->integers[i] - p->integers[i - 1];
    return p->divisor == 1 ? difference : difference / (int64_t)p->divisor;
}

static enum form choose_form(const struct piece *p)
{
    uint64_t offset = 0, delta = 0, double_delta = 0;
    int64_t min = least(p), last = 0;
    for (size_t i = 1; i < p->count; i++) {
        int64_t s = step(p, i);
        offset += bits_of(distance(p->integers[i], min) / p->divisor);
        delta += bits_of(zigzag(s));
        double_delta += bits_of(zigzag(s - last));
        last = s;
    }
    if (offset < delta && offset < double_delta)
        return FORM_OFFSET;
    return double_delta < delta ? FORM_DOUBLE_DELTA : FORM_DELTA;
}

// Room for a piece's numbers at their longest.
static unsigned char *reserve_numbers(const struct piece *p, struct buf *out)
{
    return (unsigned char *)buf_reserve(out, (p->count + 2) * VARINT_SIZE_MAX);
}

static void put_offsets(const struct piece *p, struct buf *out)
{
    int64_t min = least(p);
    unsigned char *start = reserve_numbers(p, out), *at = start;
    at += varint_put(at, zigzag(min));
    at += varint_put(at, p->divisor);
    for (size_t i = 0; i < p->count; i++)
        at += varint_put(at, distance(p->integers[i], min) / p->divisor);
    buf_advance(out, (size_t)(at - start));
}

static void put_deltas(const struct piece *p, bool twice, struct buf *out)
{
    int64_t last = 0;
    unsigned char *start = reserve_numbers(p, out), *at = start;
    at += varint_put(at, zigzag(p->integers[0]));
    at += varint_put(at, p->divisor);
    for (size_t i = 1; i < p->count; i++) {
        int64_t s = step(p, i);
        at += varint_put(at, zigzag(s - last));
        last = twice ? s : 0;
    }
    buf_advance(out, (size_t)(at - start));
}

static void put_exceptions(const struct piece *p, struct buf *out)
{
    size_t next = 0;
    buf_varint(out, p->exception_count);
    for (size_t i = 0; i < p->exception_count; i++) {
        buf_varint(out, p->exceptions[i] - next);
        buf_be64(out, double_bits(p->values[p->exceptions[i]]));
        next = p->exceptions[i] + 1U;
    }
}

// XORs with the value before, as eight planes of bytes, the highest first: signs, exponents and
// leading digits, which hardly change, come to lie together.
static void put_raw(const struct piece *p, struct buf *out)
{
    unsigned char *planes = (unsigned char *)buf_reserve(out, p->count * 8);
    uint64_t last = 0;
    for (size_t i = 0; i < p->count; i++) {
        uint64_t x = double_bits(p->values[i]) ^ last;
        last = double_bits(p->values[i]);
        for (size_t plane = 0; plane < 8; plane++)
            planes[plane * p->count + i] = (unsigned char)(x >> (56 - 8 * plane));
    }
    buf_advance(out, p->count * 8);
}

// Appends the body of a piece and returns its first byte.
static unsigned put_body(struct piece *p, struct buf *out)
{
    if (!to_integers(p)) {
        put_raw(p, out);
        return EXPONENT_RAW | FORM_DELTA << FORM_SHIFT;
    }
    p->divisor = common_divisor(p);
    enum form form = p->divisor ? choose_form(p) : FORM_CONSTANT;
    if (form == FORM_CONSTANT)
        buf_svarint(out, p->integers[0]);
    else if (form == FORM_OFFSET)
        put_offsets(p, out);
    else
        put_deltas(p, form == FORM_DOUBLE_DELTA, out);
    if (p->exception_count)
        put_exceptions(p, out);
    return p->exponent | (unsigned)form << FORM_SHIFT | (p->exception_count ? FLAG_EXCEPTIONS : 0);
}

static bool is_constant(const double *values, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (!same_bits(values[i], values[0]))
            return false;
    }
    return true;
}

static void put_constant(double value, struct buf *out)
{
    int64_t integer = 0;
    unsigned e = 0;
    while (e <= EXPONENT_MAX && !to_decimal(value, e, &integer))
        e++;
    bool raw = e > EXPONENT_MAX;
    buf_char(out, (char)((raw ? EXPONENT_RAW : e) | FORM_CONSTANT << FORM_SHIFT | FLAG_REST));
    if (raw)
        buf_be64(out, double_bits(value));
    else
        buf_svarint(out, integer);
}

void cold_values_encode(const double *values, size_t count, struct buf *out)
{
    struct piece p;
    struct buf body = BUF_INIT;
    for (size_t at = 0; at < count; at += p.count) {
        size_t left = count - at;
        if (is_constant(values + at, left)) {
            put_constant(values[at], out);
            break;
        }
        p.values = values + at;
        p.count = left < COLD_PIECE_SIZE ? left : COLD_PIECE_SIZE;
        buf_reset(&body);
        buf_char(out, (char)put_body(&p, &body));
        if (left > COLD_PIECE_SIZE)
            buf_varint(out, body.len);
        buf_str(out, buf_view(&body));
    }
    buf_release(&body);
}

// A varint, most often of one byte or two. At the end it gives 0 and fails.
static inline uint64_t next_varint(struct decoder *d)
{
    const unsigned char *p = d->pos;
    if (d->end - p < 2)
        return decode_varint(d);
    if (p[0] < 0x80) {
        d->pos = p + 1;
        return p[0];
    }
    if (p[1] < 0x80) {
        d->pos = p + 2;
        return (p[0] & 0x7fU) | (uint64_t)p[1] << 7;
    }
    return decode_varint(d);
}

// Each number takes at least a byte: with as many bytes left as numbers, each takes one. That is the
// common case, and has no branches.
static inline const unsigned char *one_byte_each(struct decoder *d, size_t count)
{
    if (decoder_left(d) != count)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (d->pos[i] & 0x80)
            return NULL;
    }
    const unsigned char *bytes = d->pos;
    d->pos += count;
    return bytes;
}

// The zigzagged numbers of a piece, undone.
static void get_steps(struct decoder *d, uint64_t *steps, size_t count)
{
    const unsigned char *bytes = one_byte_each(d, count);
    if (bytes) {
        for (size_t i = 0; i < count; i++)
            steps[i] = (uint64_t)unzigzag(bytes[i]);
    } else {
        for (size_t i = 0; i < count; i++)
            steps[i] = (uint64_t)unzigzag(next_varint(d));
    }
}

static void get_offsets(struct decoder *d, uint64_t *integers, size_t count)
{
    uint64_t min = (uint64_t)decode_svarint(d);
    uint64_t divisor = decode_varint(d);
    for (size_t i = 0; i < count; i++)
        integers[i] = min + next_varint(d) * divisor;
}

static void get_deltas(struct decoder *d, uint64_t *integers, size_t count)
{
    uint64_t last = (uint64_t)decode_svarint(d);
    uint64_t divisor = decode_varint(d);
    integers[0] = last;
    get_steps(d, integers + 1, count - 1);
    for (size_t i = 1; i < count; i++)
        integers[i] = last += integers[i] * divisor;
}

static void get_double_deltas(struct decoder *d, uint64_t *integers, size_t count)
{
    uint64_t last = (uint64_t)decode_svarint(d), step = 0;
    uint64_t divisor = decode_varint(d);
    integers[0] = last;
    get_steps(d, integers + 1, count - 1);
    for (size_t i = 1; i < count; i++) {
        step += integers[i] * divisor;
        integers[i] = last += step;
    }
}

static void get_exceptions(struct decoder *d, double *out, size_t count)
{
    uint64_t exception_count = decode_varint(d);
    uint64_t at = 0;
    for (uint64_t i = 0; i < exception_count && !d->failed; i++) {
        at += decode_varint(d);
        uint64_t bits = decode_be64(d);
        if (at >= count) {
            d->failed = true;
            return;
        }
        out[at++] = double_from_bits(bits);
    }
}

static void get_raw(struct decoder *d, double *out, size_t count)
{
    const unsigned char *planes = (const unsigned char *)decode_bytes(d, count * 8).ptr;
    uint64_t last = 0;
    for (size_t i = 0; i < count && !d->failed; i++) {
        uint64_t x = 0;
        for (size_t plane = 0; plane < 8; plane++)
            x = x << 8 | planes[plane * count + i];
        last ^= x;
        out[i] = double_from_bits(last);
    }
}

static void get_decimals(struct decoder *d, unsigned head, double *out, size_t count)
{
    uint64_t integers[COLD_PIECE_SIZE];
    enum form form = (enum form)(head >> FORM_SHIFT & 3);
    if (form == FORM_OFFSET)
        get_offsets(d, integers, count);
    else if (form == FORM_DELTA)
        get_deltas(d, integers, count);
    else
        get_double_deltas(d, integers, count);
    double power = POWERS[head & 15];
    if (power == 1) {
        for (size_t i = 0; i < count; i++)
            out[i] = (double)(int64_t)integers[i];
    } else {
        for (size_t i = 0; i < count; i++)
            out[i] = (double)(int64_t)integers[i] / power;
    }
}

static void get_constant(struct decoder *d, unsigned head, double *out, size_t count)
{
    unsigned exponent = head & 15;
    double value = exponent == EXPONENT_RAW ? double_from_bits(decode_be64(d))
                                            : (double)decode_svarint(d) / POWERS[exponent];
    for (size_t i = 0; i < count; i++)
        out[i] = value;
}

// Decodes a piece whole, `count` <= COLD_PIECE_SIZE values unless it is constant.
static void get_piece(struct decoder *d, unsigned head, double *out, size_t count)
{
    if ((head >> FORM_SHIFT & 3) == FORM_CONSTANT)
        get_constant(d, head, out, count);
    else if ((head & 15) == EXPONENT_RAW)
        get_raw(d, out, count);
    else
        get_decimals(d, head, out, count);
    if (head & FLAG_EXCEPTIONS)
        get_exceptions(d, out, count);
}

// Of a piece at [at, at + size), the part that lies within [from, end).
static void get_part(struct decoder *d, unsigned head, size_t at, size_t size, size_t from,
                     size_t end, double *out)
{
    size_t first = at > from ? at : from;
    size_t last = at + size < end ? at + size : end;
    if (head & FLAG_REST) {
        get_constant(d, head, out + (first - from), last - first);
    } else if (first == at && last == at + size) {
        get_piece(d, head, out + (first - from), size);
    } else {
        double whole[COLD_PIECE_SIZE];
        get_piece(d, head, whole, size);
        memcpy(out + (first - from), whole + (first - at), (last - first) * sizeof(*out));
    }
}

int cold_values_decode(struct str stream, size_t total, size_t from, size_t count, double *out)
{
    struct decoder d;
    size_t end = from + count;
    decoder_init(&d, stream);
    for (size_t at = 0, size; at < end && !d.failed; at += size) {
        unsigned head = decode_u8(&d);
        size_t left = total - at;
        size = head & FLAG_REST || left < COLD_PIECE_SIZE ? left : COLD_PIECE_SIZE;
        bool sized = !(head & FLAG_REST) && left > COLD_PIECE_SIZE;
        struct decoder body = d;
        if (sized)
            decoder_init(&body, decode_sized(&d));
        if (d.failed)
            break;
        if (at + size > from)
            get_part(&body, head, at, size, from, end, out);
        if (body.failed)
            return ERR_CORRUPT;
    }
    return d.failed ? ERR_CORRUPT : OK;
}
