// A frame is where reading can go on behind damage, so it must be told from whatever bytes lie there:
// by its marker, which is quickly looked for, and by a checksum that has the frame's place as its seed,
// so that neither a copy elsewhere nor the rest of one that was overwritten is taken for it.
#include "journal_frame.h"

#include "base/coding.h"
#include "base/hash.h"

#define MARKER      "LWF\xb7"
#define MARKER_SIZE 4
#define HEADER_SIZE 16                    // marker, be32 size of what follows, be64 its checksum
#define FRAME_MAX   ((uint32_t)512 << 20) // more than a batch comes to

enum packing { PACKING_NONE, PACKING_ZSTD };

static void put_body(struct buf *out, enum packing packing, uint32_t declared, struct str records)
{
    buf_char(out, (char)packing);
    buf_varint(out, declared);
    buf_varint(out, records.len);
}

void frame_put(struct buf *out, struct zstd_encoder *encoder, uint64_t place, uint32_t declared,
               struct str records)
{
    static const char header[HEADER_SIZE];
    size_t start = out->len, body = start + HEADER_SIZE;
    buf_append(out, header, sizeof(header));
    put_body(out, PACKING_ZSTD, declared, records);
    size_t before = out->len;
    zstd_encoder_run(encoder, records, out);
    if (out->len - before >= records.len) {
        buf_truncate(out, body);
        put_body(out, PACKING_NONE, declared, records);
        buf_str(out, records);
    }
    char *frame = out->ptr + start;
    memcpy(frame, MARKER, MARKER_SIZE);
    be32_put(frame + MARKER_SIZE, (uint32_t)(out->len - body));
    be64_put(frame + 8, hash64(out->ptr + body, out->len - body, place));
}

static bool parse_body(struct str body, struct frame *out)
{
    struct decoder d;
    decoder_init(&d, body);
    unsigned packing = decode_u8(&d);
    uint64_t declared = decode_varint(&d), size = decode_varint(&d);
    out->bytes = str_make((const char *)d.pos, decoder_left(&d));
    out->packed = packing == PACKING_ZSTD;
    out->declared = (uint32_t)declared;
    out->size = (size_t)size;
    return !d.failed && declared < UINT32_MAX && size > 0 && size <= FRAME_MAX &&
           (out->packed || (packing == PACKING_NONE && size == out->bytes.len));
}

// Whether a sound frame stands here.
static bool parse(struct str file, size_t at, struct frame *out)
{
    struct str rest = str_skip(file, at);
    if (rest.len <= HEADER_SIZE || memcmp(rest.ptr, MARKER, MARKER_SIZE) != 0)
        return false;
    uint32_t size = be32_get(rest.ptr + MARKER_SIZE);
    if (size == 0 || size > FRAME_MAX || size > rest.len - HEADER_SIZE)
        return false;
    struct str body = str_make(rest.ptr + HEADER_SIZE, size);
    *out = (struct frame){.begin = at, .end = at + HEADER_SIZE + size};
    return hash64(body.ptr, body.len, at) == be64_get(rest.ptr + 8) && parse_body(body, out);
}

bool frame_find(struct str file, size_t from, struct frame *out)
{
    while (from < file.len) {
        if (parse(file, from, out))
            return true;
        struct str rest = str_skip(file, from + 1);
        const char *next = memmem(rest.ptr, rest.len, MARKER, MARKER_SIZE);
        if (!next)
            return false;
        from = (size_t)(next - file.ptr);
    }
    return false;
}

bool frame_records(const struct frame *f, struct zstd_decoder *decoder, struct buf *buffer,
                   struct str *out)
{
    if (!f->packed) {
        *out = f->bytes;
        return true;
    }
    buf_reset(buffer);
    char *to = buf_reserve(buffer, f->size);
    if (zstd_decoder_run(decoder, f->bytes, to, f->size))
        return false;
    buf_advance(buffer, f->size);
    *out = buf_view(buffer);
    return true;
}
