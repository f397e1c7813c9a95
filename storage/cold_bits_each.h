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

BITS_INLINE bool bits_each_whole(struct str *bits, size_t from, size_t end, number_fn *each,
                                 void *context)
{
    if (bits->len / 8 < end)
        return false;
    for (size_t i = from; i < end; i++)
        each(context, i, be64_get(bits->ptr + i * 8));
    *bits = str_skip(*bits, end * 8);
    return true;
}

BITS_INLINE void bits_each_fixed(const char *low, unsigned width, size_t from, size_t end,
                                 number_fn *each, void *context)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    for (size_t i = from, bit = from * width; i < end; i++, bit += width)
        each(context, i, bits_low(low, bit, mask));
}

// A quotient is how far its one is from the one before; *bits begins with the ones. They are found a
// word at a time.
BITS_INLINE bool bits_each_rice(const char *low, unsigned width, struct str *bits,
                                struct decoder *escapes, struct bits_place *place, size_t count,
                                number_fn *each, void *context)
{
    uint64_t mask = (UINT64_C(1) << width) - 1, unread = UINT64_MAX << place->unary % 64;
    size_t end = bits->len * 8, next = place->unary, i = place->number, bit = i * width;
    for (size_t from = next / 64 * 64; i < count; from += 64, unread = UINT64_MAX) {
        if (from >= end)
            return false;
        for (uint64_t word = bits_word(bits->ptr + from / 8) & unread; word && i < count;
             word &= word - 1) {
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
    *place = (struct bits_place){i, next};
    if (next > end)
        return false;
    *bits = str_skip(*bits, (next + 7) / 8);
    return true;
}

// Gives the numbers from *place up to the first `wanted` of `count` at the beginning of *bits to
// `each`; *place is behind them then, and with all of them *bits is. False when they are damaged: some
// may have been given then.
BITS_INLINE bool bits_each(struct bits_coding coding, struct str *bits, struct decoder *escapes,
                           size_t count, struct bits_place *place, size_t wanted, number_fn *each,
                           void *context)
{
    size_t from = place->number;
    place->number = wanted;
    if (coding.width == BITS_WIDTH_WHOLE)
        return bits_each_whole(bits, from, wanted, each, context);
    size_t low_size = (count * coding.width + 7) / 8;
    if (coding.width > BITS_WIDTH_MAX || low_size > bits->len)
        return false;
    const char *low = bits->ptr;
    *bits = str_skip(*bits, low_size);
    if (!coding.unary) {
        bits_each_fixed(low, coding.width, from, wanted, each, context);
        return true;
    }
    place->number = from;
    return bits_each_rice(low, coding.width, bits, escapes, place, wanted, each, context) &&
           !escapes->failed;
}

#endif
