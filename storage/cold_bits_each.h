// Numbers out of bits, one after the other, given to a function that becomes part of the loop: what is
// made of a number needs no array of them in between.
#ifndef STORAGE_COLD_BITS_EACH_H
#define STORAGE_COLD_BITS_EACH_H

#include "cold_bits.h"

#define BITS_INLINE static inline __attribute__((always_inline))

typedef void number_fn(void *context, size_t i, uint64_t number);

static inline uint64_t bits_word(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof(word));
    return word;
}

// The low part that begins with the given bit.
static inline uint64_t bits_low(const char *bytes, size_t bit, uint64_t mask)
{
    return bits_word(bytes + bit / 8) >> bit % 8 & mask;
}

BITS_INLINE bool bits_each_whole(struct str *bits, size_t count, number_fn *each, void *context)
{
    if (bits->len / 8 < count)
        return false;
    for (size_t i = 0; i < count; i++)
        each(context, i, be64_get(bits->ptr + i * 8));
    *bits = str_skip(*bits, count * 8);
    return true;
}

BITS_INLINE void bits_each_fixed(const char *low, unsigned width, size_t count, number_fn *each,
                                 void *context)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    for (size_t i = 0, bit = 0; i < count; i++, bit += width)
        each(context, i, bits_low(low, bit, mask));
}

// A quotient is how far its one is from the one before; *bits begins with the ones. They are found a
// word at a time.
BITS_INLINE bool bits_each_rice(const char *low, unsigned width, struct str *bits,
                                struct decoder *escapes, size_t count, number_fn *each,
                                void *context)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t end = bits->len * 8, next = 0, i = 0, bit = 0;
    for (size_t from = 0; i < count; from += 64) {
        if (from >= end)
            return false;
        for (uint64_t word = bits_word(bits->ptr + from / 8); word && i < count; word &= word - 1) {
            size_t one = from + (unsigned)__builtin_ctzll(word), quotient = one - next;
            uint64_t number = bits_low(low, bit, mask) | (uint64_t)quotient << width;
            if (__builtin_expect(quotient >= BITS_ESCAPE, 0)) {
                if (quotient > BITS_ESCAPE)
                    return false;
                number = decode_varint(escapes);
            }
            each(context, i++, number);
            bit += width;
            next = one + 1;
        }
    }
    if (next > end)
        return false;
    *bits = str_skip(*bits, (next + 7) / 8);
    return true;
}

// Gives the first `wanted` of `count` numbers at the beginning of *bits to `each`; with all of them,
// *bits begins behind them afterwards. False when they are damaged: some may have been given then.
BITS_INLINE bool bits_each(struct bits_coding coding, struct str *bits, struct decoder *escapes,
                           size_t count, size_t wanted, number_fn *each, void *context)
{
    if (coding.width == BITS_WIDTH_WHOLE)
        return bits_each_whole(bits, wanted, each, context);
    size_t low_size = (count * coding.width + 7) / 8;
    if (coding.width > BITS_WIDTH_MAX || low_size > bits->len)
        return false;
    const char *low = bits->ptr;
    *bits = str_skip(*bits, low_size);
    if (coding.unary && !bits_each_rice(low, coding.width, bits, escapes, wanted, each, context))
        return false;
    if (!coding.unary)
        bits_each_fixed(low, coding.width, wanted, each, context);
    return !escapes->failed;
}

#endif
