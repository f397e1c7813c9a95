// Samples as Prometheus' XOR chunks, the form in which remote read streams them.
//
//     2 bytes   how many samples, big-endian
//     bits      first time as a zigzag varint, first value as 64 bits,
//               second time's delta as a varint, then deltas of deltas in 1, 16, 20, 24 or 68 bits;
//               each further value XORed with the one before, its leading zeros kept in 5 bits and
//               its length in 6
#ifndef WEB_XOR_CHUNK_H
#define WEB_XOR_CHUNK_H

#include "base/buf.h"

// As many as Prometheus puts into one.
#define XOR_CHUNK_SAMPLES 120

// Appends a chunk of 1 to XOR_CHUNK_SAMPLES samples, times increasing.
void xor_chunk_encode(struct buf *out, const int64_t *times_ms, const double *values, size_t count);

#endif
