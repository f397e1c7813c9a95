// /api/v1/read: Prometheus remote read, answered with samples or, chunk by chunk, compressed as
// Prometheus' store has them: whichever the client names first.
//
// As in Prometheus, the external labels are seen by those who read: a matcher that they satisfy is
// left out, and they are added to each series that has no label of that name.
#include "api.h"
#include "base/coding.h"
#include "base/compress.h"
#include "base/crc32c.h"
#include "protobuf.h"
#include "remote_read.h"
#include "routes.h"
#include "storage/querier.h"
#include "xor_chunk.h"

// A frame is sent once its series is as large as this.
#define FRAME_SIZE_MAX ((size_t)1 << 20)

struct reading {
    struct web_server *web;
    struct request *req;
    enum read_response form;
    size_t query_index;
    struct labels external;
    struct columns columns;
    uint64_t sample_count;
    struct buf message; // the response so far
    struct buf result;  // of one query: its samples
    struct buf series;  // one series' message
    struct buf chunk;
};

static bool is_external(const struct reading *r, const struct matcher *m)
{
    struct str value = labels_get(r->external, m->name);
    return m->type == MATCH_EQUAL && value.len && str_eq(m->value, value);
}

// The query's matchers without those that the external labels satisfy, as a shallow copy.
static struct matcher *own_matchers(struct reading *r, const struct read_query *q, size_t *count)
{
    struct matcher *kept = arena_array(&r->req->arena, q->matcher_count + 1, sizeof(*kept));
    *count = 0;
    for (size_t i = 0; i < q->matcher_count; i++) {
        if (!is_external(r, &q->matchers[i]))
            kept[(*count)++] = q->matchers[i];
    }
    return kept;
}

static struct labels with_external(struct reading *r, struct labels set)
{
    if (r->external.count == 0)
        return set;
    struct labels_builder b;
    labels_builder_init(&b, &r->req->arena, set);
    for (size_t i = 0; i < r->external.count; i++) {
        if (!labels_get(set, r->external.items[i].name).len)
            labels_builder_set(&b, r->external.items[i].name, r->external.items[i].value);
    }
    return labels_builder_finish(&b);
}

static void put_label(struct buf *out, struct label l)
{
    size_t size = 2 + varint_size(l.name.len) + l.name.len + varint_size(l.value.len) + l.value.len;
    buf_char(out, 1 << 3 | WIRE_BYTES);
    buf_varint(out, size);
    proto_put_bytes(out, 1, l.name);
    proto_put_bytes(out, 2, l.value);
}

static void put_sample(struct buf *out, int64_t t_ms, double value)
{
    buf_char(out, 2 << 3 | WIRE_BYTES);
    buf_varint(out, 10 + varint_size((uint64_t)t_ms));
    proto_put_double(out, 1, value);
    proto_put_varint(out, 2, (uint64_t)t_ms);
}

static void put_labels(struct reading *r, struct labels set)
{
    buf_reset(&r->series);
    for (size_t i = 0; i < set.count; i++)
        put_label(&r->series, set.items[i]);
}

static void put_samples(struct reading *r, struct labels set)
{
    put_labels(r, set);
    for (size_t i = 0; i < r->columns.count; i++)
        put_sample(&r->series, r->columns.times_ms[i], r->columns.values[i]);
    proto_put_bytes(&r->result, 1, buf_view(&r->series));
}

// Chunk { 1: min_ms; 2: max_ms; 3: encoding (1 is XOR); 4: bytes data }
static void put_chunk(struct reading *r, const int64_t *times_ms, const double *values,
                      size_t count)
{
    struct buf data = BUF_INIT;
    xor_chunk_encode(&data, times_ms, values, count);
    buf_reset(&r->chunk);
    proto_put_varint(&r->chunk, 1, (uint64_t)times_ms[0]);
    proto_put_varint(&r->chunk, 2, (uint64_t)times_ms[count - 1]);
    proto_put_varint(&r->chunk, 3, 1);
    proto_put_bytes(&r->chunk, 4, buf_view(&data));
    proto_put_bytes(&r->series, 2, buf_view(&r->chunk));
    buf_release(&data);
}

// A frame holds a ChunkedReadResponse { 1: series; 2: index of the query }: its length as a varint,
// its CRC-32C, big-endian, and itself.
static void put_frame(struct reading *r)
{
    unsigned char checksum[4];
    buf_reset(&r->chunk);
    proto_put_bytes(&r->chunk, 1, buf_view(&r->series));
    if (r->query_index)
        proto_put_varint(&r->chunk, 2, r->query_index);
    buf_varint(&r->message, r->chunk.len);
    be32_put(checksum, crc32c(0, buf_view(&r->chunk)));
    buf_append(&r->message, checksum, sizeof(checksum));
    buf_str(&r->message, buf_view(&r->chunk));
}

// A long series goes on in further frames, its labels repeated.
static void put_chunks(struct reading *r, struct labels set)
{
    const struct columns *c = &r->columns;
    put_labels(r, set);
    for (size_t i = 0; i < c->count; i += XOR_CHUNK_SAMPLES) {
        size_t left = c->count - i;
        if (r->series.len > FRAME_SIZE_MAX) {
            put_frame(r);
            put_labels(r, set);
        }
        put_chunk(r, c->times_ms + i, c->values + i,
                  left < XOR_CHUNK_SAMPLES ? left : XOR_CHUNK_SAMPLES);
    }
    put_frame(r);
}

static int put_series(struct reading *r, struct labels set, struct error *err)
{
    uint64_t limit = r->web->options.read_sample_limit;
    r->sample_count += r->columns.count;
    if (limit && r->sample_count > limit)
        return error_set(err, ERR_LIMIT, "exceeded sample limit (%llu)", (unsigned long long)limit);
    set = with_external(r, set);
    if (r->form == READ_CHUNKS)
        put_chunks(r, set);
    else
        put_samples(r, set);
    if (r->result.failed || r->message.failed || r->series.failed)
        return error_set(err, ERR_LIMIT, "the answer is larger than %zu MiB",
                         RESPONSE_BODY_MAX >> 20);
    return OK;
}

static int read_series(struct reading *r, struct querier *querier, const struct read_query *q,
                       struct error *err)
{
    struct series_set set;
    size_t count;
    struct matcher *matchers = own_matchers(r, q, &count);
    int rc =
        querier_select(querier, matchers, count, q->start_ms, q->end_ms, &r->req->arena, &set, err);
    for (size_t i = 0; rc == OK && i < set.count; i++) {
        if (cancel_raised(&r->req->cancel))
            return error_set(err, ERR_CANCELED, "the client hung up");
        rc = querier_read(querier, set.series[i], q->start_ms, q->end_ms, &r->columns, err);
        if (rc == OK && r->columns.count)
            rc = put_series(r, set.labels[i], err);
    }
    return rc;
}

static int read_query(struct reading *r, const struct read_query *q, struct error *err)
{
    struct querier *querier;
    int rc = OK;
    buf_reset(&r->result);
    // A range without extent has an empty result, not none: results answer queries by place.
    if (q->start_ms <= q->end_ms) {
        rc = querier_new(&querier, r->web->options.storage, q->start_ms, q->end_ms, err);
        if (rc == OK) {
            rc = read_series(r, querier, q, err);
            querier_free(querier);
        }
    }
    if (rc == OK && r->form == READ_SAMPLES)
        proto_put_bytes(&r->message, 1, buf_view(&r->result));
    if (rc == OK && r->message.failed)
        rc =
            error_set(err, ERR_LIMIT, "the answer is larger than %zu MiB", RESPONSE_BODY_MAX >> 20);
    r->query_index++;
    return rc;
}

static void answer(struct reading *r, const struct read_request *request, struct response *res)
{
    struct error err;
    int rc = OK;
    for (size_t i = 0; rc == OK && i < request->query_count; i++)
        rc = read_query(r, &request->queries[i], &err);
    if (rc) {
        int status = rc == ERR_LIMIT || rc == ERR_INVALID ? 400 : rc == ERR_CANCELED ? 499 : 500;
        response_text(res, status, arena_copy(&r->req->arena, str_from(err.text)));
        return;
    }
    res->encoded = true;
    if (r->form == READ_CHUNKS) {
        res->content_type = "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
        buf_release(&res->body);
        res->body = r->message;
        buf_init(&r->message, RESPONSE_BODY_MAX);
        return;
    }
    res->content_type = "application/x-protobuf";
    response_header(res, "Content-Encoding", STR("snappy"));
    snappy_encode(buf_view(&r->message), &res->body);
}

static void run(struct web_server *web, struct request *req, struct response *res,
                const struct read_request *request)
{
    struct reading r = {.web = web, .req = req, .form = request->response};
    if (web->options.external_labels)
        r.external = web->options.external_labels(web->options.context, &req->arena);
    columns_init(&r.columns);
    buf_init(&r.message, RESPONSE_BODY_MAX);
    buf_init(&r.result, RESPONSE_BODY_MAX);
    buf_init(&r.series, RESPONSE_BODY_MAX);
    buf_init(&r.chunk, 0);
    answer(&r, request, res);
    buf_release(&r.chunk);
    buf_release(&r.series);
    buf_release(&r.result);
    buf_release(&r.message);
    columns_release(&r.columns);
}

void api_read(struct web_server *web, struct request *req, struct response *res)
{
    struct buf message = BUF_INIT;
    struct read_request request = {0};
    struct error err;
    int rc = snappy_decode(req->body, web->options.remote_write_max, &message);
    if (rc)
        error_set(&err, rc,
                  rc == ERR_LIMIT ? "remote read request is too large when decoded"
                                  : "snappy: corrupt input");
    else
        rc = read_request_decode(&request, buf_view(&message), &req->arena, &err);
    if (rc)
        response_text(res, rc == ERR_LIMIT ? 413 : 400,
                      arena_copy(&req->arena, str_from(err.text)));
    else if (request.response == READ_UNKNOWN)
        response_text(res, 400,
                      STR("server does not support any of the requested response types; "
                          "supported: [SAMPLES STREAMED_XOR_CHUNKS]"));
    else
        run(web, req, res, &request);
    read_request_release(&request);
    buf_release(&message);
}
