// How a piece is chosen.
//
//     123.25  123.5   NaN    124.0      values
//     12325   12350   12350  12400      times 10^e, e = 2; what is no decimal repeats its neighbour
//     (25, 0, 50) / gcd 25 = 1  0  2    steps, in units of what divides them all
//
// The exponent is the smallest e <= 14 with (double)i / 10^e equal to the value, bit for bit, where
// |i| < 2^53. Both i and 10^e are exact then and division rounds correctly, so a decimal that works
// for e works for every larger e whose i stays below 2^53: one pass with a growing e finds it. Where
// no exponent serves, the values' bits are the integers: of floats of one sign they are in the same
// order as the values, and near to each other where these are.
//
// The numbers that are written are one of five views of the integers, whichever is shortest:
//
//     offsets from the least             what jumps about
//     steps                              what mostly stays, and moves both ways
//     steps above the least step         what grows by so much to so much
//     steps around the median step       what grows by about so much, with a few that differ
//     changes of steps                   what grows ever faster or slower
//
// They are written as bits (cold_bits.h), or, where most are 0, the others and the gaps between them
// are.
//
// Arithmetic on integers is unsigned and wraps, there and back.
#include <math.h>

#include "cold_piece.h"

#define SAMPLED_STEPS 15
// Bits that a sparse piece has more among its heads.
#define SPARSE_HEAD 24
// Of a piece's numbers, one in so many has to be 0 for the sparse form to be tried.
#define ZEROS_SHARE 8

enum view { VIEW_OFFSETS, VIEW_STEPS, VIEW_ABOVE_LEAST, VIEW_AROUND_MEDIAN, VIEW_CHANGES, VIEWS };

struct piece {
    const double *values;
    size_t count;
    unsigned exponent;
    int64_t integers[COLD_PIECE_SIZE];
    uint16_t exceptions[COLD_PIECE_SIZE]; // places of values that are no decimals
    size_t exception_count;
    uint64_t divisor;
    int64_t steps[COLD_PIECE_SIZE]; // in units of the divisor; the first is to the second integer
    int64_t least, least_step, median_step;
};

// A view's numbers.
struct numbers {
    uint64_t items[COLD_PIECE_SIZE];
    size_t count;
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
    *out = llrint(scaled);
    double back = exponent ? (double)*out / POWERS[exponent] : (double)*out;
    return same_bits(back, value);
}

// More exceptions than this, and the piece is better off raw.
static size_t exceptions_max(const struct piece *p)
{
    return p->count / 8 + 1;
}

// Raises the exponent until it serves the values; false when too many have none. From *known on the
// integers are there already.
static bool find_exponent(struct piece *p, size_t *known)
{
    size_t misfits = 0;
    p->exponent = 0;
    *known = 0;
    for (size_t i = 0; i < p->count; i++) {
        unsigned e = p->exponent;
        while (e <= EXPONENT_MAX && !to_decimal(p->values[i], e, &p->integers[i]))
            e++;
        if (e > EXPONENT_MAX && ++misfits > exceptions_max(p))
            return false;
        if (e != p->exponent)
            *known = e > EXPONENT_MAX ? i + 1 : i;
        if (e <= EXPONENT_MAX)
            p->exponent = e;
    }
    return true;
}

static bool to_integer(const struct piece *p, double value, int64_t *out)
{
    if (p->exponent != EXPONENT_RAW)
        return to_decimal(value, p->exponent, out);
    *out = (int64_t)double_bits(value);
    return !isnan(value);
}

// Exceptions at the beginning have no neighbour before them: they repeat the first integer.
static void repeat_backwards(struct piece *p)
{
    size_t first = 0;
    while (first < p->exception_count && p->exceptions[first] == first)
        first++;
    for (size_t i = 0; i < first && first < p->count; i++)
        p->integers[i] = p->integers[first];
}

// Of the first `count` values.
static void to_integers(struct piece *p, size_t count)
{
    p->exception_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (to_integer(p, p->values[i], &p->integers[i]))
            continue;
        p->integers[i] = i ? p->integers[i - 1] : 0;
        p->exceptions[p->exception_count++] = (uint16_t)i;
    }
    repeat_backwards(p);
}

static void choose_integers(struct piece *p)
{
    size_t known;
    bool decimal = find_exponent(p, &known);
    if (decimal)
        to_integers(p, known);
    if (decimal && p->exception_count <= exceptions_max(p))
        return;
    p->exponent = EXPONENT_RAW;
    to_integers(p, p->count);
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

static inline int64_t difference(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

// What divides every step; 0 when there is none: a constant. Of values' bits only powers of two are
// looked for (narrower floats leave their low bits empty): steps may wrap, which these survive.
static uint64_t common_divisor(const struct piece *p)
{
    uint64_t divisor = 0, any = 0;
    for (size_t i = 1; i < p->count && divisor != 1; i++) {
        int64_t s = difference(p->integers[i], p->integers[i - 1]);
        if (p->exponent == EXPONENT_RAW)
            any |= (uint64_t)s;
        else if (s)
            divisor = gcd((uint64_t)(s < 0 ? -s : s), divisor);
    }
    if (any)
        return (any & -any) >> 62 ? UINT64_C(1) << 62 : any & -any;
    return divisor;
}

static int64_t median_of(int64_t *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        int64_t item = items[i];
        size_t at = i;
        for (; at > 0 && items[at - 1] > item; at--)
            items[at] = items[at - 1];
        items[at] = item;
    }
    return items[count / 2];
}

// The median of some of the steps, which is near to that of all.
static int64_t median_step(const struct piece *p, size_t step_count)
{
    int64_t sampled[SAMPLED_STEPS];
    size_t count = step_count < SAMPLED_STEPS ? step_count : SAMPLED_STEPS;
    for (size_t i = 0; i < count; i++)
        sampled[i] = p->steps[i * step_count / count];
    return median_of(sampled, count);
}

static void take_steps(struct piece *p)
{
    p->least = p->integers[0];
    p->least_step = INT64_MAX;
    for (size_t i = 1; i < p->count; i++) {
        int64_t s = difference(p->integers[i], p->integers[i - 1]);
        s = p->divisor == 1 ? s : s / (int64_t)p->divisor;
        p->steps[i - 1] = s;
        p->least = p->integers[i] < p->least ? p->integers[i] : p->least;
        p->least_step = s < p->least_step ? s : p->least_step;
    }
    p->median_step = median_step(p, p->count - 1);
}

static void view_offsets(const struct piece *p, struct numbers *out)
{
    uint64_t offset = (uint64_t)difference(p->integers[0], p->least) / p->divisor;
    out->count = p->count;
    out->items[0] = offset;
    for (size_t i = 1; i < p->count; i++)
        out->items[i] = offset += (uint64_t)p->steps[i - 1];
}

static void view_steps(const struct piece *p, int64_t base, struct numbers *out)
{
    out->count = p->count - 1;
    for (size_t i = 0; i < out->count; i++)
        out->items[i] = zigzag(difference(p->steps[i], base));
}

static void view_above_least(const struct piece *p, struct numbers *out)
{
    out->count = p->count - 1;
    for (size_t i = 0; i < out->count; i++)
        out->items[i] = (uint64_t)difference(p->steps[i], p->least_step);
}

static void view_changes(const struct piece *p, struct numbers *out)
{
    out->count = p->count - 1;
    out->items[0] = 0;
    for (size_t i = 1; i < out->count; i++)
        out->items[i] = zigzag(difference(p->steps[i], p->steps[i - 1]));
}

static void make_view(const struct piece *p, enum view view, struct numbers *out)
{
    if (view == VIEW_OFFSETS)
        view_offsets(p, out);
    else if (view == VIEW_ABOVE_LEAST)
        view_above_least(p, out);
    else if (view == VIEW_CHANGES)
        view_changes(p, out);
    else
        view_steps(p, view == VIEW_STEPS ? 0 : p->median_step, out);
}

// About the bits that the numbers take: a Rice code has one and a quarter more than a number has,
// a fixed width is the longest one's.
static size_t guess_size(const struct numbers *n)
{
    size_t sum = 0;
    uint64_t all = 0;
    for (size_t i = 0; i < n->count; i++) {
        sum += bits_of(n->items[i]);
        all |= n->items[i];
    }
    size_t rice = sum + n->count + n->count / 4, fixed = n->count * bits_of(all);
    return rice < fixed ? rice : fixed;
}

// Of what never falls, offsets take more bits than steps, and these more than what they are above the
// least one.
static bool is_worth_a_look(const struct piece *p, enum view view)
{
    return p->least_step < 0 || (view != VIEW_OFFSETS && view != VIEW_STEPS);
}

// The shortest view; its numbers are one of the two that the caller lends.
static enum view choose_view(const struct piece *p, struct numbers lent[2],
                             const struct numbers **out)
{
    struct numbers *next = &lent[0];
    enum view best = VIEW_OFFSETS;
    size_t best_size = SIZE_MAX;
    for (enum view view = 0; view < VIEWS; view++) {
        if (!is_worth_a_look(p, view))
            continue;
        make_view(p, view, next);
        size_t size = guess_size(next);
        if (size >= best_size)
            continue;
        best_size = size;
        best = view;
        *out = next;
        next = next == &lent[0] ? &lent[1] : &lent[0];
    }
    return best;
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

static enum piece_order order_of(enum view view)
{
    return view == VIEW_OFFSETS   ? PIECE_OFFSETS
           : view == VIEW_CHANGES ? PIECE_CHANGES
                                  : PIECE_STEPS;
}

static void put_head(const struct piece *p, enum piece_order order, struct buf *out)
{
    buf_char(out, (char)(p->exponent | (unsigned)order << ORDER_SHIFT |
                         (p->exception_count ? FLAG_EXCEPTIONS : 0)));
}

// What the numbers are counted from.
static void put_bases(const struct piece *p, enum view view, struct buf *out)
{
    buf_varint(out, p->divisor);
    buf_svarint(out, view == VIEW_OFFSETS ? p->least : p->integers[0]);
    if (view == VIEW_ABOVE_LEAST)
        buf_svarint(out, p->least_step);
    else if (view == VIEW_CHANGES)
        buf_svarint(out, p->steps[0]);
    else if (view != VIEW_OFFSETS)
        buf_svarint(out, view == VIEW_STEPS ? 0 : p->median_step);
}

static unsigned coding_byte(struct bits_coding coding)
{
    return coding.width | (coding.unary ? CODING_UNARY : 0);
}

// Numbers apart from zeros: how many of these stand before each, and each less 1.
struct sparse {
    struct numbers gaps, others;
    struct bits_coding gap_coding, other_coding;
};

// Returns how many bits it takes, SIZE_MAX where hardly any is 0.
static size_t make_sparse(const struct numbers *n, struct sparse *out)
{
    size_t next = 0, count = 0, gap_size, other_size;
    for (size_t i = 0; i < n->count; i++) {
        if (!n->items[i])
            continue;
        out->gaps.items[count] = i - next;
        out->others.items[count++] = n->items[i] - 1;
        next = i + 1;
    }
    out->gaps.count = out->others.count = count;
    if (n->count - count < n->count / ZEROS_SHARE)
        return SIZE_MAX;
    out->gap_coding = bits_choose(out->gaps.items, count, &gap_size);
    out->other_coding = bits_choose(out->others.items, count, &other_size);
    return gap_size + other_size + SPARSE_HEAD;
}

static void put_sparse(const struct sparse *s, struct buf *heads, struct buf *bits)
{
    buf_varint(heads, s->gaps.count);
    buf_char(heads, (char)coding_byte(s->gap_coding));
    buf_char(heads, (char)coding_byte(s->other_coding));
    bits_put(s->gap_coding, s->gaps.items, s->gaps.count, bits, heads);
    bits_put(s->other_coding, s->others.items, s->others.count, bits, heads);
}

static void put_numbers(const struct piece *p, struct buf *heads, struct buf *bits)
{
    struct numbers lent[2];
    const struct numbers *n = NULL;
    struct sparse sparse;
    size_t size;
    enum view view = choose_view(p, lent, &n);
    struct bits_coding coding = bits_choose(n->items, n->count, &size);
    bool is_sparse = make_sparse(n, &sparse) < size;
    bool zigzag = view != VIEW_OFFSETS && view != VIEW_ABOVE_LEAST;
    put_head(p, order_of(view), heads);
    buf_char(heads, (char)((is_sparse ? CODING_SPARSE : coding_byte(coding)) |
                           (zigzag ? CODING_ZIGZAG : 0)));
    put_bases(p, view, heads);
    if (is_sparse)
        put_sparse(&sparse, heads, bits);
    else
        bits_put(coding, n->items, n->count, bits, heads);
}

static void put_piece(struct piece *p, struct buf *heads, struct buf *bits)
{
    choose_integers(p);
    p->divisor = common_divisor(p);
    if (p->divisor) {
        take_steps(p);
        put_numbers(p, heads, bits);
    } else {
        put_head(p, PIECE_CONSTANT, heads);
        buf_svarint(heads, p->integers[0]);
    }
    if (p->exception_count)
        put_exceptions(p, heads);
}

bool cold_values_are_constant(const double *values, size_t count)
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
    if (e > EXPONENT_MAX) {
        e = EXPONENT_RAW;
        integer = (int64_t)double_bits(value);
    }
    buf_char(out, (char)(e | PIECE_CONSTANT << ORDER_SHIFT | FLAG_REST));
    buf_svarint(out, integer);
}

// A piece that isn't the last has its sizes behind its first byte.
static void put_inner_piece(struct piece *p, struct buf *heads, struct buf *bits)
{
    struct buf piece = BUF_INIT;
    size_t from = bits->len;
    put_piece(p, &piece, bits);
    buf_char(heads, piece.ptr[0]);
    buf_varint(heads, bits->len - from);
    buf_sized(heads, str_skip(buf_view(&piece), 1));
    buf_release(&piece);
}

void cold_values_encode(const double *values, size_t count, struct buf *heads, struct buf *bits)
{
    struct piece p;
    for (size_t at = 0; at < count; at += p.count) {
        size_t left = count - at;
        if (cold_values_are_constant(values + at, left)) {
            put_constant(values[at], heads);
            break;
        }
        p.values = values + at;
        p.count = left < COLD_PIECE_SIZE ? left : COLD_PIECE_SIZE;
        if (left > COLD_PIECE_SIZE)
            put_inner_piece(&p, heads, bits);
        else
            put_piece(&p, heads, bits);
    }
}
