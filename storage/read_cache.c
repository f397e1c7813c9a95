#include "read_cache.h"

#include "base/mem.h"

struct read_cache *read_cache_new(void)
{
    struct read_cache *c = mem_calloc(1, sizeof(*c));
    c->zstd = zstd_decoder_new();
    return c;
}

static void drop_columns(struct read_cache *c)
{
    for (size_t i = 0; i < CACHED_COLUMNS; i++) {
        mem_free(c->columns[i].times_ms);
        c->columns[i] = (struct cached_column){0};
    }
    c->column_bytes = 0;
}

void read_cache_free(struct read_cache *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < CACHED_BLOCKS; i++)
        buf_release(&c->blocks[i].bytes);
    drop_columns(c);
    zstd_decoder_free(c->zstd);
    mem_free(c);
}

struct cached_column *read_cache_column(struct read_cache *c, uint64_t window, uint32_t number,
                                        uint32_t slice)
{
    return &c->columns[((window * 31 + number) * 16 + slice) % CACHED_COLUMNS];
}

void read_cache_set_column(struct read_cache *c, struct cached_column *place, uint64_t window,
                           uint32_t number, uint32_t slice, size_t count)
{
    size_t size = count * sizeof(*place->times_ms);
    if (c->column_bytes + size > CACHED_COLUMN_BYTES)
        drop_columns(c);
    c->column_bytes -= place->count * sizeof(*place->times_ms);
    mem_free(place->times_ms);
    *place = (struct cached_column){window, number, slice, count, mem_alloc(size)};
    c->column_bytes += size;
}
