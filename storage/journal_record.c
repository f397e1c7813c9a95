// The essay of the journal's bytes is in FORMAT.md. What matters here: a scrape's samples follow
// each other in the order their series were declared, at one time, most of them unchanged. Each is
// then foretold by the one before, and up to 32 of them in a row are one control byte.
#include "journal_record.h"

#include "base/hash.h"

// A control byte: what of a sample is as expected, and how often that comes in a row.
#define SAME_STEP  0x01 // the id is the previous one + 1
#define SAME_TIME  0x02
#define SAME_VALUE 0x04
#define ALL_SAME   (SAME_STEP | SAME_TIME | SAME_VALUE)
#define RUN_SHIFT  3
#define RUN_MAX    32 // stored less one, above the flags

size_t record_begin(struct buf *out, enum record_type type)
{
    static const char header[RECORD_HEADER_SIZE];
    size_t start = out->len;
    buf_append(out, header, sizeof(header));
    buf_char(out, (char)type);
    return start;
}

void record_end(struct buf *out, size_t start)
{
    size_t size = out->len - start - RECORD_HEADER_SIZE;
    char *record = out->ptr + start;
    be32_put(record, (uint32_t)size);
    be64_put(record + 4, hash64(record + RECORD_HEADER_SIZE, size, 0));
}

bool record_next(struct str *rest, enum record_type *type, struct str *payload)
{
    if (rest->len < RECORD_HEADER_SIZE + 1)
        return false;
    uint32_t size = be32_get(rest->ptr);
    if (size == 0 || size > RECORD_SIZE_MAX || size > rest->len - RECORD_HEADER_SIZE)
        return false;
    const char *body = rest->ptr + RECORD_HEADER_SIZE;
    if (hash64(body, size, 0) != be64_get(rest->ptr + 4))
        return false;
    *type = (enum record_type)(unsigned char)body[0];
    *payload = str_make(body + 1, size - 1);
    *rest = str_skip(*rest, RECORD_HEADER_SIZE + size);
    return true;
}

void record_put_series(struct buf *out, struct labels labels)
{
    size_t start = record_begin(out, RECORD_SERIES);
    buf_varint(out, labels.count);
    for (size_t i = 0; i < labels.count; i++) {
        buf_sized(out, labels.items[i].name);
        buf_sized(out, labels.items[i].value);
    }
    record_end(out, start);
}

static bool extend_run(struct buf *out, const struct sample_coder *c)
{
    if (!c->run_at)
        return false;
    unsigned char *control = (unsigned char *)out->ptr + c->run_at;
    if (*control >> RUN_SHIFT == RUN_MAX - 1)
        return false;
    *control = (unsigned char)(*control + (1u << RUN_SHIFT));
    return true;
}

void coder_put(struct buf *out, struct sample_coder *c, uint32_t id, int64_t t_ms, uint64_t xored)
{
    unsigned flags = (id == c->id + 1 ? SAME_STEP : 0) | (t_ms == c->t_ms ? SAME_TIME : 0) |
                     (xored == 0 ? SAME_VALUE : 0);
    if (flags != ALL_SAME || !extend_run(out, c)) {
        c->run_at = flags == ALL_SAME ? out->len : 0;
        buf_char(out, (char)flags);
    }
    if (!(flags & SAME_STEP))
        buf_svarint(out, (int64_t)id - c->id);
    if (!(flags & SAME_TIME))
        buf_svarint(out, (int64_t)((uint64_t)t_ms - (uint64_t)c->t_ms));
    // Neighbouring floats differ in their high bits: swapped, those are the low ones of a varint.
    if (!(flags & SAME_VALUE))
        buf_varint(out, __builtin_bswap64(xored));
    c->id = id;
    c->t_ms = t_ms;
}

bool coder_get(struct decoder *d, struct sample_coder *c, struct coded *out)
{
    unsigned control = decode_u8(d);
    unsigned flags = control & ALL_SAME;
    int64_t step = flags & SAME_STEP ? 1 : decode_svarint(d);
    int64_t later = flags & SAME_TIME ? 0 : decode_svarint(d);
    out->xored = flags & SAME_VALUE ? 0 : __builtin_bswap64(decode_varint(d));
    out->id = (uint32_t)(c->id + (uint64_t)step);
    out->t_ms = (int64_t)((uint64_t)c->t_ms + (uint64_t)later);
    out->run = 1 + (control >> RUN_SHIFT);
    if (d->failed || (out->run > 1 && flags != ALL_SAME) || out->id > UINT32_MAX - RUN_MAX)
        return false;
    c->id = out->id + out->run - 1;
    c->t_ms = out->t_ms;
    return true;
}
