#include "value_block.h"

#include "base/mem.h"

// ---- writing

void block_writer_release(struct block_writer *b)
{
    buf_release(&b->heads);
    buf_release(&b->bits);
    buf_release(&b->stream_heads);
    buf_release(&b->stream_bits);
}

static bool lies_at(const struct buf *in, uint32_t at, uint32_t size, struct str wanted)
{
    return str_eq(str_make(in->ptr + at, size), wanted);
}

// How many streams back the same one is; 0 when there is none.
static uint32_t find_same(const struct block_writer *b, uint32_t hash)
{
    for (uint32_t i = b->count; i-- > 0;) {
        const struct written_stream *s = &b->streams[i];
        if (s->hash == hash &&
            lies_at(&b->heads, s->head_at, s->head_size, buf_view(&b->stream_heads)) &&
            lies_at(&b->bits, s->bits_at, s->bits_size, buf_view(&b->stream_bits)))
            return b->count - i;
    }
    return 0;
}

static struct written_stream put_stream(struct block_writer *b, uint32_t hash)
{
    struct str heads = buf_view(&b->stream_heads), bits = buf_view(&b->stream_bits);
    buf_varint(&b->heads, (uint64_t)heads.len << 1);
    if (heads.len)
        buf_varint(&b->heads, bits.len);
    struct written_stream s = {hash, (uint32_t)b->heads.len, (uint32_t)heads.len,
                               (uint32_t)b->bits.len, (uint32_t)bits.len};
    buf_str(&b->heads, heads);
    buf_str(&b->bits, bits);
    return s;
}

void block_writer_add(struct block_writer *b, const double *values, size_t count)
{
    buf_reset(&b->stream_heads);
    buf_reset(&b->stream_bits);
    cold_values_encode(values, count, &b->stream_heads, &b->stream_bits);
    uint32_t hash = (uint32_t)hash_str(buf_view(&b->stream_heads));
    uint32_t back = count ? find_same(b, hash) : 0;
    if (back)
        buf_varint(&b->heads, (uint64_t)back << 1 | 1);
    b->streams[b->count] = back ? b->streams[b->count - back] : put_stream(b, hash);
    b->count++;
}

bool block_writer_is_full(const struct block_writer *b)
{
    return b->heads.len + b->bits.len >= BLOCK_SIZE || b->count == BLOCK_SERIES_MAX;
}

void block_writer_finish(struct block_writer *b, struct zstd_encoder *zstd, struct buf *out,
                         struct index_block *entry)
{
    size_t from = out->len;
    zstd_encoder_run(zstd, buf_view(&b->heads), out);
    buf_str(out, buf_view(&b->bits));
    struct str stored = str_skip(buf_view(out), from);
    entry->first_series = b->first_series;
    entry->stored_size = (uint32_t)stored.len;
    entry->head_size = (uint32_t)b->heads.len;
    entry->bit_size = (uint32_t)b->bits.len;
    entry->sum = hash64(stored.ptr, stored.len, 0);
    b->first_series += b->count;
    b->count = 0;
    buf_reset(&b->heads);
    buf_reset(&b->bits);
}

// ---- reading

void block_values_release(struct block_values *v)
{
    buf_release(&v->bytes);
    mem_free(v->streams);
    *v = (struct block_values){.count = 0};
}

bool block_sum_holds(struct str stored, const struct index_block *entry)
{
    return hash64(stored.ptr, stored.len, 0) == entry->sum;
}

static int read_bytes(struct block_values *v, struct str stored, const struct index_block *entry,
                      struct zstd_decoder *zstd)
{
    if (entry->bit_size > stored.len || entry->head_size > BLOCK_SIZE_MAX)
        return ERR_CORRUPT;
    size_t packed_size = stored.len - entry->bit_size;
    buf_reset(&v->bytes);
    buf_reserve(&v->bytes, (size_t)entry->head_size + entry->bit_size + BITS_PADDING);
    int rc = zstd_decoder_run(zstd, str_first(stored, packed_size), v->bytes.ptr, entry->head_size);
    buf_advance(&v->bytes, entry->head_size);
    buf_str(&v->bytes, str_skip(stored, packed_size));
    memset(v->bytes.ptr + v->bytes.len, 0, BITS_PADDING);
    return rc;
}

static bool take_stream(struct block_values *v, struct decoder *heads, struct str *bits)
{
    uint64_t size = decode_varint(heads);
    if (size & 1) {
        size >>= 1;
        if (size == 0 || size > v->count)
            return false;
        v->streams[v->count] = v->streams[v->count - size];
        return true;
    }
    uint64_t bit_size = size ? decode_varint(heads) : 0;
    if (bit_size > bits->len)
        return false;
    v->streams[v->count] =
        (struct cold_stream){decode_bytes(heads, size >> 1), str_first(*bits, bit_size)};
    *bits = str_skip(*bits, bit_size);
    return !heads->failed;
}

int block_values_read(struct block_values *v, struct str stored, const struct index_block *entry,
                      struct zstd_decoder *zstd)
{
    v->count = 0;
    int rc = read_bytes(v, stored, entry, zstd);
    if (rc)
        return rc;
    struct decoder heads;
    struct str bits = str_skip(buf_view(&v->bytes), entry->head_size);
    decoder_init(&heads, str_first(buf_view(&v->bytes), entry->head_size));
    for (; decoder_left(&heads); v->count++) {
        MEM_GROW(v->streams, v->count, v->capacity);
        if (!take_stream(v, &heads, &bits))
            return ERR_CORRUPT;
    }
    return OK;
}
