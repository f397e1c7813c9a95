// A block is read twice: once through its index, which checks all of it and finds the span of its
// chunks, and then span by span through its chunks. Damage found in the second pass takes back the
// windows made of the block so far.
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "head.h"
#include "import_block.h"
#include "import_prometheus.h"
#include "storage/storage.h"

#define META_SIZE_MAX ((size_t)16 << 20)

struct candidate {
    char *name; // owned
    struct prom_block_meta meta;
    bool readable;
    bool replaced;
};

struct candidates {
    struct prom_import *import;
    struct candidate *items;
    size_t count;
    size_t capacity;
};

static int read_candidate(struct prom_import *im, struct candidate *c, struct error *err)
{
    struct buf path = BUF_INIT, text = BUF_INIT;
    buf_printf(&path, "%s/%s/meta.json", im->options->source, c->name);
    int rc = file_read(buf_text(&path), META_SIZE_MAX, &text, err);
    if (rc == OK)
        rc = prom_block_meta_parse(&c->meta, buf_view(&text), err);
    buf_release(&text);
    buf_release(&path);
    return rc;
}

static void skip_block(struct prom_import *im, const char *name, const struct error *err)
{
    im->counts->blocks_bad++;
    prom_import_say(im, true, "block %s: %s: the block is skipped", name, err->text);
}

static int add_candidate(void *context, const char *name)
{
    struct candidates *list = context;
    struct error err;
    if (!prom_block_name(str_from(name)))
        return OK;
    MEM_GROW(list->items, list->count, list->capacity);
    struct candidate *c = &list->items[list->count++];
    *c = (struct candidate){.name = mem_copy_str(str_from(name))};
    c->readable = read_candidate(list->import, c, &err) == OK;
    if (!c->readable)
        skip_block(list->import, name, &err);
    return OK;
}

// A block that lists another as its parent holds the parent's samples: the parent was left behind by
// a crash, and Prometheus would remove it.
static void find_replaced(struct candidates *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct prom_block_meta *meta = &list->items[i].meta;
        for (size_t p = 0; list->items[i].readable && p < meta->parent_count; p++) {
            for (size_t k = 0; k < list->count; k++) {
                if (strcmp(list->items[k].name, meta->parents[p]) == 0)
                    list->items[k].replaced = true;
            }
        }
    }
}

static int by_time(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->meta.min_ms > y->meta.min_ms) - (x->meta.min_ms < y->meta.min_ms);
}

static void candidates_release(struct candidates *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->items[i].name);
        prom_block_meta_release(&list->items[i].meta);
    }
    mem_free(list->items);
}

// One block on its way into windows.
struct reading {
    struct prom_import *import;
    struct prom_block block;
    struct arena arena;
    struct columns columns;
    int64_t min_ms, max_ms; // of the chunks, both inclusive
    int64_t span_ms;
    struct prom_block_counts counts;
    uint64_t samples;
    bool write_failed; // the error is the store's, not the block's
};

// Checks every series of the index and finds the span.
static int survey(struct reading *r, struct error *err)
{
    struct arena other;
    struct labels before = {NULL, 0};
    int rc = OK;
    arena_init(&other, 0);
    r->min_ms = INT64_MAX;
    r->max_ms = INT64_MIN;
    for (size_t i = 0; i < r->block.index.series_count && rc == OK; i++) {
        struct arena *arena = i % 2 ? &other : &r->arena;
        struct prom_series series;
        arena_reset(arena);
        rc = prom_index_series(&r->block.index, i, arena, &series, err);
        if (rc == OK && i && labels_cmp(before, series.labels) >= 0)
            rc = error_set(err, ERR_CORRUPT, "index: the series are not in the order of labels");
        before = series.labels;
        for (size_t c = 0; c < series.chunk_count && rc == OK; c++) {
            r->min_ms = series.chunks[c].min_ms < r->min_ms ? series.chunks[c].min_ms : r->min_ms;
            r->max_ms = series.chunks[c].max_ms > r->max_ms ? series.chunks[c].max_ms : r->max_ms;
        }
    }
    arena_release(&other);
    if (rc == OK && r->min_ms <= r->max_ms &&
        (!sample_time_is_sane(r->min_ms) || !sample_time_is_sane(r->max_ms)))
        rc = error_set(err, ERR_CORRUPT, "index: the times of a chunk are out of bounds");
    if (rc == OK && r->max_ms > clock_wall_ms(&clock_system) + STORAGE_FUTURE_DEFAULT_MS)
        rc = error_set(err, ERR_TOO_FAR_AHEAD,
                       "it holds samples of the future: a server could not go on from there");
    return rc;
}

// Notes where samples begin behind max_ms, so that empty spans are leapt over.
static void look_ahead(const struct prom_series *series, int64_t max_ms, int64_t *next_ms)
{
    for (size_t i = 0; i < series->chunk_count; i++) {
        const struct prom_chunk *c = &series->chunks[i];
        if (c->max_ms < max_ms)
            continue;
        int64_t from_ms = c->min_ms > max_ms ? c->min_ms : max_ms;
        *next_ms = from_ms < *next_ms ? from_ms : *next_ms;
        return;
    }
}

static int add_series(struct reading *r, size_t number, int64_t min_ms, int64_t max_ms,
                      int64_t *next_ms, struct error *err)
{
    struct prom_series series;
    uint64_t histograms = r->counts.histogram_chunks;
    arena_reset(&r->arena);
    r->columns.count = 0;
    int rc = prom_index_series(&r->block.index, number, &r->arena, &series, err);
    if (rc == OK)
        rc = prom_block_read(&r->block, &series, min_ms, max_ms - 1, &r->columns, &r->counts, err);
    if (rc)
        return rc;
    look_ahead(&series, max_ms, next_ms);
    if (r->counts.histogram_chunks > histograms)
        prom_import_note_histogram(r->import, series.labels);
    if (r->columns.count == 0)
        return OK;
    r->samples += r->columns.count;
    prom_import_count_series(r->import, series.labels);
    prom_import_count_times(r->import, r->columns.times_ms[0],
                            r->columns.times_ms[r->columns.count - 1]);
    rc = stage_window_add(r->import->stage, series.labels, &r->columns, err);
    r->write_failed = rc != OK;
    return rc;
}

static int write_span(struct reading *r, int64_t from_ms, int64_t *next_ms, struct error *err)
{
    int64_t end_ms = stage_span_end(from_ms, r->span_ms);
    int64_t max_ms = end_ms > r->max_ms ? r->max_ms + 1 : end_ms;
    int rc = OK;
    *next_ms = INT64_MAX;
    stage_window_begin(r->import->stage, from_ms, max_ms);
    for (size_t i = 0; i < r->block.index.series_count && rc == OK; i++)
        rc = add_series(r, i, from_ms, max_ms, next_ms, err);
    if (rc)
        return rc;
    rc = stage_window_end(r->import->stage, err);
    r->write_failed = rc != OK;
    return rc;
}

static int read_block(struct reading *r, struct error *err)
{
    int rc = survey(r, err);
    if (rc || r->min_ms > r->max_ms)
        return rc;
    r->span_ms = stage_span_ms(r->min_ms, r->max_ms);
    for (int64_t from_ms = r->min_ms; rc == OK && from_ms != INT64_MAX;)
        rc = write_span(r, from_ms, &from_ms, err);
    return rc;
}

static void finish_block(struct prom_import *im, const char *name, const struct reading *r)
{
    im->counts->blocks++;
    im->counts->samples += r->samples;
    im->counts->deleted += r->counts.deleted;
    im->counts->histogram_samples += r->counts.histogram_samples;
    if (r->counts.histogram_chunks)
        prom_import_say(im, false,
                        "block %s: native histograms are not supported yet: %llu samples of them "
                        "are skipped: %s",
                        name, (unsigned long long)r->counts.histogram_samples,
                        prom_import_histograms(im));
    if (r->counts.unknown_chunks)
        prom_import_say(im, true,
                        "block %s: %llu chunks are in an encoding that is not supported yet", name,
                        (unsigned long long)r->counts.unknown_chunks);
}

// ERR_CORRUPT and the like: told, skipped, and fine.
static int import_block(struct prom_import *im, const struct candidate *c, struct error *err)
{
    struct reading r = {.import = im};
    struct buf path = BUF_INIT;
    size_t mark = stage_window_count(im->stage), hash_count = im->hash_count;
    struct prom_import_counts before = *im->counts;
    buf_printf(&path, "%s/%s", im->options->source, c->name);
    arena_init(&r.arena, 0);
    columns_init(&r.columns);
    int rc = prom_block_open(&r.block, buf_text(&path), err);
    if (rc == OK) {
        rc = read_block(&r, err);
        prom_block_close(&r.block);
    }
    if (rc == OK) {
        finish_block(im, c->name, &r);
        if (!c->meta.late && c->meta.max_ms > im->log_min_ms)
            im->log_min_ms = c->meta.max_ms;
    } else if (!r.write_failed) {
        stage_rollback(im->stage, mark);
        prom_import_uncount_series(im, hash_count);
        *im->counts = before;
        skip_block(im, c->name, err);
        rc = OK;
    }
    columns_release(&r.columns);
    arena_release(&r.arena);
    buf_release(&path);
    return rc;
}

int prom_import_blocks(struct prom_import *im, struct error *err)
{
    struct candidates list = {.import = im};
    int rc = dir_each(im->options->source, add_candidate, &list, err);
    find_replaced(&list);
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), by_time);
    for (size_t i = 0; i < list.count && rc == OK; i++) {
        const struct candidate *c = &list.items[i];
        if (!c->readable)
            continue;
        if (!c->replaced && !c->meta.deletable) {
            rc = import_block(im, c, err);
            continue;
        }
        im->counts->blocks_replaced++;
        prom_import_say(im, false, "block %s: another block replaces it: not read", c->name);
    }
    candidates_release(&list);
    return rc;
}
