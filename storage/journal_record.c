// The essay of the journal's bytes is in FORMAT.md. What matters here: a scrape's samples follow
// each other in the order their series were declared, at one time, most of them unchanged. Each is
// then foretold by the one before, and up to 32 of them in a row are one control byte.
#include "journal_record.h"

#include "model/sample.h"

// A control byte: what of a sample is as expected, and how often that comes in a row.
#define SAME_STEP  0x01 // the id is the previous one + 1
#define SAME_TIME  0x02
#define SAME_VALUE 0x04
#define ALL_SAME   (SAME_STEP | SAME_TIME | SAME_VALUE)
#define RUN_SHIFT  3
#define RUN_MAX    32        // stored less one, above the flags
#define CODE_SHIFT RUN_SHIFT // of a changed value, which is never part of a run

#define HEADER_SIZE 4 // be32 size of what follows: type and payload

size_t record_begin(struct buf *out, enum record_type type)
{
    static const char header[HEADER_SIZE];
    size_t start = out->len;
    buf_append(out, header, sizeof(header));
    buf_char(out, (char)type);
    return start;
}

void record_end(struct buf *out, size_t start)
{
    be32_put(out->ptr + start, (uint32_t)(out->len - start - HEADER_SIZE));
}

bool record_next(struct str *rest, enum record_type *type, struct str *payload)
{
    if (rest->len < HEADER_SIZE + 1)
        return false;
    uint32_t size = be32_get(rest->ptr);
    if (size == 0 || size > rest->len - HEADER_SIZE)
        return false;
    const char *body = rest->ptr + HEADER_SIZE;
    *type = (enum record_type)(unsigned char)body[0];
    *payload = str_make(body + 1, size - 1);
    *rest = str_skip(*rest, HEADER_SIZE + size);
    return true;
}

void record_put_series(struct buf *out, struct labels labels, uint64_t bits)
{
    size_t start = record_begin(out, RECORD_SERIES);
    buf_varint(out, __builtin_bswap64(bits));
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

#define EXACT_MAX 9007199254740992.0 // 2^53: up to here doubles count in ones

// True when bits are those of the double `*out` / scale, exactly.
static bool is_multiple(uint64_t bits, double scale, int64_t *out)
{
    double v = double_from_bits(bits) * scale;
    if (!(v > -EXACT_MAX && v < EXACT_MAX))
        return false;
    *out = (int64_t)(v < 0 ? v - 0.5 : v + 0.5);
    return double_bits((double)*out / scale) == bits;
}

static bool distance(uint64_t before, uint64_t bits, double scale, uint64_t *out)
{
    int64_t from, to;
    if (!is_multiple(bits, scale, &to) || !is_multiple(before, scale, &from))
        return false;
    *out = zigzag(to - from);
    return true;
}

static enum value_code code_value(uint64_t before, uint64_t bits, uint64_t *out)
{
    if (distance(before, bits, 1, out))
        return VALUE_INTEGER;
    if (distance(before, bits, 1000, out))
        return VALUE_MILLI;
    // Neighbouring floats differ in their high bits: swapped, those are the low ones of a varint.
    *out = __builtin_bswap64(before ^ bits);
    return VALUE_XOR;
}

static uint64_t add_distance(uint64_t before, double scale, uint64_t coded)
{
    int64_t from = 0;
    is_multiple(before, scale, &from);
    return double_bits((double)(int64_t)((uint64_t)from + (uint64_t)unzigzag(coded)) / scale);
}

uint64_t coded_value(const struct coded *c, uint64_t before)
{
    if (!c->changed)
        return before;
    switch (c->code) {
    case VALUE_INTEGER:
        return add_distance(before, 1, c->value);
    case VALUE_MILLI:
        return add_distance(before, 1000, c->value);
    case VALUE_XOR:
        break;
    }
    return before ^ __builtin_bswap64(c->value);
}

void coder_put(struct buf *out, struct sample_coder *c, uint32_t id, int64_t t_ms, uint64_t before,
               uint64_t bits)
{
    uint64_t coded = 0;
    unsigned flags = (id == c->id + 1 ? SAME_STEP : 0) | (t_ms == c->t_ms ? SAME_TIME : 0) |
                     (bits == before ? SAME_VALUE : 0);
    unsigned code = bits == before ? 0 : code_value(before, bits, &coded);
    if (flags != ALL_SAME || !extend_run(out, c)) {
        c->run_at = flags == ALL_SAME ? out->len : 0;
        buf_char(out, (char)(flags | code << CODE_SHIFT));
    }
    if (!(flags & SAME_STEP))
        buf_svarint(out, (int64_t)id - c->id);
    if (!(flags & SAME_TIME))
        buf_svarint(out, (int64_t)((uint64_t)t_ms - (uint64_t)c->t_ms));
    if (!(flags & SAME_VALUE))
        buf_varint(out, coded);
    c->id = id;
    c->t_ms = t_ms;
}

bool coder_get(struct decoder *d, struct sample_coder *c, struct coded *out)
{
    unsigned control = decode_u8(d);
    unsigned flags = control & ALL_SAME;
    unsigned rest = control >> RUN_SHIFT;
    int64_t step = flags & SAME_STEP ? 1 : decode_svarint(d);
    int64_t later = flags & SAME_TIME ? 0 : decode_svarint(d);
    out->changed = !(flags & SAME_VALUE);
    out->value = out->changed ? decode_varint(d) : 0;
    out->code = out->changed ? (enum value_code)rest : VALUE_XOR;
    out->run = out->changed ? 1 : rest + 1;
    out->id = (uint32_t)(c->id + (uint64_t)step);
    out->t_ms = (int64_t)((uint64_t)c->t_ms + (uint64_t)later);
    if (d->failed || (out->changed && rest > VALUE_MILLI) || (out->run > 1 && flags != ALL_SAME) ||
        out->id > UINT32_MAX - RUN_MAX)
        return false;
    c->id = out->id + out->run - 1;
    c->t_ms = out->t_ms;
    return true;
}
