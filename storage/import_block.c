//     BLOCK/meta.json          span, counts, which blocks this one replaces
//     BLOCK/index              import_index.c
//     BLOCK/chunks/000001 ...  segments of chunks
//     BLOCK/tombstones         import_stones.c
//
// A segment:  be32 magic | 1 version | 3 zeros | chunks
// A chunk:    uvarint size | 1 encoding | bytes | be32 CRC-32C of encoding and bytes
#include "import_block.h"

#include <stdlib.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "import_map.h"

#define META_SIZE_MAX  ((size_t)16 << 20)
#define CHUNKS_MAGIC   UINT32_C(0x85bd40dd)
#define CHUNKS_VERSION 1
#define CHUNKS_HEADER  8

bool prom_block_name(struct str name)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    for (size_t i = 0; i < name.len; i++) {
        if (!memchr(alphabet, name.ptr[i], sizeof(alphabet) - 1))
            return false;
    }
    return name.len == ULID_SIZE;
}

static void read_parents(struct prom_block_meta *meta, const struct json *parents)
{
    size_t count = 0;
    for (const struct json *p = json_child(parents); p; p = json_next(p))
        count++;
    meta->parents = mem_calloc(count ? count : 1, sizeof(*meta->parents));
    for (const struct json *p = json_child(parents); p; p = json_next(p)) {
        struct str ulid = json_text(json_get(p, "ulid"));
        if (prom_block_name(ulid))
            memcpy(meta->parents[meta->parent_count++], ulid.ptr, ULID_SIZE);
    }
}

static bool has_hint(const struct json *hints, const char *text)
{
    if (!hints || json_kind(hints) != JSON_ARRAY)
        return false;
    for (const struct json *h = json_child(hints); h; h = json_next(h)) {
        if (str_is(json_text(h), text))
            return true;
    }
    return false;
}

static bool whole_number(const struct json *value, int64_t *out)
{
    double number = value ? json_number(value) : 0;
    if (!value || json_kind(value) != JSON_NUMBER || !(number > -9e15 && number < 9e15))
        return false;
    *out = (int64_t)number;
    return true;
}

static int read_meta(struct prom_block_meta *meta, const struct json *root, struct error *err)
{
    int64_t version, samples;
    const struct json *compaction = json_get(root, "compaction");
    if (!whole_number(json_get(root, "version"), &version) || version != 1)
        return error_set(err, ERR_UNSUPPORTED, "meta.json: expected \"version\": 1");
    if (!whole_number(json_get(root, "minTime"), &meta->min_ms) ||
        !whole_number(json_get(root, "maxTime"), &meta->max_ms) || meta->min_ms > meta->max_ms)
        return error_set(err, ERR_CORRUPT, "meta.json: expected minTime before maxTime");
    if (whole_number(json_get(json_get(root, "stats"), "numSamples"), &samples) && samples > 0)
        meta->sample_count = (uint64_t)samples;
    const struct json *deletable = json_get(compaction, "deletable");
    meta->deletable = deletable && json_is_true(deletable);
    meta->late = has_hint(json_get(compaction, "hints"), "from-out-of-order");
    const struct json *parents = json_get(compaction, "parents");
    if (parents && json_kind(parents) == JSON_ARRAY)
        read_parents(meta, parents);
    return OK;
}

int prom_block_meta_parse(struct prom_block_meta *meta, struct str text, struct error *err)
{
    struct json *document;
    *meta = (struct prom_block_meta){.min_ms = 0};
    if (json_parse(&document, text, err)) {
        error_prefix(err, "meta.json: ");
        return ERR_CORRUPT;
    }
    int rc = read_meta(meta, document, err);
    json_free(document);
    return rc;
}

void prom_block_meta_release(struct prom_block_meta *meta)
{
    mem_free(meta->parents);
    meta->parents = NULL;
}

struct opening {
    struct prom_block *block;
    const char *folder;
    struct error *err;
};

static int add_segment(void *context, const char *name)
{
    const struct opening *o = context;
    struct buf path = BUF_INIT;
    struct str bytes;
    uint64_t number;
    if (!str_to_u64(str_from(name), &number))
        return OK;
    if (number != o->block->segment_count + 1)
        return error_set(o->err, ERR_CORRUPT, "chunks: segment %zu is missing",
                         o->block->segment_count + 1);
    buf_printf(&path, "%s/%s", o->folder, name);
    int rc = file_map(buf_text(&path), &bytes, o->err);
    buf_release(&path);
    if (rc)
        return rc;
    size_t count = o->block->segment_count++;
    o->block->segments = mem_realloc(o->block->segments, count + 1, sizeof(bytes));
    o->block->segments[count] = bytes;
    bool sound = bytes.len >= CHUNKS_HEADER && be32_get(bytes.ptr) == CHUNKS_MAGIC &&
                 bytes.ptr[4] == CHUNKS_VERSION;
    return sound ? OK : error_set(o->err, ERR_CORRUPT, "chunks/%s: the header is wrong", name);
}

static int open_segments(struct prom_block *b, const char *path, struct error *err)
{
    struct buf folder = BUF_INIT;
    buf_printf(&folder, "%s/chunks", path);
    struct opening o = {b, buf_text(&folder), err};
    int rc = dir_each(o.folder, add_segment, &o, err);
    buf_release(&folder);
    return rc;
}

static int open_stones(struct prom_block *b, const char *path, struct error *err)
{
    struct buf name = BUF_INIT;
    struct str bytes = str_make(NULL, 0);
    buf_printf(&name, "%s/tombstones", path);
    int rc = OK;
    if (file_exists(buf_text(&name)))
        rc = file_map(buf_text(&name), &bytes, err);
    buf_release(&name);
    if (rc == OK && bytes.len)
        rc = prom_stones_parse(&b->stones, bytes, err);
    file_unmap(bytes);
    return rc;
}

int prom_block_open(struct prom_block *b, const char *path, struct error *err)
{
    struct buf name = BUF_INIT;
    *b = (struct prom_block){.segments = NULL};
    buf_printf(&name, "%s/index", path);
    int rc = file_map(buf_text(&name), &b->index_bytes, err);
    buf_release(&name);
    if (rc == OK)
        rc = prom_index_init(&b->index, b->index_bytes, err);
    if (rc == OK)
        rc = open_segments(b, path, err);
    if (rc == OK)
        rc = open_stones(b, path, err);
    if (rc)
        prom_block_close(b);
    return rc;
}

void prom_block_close(struct prom_block *b)
{
    prom_stones_release(&b->stones);
    prom_index_release(&b->index);
    for (size_t i = 0; i < b->segment_count; i++)
        file_unmap(b->segments[i]);
    mem_free(b->segments);
    file_unmap(b->index_bytes);
    *b = (struct prom_block){.segments = NULL};
}

int prom_block_chunk(const struct prom_block *b, uint64_t ref, unsigned *encoding, struct str *data,
                     struct error *err)
{
    uint64_t segment = ref >> 32, offset = ref & UINT32_MAX;
    struct decoder d;
    if (segment >= b->segment_count || offset > b->segments[segment].len)
        return error_set(err, ERR_CORRUPT, "chunks: a chunk lies outside of its segment");
    decoder_init(&d, str_skip(b->segments[segment], (size_t)offset));
    uint64_t size = decode_varint(&d);
    struct str all = decode_bytes(&d, size < SIZE_MAX ? (size_t)size + 1 : SIZE_MAX);
    struct str sum = decode_bytes(&d, 4);
    if (d.failed || crc32c(0, all) != be32_get(sum.ptr))
        return error_set(err, ERR_CORRUPT,
                         "chunks/%06llu: at byte %llu: a chunk is cut or its sum is wrong",
                         (unsigned long long)segment + 1, (unsigned long long)offset);
    *encoding = (unsigned char)all.ptr[0];
    *data = str_skip(all, 1);
    return OK;
}

static bool is_sorted(const struct columns *c, size_t from)
{
    for (size_t i = from + 1; i < c->count; i++) {
        if (c->times_ms[i] <= c->times_ms[i - 1])
            return false;
    }
    return true;
}

static void count_other(unsigned encoding, struct str data, struct prom_block_counts *counts)
{
    if (encoding == PROM_ENCODING_HISTOGRAM || encoding == PROM_ENCODING_FLOAT_HISTOGRAM) {
        counts->histogram_chunks++;
        counts->histogram_samples += prom_chunk_sample_count(data);
    } else {
        counts->unknown_chunks++;
    }
}

int prom_block_read(const struct prom_block *b, const struct prom_series *series, int64_t min_ms,
                    int64_t max_ms, struct columns *out, struct prom_block_counts *counts,
                    struct error *err)
{
    size_t before = out->count;
    for (size_t i = 0; i < series->chunk_count; i++) {
        const struct prom_chunk *c = &series->chunks[i];
        struct str data;
        unsigned encoding;
        if (c->max_ms < min_ms || c->min_ms > max_ms)
            continue;
        int rc = prom_block_chunk(b, c->ref, &encoding, &data, err);
        if (rc)
            return rc;
        if (encoding != PROM_ENCODING_XOR) {
            if (c->min_ms >= min_ms)
                count_other(encoding, data, counts);
        } else if (xor_chunk_decode(data, min_ms, max_ms, out)) {
            return error_set(err, ERR_CORRUPT, "chunks: a chunk cannot be decoded");
        }
    }
    if (!is_sorted(out, before))
        return error_set(err, ERR_CORRUPT, "chunks: those of a series are not in order");
    counts->deleted += prom_stones_apply(&b->stones, series->ref, out, before);
    return OK;
}
