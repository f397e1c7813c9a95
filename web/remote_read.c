#include "remote_read.h"

#include "protobuf.h"

static int corrupt(struct error *err, const char *what)
{
    return error_set(err, ERR_INVALID, "error decoding remote read request: %s", what);
}

static int decode_matcher(struct matcher *out, struct str bytes, struct error *err)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    uint64_t type = 0;
    struct str name = {0}, value = {0};
    while (proto_more(&r)) {
        if (!proto_take(&r, &f))
            return corrupt(err, "malformed matcher");
        if (f.id == 1 && f.type == WIRE_VARINT)
            type = f.number;
        else if (f.id == 2 && f.type == WIRE_BYTES)
            name = f.bytes;
        else if (f.id == 3 && f.type == WIRE_BYTES)
            value = f.bytes;
    }
    static const enum matcher_type types[] = {MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX,
                                              MATCH_NOT_REGEX};
    if (type >= sizeof(types) / sizeof(types[0]))
        return error_set(err, ERR_INVALID, "invalid matcher type %llu", (unsigned long long)type);
    return matcher_init(out, types[type], name, value, err);
}

// As int64 fields of a query are: a negative number is a varint of ten bytes.
static int decode_query(struct read_query *q, struct str bytes, struct arena *arena,
                        struct error *err)
{
    struct proto_reader r = proto_reader_of(bytes);
    struct proto_field f;
    size_t capacity = 0;
    while (proto_more(&r)) {
        if (!proto_take(&r, &f))
            return corrupt(err, "malformed query");
        if (f.id == 1 && f.type == WIRE_VARINT)
            q->start_ms = (int64_t)f.number;
        else if (f.id == 2 && f.type == WIRE_VARINT)
            q->end_ms = (int64_t)f.number;
        if (f.id != 3 || f.type != WIRE_BYTES)
            continue;
        if (q->matcher_count == REMOTE_READ_MATCHERS_MAX)
            return corrupt(err, "too many matchers");
        ARENA_GROW(arena, q->matchers, q->matcher_count, capacity);
        int rc = decode_matcher(&q->matchers[q->matcher_count], f.bytes, err);
        if (rc)
            return rc;
        q->matcher_count++;
    }
    return OK;
}

// Enumerations in a list come packed into one field, or one by one.
static bool decode_accepted(enum read_response *first, bool *any, const struct proto_field *f)
{
    bool packed = f->type == WIRE_BYTES;
    for (size_t i = 0; i < (packed ? f->bytes.len : 1); i++) {
        uint64_t number = packed ? (unsigned char)f->bytes.ptr[i] : f->number;
        *any = true;
        if (*first == READ_UNKNOWN && number < READ_UNKNOWN)
            *first = (enum read_response)number;
    }
    return packed || f->type == WIRE_VARINT;
}

int read_request_decode(struct read_request *out, struct str message, struct arena *arena,
                        struct error *err)
{
    struct proto_reader r = proto_reader_of(message);
    struct proto_field f;
    enum read_response first = READ_UNKNOWN;
    bool any = false;
    size_t capacity = 0;
    *out = (struct read_request){0};
    while (proto_more(&r)) {
        if (!proto_take(&r, &f))
            return corrupt(err, "malformed protobuf message");
        if (f.id == 2 && !decode_accepted(&first, &any, &f))
            return corrupt(err, "malformed response types");
        if (f.id != 1)
            continue;
        if (f.type != WIRE_BYTES || out->query_count == REMOTE_READ_QUERIES_MAX)
            return corrupt(err, "malformed or too many queries");
        ARENA_GROW(arena, out->queries, out->query_count, capacity);
        struct read_query *q = &out->queries[out->query_count++];
        *q = (struct read_query){0};
        int rc = decode_query(q, f.bytes, arena, err);
        if (rc)
            return rc;
    }
    out->response = any ? first : READ_SAMPLES;
    return OK;
}

void read_request_release(struct read_request *r)
{
    for (size_t i = 0; i < r->query_count; i++) {
        for (size_t k = 0; k < r->queries[i].matcher_count; k++)
            matcher_release(&r->queries[i].matchers[k]);
    }
    r->query_count = 0;
}
