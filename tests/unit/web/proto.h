// Writes remote write messages for tests.
#ifndef TESTS_UNIT_WEB_PROTO_H
#define TESTS_UNIT_WEB_PROTO_H

#include "base/coding.h"
#include "model/sample.h"

static inline void proto_bytes(struct buf *b, unsigned field, struct str bytes)
{
    buf_varint(b, field << 3 | 2);
    buf_sized(b, bytes);
}

static inline void proto_label(struct buf *series, const char *name, const char *value)
{
    struct buf label = BUF_INIT;
    proto_bytes(&label, 1, str_from(name));
    proto_bytes(&label, 2, str_from(value));
    proto_bytes(series, 1, buf_view(&label));
    buf_release(&label);
}

static inline void proto_sample(struct buf *series, int64_t t_ms, double value)
{
    struct buf sample = BUF_INIT;
    uint64_t bits = double_bits(value);
    buf_varint(&sample, 1 << 3 | 1);
    for (int i = 0; i < 8; i++)
        buf_char(&sample, (char)(bits >> 8 * i));
    buf_varint(&sample, 2 << 3 | 0);
    buf_varint(&sample, (uint64_t)t_ms);
    proto_bytes(series, 2, buf_view(&sample));
    buf_release(&sample);
}

// Adds the series to the message and empties it.
static inline void proto_series(struct buf *message, struct buf *series)
{
    proto_bytes(message, 1, buf_view(series));
    buf_reset(series);
}

#endif
