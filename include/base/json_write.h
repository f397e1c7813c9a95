// Streams JSON into a buffer: commas are its business, quoting and escaping too.
//
//     json_object_begin(&w); json_key(&w, "status"); json_cstr(&w, "success"); json_object_end(&w);
//
// Strings are escaped as encoding/json does without HTML escaping; bytes that are no UTF-8 become
// U+FFFD. Depth is at most 32.
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/buf.h"
#include "base/float_text.h"

struct json_writer {
    struct buf *out; // borrowed
    uint32_t comma;  // bit per depth: something stands before
    int depth;
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct buf *out);
void json_object_begin(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array_begin(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_key(struct json_writer *w, const char *key);
void json_key_str(struct json_writer *w, struct str key);
void json_str(struct json_writer *w, struct str value);
void json_cstr(struct json_writer *w, const char *value);
void json_i64(struct json_writer *w, int64_t value);
void json_u64(struct json_writer *w, uint64_t value);
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
// A JSON number; NaN and infinities become null.
void json_double(struct json_writer *w, double value);
// A float as quoted text in the given layout, as samples are written.
void json_float_str(struct json_writer *w, double value, enum float_layout layout);
// Milliseconds as seconds with up to three decimals, as a number: 1700000000.123.
void json_timestamp(struct json_writer *w, int64_t ms);
// Text that is JSON already.
void json_raw(struct json_writer *w, struct str value);
// Only the quoted, escaped string.
void json_escape(struct buf *out, struct str value);

#endif
