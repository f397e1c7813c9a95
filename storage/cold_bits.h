// Numbers as bits: of a fixed width, or Rice codes, whichever takes fewer.
//
// A Rice code of width k cuts a number in two: the low k bits, stored as they are, and what is above
// them, q = number >> k, as q zeros and a one. Where numbers are spread like a geometric
// distribution, which steps of counters and gauges mostly are, it comes within a few hundredths of a
// bit of their entropy (R. F. Rice, "Some practical universal noiseless coding techniques", 1979).
//
// Both parts lie apart, low bits first, least significant bit first: the low parts of all numbers are
// found without reading the others, and the ones are found a word at a time.
#ifndef STORAGE_COLD_BITS_H
#define STORAGE_COLD_BITS_H

#include "base/coding.h"

// The widest low part, and the width that stands for numbers stored whole (no parts).
#define BITS_WIDTH_MAX   56
#define BITS_WIDTH_WHOLE 57
// A quotient of this says that the number stands among the escapes; larger ones do not occur.
#define BITS_ESCAPE 24
// Readable bytes that must lie behind the bits that are read.
#define BITS_PADDING 8

struct bits_coding {
    unsigned width;
    bool unary; // Rice; else the width holds every number
};

static inline unsigned bits_of(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

// The coding that takes the fewest bits, which are *size, escapes included.
struct bits_coding bits_choose(const uint64_t *numbers, size_t count, size_t *size);
// Appends bits, filled up to a whole byte, and escapes as varints.
void bits_put(struct bits_coding coding, const uint64_t *numbers, size_t count, struct buf *bits,
              struct buf *escapes);
// Reads the `count` numbers at the beginning of *bits, which begins behind them afterwards. False when
// they are damaged. (cold_bits_each.h does not store them.)
bool bits_get(struct bits_coding coding, struct str *bits, struct decoder *escapes,
              uint64_t *numbers, size_t count);

// Where to go on reading: a number, and the bit of the unary part at which its quotient begins.
struct bits_place {
    size_t number, unary;
};

// Goes by the first `skipped` > 0 of `count` numbers, none of which is an escape, and adds them up
// (modulo 2^64) without taking them apart. False when they are damaged.
bool bits_skip(struct bits_coding coding, struct str bits, size_t count, size_t skipped,
               uint64_t *sum, struct bits_place *place);

#endif
