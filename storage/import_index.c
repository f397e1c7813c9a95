// Of the file's parts, three are needed, found by the table of contents at its end:
//
//     magic, version | symbols | series | label indices | postings | ... | postings offsets | TOC
//                      ^         ^                        ^                ^
//                      names     labels and chunks,       the list of      where that list is: the
//                      values    at multiples of 16       all series       entry of the empty pair
//
// Every part carries a length and a CRC-32C over what follows the length; both are checked before
// anything in it is believed. Series come in the order of their labels, as windows need them.
#include "import_index.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/mem.h"

#define MAGIC        UINT32_C(0xbaaad700)
#define TOC_SIZE     52
#define SERIES_ALIGN 16
#define SUM_SIZE     4
#define LABEL_MAX    10000
#define ALL_SERIES   "" // name and value of the list of everything

static int corrupt(struct error *err, const char *what)
{
    return error_set(err, ERR_CORRUPT, "index: %s", what);
}

static bool sum_is_right(struct str content, struct str sum)
{
    return sum.len == SUM_SIZE && crc32c(0, content) == be32_get(sum.ptr);
}

// A part that begins with a be32 length.
static bool section(struct str bytes, uint64_t offset, struct str *out)
{
    struct decoder d;
    if (offset > bytes.len)
        return false;
    decoder_init(&d, str_skip(bytes, (size_t)offset));
    uint32_t size = decode_be32(&d);
    *out = decode_bytes(&d, size);
    struct str sum = decode_bytes(&d, SUM_SIZE);
    return !d.failed && sum_is_right(*out, sum);
}

struct toc {
    uint64_t symbols, series, label_indices, label_offsets, postings, postings_offsets;
};

static int read_toc(struct str bytes, struct toc *toc, struct error *err)
{
    struct decoder d;
    if (bytes.len < 5 + TOC_SIZE)
        return corrupt(err, "it is too short");
    decoder_init(&d, bytes);
    if (decode_be32(&d) != MAGIC)
        return corrupt(err, "it does not begin with the magic number");
    unsigned version = decode_u8(&d);
    if (version != 2)
        return error_set(err, ERR_UNSUPPORTED, "index: format version %u is not supported",
                         version);
    struct str end = str_skip(bytes, bytes.len - TOC_SIZE);
    if (!sum_is_right(str_first(end, TOC_SIZE - SUM_SIZE), str_skip(end, TOC_SIZE - SUM_SIZE)))
        return corrupt(err, "the sum of the table of contents is wrong");
    decoder_init(&d, end);
    toc->symbols = decode_be64(&d);
    toc->series = decode_be64(&d);
    toc->label_indices = decode_be64(&d);
    toc->label_offsets = decode_be64(&d);
    toc->postings = decode_be64(&d);
    toc->postings_offsets = decode_be64(&d);
    return OK;
}

static int read_symbols(struct prom_index *x, uint64_t offset, struct error *err)
{
    struct str content;
    struct decoder d;
    if (!section(x->bytes, offset, &content))
        return corrupt(err, "the symbols are cut or their sum is wrong");
    decoder_init(&d, content);
    uint32_t count = decode_be32(&d);
    // A symbol takes a byte at least.
    if (count > decoder_left(&d))
        return corrupt(err, "the number of symbols is wrong");
    x->symbols = mem_calloc(count ? count : 1, sizeof(*x->symbols));
    x->symbol_count = count;
    for (uint32_t i = 0; i < count; i++)
        x->symbols[i] = decode_sized(&d);
    return d.failed ? corrupt(err, "a symbol is cut") : OK;
}

// Finds the list of all series in the table of postings.
static bool find_all(struct str table, uint64_t *offset)
{
    struct decoder d;
    decoder_init(&d, table);
    uint32_t count = decode_be32(&d);
    for (uint32_t i = 0; i < count && !d.failed; i++) {
        uint64_t keys = decode_varint(&d);
        struct str name = decode_sized(&d), value = decode_sized(&d);
        *offset = decode_varint(&d);
        if (keys != 2)
            return false;
        if (!d.failed && str_is(name, ALL_SERIES) && str_is(value, ALL_SERIES))
            return true;
    }
    return false;
}

static int read_postings(struct prom_index *x, uint64_t table, struct error *err)
{
    struct str content;
    uint64_t offset;
    if (!section(x->bytes, table, &content))
        return corrupt(err, "the table of postings is cut or its sum is wrong");
    if (!find_all(content, &offset))
        return corrupt(err, "the list of all series is missing");
    if (!section(x->bytes, offset, &content))
        return corrupt(err, "the list of all series is cut or its sum is wrong");
    if (content.len < 4 || be32_get(content.ptr) != (content.len - 4) / 4 || content.len % 4)
        return corrupt(err, "the list of all series has a wrong length");
    x->refs = str_skip(content, 4);
    x->series_count = x->refs.len / 4;
    return OK;
}

int prom_index_init(struct prom_index *x, struct str bytes, struct error *err)
{
    struct toc toc = {0};
    *x = (struct prom_index){.bytes = bytes};
    int rc = read_toc(bytes, &toc, err);
    if (rc == OK)
        rc = read_symbols(x, toc.symbols, err);
    if (rc == OK)
        rc = read_postings(x, toc.postings_offsets, err);
    if (rc)
        prom_index_release(x);
    return rc;
}

void prom_index_release(struct prom_index *x)
{
    mem_free(x->symbols);
    *x = (struct prom_index){.symbols = NULL};
}

static struct str symbol(const struct prom_index *x, struct decoder *d)
{
    uint64_t number = decode_varint(d);
    if (number < x->symbol_count)
        return x->symbols[number];
    d->failed = true;
    return str_make(NULL, 0);
}

// Labels without a value are none; the rest must be sorted.
static bool read_labels(const struct prom_index *x, struct decoder *d, struct arena *arena,
                        struct labels *out)
{
    uint64_t count = decode_varint(d);
    if (d->failed || count > LABEL_MAX || count * 2 > decoder_left(d))
        return false;
    struct label *items = arena_array(arena, (size_t)count, sizeof(*items));
    size_t kept = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct str name = symbol(x, d), value = symbol(x, d);
        if (d->failed || !label_name_is_valid(name) ||
            (kept && str_cmp(items[kept - 1].name, name) >= 0))
            return false;
        if (value.len)
            items[kept++] = (struct label){name, value};
    }
    *out = (struct labels){items, kept};
    return kept > 0;
}

// The first chunk's time and place are absolute, the others' relative to their predecessor's.
static bool read_chunks(struct decoder *d, struct arena *arena, struct prom_series *out)
{
    uint64_t count = decode_varint(d);
    if (d->failed || count * 3 > decoder_left(d))
        return false;
    out->chunks = arena_array(arena, (size_t)count, sizeof(*out->chunks));
    out->chunk_count = (size_t)count;
    uint64_t ref = 0;
    int64_t max_ms = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct prom_chunk *c = &out->chunks[i];
        uint64_t from = i ? decode_varint(d) : (uint64_t)decode_svarint(d);
        uint64_t length = decode_varint(d);
        ref += i ? (uint64_t)decode_svarint(d) : decode_varint(d);
        c->min_ms = (int64_t)((uint64_t)max_ms + from);
        c->max_ms = (int64_t)((uint64_t)c->min_ms + length);
        c->ref = ref;
        if (d->failed || c->max_ms < c->min_ms)
            return false;
        max_ms = c->max_ms;
    }
    return true;
}

int prom_index_series(const struct prom_index *x, size_t number, struct arena *arena,
                      struct prom_series *out, struct error *err)
{
    struct decoder d;
    *out = (struct prom_series){.ref = be32_get(x->refs.ptr + number * 4)};
    uint64_t offset = (uint64_t)out->ref * SERIES_ALIGN;
    if (offset > x->bytes.len)
        return corrupt(err, "a series lies behind the end");
    decoder_init(&d, str_skip(x->bytes, (size_t)offset));
    struct str content = decode_sized(&d);
    struct str sum = decode_bytes(&d, SUM_SIZE);
    if (d.failed || !sum_is_right(content, sum))
        return corrupt(err, "a series is cut or its sum is wrong");
    decoder_init(&d, content);
    if (!read_labels(x, &d, arena, &out->labels) || !read_chunks(&d, arena, out))
        return corrupt(err, "the labels or chunks of a series are wrong");
    return OK;
}
