// Samples that come in order, as nearly all do, go into their series' run; the others wait in a list
// and are sorted in when windows are made. Windows made earlier in the same load may overlap later
// ones: queries merge them.
//
// The last window ends behind the newest sample, not at its span's end, so that a server goes on from
// there.
#include "storage/bulk.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "bulk.h"
#include "head.h"
#include "storage/storage.h"
#include "tombstones.h"

struct late_sample {
    int64_t t_ms;
    double value;
    size_t order; // among the series' late samples
};

struct bulk_series {
    struct labels labels; // owned
    struct run run;
    struct run_reader reader; // while windows are made
    struct late_sample *late;
    size_t late_count;
    size_t late_capacity;
    bool stored; // some window has a sample
};

struct bulk {
    struct stage *stage;
    bool borrowed;                   // the stage is somebody else's
    const struct tombstones *hidden; // what is not to be written
    int64_t newest_ms;               // the latest time that is taken
    size_t memory_max;
    size_t memory;               // of runs and late samples
    struct bulk_series **series; // by number
    size_t count;
    size_t capacity;
    struct hmap index; // labels_hash() -> number
    struct bulk_counts counts;
    struct columns columns; // scratch
};

struct bulk *bulk_new(struct stage *stage, size_t memory_max)
{
    struct bulk *b = mem_calloc(1, sizeof(*b));
    b->stage = stage;
    b->memory_max = memory_max;
    b->counts.min_ms = INT64_MAX;
    b->counts.max_ms = INT64_MIN;
    b->newest_ms = clock_wall_ms(&clock_system) + STORAGE_FUTURE_DEFAULT_MS;
    hmap_init(&b->index);
    columns_init(&b->columns);
    return b;
}

struct bulk *bulk_new_beside(struct stage *stage, const struct tombstones *hidden)
{
    struct bulk *b = bulk_new(stage, BULK_MEMORY_DEFAULT);
    b->borrowed = true;
    b->hidden = hidden;
    return b;
}

void bulk_take_future(struct bulk *b)
{
    b->newest_ms = INT64_MAX;
}

int bulk_open(struct bulk **out, const char *path, size_t memory_max, struct error *err)
{
    struct stage *stage;
    int rc = stage_open(&stage, path, err);
    if (rc == OK)
        *out = bulk_new(stage, memory_max);
    return rc;
}

static void forget_samples(struct bulk_series *s)
{
    run_release(&s->run);
    mem_free(s->late);
    s->late = NULL;
    s->late_count = s->late_capacity = 0;
}

void bulk_free(struct bulk *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->count; i++) {
        forget_samples(b->series[i]);
        mem_free((void *)(uintptr_t)b->series[i]->labels.items);
        mem_free(b->series[i]);
    }
    mem_free(b->series);
    hmap_release(&b->index);
    columns_release(&b->columns);
    if (!b->borrowed)
        stage_free(b->stage);
    mem_free(b);
}

static bool same_labels(const void *context, uint32_t value, const void *key)
{
    const struct bulk *b = context;
    return labels_eq(b->series[value]->labels, *(const struct labels *)key);
}

uint32_t bulk_series(struct bulk *b, struct labels labels)
{
    uint64_t hash = labels_hash(labels);
    uint32_t found = hmap_find(&b->index, hash, same_labels, b, &labels);
    if (found != HMAP_NONE)
        return found;
    struct bulk_series *s = mem_calloc(1, sizeof(*s));
    s->labels = labels_dup(labels);
    MEM_GROW(b->series, b->count, b->capacity);
    b->series[b->count] = s;
    hmap_insert(&b->index, hash, (uint32_t)b->count);
    return (uint32_t)b->count++;
}

struct labels bulk_labels(const struct bulk *b, uint32_t series)
{
    return b->series[series]->labels;
}

static void keep_late(struct bulk *b, struct bulk_series *s, int64_t t_ms, double value)
{
    MEM_GROW(s->late, s->late_count, s->late_capacity);
    s->late[s->late_count] = (struct late_sample){t_ms, value, s->late_count};
    s->late_count++;
    b->memory += sizeof(struct late_sample);
}

static void count_again(struct bulk *b, uint64_t kept_bits, double other)
{
    if (kept_bits == double_bits(other))
        b->counts.repeated++;
    else
        b->counts.conflicts++;
}

int bulk_add(struct bulk *b, uint32_t series, int64_t t_ms, double value, struct error *err)
{
    struct bulk_series *s = b->series[series];
    if (!sample_time_is_sane(t_ms))
        return error_set(err, ERR_OUT_OF_BOUNDS, "the time %lld ms is out of bounds",
                         (long long)t_ms);
    if (t_ms > b->newest_ms)
        return error_set(err, ERR_TOO_FAR_AHEAD,
                         "the time %lld ms is in the future: a server could not go on from there",
                         (long long)t_ms);
    if (s->run.count && t_ms == s->run.last.t_ms) {
        count_again(b, s->run.last.bits, value);
    } else if (s->run.count && t_ms < s->run.last.t_ms) {
        keep_late(b, s, t_ms, value);
    } else {
        size_t before = s->run.bytes.cap;
        run_append(&s->run, t_ms, value);
        b->memory += s->run.bytes.cap - before;
    }
    return b->memory > b->memory_max ? bulk_flush(b, err) : OK;
}

static int by_time(const void *a, const void *b)
{
    const struct late_sample *x = a, *y = b;
    if (x->t_ms != y->t_ms)
        return x->t_ms < y->t_ms ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

// Merges the late samples into the run: of two at one time, the run's or the first late one stays.
static void sort_in(struct bulk *b, struct bulk_series *s)
{
    struct columns *c = &b->columns;
    struct run merged = {.count = 0};
    size_t at = 0;
    qsort(s->late, s->late_count, sizeof(*s->late), by_time);
    c->count = 0;
    run_reader_init(&s->reader, &s->run);
    run_read(&s->reader, INT64_MAX, c);
    for (size_t i = 0; i < s->late_count; i++) {
        const struct late_sample *late = &s->late[i];
        for (; at < c->count && c->times_ms[at] <= late->t_ms; at++)
            run_append(&merged, c->times_ms[at], c->values[at]);
        if (merged.count && merged.last.t_ms == late->t_ms)
            count_again(b, merged.last.bits, late->value);
        else
            run_append(&merged, late->t_ms, late->value);
    }
    for (; at < c->count; at++)
        run_append(&merged, c->times_ms[at], c->values[at]);
    run_release(&s->run);
    s->run = merged;
    s->late_count = 0;
}

// What is to be written, in the order of labels.
struct flush {
    struct bulk_series **series;
    size_t count;
    int64_t min_ms, max_ms; // of the samples
    int64_t span_ms;
};

static int by_labels(const void *a, const void *b)
{
    return labels_cmp((*(struct bulk_series *const *)a)->labels,
                      (*(struct bulk_series *const *)b)->labels);
}

struct bulk_series **bulk_collect(struct bulk *b, size_t *count)
{
    struct bulk_series **series = mem_calloc(b->count ? b->count : 1, sizeof(*series));
    *count = 0;
    for (size_t i = 0; i < b->count; i++) {
        struct bulk_series *s = b->series[i];
        if (s->run.count == 0)
            continue;
        if (s->late_count)
            sort_in(b, s);
        run_reader_init(&s->reader, &s->run);
        series[(*count)++] = s;
    }
    if (*count)
        qsort(series, *count, sizeof(*series), by_labels);
    return series;
}

struct labels bulk_series_labels(const struct bulk_series *s)
{
    return s->labels;
}

void bulk_series_read(struct bulk_series *s, int64_t max_ms, struct columns *out)
{
    run_read(&s->reader, max_ms, out);
}

static void flush_init(struct bulk *b, struct flush *f)
{
    *f = (struct flush){.min_ms = INT64_MAX, .max_ms = INT64_MIN};
    f->series = bulk_collect(b, &f->count);
    for (size_t i = 0; i < f->count; i++) {
        const struct bulk_series *s = f->series[i];
        f->min_ms = s->reader.next.t_ms < f->min_ms ? s->reader.next.t_ms : f->min_ms;
        f->max_ms = s->run.last.t_ms > f->max_ms ? s->run.last.t_ms : f->max_ms;
    }
    f->span_ms = f->count ? stage_span_ms(f->min_ms, f->max_ms) : 0;
}

// The time of the oldest sample not yet written; INT64_MAX when all are.
static int64_t oldest_left(const struct flush *f)
{
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < f->count; i++) {
        const struct run_reader *reader = &f->series[i]->reader;
        if (reader->left && reader->next.t_ms < oldest_ms)
            oldest_ms = reader->next.t_ms;
    }
    return oldest_ms;
}

static void hide(struct bulk *b, const struct bulk_series *s, struct arena *arena)
{
    arena_reset(arena);
    struct deletions hidden = tombstones_match(b->hidden, s->labels, arena);
    deletions_apply(hidden, TOMBSTONE_HEAD, &b->columns, 0);
}

static int write_window(struct bulk *b, const struct flush *f, int64_t from_ms, struct error *err)
{
    int64_t end_ms = stage_span_end(from_ms, f->span_ms);
    int64_t max_ms = end_ms > f->max_ms ? f->max_ms + 1 : end_ms;
    struct arena arena;
    int rc = OK;
    stage_window_begin(b->stage, from_ms, max_ms);
    arena_init(&arena, 0);
    for (size_t i = 0; i < f->count && rc == OK; i++) {
        struct bulk_series *s = f->series[i];
        b->columns.count = 0;
        run_read(&s->reader, max_ms, &b->columns);
        if (b->hidden)
            hide(b, s, &arena);
        if (b->columns.count == 0)
            continue;
        rc = stage_window_add(b->stage, s->labels, &b->columns, err);
        b->counts.samples += b->columns.count;
        b->counts.series += !s->stored;
        s->stored = true;
    }
    arena_release(&arena);
    return rc ? rc : stage_window_end(b->stage, err);
}

int bulk_flush(struct bulk *b, struct error *err)
{
    struct flush f;
    int64_t from_ms;
    int rc = OK;
    flush_init(b, &f);
    while (rc == OK && (from_ms = oldest_left(&f)) != INT64_MAX)
        rc = write_window(b, &f, from_ms, err);
    if (f.count && f.min_ms < b->counts.min_ms)
        b->counts.min_ms = f.min_ms;
    if (f.count && f.max_ms > b->counts.max_ms)
        b->counts.max_ms = f.max_ms;
    mem_free(f.series);
    for (size_t i = 0; i < b->count; i++)
        forget_samples(b->series[i]);
    b->memory = 0;
    return rc;
}

void bulk_each_stored(struct bulk *b, void (*each)(void *context, struct labels labels),
                      void *context)
{
    for (size_t i = 0; i < b->count; i++) {
        if (b->series[i]->stored)
            each(context, b->series[i]->labels);
    }
}

int bulk_commit(struct bulk *b, struct bulk_counts *counts, struct error *err)
{
    int rc = bulk_flush(b, err);
    b->counts.windows = stage_window_count(b->stage);
    if (rc == OK)
        rc = stage_commit(b->stage, err);
    if (rc == OK && counts)
        *counts = b->counts;
    return rc;
}
