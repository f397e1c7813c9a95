#include "cold_bits_each.h"

// Bits of a number that is escaped: the quotient's zeros and one, and a varint of its size.
static size_t escape_size(unsigned width, uint64_t number)
{
    return BITS_ESCAPE + 1 + width + 8 * ((bits_of(number) + 6) / 7);
}

static size_t quotient_size(unsigned width, uint64_t number)
{
    uint64_t quotient = number >> width;
    return quotient < BITS_ESCAPE ? (size_t)quotient : escape_size(width, number) - width - 1;
}

// `all` has every bit that any number has.
static size_t rice_size(unsigned width, const uint64_t *numbers, size_t count, uint64_t all)
{
    size_t size = count * (width + 1);
    if (all >> width < BITS_ESCAPE) {
        for (size_t i = 0; i < count; i++)
            size += numbers[i] >> width;
        return size;
    }
    for (size_t i = 0; i < count; i++)
        size += quotient_size(width, numbers[i]);
    return size;
}

// The best width lies about a bit below the mean length: a number's first bit is the quotient's.
struct bits_coding bits_choose(const uint64_t *numbers, size_t count, size_t *size)
{
    uint64_t all = 0;
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        all |= numbers[i];
        sum += bits_of(numbers[i]);
    }
    unsigned longest = bits_of(all), mean = count ? (unsigned)(sum / count) : 0;
    bool whole = longest > BITS_WIDTH_MAX;
    struct bits_coding best = {whole ? BITS_WIDTH_WHOLE : longest, false};
    *size = count * (whole ? 64 : longest);
    for (unsigned width = mean < 2 ? 0 : mean - 2; width <= mean + 1 && width <= BITS_WIDTH_MAX;
         width++) {
        size_t rice = rice_size(width, numbers, count, all);
        if (rice < *size) {
            *size = rice;
            best = (struct bits_coding){width, true};
        }
    }
    return best;
}

// Bits on their way into bytes.
struct bit_writer {
    unsigned char *at;
    uint64_t pending;
    unsigned count; // of pending, below 8
};

static inline void put_bits(struct bit_writer *w, uint64_t value, unsigned width)
{
    w->pending |= value << w->count;
    for (w->count += width; w->count >= 8; w->count -= 8) {
        *w->at++ = (unsigned char)w->pending;
        w->pending >>= 8;
    }
}

static void put_rest(struct bit_writer *w)
{
    if (w->count)
        *w->at++ = (unsigned char)w->pending;
    w->pending = w->count = 0;
}

static void put_whole(const uint64_t *numbers, size_t count, struct buf *bits)
{
    for (size_t i = 0; i < count; i++)
        buf_be64(bits, numbers[i]);
}

void bits_put(struct bits_coding coding, const uint64_t *numbers, size_t count, struct buf *bits,
              struct buf *escapes)
{
    if (coding.width == BITS_WIDTH_WHOLE) {
        put_whole(numbers, count, bits);
        return;
    }
    unsigned char *start =
        (unsigned char *)buf_reserve(bits, (count * (coding.width + BITS_ESCAPE + 1)) / 8 + 2);
    struct bit_writer w = {.at = start};
    for (size_t i = 0; i < count; i++)
        put_bits(&w, numbers[i] & ((UINT64_C(1) << coding.width) - 1), coding.width);
    put_rest(&w);
    for (size_t i = 0; i < count && coding.unary; i++) {
        uint64_t quotient = numbers[i] >> coding.width;
        if (quotient >= BITS_ESCAPE) {
            quotient = BITS_ESCAPE;
            buf_varint(escapes, numbers[i]);
        }
        put_bits(&w, UINT64_C(1) << quotient, (unsigned)quotient + 1);
    }
    put_rest(&w);
    buf_advance(bits, (size_t)(w.at - start));
}

static inline void store(void *context, size_t i, uint64_t number)
{
    uint64_t *numbers = context;
    numbers[i] = number;
}

bool bits_get(struct bits_coding coding, struct str *bits, struct decoder *escapes,
              uint64_t *numbers, size_t count)
{
    struct bits_place start = {0};
    return bits_each(coding, bits, escapes, count, &start, count, store, numbers);
}

static uint64_t sum_whole(const char *bytes, size_t count)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += be64_get(bytes + i * 8);
    return sum;
}

static uint64_t sum_low(const char *low, unsigned width, size_t count)
{
    uint64_t sum = 0, mask = (UINT64_C(1) << width) - 1;
    for (size_t i = 0, bit = 0; i < count; i++, bit += width)
        sum += bits_low(low, bit, mask);
    return sum;
}

// The place behind the count-th one > 0; past the end when there are fewer.
static size_t behind_ones(struct str bits, size_t count)
{
    size_t end = bits.len * 8;
    for (size_t from = 0; from < end; from += 64) {
        uint64_t word = bits_word(bits.ptr + from / 8);
        size_t ones = (size_t)__builtin_popcountll(word);
        if (ones < count) {
            count -= ones;
            continue;
        }
        while (--count)
            word &= word - 1;
        return from + (size_t)__builtin_ctzll(word) + 1;
    }
    return end + 1;
}

// Quotients are the zeros between the ones: their sum is how many there are.
bool bits_skip(struct bits_coding coding, struct str bits, size_t count, size_t skipped,
               uint64_t *sum, struct bits_place *place)
{
    *place = (struct bits_place){.number = skipped};
    if (coding.width == BITS_WIDTH_WHOLE) {
        bool fits = bits.len / 8 >= skipped;
        *sum = fits ? sum_whole(bits.ptr, skipped) : 0;
        return fits;
    }
    size_t low_size = (count * coding.width + 7) / 8;
    if (coding.width > BITS_WIDTH_MAX || low_size > bits.len)
        return false;
    *sum = sum_low(bits.ptr, coding.width, skipped);
    if (!coding.unary)
        return true;
    struct str unary = str_skip(bits, low_size);
    place->unary = behind_ones(unary, skipped);
    *sum += (uint64_t)(place->unary - skipped) << coding.width;
    return place->unary <= unary.len * 8;
}
