// Reading and writing protobuf messages, field by field.
//
// Every field is a varint key (number << 3 | wire type) and a value whose length the wire type
// gives. Readers skip fields they do not know; a repeated scalar keeps its last value.
#ifndef WEB_PROTOBUF_H
#define WEB_PROTOBUF_H

#include "base/buf.h"

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

// One field; `number` holds the value of the numeric wire types, `bytes` that of WIRE_BYTES.
struct proto_field {
    uint32_t id;
    enum wire_type type;
    uint64_t number;
    struct str bytes; // a view into the message
};

struct proto_reader {
    const unsigned char *pos;
    const unsigned char *end;
};

struct proto_reader proto_reader_of(struct str bytes);
static inline bool proto_more(const struct proto_reader *r)
{
    return r->pos < r->end;
}
// Takes the next field; false when the message is malformed.
bool proto_take(struct proto_reader *r, struct proto_field *out);

void proto_put_varint(struct buf *out, uint32_t id, uint64_t value);
void proto_put_double(struct buf *out, uint32_t id, double value);
void proto_put_bytes(struct buf *out, uint32_t id, struct str value);

#endif
