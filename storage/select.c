// A selection asks each source (the view's windows, then the head) for its matching series and puts
// together those of the same label set: found by labels_hash(), which every source keeps, and then
// compared where they lie, since label sets of one hash can be made on purpose. Labels are unpacked
// once a series and not once a source.
//
// The result is sorted by labels. A window numbers its series in that order, so those found in the
// largest window come sorted for nothing; only the others are compared.
//
// Mostly there is one source only: the head for what is recent, a day for the past. Then nothing has to
// be put together, and where the caller looks at few labels the others aren't even unpacked.
#include <stdlib.h>

#include "base/mem.h"
#include "delete.h"
#include "select_internal.h"

// A brief querier looks at no more series of an index, and takes no more of them.
#define BRIEF_EFFORT 50000
#define BRIEF_SERIES 1000

// ---- what the sources have

// index_match() within what the querier may do.
static int match(struct selection *s, const struct series_index *index, struct ids *ids)
{
    bool brief = s->querier->brief;
    int rc = index_match(index, s->matchers, s->matcher_count, brief ? &s->effort : NULL, ids);
    return rc == OK && brief && ids->count > BRIEF_SERIES ? ERR_DEFERRED : rc;
}

static void add_source(struct selection *s, uint32_t source, struct ids ids)
{
    if (ids.count == 0) {
        ids_release(&ids);
        return;
    }
    MEM_GROW(s->sources, s->source_count, s->source_capacity);
    s->sources[s->source_count++] = (struct source_ids){source, ids};
}

// Drops series without samples in the range.
static int narrow_to_times(const struct selection *s, struct window *w, struct ids *ids)
{
    size_t kept = 0;
    int rc = OK;
    if (window_min_ms(w) >= s->min_ms && window_max_ms(w) <= s->max_ms)
        return OK;
    for (size_t i = 0; i < ids->count && rc == OK; i++) {
        int64_t first_ms, last_ms;
        rc = window_series_times(w, ids->items[i], &first_ms, &last_ms);
        if (first_ms <= s->max_ms && last_ms >= s->min_ms)
            ids->items[kept++] = ids->items[i];
    }
    ids->count = kept;
    return rc;
}

static int find_in_window(struct selection *s, uint32_t source, struct window *w)
{
    struct series_index index = window_index(w);
    struct ids ids = {0};
    int rc = window_load(w);
    if (rc == OK)
        rc = match(s, &index, &ids);
    if (rc == OK)
        rc = narrow_to_times(s, w, &ids);
    if (rc == OK)
        add_source(s, source, ids);
    else
        ids_release(&ids);
    // The rest is served; maintenance says so.
    if (rc == ERR_CORRUPT) {
        window_mark_lost(w);
        rc = OK;
    }
    return rc;
}

static int find_in_windows(struct selection *s)
{
    const struct view *v = s->querier->view;
    int rc = OK;
    for (uint32_t i = 0; i < v->window_count && rc == OK; i++) {
        if (window_reaches(v->windows[i], s->min_ms, s->max_ms))
            rc = find_in_window(s, i, v->windows[i]);
    }
    return rc;
}

// Caller holds the table lock.
static int find_in_head(struct selection *s)
{
    struct querier *q = s->querier;
    struct head *h = &q->storage->head;
    struct ids ids = {0};
    struct series_index index = head_index(h);
    int rc = match(s, &index, &ids);
    size_t kept = 0;
    for (size_t i = 0; i < ids.count && rc == OK; i++) {
        if (head_reaches(h, head_get(h, ids.items[i]), &q->view->head, s->min_ms, s->max_ms))
            ids.items[kept++] = ids.items[i];
    }
    ids.count = rc == OK ? kept : 0;
    add_source(s, (uint32_t)q->view->window_count, ids);
    return rc;
}

// ---- several sources

static bool is_all_deleted(struct selection *s, const struct querier_series *series)
{
    bool all = series->deleted.count > 0;
    for (size_t i = 0; i < series->place_count && all; i++)
        all = deletions_cover_place(s->querier, series->places[i], series->deleted, s->min_ms,
                                    s->max_ms);
    return all;
}

static struct querier_series *new_series(struct selection *s, size_t place_count)
{
    struct querier_series *series =
        arena_alloc(s->arena, sizeof(*series) + place_count * sizeof(series->places[0]));
    series->place_count = 0;
    return series;
}

static void put_series(struct selection *s, struct labels labels, struct querier_series *series,
                       struct series_set *out)
{
    series->deleted = tombstones_match(s->querier->hidden, labels, s->arena);
    if (is_all_deleted(s, series))
        return;
    out->labels[out->count] = labels;
    out->series[out->count++] = series;
}

static void put_group(struct selection *s, const struct group *g, struct series_set *out)
{
    struct querier_series *series = new_series(s, g->count);
    for (uint32_t at = g->first; series->place_count < g->count; at = s->found[at].next)
        series->places[series->place_count++] = s->found[at].place;
    put_series(s, g->labels, series, out);
}

static int put_groups(struct selection *s, struct series_set *out)
{
    uint32_t *order = mem_calloc(s->group_count, sizeof(*order));
    size_t split = select_order(s, order), a = 0, b = split;
    out->count = 0;
    out->labels = arena_array(s->arena, s->group_count, sizeof(*out->labels));
    out->series = arena_array(s->arena, s->group_count, sizeof(struct querier_series *));
    while ((a < split || b < s->group_count) && !s->arena->exceeded) {
        bool take_b =
            a == split || (b < s->group_count && select_compare(&order[b], &order[a], s) < 0);
        put_group(s, &s->groups[order[take_b ? b++ : a++]], out);
    }
    mem_free(order);
    return s->arena->exceeded ? ERR_LIMIT : OK;
}

// ---- one source

struct head_order {
    const struct head *head;
    const struct series *series;
};

static int by_head_labels(const void *a, const void *b)
{
    const struct head_order *x = a, *y = b;
    return series_cmp(x->head, x->series, y->series);
}

// The head's come in the order in which they first came.
static void sort_head_ids(const struct head *h, struct ids *ids)
{
    struct head_order *order = mem_calloc(ids->count, sizeof(*order));
    for (size_t i = 0; i < ids->count; i++)
        order[i] = (struct head_order){h, head_get(h, ids->items[i])};
    qsort(order, ids->count, sizeof(*order), by_head_labels);
    for (size_t i = 0; i < ids->count; i++)
        ids->items[i] = order[i].series->id;
    mem_free(order);
}

// Its series in order, and their labels.
static int unpack_source(struct selection *s, struct arena *scratch, struct series_set *out)
{
    struct source_ids *from = &s->sources[0];
    int rc = OK;
    if (selection_is_head(s, from->source))
        sort_head_ids(&s->querier->storage->head, &from->ids);
    out->labels = arena_array(s->arena, from->ids.count, sizeof(*out->labels));
    for (size_t i = 0; i < from->ids.count && rc == OK; i++) {
        struct place place = {from->source, from->ids.items[i]};
        rc = select_unpack(s, place, scratch, &out->labels[i]);
    }
    return rc;
}

static int put_source(struct selection *s, struct series_set *out)
{
    const struct source_ids *from = &s->sources[0];
    out->count = 0;
    out->series = arena_array(s->arena, from->ids.count, sizeof(struct querier_series *));
    for (size_t i = 0; i < from->ids.count && !s->arena->exceeded; i++) {
        struct querier_series *series = new_series(s, 1);
        series->places[series->place_count++] = (struct place){from->source, from->ids.items[i]};
        put_series(s, out->labels[i], series, out);
    }
    return s->arena->exceeded ? ERR_LIMIT : OK;
}

// ---- all of it

static int unpack(struct selection *s, struct series_set *out)
{
    struct arena scratch;
    arena_init(&scratch, 0);
    select_texts_init(s);
    int rc = s->source_count == 1 ? unpack_source(s, &scratch, out) : select_group(s, &scratch);
    arena_release(&scratch);
    return rc;
}

static int run(struct selection *s, struct series_set *out)
{
    struct head *h = &s->querier->storage->head;
    int rc = find_in_windows(s);
    // Held until the labels are copied: they are views of the head's symbols.
    pthread_rwlock_rdlock(&h->lock);
    if (rc == OK)
        rc = find_in_head(s);
    if (rc == OK)
        rc = unpack(s, out);
    pthread_rwlock_unlock(&h->lock);
    if (rc)
        return rc;
    return s->source_count == 1 ? put_source(s, out) : put_groups(s, out);
}

static void release(struct selection *s)
{
    for (size_t i = 0; i < s->source_count; i++)
        ids_release(&s->sources[i].ids);
    mem_free(s->sources);
    mem_free(s->found);
    mem_free(s->groups);
    mem_free(s->texts);
    hmap_release(&s->index);
    mem_free(s);
}

static int select_series(struct selection *s, struct series_set *out, struct error *err)
{
    struct querier *q = s->querier;
    s->min_ms = s->min_ms > q->min_ms ? s->min_ms : q->min_ms;
    s->max_ms = s->max_ms < q->max_ms ? s->max_ms : q->max_ms;
    s->base = NONE;
    s->named_source = NONE;
    s->effort = BRIEF_EFFORT;
    hmap_init(&s->index);
    int rc = run(s, out);
    release(s);
    if (rc == ERR_DEFERRED)
        return rc;
    if (rc == ERR_LIMIT)
        return error_set(err, rc, "the selected series need too much memory");
    return rc ? error_set(err, rc, "reading a window's index: %s", err_text(rc)) : OK;
}

static struct selection *selection_new(struct querier *q, const struct matcher *matchers,
                                       size_t matcher_count, int64_t min_ms, int64_t max_ms,
                                       struct arena *arena)
{
    struct selection *s = mem_calloc(1, sizeof(*s));
    s->querier = q;
    s->matchers = matchers;
    s->matcher_count = matcher_count;
    s->min_ms = min_ms;
    s->max_ms = max_ms;
    s->arena = arena;
    return s;
}

int querier_select(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                   int64_t min_ms, int64_t max_ms, struct arena *arena, struct series_set *out,
                   struct error *err)
{
    return select_series(selection_new(q, matchers, matcher_count, min_ms, max_ms, arena), out,
                         err);
}

int querier_select_some(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                        const struct str *names, size_t name_count, int64_t min_ms, int64_t max_ms,
                        struct arena *arena, struct series_set *out, struct error *err)
{
    struct selection *s = selection_new(q, matchers, matcher_count, min_ms, max_ms, arena);
    // What is deleted is found by all labels.
    if (!tombstones_count(q->hidden)) {
        s->names = names;
        s->name_count = name_count;
    }
    return select_series(s, out, err);
}
