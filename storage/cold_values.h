// The values of one series at rest: decimals as integers, in pieces that decode on their own.
//
// Lossless to the bit, NaN payloads, the staleness marker and negative zero included. Samples of
// real series are mostly short decimals that move by steps with a common divisor: an integer series
// in disguise. Per piece the encoder looks for the exponent that makes integers of the values, for
// the steps between them that are smallest, and for the code that takes the fewest bits.
//
// What comes out goes two ways (storage/FORMAT.md, "Values"): `heads` are bytes meant to be
// compressed together with those of neighbouring series; `bits` are packed already and stay as they
// are.
#ifndef STORAGE_COLD_VALUES_H
#define STORAGE_COLD_VALUES_H

#include "base/buf.h"
#include "base/error.h"
#include "cold_bits.h"

// Values a piece holds, but for the last one of a series and for a constant tail.
#define COLD_PIECE_SIZE 512

struct cold_stream {
    struct str heads, bits;
};

// All the same, bit for bit: their stream is a few heads, whatever their number.
bool cold_values_are_constant(const double *values, size_t count);
// Appends a stream.
void cold_values_encode(const double *values, size_t count, struct buf *heads, struct buf *bits);
// Decodes the values [from, from + count) of a stream that holds `total`; pieces outside are
// skipped. Behind its bits BITS_PADDING bytes more can be read. ERR_CORRUPT.
int cold_values_decode(struct cold_stream stream, size_t total, size_t from, size_t count,
                       double *out);
// The same for who looks at staleness markers only: what is none may come out as any other value, and
// mostly need not be decoded.
int cold_markers_decode(struct cold_stream stream, size_t total, size_t from, size_t count,
                        double *out);

#endif
