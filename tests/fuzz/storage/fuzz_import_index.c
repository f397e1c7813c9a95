// An index of arbitrary bytes, with its sums made right so that what lies behind them is reached: what
// is read of it lies within it, labels are sorted and chunks in order.
#include <assert.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/mem.h"
#include "import_index.h"
#include "import_stones.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TOC_SIZE 52

static void sum_put(char *bytes, size_t size, uint64_t start, uint64_t len)
{
    if (start <= size && len <= size - start && size - start - len >= 4)
        be32_put(bytes + start + len, crc32c(0, str_make(bytes + start, (size_t)len)));
}

// A part with a be32 length in front.
static void mend_section(char *bytes, size_t size, uint64_t offset)
{
    if (offset <= size && size - offset >= 4)
        sum_put(bytes, size, offset + 4, be32_get(bytes + offset));
}

static void mend_series(char *bytes, size_t size, uint64_t offset)
{
    if (offset >= size)
        return;
    const unsigned char *at = (const unsigned char *)bytes + offset;
    uint64_t len;
    if (varint_get(&at, (const unsigned char *)bytes + size, &len))
        sum_put(bytes, size, (uint64_t)((const char *)at - bytes), len);
}

static void mend(char *bytes, size_t size)
{
    if (size < TOC_SIZE)
        return;
    char *toc = bytes + size - TOC_SIZE;
    mend_section(bytes, size, be64_get(toc));
    mend_section(bytes, size, be64_get(toc + 40));
    // Any aligned place may be a series or a list of postings.
    for (size_t at = 16; at + TOC_SIZE < size; at += 16)
        mend_series(bytes, size, at);
    mend_section(bytes, size, be64_get(toc + 32));
    be32_put(toc + TOC_SIZE - 4, crc32c(0, str_make(toc, TOC_SIZE - 4)));
}

static void check_series(const struct prom_series *s)
{
    assert(s->labels.count > 0);
    for (size_t i = 1; i < s->labels.count; i++)
        assert(str_cmp(s->labels.items[i - 1].name, s->labels.items[i].name) < 0);
    for (size_t i = 0; i < s->chunk_count; i++)
        assert(s->chunks[i].min_ms <= s->chunks[i].max_ms);
}

static void read_index(struct str bytes)
{
    struct prom_index index;
    struct prom_series series;
    struct arena arena;
    struct error err;
    if (prom_index_init(&index, bytes, &err))
        return;
    arena_init(&arena, 0);
    for (size_t i = 0; i < index.series_count && i < 1000; i++) {
        arena_reset(&arena);
        if (prom_index_series(&index, i, &arena, &series, &err) == OK)
            check_series(&series);
    }
    arena_release(&arena);
    prom_index_release(&index);
}

static void read_stones(char *bytes, size_t size)
{
    struct prom_stones stones = {.items = NULL};
    struct error err;
    if (size > 9)
        be32_put(bytes + size - 4, crc32c(0, str_make(bytes + 5, size - 9)));
    prom_stones_parse(&stones, str_make(bytes, size), &err);
    for (size_t i = 1; i < stones.count; i++)
        assert(stones.items[i - 1].ref <= stones.items[i].ref);
    prom_stones_release(&stones);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = mem_alloc(size ? size : 1);
    if (size)
        memcpy(copy, data, size);
    read_index(str_make(copy, size));
    mend(copy, size);
    read_index(str_make(copy, size));
    read_stones(copy, size);
    mem_free(copy);
    return 0;
}
