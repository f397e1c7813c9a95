// From a series' number to its samples.
//
//     record -> column of times: which samples lie in the range
//     block directory -> block -> the series' stream -> those samples' values
//
// What was decompressed and decoded last stays in the reader's cache: the next series mostly lies
// in the same block and shares the column.
#include "bad_pages.h"
#include "base/mem.h"
#include "cold_times.h"
#include "read_cache.h"
#include "window_file.h"

static void index_all(void *context, struct ids *out)
{
    const struct window *w = context;
    for (uint32_t i = 0; i < w->series_count; i++)
        ids_add(out, i);
}

static int index_value(void *context, struct str name, struct str value, index_value_fn *each,
                       void *each_context)
{
    struct window *w = context;
    int rc = window_load(w);
    return rc ? rc : window_index_value(&w->index, name, value, each, each_context);
}

static int index_values(void *context, struct str name, index_value_fn *each, void *each_context)
{
    struct window *w = context;
    int rc = window_load(w);
    return rc ? rc : window_index_values(&w->index, name, each, each_context);
}

struct series_index window_index(struct window *w)
{
    return (struct series_index){w, index_all, index_value, index_values};
}

uint64_t window_series_hash(const struct window *w, uint32_t id)
{
    return window_index_hash(&w->index, id);
}

int window_labels(const struct window *w, uint32_t id, struct arena *arena, struct labels *out)
{
    return window_index_labels(&w->index, id, arena, out);
}

struct index_names window_find_names(const struct window *w, const struct str *names, size_t count)
{
    return window_index_find_names(&w->index, names, count);
}

int window_some_labels(const struct window *w, uint32_t id, const struct index_names *names,
                       struct label *items, size_t *count)
{
    return window_index_some_labels(&w->index, id, names, items, count);
}

struct window_map {
    struct label_map map;
};

// To zero the map takes as long as to compare one series with so many pairs of it.
#define MAP_PAIRS_PER_SERIES 128

struct window_map *window_map_new(const struct window *from, const struct window *to,
                                  size_t series_count)
{
    uint64_t pair_count = from->index.sizes[INDEX_PAIRS];
    if (series_count < pair_count / MAP_PAIRS_PER_SERIES + 1)
        return NULL;
    struct window_map *m = mem_alloc(sizeof(*m));
    uint32_t *pairs = mem_calloc((size_t)pair_count, sizeof(*pairs));
    m->map = (struct label_map){&from->index, &to->index, pairs};
    return m;
}

void window_map_free(struct window_map *m)
{
    if (m)
        mem_free(m->map.pairs);
    mem_free(m);
}

bool window_map_is_between(const struct window_map *m, const struct window *from,
                           const struct window *to)
{
    return m->map.from == &from->index && m->map.to == &to->index;
}

bool window_map_same_labels(struct window_map *m, uint32_t from_id, uint32_t to_id)
{
    return window_index_same_labels(&m->map, from_id, to_id);
}

bool window_same_labels(const struct window *from, uint32_t from_id, const struct window *to,
                        uint32_t to_id)
{
    struct label_map map = {.from = &from->index, .to = &to->index};
    return window_index_same_labels(&map, from_id, to_id);
}

bool window_has_labels(const struct window *w, uint32_t id, struct labels labels)
{
    return window_index_has_labels(&w->index, id, labels);
}

static int find_series(const struct window *w, uint32_t id, struct index_series *series,
                       struct index_column *column)
{
    int rc = window_index_series(&w->index, id, series);
    return rc ? rc : window_index_column(&w->index, series->column, column);
}

int window_series_times(const struct window *w, uint32_t id, int64_t *first_ms, int64_t *last_ms)
{
    struct index_series series;
    struct index_column column;
    int rc = find_series(w, id, &series, &column);
    *first_ms = rc ? 0 : column.first_ms;
    *last_ms = rc ? 0 : column.last_ms;
    return rc;
}

// What is checked once need not be again while it stays mapped, on a disk that can be read.
static bool is_whole(struct window *w, uint32_t number, struct str stored,
                     const struct index_block *block)
{
    if (window_block_is_checked(w, number) && bad_pages_count() == 0)
        return true;
    if (!block_sum_holds(stored, block))
        return false;
    window_set_block_checked(w, number);
    return true;
}

static int find_stored(const struct window *w, const struct index_block *block, struct str *out)
{
    if (block->extent >= w->extent_count)
        return ERR_CORRUPT;
    struct str extent = w->extents[block->extent];
    if (block->offset > extent.len || block->stored_size > extent.len - block->offset)
        return ERR_CORRUPT;
    *out = str_first(str_skip(extent, block->offset), block->stored_size);
    return OK;
}

static int read_block(struct window *w, uint32_t number, const struct index_block *block,
                      struct zstd_decoder *zstd, struct block_values *out)
{
    struct str stored;
    int rc = find_stored(w, block, &stored);
    if (rc)
        return rc;
    return is_whole(w, number, stored, block) ? block_values_read(out, stored, block, zstd)
                                              : ERR_CORRUPT;
}

// The block that holds the series in a slice.
static int get_block(struct window *w, uint32_t slice, uint32_t id, struct read_cache *cache,
                     struct cached_block **out)
{
    uint32_t number;
    struct index_block block;
    struct cached_block *b = *out = read_cache_block(cache, w->serial, slice);
    if (b->window == w->serial && id - b->first_series < b->values.count)
        return OK;
    int rc = window_index_find_block(&w->index, slice, id, &number);
    if (rc || (b->window == w->serial && b->number == number))
        return rc;
    window_index_block(&w->index, number, &block);
    b->window = 0;
    rc = read_block(w, number, &block, cache->zstd, &b->values);
    if (rc)
        return rc;
    b->window = w->serial;
    b->number = number;
    b->first_series = block.first_series;
    return OK;
}

// A series being read.
struct reading {
    struct window *window;
    uint32_t id;
    struct index_series series;
    struct index_column column;
    int64_t min_ms, max_ms;
    struct columns *out;
};

static int get_times(const struct reading *r, uint32_t slice, const struct cached_column **out)
{
    const struct window *w = r->window;
    uint32_t number = r->series.column;
    struct cached_column *c = read_cache_column(r->out->cache, w->serial, number, slice);
    struct slice_times times;
    *out = c;
    if (c->window == w->serial && c->number == number && c->slice == slice)
        return OK;
    int rc = cold_times_find(&w->span, r->column.bytes, slice, &times);
    // A few bytes stand for a run of any length: believe no count blindly.
    if (rc || times.count > w->sample_count)
        return ERR_CORRUPT;
    read_cache_set_column(r->out->cache, c, w->serial, number, slice, times.count);
    rc = cold_times_decode(&times, c->times_ms);
    if (rc)
        c->window = 0;
    return rc;
}

static int get_stream(const struct reading *r, uint32_t slice, struct cold_stream *out)
{
    static const char no_bits[BITS_PADDING];
    struct cached_block *block;
    if (r->series.constant.len) {
        *out = (struct cold_stream){r->series.constant, str_make(no_bits, 0)};
        return OK;
    }
    int rc = get_block(r->window, slice, r->id, r->out->cache, &block);
    if (rc)
        return rc;
    if (r->id - block->first_series >= block->values.count)
        return ERR_CORRUPT;
    *out = block->values.streams[r->id - block->first_series];
    return OK;
}

// The samples [from, end) of those that the series has in a slice.
static int read_samples(const struct reading *r, uint32_t slice, const struct cached_column *times,
                        size_t from, size_t end)
{
    struct columns *out = r->out;
    struct cold_stream stream;
    int rc = get_stream(r, slice, &stream);
    if (rc)
        return rc;
    columns_reserve(out, out->count + (end - from));
    memcpy(out->times_ms + out->count, times->times_ms + from, (end - from) * sizeof(int64_t));
    double *values = out->values + out->count;
    rc = out->markers_only ? cold_markers_decode(stream, times->count, from, end - from, values)
                           : cold_values_decode(stream, times->count, from, end - from, values);
    out->count += rc ? 0 : end - from;
    return rc;
}

static int read_slice(const struct reading *r, uint32_t slice)
{
    const struct cached_column *times;
    int rc = get_times(r, slice, &times);
    if (rc || times->count == 0)
        return rc;
    size_t from = 0, end = times->count;
    if (times->times_ms[0] < r->min_ms)
        from = times_before(times->times_ms, end, r->min_ms);
    if (times->times_ms[end - 1] > r->max_ms)
        end = times_before(times->times_ms, end, r->max_ms + 1);
    return from < end ? read_samples(r, slice, times, from, end) : OK;
}

int window_read(struct window *w, uint32_t id, int64_t min_ms, int64_t max_ms, struct columns *out)
{
    struct reading r = {.window = w, .id = id, .min_ms = min_ms, .max_ms = max_ms, .out = out};
    int rc = window_load(w);
    if (rc == OK)
        rc = find_series(w, id, &r.series, &r.column);
    if (rc || r.column.last_ms < min_ms || r.column.first_ms > max_ms)
        return rc;
    if (!out->cache)
        out->cache = read_cache_take();
    uint32_t slice = 0;
    while (slice + 1 < w->span.slice_count && w->slice_starts_ms[slice + 1] <= min_ms)
        slice++;
    for (; slice < w->span.slice_count && w->slice_starts_ms[slice] <= max_ms; slice++) {
        int slice_rc = read_slice(&r, slice);
        rc = slice_rc ? slice_rc : rc;
    }
    return rc;
}

void window_want_scrub(struct window *w)
{
    w->scrub_wanted = true;
}

static void spend(uint64_t *left_bytes, size_t size)
{
    *left_bytes -= size < *left_bytes ? size : *left_bytes;
}

static bool scrub_block(struct window *w, uint64_t *left_bytes)
{
    struct index_block block;
    struct str stored;
    window_index_block(&w->index, w->scrub_next, &block);
    if (find_stored(w, &block, &stored) || !is_whole(w, w->scrub_next, stored, &block))
        return false;
    spend(left_bytes, stored.len);
    w->scrub_next++;
    return true;
}

bool window_scrub(struct window *w, uint64_t *left_bytes)
{
    if (!w->scrub_wanted || window_is_corrupt(w))
        return true;
    int rc = window_load(w);
    bool sound = rc != ERR_CORRUPT;
    if (rc == OK && !w->scrub_begun)
        spend(left_bytes, w->index_bytes.len);
    w->scrub_begun = true;
    while (rc == OK && sound && *left_bytes && w->scrub_next < w->index.sizes[INDEX_BLOCKS])
        sound = scrub_block(w, left_bytes);
    if (!sound)
        window_mark_corrupt(w);
    bool through = rc || !sound || w->scrub_next == w->index.sizes[INDEX_BLOCKS];
    if (through)
        w->scrub_wanted = false;
    window_forget_pages(w);
    return through;
}

static int verify_series(struct window *w, uint32_t id, struct arena *arena, struct columns *c)
{
    struct labels labels;
    arena_reset(arena);
    c->count = 0;
    int rc = window_labels(w, id, arena, &labels);
    if (rc == OK && labels_hash(labels) != window_series_hash(w, id))
        rc = ERR_CORRUPT;
    return rc ? rc : window_read(w, id, INT64_MIN, INT64_MAX, c);
}

int window_verify(struct window *w, struct error *err)
{
    struct columns c;
    struct arena arena;
    arena_init(&arena, 0);
    columns_init(&c);
    int rc = window_load(w);
    if (rc)
        error_set(err, rc, "%s: the index is damaged", w->path);
    for (uint32_t id = 0; id < w->series_count && rc == OK; id++) {
        rc = verify_series(w, id, &arena, &c);
        if (rc)
            error_set(err, rc, "%s: series %u is damaged", w->path, id);
    }
    columns_release(&c);
    arena_release(&arena);
    return rc;
}
