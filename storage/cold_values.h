// The values of one series at rest: decimals as integers, in pieces that decode on their own.
//
// Lossless to the bit, NaN payloads, the staleness marker and negative zero included. Samples of
// real series are mostly short decimals that move by steps with a common divisor: an integer series
// in disguise. Per piece the encoder looks for the exponent that makes integers of the values and
// for the form that makes the integers small; what is no decimal stands beside them, and a piece of
// nothing else is stored raw. The bytes (storage/FORMAT.md, "Values") are meant to be compressed
// together with those of neighbouring series.
#ifndef STORAGE_COLD_VALUES_H
#define STORAGE_COLD_VALUES_H

#include "base/buf.h"
#include "base/error.h"

// Values a piece holds, but for the last one of a series and for a constant tail.
#define COLD_PIECE_SIZE 512

void cold_values_encode(const double *values, size_t count, struct buf *out);
// Decodes the values [from, from + count) of a stream that holds `total`; pieces outside are
// skipped. ERR_CORRUPT.
int cold_values_decode(struct str stream, size_t total, size_t from, size_t count, double *out);

#endif
