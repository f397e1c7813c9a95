// The layout of a piece of values (storage/FORMAT.md, "Values"), shared by encoder and decoder.
#ifndef STORAGE_COLD_PIECE_H
#define STORAGE_COLD_PIECE_H

#include "cold_values.h"
#include "model/sample.h"

#define EXPONENT_MAX 14
// The integers are the values' bits.
#define EXPONENT_RAW 15

// The first byte: exponent, order, flags. The order is how often integers are taken apart: not at
// all, into steps, into changes of steps.
enum piece_order { PIECE_CONSTANT, PIECE_OFFSETS, PIECE_STEPS, PIECE_CHANGES };
#define ORDER_SHIFT     4
#define FLAG_EXCEPTIONS 0x40
#define FLAG_REST       0x80 // a constant that reaches to the end of the series

// The second byte, of pieces that aren't constant: how the numbers are written.
#define CODING_WIDTH  0x3f // of bits_coding, or
#define CODING_SPARSE 0x3f // the numbers that aren't 0, and the gaps between them
#define CODING_UNARY  0x40
#define CODING_ZIGZAG 0x80

static const double POWERS[EXPONENT_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6, 1e7,
                                                1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14};

#endif
