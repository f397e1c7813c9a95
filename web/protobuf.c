#include "protobuf.h"

#include "base/coding.h"
#include "model/sample.h"

struct proto_reader proto_reader_of(struct str bytes)
{
    const unsigned char *start = (const unsigned char *)bytes.ptr;
    return (struct proto_reader){start, start + bytes.len};
}

static bool take_fixed(struct proto_reader *r, size_t size, uint64_t *out)
{
    if ((size_t)(r->end - r->pos) < size)
        return false;
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out |= (uint64_t)r->pos[i] << 8 * i;
    r->pos += size;
    return true;
}

static bool take_bytes(struct proto_reader *r, struct str *out)
{
    uint64_t len;
    if (!varint_get(&r->pos, r->end, &len) || len > (uint64_t)(r->end - r->pos))
        return false;
    *out = str_make((const char *)r->pos, (size_t)len);
    r->pos += len;
    return true;
}

bool proto_take(struct proto_reader *r, struct proto_field *out)
{
    uint64_t key;
    if (!varint_get(&r->pos, r->end, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff)
        return false;
    out->id = (uint32_t)(key >> 3);
    out->type = (enum wire_type)(key & 7);
    switch (out->type) {
    case WIRE_VARINT:
        return varint_get(&r->pos, r->end, &out->number);
    case WIRE_FIXED64:
        return take_fixed(r, 8, &out->number);
    case WIRE_FIXED32:
        return take_fixed(r, 4, &out->number);
    case WIRE_BYTES:
        return take_bytes(r, &out->bytes);
    }
    return false;
}

static void put_key(struct buf *out, uint32_t id, enum wire_type type)
{
    buf_varint(out, (uint64_t)id << 3 | type);
}

void proto_put_varint(struct buf *out, uint32_t id, uint64_t value)
{
    put_key(out, id, WIRE_VARINT);
    buf_varint(out, value);
}

void proto_put_double(struct buf *out, uint32_t id, double value)
{
    uint64_t bits = double_bits(value);
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)(bits >> 8 * i);
    put_key(out, id, WIRE_FIXED64);
    buf_append(out, bytes, sizeof(bytes));
}

void proto_put_bytes(struct buf *out, uint32_t id, struct str value)
{
    put_key(out, id, WIRE_BYTES);
    buf_sized(out, value);
}
