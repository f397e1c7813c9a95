// Pieces back to values: the numbers, what they are counted from, and how often they were taken
// apart; then the quotient that makes a decimal of an integer.
//
// Arithmetic is unsigned and wraps: damaged bytes give wrong numbers, not undefined behaviour.
#include "cold_piece.h"

// The rest of a stream: what the pieces before have left.
struct reader {
    struct decoder heads;
    struct str bits;
};

static void take_bits(struct reader *r, unsigned code, uint64_t *numbers, size_t count,
                      size_t wanted)
{
    struct bits_coding coding = {code & CODING_WIDTH, code & CODING_UNARY};
    if (!bits_get(coding, &r->bits, &r->heads, numbers, count, wanted))
        r->heads.failed = true;
}

static void take_sparse(struct reader *r, uint64_t *numbers, size_t count)
{
    uint64_t gaps[COLD_PIECE_SIZE], others[COLD_PIECE_SIZE];
    uint64_t other_count = decode_varint(&r->heads);
    unsigned gap_code = decode_u8(&r->heads), other_code = decode_u8(&r->heads);
    if (other_count > count) {
        r->heads.failed = true;
        return;
    }
    take_bits(r, gap_code, gaps, other_count, other_count);
    take_bits(r, other_code, others, other_count, other_count);
    memset(numbers, 0, count * sizeof(*numbers));
    for (size_t i = 0, at = 0; i < other_count && !r->heads.failed; i++, at++) {
        if (at >= count || gaps[i] >= count - at) {
            r->heads.failed = true;
            return;
        }
        at += gaps[i];
        numbers[at] = others[i] + 1;
    }
}

// The first `wanted` numbers of `count`, zigzagged or not.
static void take_numbers(struct reader *r, unsigned code, uint64_t *numbers, size_t count,
                         size_t wanted)
{
    if ((code & CODING_WIDTH) == CODING_SPARSE)
        take_sparse(r, numbers, count);
    else
        take_bits(r, code, numbers, count, wanted);
}

static inline uint64_t signed_number(uint64_t number, bool zigzag)
{
    return zigzag ? (uint64_t)unzigzag(number) : number;
}

static inline void add_offsets(uint64_t *integers, size_t count, uint64_t divisor, uint64_t first,
                               bool zigzag)
{
    for (size_t i = 0; i < count; i++)
        integers[i] = first + signed_number(integers[i], zigzag) * divisor;
}

// integers[1 ...] are steps.
static inline void add_steps(uint64_t *integers, size_t count, uint64_t divisor, uint64_t first,
                             uint64_t base, bool zigzag)
{
    integers[0] = first;
    for (size_t i = 1; i < count; i++)
        integers[i] = first += (signed_number(integers[i], zigzag) + base) * divisor;
}

static inline void add_changes(uint64_t *integers, size_t count, uint64_t divisor, uint64_t first,
                               uint64_t step, bool zigzag)
{
    integers[0] = first;
    for (size_t i = 1; i < count; i++) {
        step += signed_number(integers[i], zigzag);
        integers[i] = first += step * divisor;
    }
}

// The zigzag is asked about once, not for each number.
static inline void add_up(enum piece_order order, uint64_t *integers, size_t count,
                          uint64_t divisor, uint64_t first, uint64_t base, bool zigzag)
{
    if (order == PIECE_OFFSETS)
        add_offsets(integers, count, divisor, first, zigzag);
    else if (order == PIECE_STEPS)
        add_steps(integers, count, divisor, first, base, zigzag);
    else
        add_changes(integers, count, divisor, first, base, zigzag);
}

static void take_integers(struct reader *r, enum piece_order order, uint64_t *integers,
                          size_t count, size_t wanted)
{
    unsigned code = decode_u8(&r->heads);
    uint64_t divisor = decode_varint(&r->heads);
    uint64_t first = (uint64_t)decode_svarint(&r->heads), base = 0;
    if (order == PIECE_OFFSETS) {
        take_numbers(r, code, integers, count, wanted);
    } else {
        base = (uint64_t)decode_svarint(&r->heads);
        take_numbers(r, code, integers + 1, count - 1, wanted - 1);
    }
    if (code & CODING_ZIGZAG)
        add_up(order, integers, wanted, divisor, first, base, true);
    else
        add_up(order, integers, wanted, divisor, first, base, false);
}

static void to_values(unsigned exponent, const uint64_t *integers, size_t count, double *out)
{
    if (exponent == EXPONENT_RAW) {
        memcpy(out, integers, count * sizeof(*out));
    } else if (exponent == 0) {
        for (size_t i = 0; i < count; i++)
            out[i] = (double)(int64_t)integers[i];
    } else {
        for (size_t i = 0; i < count; i++)
            out[i] = (double)(int64_t)integers[i] / POWERS[exponent];
    }
}

static void take_constant(struct decoder *d, unsigned head, double *out, size_t count)
{
    double value;
    uint64_t integer = (uint64_t)decode_svarint(d);
    to_values(head & 15, &integer, 1, &value);
    for (size_t i = 0; i < count; i++)
        out[i] = value;
}

// Those of the places [from, end) of a piece of `count` values.
static void take_exceptions(struct decoder *d, size_t count, size_t from, size_t end, double *out)
{
    uint64_t exception_count = decode_varint(d);
    uint64_t at = 0;
    for (uint64_t i = 0; i < exception_count && !d->failed; i++, at++) {
        at += decode_varint(d);
        uint64_t bits = decode_be64(d);
        if (at >= count) {
            d->failed = true;
            return;
        }
        if (at >= from && at < end)
            out[at - from] = double_from_bits(bits);
    }
}

// The values [from, end) of a piece of `count` <= COLD_PIECE_SIZE. What is behind them is not looked
// at, unless exceptions follow.
static void take_piece(struct reader *r, unsigned head, size_t count, size_t from, size_t end,
                       double *out)
{
    uint64_t integers[COLD_PIECE_SIZE];
    enum piece_order order = (enum piece_order)(head >> ORDER_SHIFT & 3);
    if (order == PIECE_CONSTANT) {
        take_constant(&r->heads, head, out, end - from);
    } else {
        take_integers(r, order, integers, count, head & FLAG_EXCEPTIONS ? count : end);
        to_values(head & 15, integers + from, end - from, out);
    }
    if (head & FLAG_EXCEPTIONS)
        take_exceptions(&r->heads, count, from, end, out);
}

// Splits off a piece that isn't the last.
static struct reader inner_piece(struct reader *r)
{
    struct reader piece;
    uint64_t size = decode_varint(&r->heads);
    decoder_init(&piece.heads, decode_sized(&r->heads));
    if (size > r->bits.len) {
        r->heads.failed = true;
        size = 0;
    }
    piece.bits = str_first(r->bits, size);
    r->bits = str_skip(r->bits, size);
    return piece;
}

int cold_values_decode(struct cold_stream stream, size_t total, size_t from, size_t count,
                       double *out)
{
    struct reader r = {.bits = stream.bits};
    size_t end = from + count;
    decoder_init(&r.heads, stream.heads);
    for (size_t at = 0, size; at < end && !r.heads.failed; at += size) {
        unsigned head = decode_u8(&r.heads);
        size_t left = total - at;
        bool inner = !(head & FLAG_REST) && left > COLD_PIECE_SIZE;
        size = inner ? COLD_PIECE_SIZE : left;
        struct reader piece = inner ? inner_piece(&r) : r;
        if (r.heads.failed)
            break;
        size_t first = at > from ? at : from, last = at + size < end ? at + size : end;
        if (head & FLAG_REST && last > first)
            take_constant(&piece.heads, head, out + (first - from), last - first);
        else if (last > first)
            take_piece(&piece, head, size, first - at, last - at, out + (first - from));
        if (piece.heads.failed)
            return ERR_CORRUPT;
    }
    return r.heads.failed ? ERR_CORRUPT : OK;
}
