// A sample is the change of the distance in time, as a zigzag varint, and the XOR with the value
// before, byte-swapped, as a varint: floats differ in their high bits. Everything starts at 0.
#include "bulk_run.h"

#include <assert.h>

#include "base/coding.h"
#include "model/sample.h"

void run_release(struct run *r)
{
    buf_release(&r->bytes);
    *r = (struct run){.count = 0};
}

void run_append(struct run *r, int64_t t_ms, double value)
{
    assert(r->count == 0 || t_ms > r->last.t_ms);
    uint64_t delta_ms = (uint64_t)t_ms - (uint64_t)r->last.t_ms;
    buf_svarint(&r->bytes, (int64_t)(delta_ms - r->last.delta_ms));
    buf_varint(&r->bytes, __builtin_bswap64(double_bits(value) ^ r->last.bits));
    r->last = (struct run_state){t_ms, delta_ms, double_bits(value)};
    r->count++;
}

// The bytes are the run's own: they are as run_append() made them.
static uint64_t take(struct run_reader *reader)
{
    uint64_t value = 0;
    bool whole = varint_get(&reader->pos, reader->pos + VARINT_SIZE_MAX, &value);
    assert(whole);
    return value;
}

static void advance(struct run_reader *reader)
{
    struct run_state *s = &reader->next;
    s->delta_ms += (uint64_t)unzigzag(take(reader));
    s->t_ms = (int64_t)((uint64_t)s->t_ms + s->delta_ms);
    s->bits ^= __builtin_bswap64(take(reader));
}

void run_reader_init(struct run_reader *reader, const struct run *r)
{
    *reader = (struct run_reader){.pos = (const unsigned char *)r->bytes.ptr, .left = r->count};
    if (reader->left)
        advance(reader);
}

void run_read(struct run_reader *reader, int64_t max_ms, struct columns *out)
{
    while (reader->left && reader->next.t_ms < max_ms) {
        columns_reserve(out, out->count + 1);
        out->times_ms[out->count] = reader->next.t_ms;
        out->values[out->count++] = double_from_bits(reader->next.bits);
        if (--reader->left)
            advance(reader);
    }
}
