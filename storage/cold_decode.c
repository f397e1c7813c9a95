// Pieces back to values: the numbers, what they are counted from, and how often they were taken
// apart; then the quotient that makes a decimal of an integer.
//
// Arithmetic is unsigned and wraps: damaged bytes give wrong numbers, not undefined behaviour.
#include "base/lanes.h"
#include "cold_bits_each.h"
#include "cold_piece.h"

// The rest of a stream: what the pieces before have left.
struct reader {
    struct decoder heads;
    struct str bits;
    bool markers_only;
};

// Integers being added up from numbers: steps, changes of steps, or offsets from a first one.
struct sum {
    uint64_t *integers;
    uint64_t integer, step, divisor;
    bool zigzag;
};

static inline uint64_t signed_number(uint64_t number, bool zigzag)
{
    return zigzag ? (uint64_t)unzigzag(number) : number;
}

static inline void add_offset(void *context, size_t i, uint64_t number)
{
    struct sum *s = context;
    s->integers[i] = s->integer + signed_number(number, s->zigzag) * s->divisor;
}

static inline void add_step(void *context, size_t i, uint64_t number)
{
    struct sum *s = context;
    s->integers[i] = s->integer += (s->step + signed_number(number, s->zigzag)) * s->divisor;
}

static inline void add_change(void *context, size_t i, uint64_t number)
{
    struct sum *s = context;
    s->step += signed_number(number, s->zigzag);
    s->integers[i] = s->integer += s->step * s->divisor;
}

static inline void add_only(void *context, size_t i, uint64_t number)
{
    uint64_t *sum = context;
    (void)i;
    *sum += (uint64_t)unzigzag(number);
}

// Sparse numbers: those that aren't 0, and how many zeros stand before each.
struct sparse {
    size_t count;
    uint64_t gaps[COLD_PIECE_SIZE], numbers[COLD_PIECE_SIZE];
};

static void take_bits(struct reader *r, unsigned code, uint64_t *numbers, size_t count)
{
    struct bits_coding coding = {code & CODING_WIDTH, code & CODING_UNARY};
    if (!bits_get(coding, &r->bits, &r->heads, numbers, count))
        r->heads.failed = true;
}

// Of `count` numbers in all.
static void take_sparse(struct reader *r, size_t count, struct sparse *s)
{
    uint64_t size = decode_varint(&r->heads);
    unsigned gap_code = decode_u8(&r->heads), code = decode_u8(&r->heads);
    s->count = 0;
    if (size > count) {
        r->heads.failed = true;
        return;
    }
    take_bits(r, gap_code, s->gaps, size);
    take_bits(r, code, s->numbers, size);
    for (uint64_t at = 0; s->count < size && !r->heads.failed; s->count++) {
        uint64_t gap = s->gaps[s->count];
        if (at >= count || gap >= count - at)
            r->heads.failed = true;
        s->numbers[s->count]++;
        at += gap + 1;
    }
}

BITS_INLINE void each_sparse(const struct sparse *s, size_t count, number_fn *each, void *context)
{
    size_t at = 0;
    for (size_t i = 0; i < s->count; i++) {
        for (size_t end = at + s->gaps[i]; at < end; at++)
            each(context, at, 0);
        each(context, at++, s->numbers[i]);
    }
    for (; at < count; at++)
        each(context, at, 0);
}

// Of `count` numbers the first `wanted` from *place on, in whichever coding.
BITS_INLINE void each_number(struct reader *r, unsigned code, size_t count,
                             struct bits_place *place, size_t wanted, number_fn *each,
                             struct sum *sum)
{
    struct bits_coding coding = {code & CODING_WIDTH, code & CODING_UNARY};
    if (coding.width == CODING_SPARSE) {
        struct sparse s;
        take_sparse(r, count, &s);
        if (!r->heads.failed)
            each_sparse(&s, count, each, sum);
    } else if (!bits_each(coding, &r->bits, &r->heads, count, place, wanted, each, sum)) {
        r->heads.failed = true;
    }
}

// What a piece that isn't constant begins with.
struct piece {
    unsigned exponent, code;
    enum piece_order order;
    bool zigzag;
    size_t count; // of values, at most COLD_PIECE_SIZE
    uint64_t divisor, first, step;
};

static struct piece take_head(struct reader *r, unsigned head, size_t count)
{
    struct piece p = {.exponent = head & 15, .count = count};
    p.order = (enum piece_order)(head >> ORDER_SHIFT & 3);
    p.code = decode_u8(&r->heads);
    p.zigzag = p.code & CODING_ZIGZAG;
    p.divisor = decode_varint(&r->heads);
    p.first = (uint64_t)decode_svarint(&r->heads);
    if (p.order != PIECE_OFFSETS)
        p.step = (uint64_t)decode_svarint(&r->heads);
    return p;
}

static bool is_sparse(const struct piece *p)
{
    return (p->code & CODING_WIDTH) == CODING_SPARSE;
}

// Whether values can be had without those before them: where heads are left, they are escapes.
static bool can_skip(const struct reader *r, const struct piece *p)
{
    return !is_sparse(p) && decoder_left(&r->heads) == 0 &&
           (p->order == PIECE_OFFSETS || p->order == PIECE_STEPS);
}

// Goes by the first `count` numbers, of which only the sum matters: *integer is the one behind them.
BITS_INLINE struct bits_place skip(struct reader *r, const struct piece *p, size_t number_count,
                                   size_t count, bool zigzag, uint64_t *integer)
{
    struct bits_coding coding = {p->code & CODING_WIDTH, p->code & CODING_UNARY};
    struct bits_place place = {0};
    struct str bits = r->bits;
    uint64_t sum = 0;
    *integer = p->first;
    if (count == 0 || !can_skip(r, p))
        return place;
    bool sound =
        p->order == PIECE_STEPS && zigzag
            ? bits_each(coding, &bits, &r->heads, number_count, &place, count, add_only, &sum)
            : bits_skip(coding, bits, number_count, count, &sum, &place);
    if (!sound)
        r->heads.failed = true;
    if (p->order == PIECE_STEPS)
        *integer += (p->step * count + sum) * p->divisor;
    return place;
}

// The zigzag is a constant in each of the two copies of this, not asked about for each number.
BITS_INLINE void add_up(struct reader *r, const struct piece *p, size_t from, size_t end,
                        uint64_t *integers, bool zigzag)
{
    // The first value has no number unless all are offsets.
    size_t ahead = p->order != PIECE_OFFSETS, count = p->count - ahead;
    uint64_t integer;
    struct bits_place place = skip(r, p, count, from > ahead ? from - ahead : 0, zigzag, &integer);
    struct sum s = {integers + ahead, integer, p->step, p->divisor, zigzag};
    if (r->heads.failed)
        return;
    integers[place.number] = integer;
    if (p->order == PIECE_OFFSETS)
        each_number(r, p->code, count, &place, end, add_offset, &s);
    else if (p->order == PIECE_STEPS)
        each_number(r, p->code, count, &place, end - 1, add_step, &s);
    else
        each_number(r, p->code, count, &place, end - 1, add_change, &s);
}

// The integers [from, end), at their places; others may be set as well.
static void take_integers(struct reader *r, const struct piece *p, size_t from, size_t end,
                          uint64_t *integers)
{
    if (p->zigzag)
        add_up(r, p, from, end, integers, true);
    else
        add_up(r, p, from, end, integers, false);
}

static double to_value(unsigned exponent, uint64_t integer)
{
    if (exponent == EXPONENT_RAW)
        return double_from_bits(integer);
    return exponent ? (double)(int64_t)integer / POWERS[exponent] : (double)(int64_t)integer;
}

static inline lanes two_values(const uint64_t *integers)
{
    return (lanes){(double)(int64_t)integers[0], (double)(int64_t)integers[1]};
}

// A quotient takes as long as two side by side.
static void to_values(unsigned exponent, const uint64_t *integers, size_t count, double *out)
{
    size_t i = 0;
    if (exponent == EXPONENT_RAW) {
        memcpy(out, integers, count * sizeof(*out));
        return;
    }
    lanes power = {POWERS[exponent], POWERS[exponent]};
    for (; exponent == 0 && i + LANES <= count; i += LANES)
        lanes_put(out + i, two_values(integers + i));
    for (; i + LANES <= count; i += LANES)
        lanes_put(out + i, two_values(integers + i) / power);
    if (i < count)
        out[i] = to_value(exponent, integers[i]);
}

static void fill(double value, double *out, size_t count)
{
    size_t i = 0;
    for (lanes both = {value, value}; i + LANES <= count; i += LANES)
        lanes_put(out + i, both);
    if (i < count)
        out[i] = value;
}

static void take_constant(struct decoder *d, unsigned head, double *out, size_t count)
{
    fill(to_value(head & 15, (uint64_t)decode_svarint(d)), out, count);
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

// Steps that are mostly 0: a value is made once and stands until the next one.
static void take_still(struct reader *r, const struct piece *p, size_t from, size_t end,
                       double *out)
{
    struct sparse s;
    uint64_t integer = p->first;
    double value = to_value(p->exponent, integer);
    take_sparse(r, p->count - 1, &s);
    size_t at = from; // the first value that isn't known yet
    for (size_t i = 0, next = 1; i < s.count && at < end; i++, next++) {
        next += s.gaps[i];
        if (next > at) {
            size_t known = next < end ? next : end;
            fill(value, out + (at - from), known - at);
            at = known;
        }
        integer += signed_number(s.numbers[i], p->zigzag) * p->divisor;
        value = to_value(p->exponent, integer);
    }
    fill(value, out + (at - from), end - at);
}

static void take_varying(struct reader *r, const struct piece *p, bool whole, size_t from,
                         size_t end, double *out)
{
    uint64_t integers[COLD_PIECE_SIZE];
    take_integers(r, p, from, whole ? p->count : end, integers);
    to_values(p->exponent, integers + from, end - from, out);
}

// Integers are no markers: those are exceptions, or in pieces of raw bits.
static bool has_markers(unsigned head)
{
    return head & FLAG_EXCEPTIONS || (head & 15) == EXPONENT_RAW;
}

// The values [from, end) of a piece of `count` <= COLD_PIECE_SIZE. What is behind them is not looked
// at, unless exceptions follow.
static void take_piece(struct reader *r, unsigned head, size_t count, size_t from, size_t end,
                       double *out)
{
    bool has_exceptions = head & FLAG_EXCEPTIONS;
    if (r->markers_only && !has_markers(head)) {
        fill(0, out, end - from);
    } else if ((head >> ORDER_SHIFT & 3) == PIECE_CONSTANT) {
        take_constant(&r->heads, head, out, end - from);
    } else {
        struct piece p = take_head(r, head, count);
        if (is_sparse(&p) && p.order == PIECE_STEPS && p.step == 0)
            take_still(r, &p, from, end, out);
        else
            take_varying(r, &p, has_exceptions, from, end, out);
    }
    if (has_exceptions)
        take_exceptions(&r->heads, count, from, end, out);
}

// Splits off a piece that isn't the last.
static struct reader inner_piece(struct reader *r)
{
    struct reader piece = {.markers_only = r->markers_only};
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

static int decode_part(struct cold_stream stream, bool markers_only, size_t total, size_t from,
                       size_t count, double *out)
{
    struct reader r = {.bits = stream.bits, .markers_only = markers_only};
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

int cold_values_decode(struct cold_stream stream, size_t total, size_t from, size_t count,
                       double *out)
{
    return decode_part(stream, false, total, from, count, out);
}

int cold_markers_decode(struct cold_stream stream, size_t total, size_t from, size_t count,
                        double *out)
{
    return decode_part(stream, true, total, from, count, out);
}
