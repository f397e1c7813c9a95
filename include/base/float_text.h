// Exact float text, both ways: shortest digits that read back to the same bits, laid out as Go's
// strconv does. NaN, +Inf and -Inf are spelled so.
#ifndef BASE_FLOAT_TEXT_H
#define BASE_FLOAT_TEXT_H

#include "base/buf.h"

// Enough for every layout, 'f' of 1e308 included.
#define FLOAT_TEXT_SIZE 352

enum float_layout {
    FLOAT_F,      // strconv 'f', -1: never an exponent
    FLOAT_E,      // strconv 'e', -1: 1.5e+06
    FLOAT_G,      // strconv 'g', -1: exponent below 1e-4 and from 1e+06, as %v and the text format
    FLOAT_SAMPLE, // as the HTTP API's samples: 'f', or 'e' below 1e-6 and from 1e21 (1e-07, 1e+21)
    FLOAT_JSON,   // as encoding/json: the same with a short exponent (1e-7)
};

// Writes without NUL and returns the length.
size_t float_format(double value, enum float_layout layout, char out[FLOAT_TEXT_SIZE]);
void buf_float(struct buf *b, double value, enum float_layout layout);
// Go's ParseFloat(s, 64) over the whole of `s`: decimal and hex floats, inf, infinity and nan in
// any case with an optional sign; underscores are refused. False on anything else. Out of range
// rounds to +-Inf and is true, since Prometheus' parsers accept it; tiny values round to 0.
bool float_parse(struct str s, double *out);

#endif
