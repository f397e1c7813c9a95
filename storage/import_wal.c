// A segment is a row of pages of 32 KiB. A record is cut into fragments that never cross a page; a
// page's rest that holds no fragment is zeros.
//
//     fragment:  type, 1 byte | be16 length | be32 CRC-32C of the bytes | bytes
//
//     type:      bits 0-2   0 no more in this page, 1 whole, 2 first, 3 middle, 4 last
//                bit 3      the record is compressed by snappy
//                bit 4      ... by zstd
#include "import_wal.h"

#include "base/coding.h"
#include "base/compress.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sort.h"
#include "import_map.h"

#define PAGE_SIZE       ((size_t)32 << 10)
#define HEADER_SIZE     7
#define RECORD_SIZE_MAX ((size_t)1 << 30)

enum fragment { FRAGMENT_NONE, FRAGMENT_WHOLE, FRAGMENT_FIRST, FRAGMENT_MIDDLE, FRAGMENT_LAST };

#define FRAGMENT_MASK 7u
#define SNAPPY_BIT    8u
#define ZSTD_BIT      16u

struct segment {
    struct str bytes;
    size_t at;
    struct buf record; // fragments so far
    struct buf plain;  // the record decompressed
    bool inside;       // a first fragment was seen, and no last one
    const char *why;
    prom_record_fn *each;
    void *context;
};

static bool bad(struct segment *s, const char *why)
{
    s->why = why;
    return false;
}

static bool is_zero(struct str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i])
            return false;
    }
    return true;
}

static bool finish_record(struct segment *s, unsigned flags)
{
    struct str record = buf_view(&s->record);
    int rc = OK;
    if (flags & (SNAPPY_BIT | ZSTD_BIT)) {
        buf_reset(&s->plain);
        rc = flags & SNAPPY_BIT ? snappy_decode(record, RECORD_SIZE_MAX, &s->plain)
                                : zstd_decode(record, RECORD_SIZE_MAX, &s->plain);
        record = buf_view(&s->plain);
    }
    if (rc)
        return bad(s, "a record cannot be decompressed");
    s->each(s->context, record);
    return true;
}

static bool take_fragment(struct segment *s, unsigned type, struct str bytes)
{
    enum fragment kind = (enum fragment)(type & FRAGMENT_MASK);
    bool starts = kind == FRAGMENT_WHOLE || kind == FRAGMENT_FIRST;
    if (kind > FRAGMENT_LAST || type & ~(FRAGMENT_MASK | SNAPPY_BIT | ZSTD_BIT))
        return bad(s, "a fragment is of no known type");
    if (starts == s->inside)
        return bad(s, starts ? "a record is not finished" : "a record has no beginning");
    if (starts)
        buf_reset(&s->record);
    if (s->record.len + bytes.len > RECORD_SIZE_MAX)
        return bad(s, "a record is too long");
    buf_str(&s->record, bytes);
    s->inside = kind == FRAGMENT_FIRST || kind == FRAGMENT_MIDDLE;
    return s->inside || finish_record(s, type);
}

// Moves to the next page; what is skipped must be zeros.
static bool end_page(struct segment *s, struct str page_rest)
{
    if (!is_zero(page_rest))
        return bad(s, "the rest of a page is not empty");
    s->at += page_rest.len;
    return true;
}

static bool next_fragment(struct segment *s)
{
    size_t left = PAGE_SIZE - s->at % PAGE_SIZE;
    struct str rest = str_skip(s->bytes, s->at);
    struct str page_rest = str_first(rest, left < rest.len ? left : rest.len);
    const char *p = rest.ptr;
    if (page_rest.len < HEADER_SIZE || p[0] == 0)
        return end_page(s, page_rest);
    size_t length = (size_t)((unsigned char)p[1] << 8 | (unsigned char)p[2]);
    if (length > page_rest.len - HEADER_SIZE)
        return bad(s, "a fragment reaches past its page or the file");
    struct str bytes = str_make(p + HEADER_SIZE, length);
    if (crc32c(0, bytes) != be32_get(p + 3))
        return bad(s, "the sum of a fragment is wrong");
    if (!take_fragment(s, (unsigned char)p[0], bytes))
        return false;
    s->at += HEADER_SIZE + length;
    return true;
}

size_t prom_wal_segment(struct str bytes, prom_record_fn *each, void *context, const char **why)
{
    struct segment s = {.bytes = bytes, .each = each, .context = context};
    size_t sound = 0;
    while (s.at < bytes.len && next_fragment(&s)) {
        if (!s.inside)
            sound = s.at;
    }
    if (!s.why && s.inside)
        s.why = "the last record is not finished";
    buf_release(&s.record);
    buf_release(&s.plain);
    *why = s.why;
    return sound;
}

struct numbers {
    struct str prefix;
    uint64_t *items; // owned; ascending
    size_t count;
    size_t capacity;
};

static int add_number(void *context, const char *name)
{
    struct numbers *n = context;
    struct str text = str_from(name);
    uint64_t number;
    if (!str_has_prefix(text, n->prefix) || !str_to_u64(str_skip(text, n->prefix.len), &number))
        return OK;
    MEM_GROW(n->items, n->count, n->capacity);
    n->items[n->count++] = number;
    return OK;
}

static int list_numbers(const char *folder, struct numbers *n, struct error *err)
{
    int rc = file_exists(folder) ? dir_each(folder, add_number, n, err) : OK;
    u64_sort(n->items, n->count);
    return rc;
}

static void note_end(struct prom_wal_end *end, bool last, const char *path, size_t offset,
                     const char *why)
{
    if (last)
        end->torn = true;
    else
        end->damaged = true;
    buf_printf(&end->where, "%s: at byte %zu: %s", path, offset, why);
}

static int read_segment(const char *path, bool last, prom_record_fn *each, void *context,
                        struct prom_wal_end *end, struct error *err)
{
    struct str bytes;
    const char *why;
    int rc = file_map(path, &bytes, err);
    if (rc)
        return rc;
    size_t sound = prom_wal_segment(bytes, each, context, &why);
    if (why)
        note_end(end, last, path, sound, why);
    end->segment_count++;
    end->bytes += bytes.len;
    file_unmap(bytes);
    return OK;
}

int prom_wal_read(const char *folder, uint64_t first, prom_record_fn *each, void *context,
                  struct prom_wal_end *end, struct error *err)
{
    struct numbers n = {.prefix = STR("")};
    struct buf path = BUF_INIT;
    *end = (struct prom_wal_end){.bytes = 0};
    int rc = list_numbers(folder, &n, err);
    for (size_t i = 0; i < n.count && rc == OK && !end->damaged; i++) {
        if (n.items[i] < first)
            continue;
        buf_reset(&path);
        buf_printf(&path, "%s/%08llu", folder, (unsigned long long)n.items[i]);
        if (i && n.items[i - 1] >= first && n.items[i] != n.items[i - 1] + 1)
            note_end(end, false, buf_text(&path), 0, "the segment before it is missing");
        else
            rc = read_segment(buf_text(&path), i + 1 == n.count, each, context, end, err);
    }
    mem_free(n.items);
    buf_release(&path);
    return rc;
}

void prom_wal_end_release(struct prom_wal_end *end)
{
    buf_release(&end->where);
}

int prom_wal_checkpoint(const char *folder, struct buf *name, uint64_t *first, struct error *err)
{
    struct numbers n = {.prefix = STR("checkpoint.")};
    int rc = list_numbers(folder, &n, err);
    *first = 0;
    if (n.count) {
        uint64_t number = n.items[n.count - 1];
        buf_printf(name, "%s/checkpoint.%08llu", folder, (unsigned long long)number);
        *first = number + 1;
    }
    mem_free(n.items);
    return rc;
}
