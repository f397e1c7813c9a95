// be32 magic | 1 version | (uvarint series, varint min, varint max)* | be32 sum of them
#include "import_stones.h"

#include <stdlib.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/mem.h"

#define MAGIC       UINT32_C(0x0130ba30)
#define VERSION     1
#define HEADER_SIZE 5
#define SUM_SIZE    4

void prom_stones_add(struct prom_stones *s, struct prom_stone stone)
{
    MEM_GROW(s->items, s->count, s->capacity);
    s->items[s->count++] = stone;
}

static int by_ref(const void *a, const void *b)
{
    const struct prom_stone *x = a, *y = b;
    return (x->ref > y->ref) - (x->ref < y->ref);
}

void prom_stones_sort(struct prom_stones *s)
{
    if (s->count)
        qsort(s->items, s->count, sizeof(*s->items), by_ref);
}

void prom_stones_release(struct prom_stones *s)
{
    mem_free(s->items);
    *s = (struct prom_stones){.items = NULL};
}

int prom_stones_parse(struct prom_stones *s, struct str bytes, struct error *err)
{
    struct decoder d;
    if (bytes.len < HEADER_SIZE + SUM_SIZE || be32_get(bytes.ptr) != MAGIC)
        return error_set(err, ERR_CORRUPT, "tombstones: it does not begin with the magic number");
    struct str content = str_make(bytes.ptr + HEADER_SIZE, bytes.len - HEADER_SIZE - SUM_SIZE);
    if (crc32c(0, content) != be32_get(content.ptr + content.len))
        return error_set(err, ERR_CORRUPT, "tombstones: the sum is wrong");
    decoder_init(&d, content);
    unsigned version = (unsigned char)bytes.ptr[HEADER_SIZE - 1];
    if (version != VERSION)
        return error_set(err, ERR_UNSUPPORTED, "tombstones: format version %u is not supported",
                         version);
    while (decoder_left(&d) && !d.failed) {
        struct prom_stone stone = {.ref = decode_varint(&d)};
        stone.min_ms = decode_svarint(&d);
        stone.max_ms = decode_svarint(&d);
        prom_stones_add(s, stone);
    }
    prom_stones_sort(s);
    return d.failed ? error_set(err, ERR_CORRUPT, "tombstones: the last one is cut") : OK;
}

static size_t first_of(const struct prom_stones *s, uint64_t ref)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->items[middle].ref < ref)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t prom_stones_apply(const struct prom_stones *s, uint64_t ref, struct columns *c, size_t from)
{
    size_t before = c->count;
    for (size_t i = first_of(s, ref); i < s->count && s->items[i].ref == ref; i++) {
        const struct prom_stone *stone = &s->items[i];
        size_t kept = from;
        for (size_t k = from; k < c->count; k++) {
            if (c->times_ms[k] >= stone->min_ms && c->times_ms[k] <= stone->max_ms)
                continue;
            c->times_ms[kept] = c->times_ms[k];
            c->values[kept++] = c->values[k];
        }
        c->count = kept > from ? kept : from;
    }
    return before - c->count;
}
