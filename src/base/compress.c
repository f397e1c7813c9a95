#include "base/compress.h"

#include <assert.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

#include "base/mem.h"

#define STEP_SIZE ((size_t)64 << 10)

void gzip_compress(struct str in, struct buf *out)
{
    z_stream z = {0};
    int rc = deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    assert(rc == Z_OK);
    size_t bound = deflateBound(&z, in.len);
    char *room = buf_reserve(out, bound);
    if (room) {
        z.next_in = (Bytef *)(uintptr_t)in.ptr;
        z.avail_in = (uInt)in.len;
        z.next_out = (Bytef *)room;
        z.avail_out = (uInt)bound;
        rc = deflate(&z, Z_FINISH);
        assert(rc == Z_STREAM_END);
        buf_advance(out, bound - z.avail_out);
    }
    (void)rc;
    deflateEnd(&z);
}

static int inflate_step(z_stream *z, size_t *left, struct buf *out)
{
    size_t size = *left < STEP_SIZE ? *left : STEP_SIZE;
    // One byte past the limit tells "exactly the limit" from "more than it".
    unsigned char past;
    char *room = size ? buf_reserve(out, size) : (char *)&past;
    if (!room)
        return ERR_LIMIT;
    size_t offered = size ? size : 1;
    z->next_out = (Bytef *)room;
    z->avail_out = (uInt)offered;
    int rc = inflate(z, Z_NO_FLUSH);
    size_t got = offered - z->avail_out;
    if (!size && got)
        return ERR_LIMIT;
    if (size) {
        buf_advance(out, got);
        *left -= got;
    }
    if (rc == Z_STREAM_END)
        return ERR_END;
    return rc == Z_OK && (got || z->avail_in) ? OK : ERR_CORRUPT;
}

int gzip_decompress(struct str in, size_t size_max, struct buf *out)
{
    z_stream z = {0};
    int rc = inflateInit2(&z, 15 + 32);
    assert(rc == Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.ptr;
    z.avail_in = (uInt)in.len;
    do {
        rc = inflate_step(&z, &size_max, out);
    } while (rc == OK);
    inflateEnd(&z);
    return rc == ERR_END ? OK : rc;
}

void snappy_encode(struct str in, struct buf *out)
{
    size_t size = snappy_max_compressed_length(in.len);
    char *room = buf_reserve(out, size);
    if (!room)
        return;
    snappy_status status = snappy_compress(in.ptr, in.len, room, &size);
    assert(status == SNAPPY_OK);
    (void)status;
    buf_advance(out, size);
}

int snappy_decode(struct str in, size_t size_max, struct buf *out)
{
    size_t size;
    if (snappy_uncompressed_length(in.ptr, in.len, &size) != SNAPPY_OK)
        return ERR_CORRUPT;
    if (size > size_max)
        return ERR_LIMIT;
    // Snappy cannot shrink data by more than about 1:21; a larger claim is a lie, not a reservation.
    if (size / 32 > in.len)
        return ERR_CORRUPT;
    char *room = buf_reserve(out, size);
    if (!room)
        return ERR_LIMIT;
    if (snappy_uncompress(in.ptr, in.len, room, &size) != SNAPPY_OK)
        return ERR_CORRUPT;
    buf_advance(out, size);
    return OK;
}

void zstd_encode(struct str in, int level, struct buf *out)
{
    size_t bound = ZSTD_compressBound(in.len);
    char *room = buf_reserve(out, bound);
    if (!room)
        return;
    size_t size = ZSTD_compress(room, bound, in.ptr, in.len, level);
    assert(!ZSTD_isError(size));
    buf_advance(out, size);
}

// A frame that doesn't say how large its content is.
static int zstd_decode_steps(struct str in, size_t size_max, struct buf *out)
{
    ZSTD_DCtx *zstd = ZSTD_createDCtx();
    ZSTD_inBuffer from = {in.ptr, in.len, 0};
    size_t left = size_max, hint = 1;
    int rc = OK;
    while (hint && rc == OK) {
        // One byte past the limit tells "exactly the limit" from "more than it".
        size_t offered = left < STEP_SIZE ? left + 1 : STEP_SIZE;
        char *room = buf_reserve(out, offered);
        ZSTD_outBuffer to = {room, room ? offered : 0, 0};
        size_t before = from.pos;
        hint = ZSTD_decompressStream(zstd, &to, &from);
        if (ZSTD_isError(hint) || (hint && to.pos == 0 && from.pos == before))
            rc = ERR_CORRUPT;
        else if (!room || to.pos > left)
            rc = ERR_LIMIT;
        else
            buf_advance(out, to.pos);
        left -= rc == OK ? to.pos : 0;
    }
    ZSTD_freeDCtx(zstd);
    return rc == OK && from.pos < in.len ? ERR_CORRUPT : rc;
}

int zstd_decode(struct str in, size_t size_max, struct buf *out)
{
    unsigned long long size = ZSTD_getFrameContentSize(in.ptr, in.len);
    if (size == ZSTD_CONTENTSIZE_ERROR)
        return ERR_CORRUPT;
    if (size == ZSTD_CONTENTSIZE_UNKNOWN)
        return zstd_decode_steps(in, size_max, out);
    if (size > size_max)
        return ERR_LIMIT;
    char *room = buf_reserve(out, (size_t)size);
    if (!room)
        return ERR_LIMIT;
    size_t got = ZSTD_decompress(room, (size_t)size, in.ptr, in.len);
    if (ZSTD_isError(got) || got != size)
        return ERR_CORRUPT;
    buf_advance(out, got);
    return OK;
}

struct zstd_encoder {
    ZSTD_CCtx *context;
    int level;
};

struct zstd_encoder *zstd_encoder_new(int level)
{
    struct zstd_encoder *e = mem_alloc(sizeof(*e));
    *e = (struct zstd_encoder){ZSTD_createCCtx(), level};
    assert(e->context);
    return e;
}

void zstd_encoder_free(struct zstd_encoder *e)
{
    if (!e)
        return;
    ZSTD_freeCCtx(e->context);
    mem_free(e);
}

void zstd_encoder_run(struct zstd_encoder *e, struct str in, struct buf *out)
{
    size_t bound = ZSTD_compressBound(in.len);
    char *room = buf_reserve(out, bound);
    if (!room)
        return;
    size_t size = ZSTD_compressCCtx(e->context, room, bound, in.ptr, in.len, e->level);
    assert(!ZSTD_isError(size));
    buf_advance(out, size);
}

// A decoder is the library's context under another name.
struct zstd_decoder *zstd_decoder_new(void)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    assert(context);
    return (struct zstd_decoder *)context;
}

void zstd_decoder_free(struct zstd_decoder *d)
{
    ZSTD_freeDCtx((ZSTD_DCtx *)d);
}

int zstd_decoder_run(struct zstd_decoder *d, struct str in, char *out, size_t size)
{
    size_t got = ZSTD_decompressDCtx((ZSTD_DCtx *)d, out, size, in.ptr, in.len);
    return ZSTD_isError(got) || got != size ? ERR_CORRUPT : OK;
}
