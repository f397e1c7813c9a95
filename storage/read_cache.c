#include "read_cache.h"

#include <pthread.h>

#include "base/mem.h"

static pthread_mutex_t idle_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct read_cache *idle[IDLE_CACHES];
static size_t idle_count;

static struct read_cache *cache_new(void)
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

static void cache_free(struct read_cache *c)
{
    for (size_t i = 0; i < CACHED_BLOCKS; i++)
        block_values_release(&c->blocks[i].values);
    drop_columns(c);
    zstd_decoder_free(c->zstd);
    mem_free(c);
}

struct read_cache *read_cache_take(void)
{
    pthread_mutex_lock(&idle_mutex);
    struct read_cache *c = idle_count ? idle[--idle_count] : NULL;
    pthread_mutex_unlock(&idle_mutex);
    return c ? c : cache_new();
}

// Drops what is too much to be kept for nobody.
static void trim(struct read_cache *c)
{
    size_t bytes = 0;
    for (size_t i = 0; i < CACHED_BLOCKS; i++) {
        bytes += block_values_bytes(&c->blocks[i].values);
        if (bytes <= IDLE_CACHE_BYTES)
            continue;
        block_values_release(&c->blocks[i].values);
        c->blocks[i].window = 0;
    }
    if (c->column_bytes > IDLE_CACHE_BYTES)
        drop_columns(c);
}

void read_cache_give(struct read_cache *c)
{
    if (!c)
        return;
    trim(c);
    pthread_mutex_lock(&idle_mutex);
    bool kept = idle_count < IDLE_CACHES;
    if (kept)
        idle[idle_count++] = c;
    pthread_mutex_unlock(&idle_mutex);
    if (!kept)
        cache_free(c);
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
