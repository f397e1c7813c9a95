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
//
// Labels are copied to the caller's arena, which may live longer than the querier; a text that many
// series share is copied once.
#include <stdlib.h>

#include "base/mem.h"
#include "delete.h"
#include "querier_internal.h"
#include "window_index.h"

#define NONE UINT32_MAX

// A brief querier looks at no more series of an index, and takes no more of them.
#define BRIEF_EFFORT 50000
#define BRIEF_SERIES 1000

struct found {
    struct place place;
    uint32_t group;
    uint32_t next; // of the same series, or NONE
};

// A series: where it was found, oldest source first.
struct group {
    uint64_t hash;
    uint32_t first, last;
    uint32_t count;
    uint32_t follower; // the group found behind this one in the source asked before, or NONE
    struct labels labels;
};

#define TEXT_SLOTS_MIN 64
#define TEXT_SLOTS_MAX 2048

// What matches in one source.
struct source_ids {
    uint32_t source;
    struct ids ids;
};

struct selection {
    struct querier *querier;
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t min_ms, max_ms;
    const struct str *names; // of the labels that matter; NULL: all
    size_t name_count;
    struct arena *arena;
    struct source_ids *sources; // where there are any, oldest first
    size_t source_count;
    size_t source_capacity;
    struct found *found;
    size_t found_count;
    size_t found_capacity;
    struct group *groups;
    size_t group_count;
    size_t group_capacity;
    struct hmap index;      // of the groups' hashes
    struct window_map *map; // from the source being grouped to the one before; NULL: not worth it
    uint32_t base;          // the window with the most series found, or NONE
    size_t base_count;
    size_t effort;         // left to a brief querier
    uint32_t named_source; // a window whose symbols of `names` are `named`, or NONE
    struct index_names named;
    // Copies of texts by where they came from.
    struct text_slot {
        const char *from;
        struct str copy;
    } * texts;
    unsigned text_shift;
};

static bool is_head(const struct selection *s, uint32_t source)
{
    return source == s->querier->view->window_count;
}

// A series of a source and what it goes by.
struct candidate {
    uint64_t hash;
    struct place place;
    struct labels labels; // of the head's, which has no others of the same labels
};

// The group was found in older sources: the head, which is the last, is no such.
static bool is_of_group(const struct selection *s, const struct group *g, const struct candidate *c)
{
    if (g->hash != c->hash)
        return false;
    struct window *const *windows = s->querier->view->windows;
    struct place last = s->found[g->last].place;
    if (last.source == c->place.source)
        return false;
    const struct window *w = windows[last.source];
    if (is_head(s, c->place.source))
        return window_has_labels(w, last.id, c->labels);
    if (s->map && window_map_is_between(s->map, windows[c->place.source], w))
        return window_map_same_labels(s->map, c->place.id, last.id);
    return window_same_labels(windows[c->place.source], c->place.id, w, last.id);
}

static bool same_series(const void *context, uint32_t value, const void *key)
{
    const struct selection *s = context;
    return is_of_group(s, &s->groups[value], key);
}

// Sources hold mostly the same series in the same order: the group that followed the last one
// before is tried first.
static uint32_t find_group(struct selection *s, const struct candidate *c, uint32_t last)
{
    uint32_t guess = last == NONE ? 0 : s->groups[last].follower;
    if (guess < s->group_count && is_of_group(s, &s->groups[guess], c))
        return guess;
    guess = hmap_find(&s->index, c->hash, same_series, s, c);
    if (guess != HMAP_NONE)
        return guess;
    MEM_GROW(s->groups, s->group_count, s->group_capacity);
    s->groups[s->group_count] = (struct group){.hash = c->hash, .follower = NONE};
    hmap_insert(&s->index, c->hash, (uint32_t)s->group_count);
    return (uint32_t)s->group_count++;
}

// Returns the group, to be passed as `last` for the next of the same source.
static uint32_t add_found(struct selection *s, const struct candidate *c, uint32_t last)
{
    uint32_t number = find_group(s, c, last), at = (uint32_t)s->found_count;
    struct group *g = &s->groups[number];
    MEM_GROW(s->found, s->found_count, s->found_capacity);
    s->found[s->found_count++] = (struct found){c->place, number, NONE};
    if (g->count++)
        s->found[g->last].next = at;
    else
        g->first = at;
    g->last = at;
    if (last != NONE)
        s->groups[last].follower = number;
    return number;
}

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
    if (rc == ERR_CORRUPT)
        window_mark_corrupt(w);
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

static struct candidate window_candidate(const struct selection *s, struct place place)
{
    const struct window *w = s->querier->view->windows[place.source];
    return (struct candidate){.hash = window_series_hash(w, place.id), .place = place};
}

static struct candidate head_candidate(const struct selection *s, struct place place,
                                       struct arena *scratch)
{
    struct head *h = &s->querier->storage->head;
    arena_reset(scratch);
    struct labels labels = head_labels(h, head_get(h, place.id), scratch);
    return (struct candidate){labels_hash(labels), place, labels};
}

static struct window_map *map_to_older(const struct selection *s, const struct source_ids *from)
{
    struct window *const *windows = s->querier->view->windows;
    if (from == s->sources || is_head(s, from->source))
        return NULL;
    return window_map_new(windows[from->source], windows[from[-1].source], from->ids.count);
}

static void group_source(struct selection *s, const struct source_ids *from, struct arena *scratch)
{
    uint32_t last = NONE;
    s->map = map_to_older(s, from);
    for (size_t i = 0; i < from->ids.count; i++) {
        struct place place = {from->source, from->ids.items[i]};
        struct candidate c = is_head(s, from->source) ? head_candidate(s, place, scratch)
                                                      : window_candidate(s, place);
        last = add_found(s, &c, last);
    }
    window_map_free(s->map);
    s->map = NULL;
    if (!is_head(s, from->source) && from->ids.count > s->base_count) {
        s->base_count = from->ids.count;
        s->base = from->source;
    }
}

// A copy in the arena; the same source text gives the same copy as long as its slot isn't taken.
static struct str copy_text(struct selection *s, struct str text)
{
    struct text_slot *slot =
        &s->texts[((uintptr_t)text.ptr * UINT64_C(0x9e3779b97f4a7c15)) >> s->text_shift];
    if (slot->from != text.ptr || slot->copy.len != text.len) {
        slot->from = text.ptr;
        slot->copy = arena_copy(s->arena, text);
    }
    return slot->copy;
}

static void texts_init(struct selection *s)
{
    size_t series_count = 0, slots = TEXT_SLOTS_MIN;
    for (size_t i = 0; i < s->source_count; i++)
        series_count += s->sources[i].ids.count;
    while (slots < TEXT_SLOTS_MAX && slots < series_count)
        slots *= 2;
    s->texts = mem_calloc(slots, sizeof(*s->texts));
    s->text_shift = 64 - (unsigned)__builtin_ctzll(slots);
}

static bool matters(const struct selection *s, struct str name)
{
    for (size_t i = 0; i < s->name_count; i++) {
        if (str_eq(s->names[i], name))
            return true;
    }
    return !s->names;
}

// The labels that matter, views of the source, in scratch memory.
static int few_labels(struct selection *s, struct place place, struct arena *scratch,
                      struct labels *out)
{
    const struct window *w = s->querier->view->windows[place.source];
    struct label *items = arena_array(scratch, INDEX_NAMES_MAX, sizeof(*items));
    *out = (struct labels){items, 0};
    if (s->named_source != place.source) {
        s->named_source = place.source;
        s->named = window_find_names(w, s->names, s->name_count);
    }
    return window_some_labels(w, place.id, &s->named, items, &out->count);
}

static int source_labels(struct selection *s, struct place place, struct arena *scratch,
                         struct labels *out)
{
    const struct head *h = &s->querier->storage->head;
    if (is_head(s, place.source)) {
        *out = head_labels(h, head_get(h, place.id), scratch);
        return OK;
    }
    if (s->names && s->name_count <= INDEX_NAMES_MAX)
        return few_labels(s, place, scratch, out);
    return window_labels(s->querier->view->windows[place.source], place.id, scratch, out);
}

// The labels that matter, in the arena.
static int unpack_labels(struct selection *s, struct place place, struct arena *scratch,
                         struct labels *out)
{
    struct labels labels;
    size_t count = 0;
    *out = (struct labels){0};
    if (s->names && s->name_count == 0)
        return OK;
    arena_reset(scratch);
    int rc = source_labels(s, place, scratch, &labels);
    if (rc)
        return rc;
    struct label *items = arena_array(s->arena, labels.count, sizeof(*items));
    for (size_t i = 0; i < labels.count; i++) {
        struct label label = labels.items[i];
        if (matters(s, label.name))
            items[count++] = (struct label){copy_text(s, label.name), copy_text(s, label.value)};
    }
    *out = (struct labels){items, count};
    return s->arena->exceeded ? ERR_LIMIT : OK;
}

static int unpack_all(struct selection *s, struct arena *scratch)
{
    int rc = OK;
    for (size_t i = 0; i < s->group_count && rc == OK; i++) {
        struct group *g = &s->groups[i];
        rc = unpack_labels(s, s->found[g->last].place, scratch, &g->labels);
    }
    return rc;
}

static int by_labels(const void *a, const void *b, void *context)
{
    const struct selection *s = context;
    return labels_cmp(s->groups[*(const uint32_t *)a].labels,
                      s->groups[*(const uint32_t *)b].labels);
}

// The groups of the base window in its order, then the others, sorted too. Returns where those
// begin.
static size_t split_order(struct selection *s, uint32_t *order)
{
    size_t count = 0;
    bool *placed = mem_calloc(s->group_count, sizeof(*placed));
    for (size_t i = 0; i < s->found_count && s->base != NONE; i++) {
        const struct found *f = &s->found[i];
        if (f->place.source != s->base)
            continue;
        placed[f->group] = true;
        order[count++] = f->group;
    }
    size_t split = count;
    for (size_t i = 0; i < s->group_count; i++) {
        if (!placed[i])
            order[count++] = (uint32_t)i;
    }
    mem_free(placed);
    if (count - split)
        qsort_r(order + split, count - split, sizeof(*order), by_labels, s);
    return split;
}

static bool is_all_deleted(struct selection *s, const struct querier_series *series)
{
    bool all = series->deleted.count > 0;
    for (size_t i = 0; i < series->place_count && all; i++)
        all = deletions_cover_place(s->querier, series->places[i], series->deleted, s->min_ms,
                                    s->max_ms);
    return all;
}

static void put_series(struct selection *s, const struct group *g, struct series_set *out)
{
    struct querier_series *series =
        arena_alloc(s->arena, sizeof(*series) + g->count * sizeof(series->places[0]));
    series->place_count = 0;
    for (uint32_t at = g->first; series->place_count < g->count; at = s->found[at].next)
        series->places[series->place_count++] = s->found[at].place;
    series->deleted = tombstones_match(s->querier->hidden, g->labels, s->arena);
    if (is_all_deleted(s, series))
        return;
    out->labels[out->count] = g->labels;
    out->series[out->count++] = series;
}

static int put_all(struct selection *s, struct series_set *out)
{
    uint32_t *order = mem_calloc(s->group_count, sizeof(*order));
    size_t split = split_order(s, order), a = 0, b = split;
    out->count = 0;
    out->labels = arena_array(s->arena, s->group_count, sizeof(*out->labels));
    out->series = arena_array(s->arena, s->group_count, sizeof(struct querier_series *));
    while ((a < split || b < s->group_count) && !s->arena->exceeded) {
        bool take_b = a == split || (b < s->group_count && by_labels(&order[b], &order[a], s) < 0);
        put_series(s, &s->groups[order[take_b ? b++ : a++]], out);
    }
    mem_free(order);
    return s->arena->exceeded ? ERR_LIMIT : OK;
}

// ---- one source

static void put_single(struct selection *s, struct labels labels, struct place place,
                       struct series_set *out)
{
    struct querier_series *series =
        arena_alloc(s->arena, sizeof(*series) + sizeof(series->places[0]));
    series->place_count = 1;
    series->places[0] = place;
    series->deleted = tombstones_match(s->querier->hidden, labels, s->arena);
    if (is_all_deleted(s, series))
        return;
    out->labels[out->count] = labels;
    out->series[out->count++] = series;
}

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
    if (is_head(s, from->source))
        sort_head_ids(&s->querier->storage->head, &from->ids);
    out->labels = arena_array(s->arena, from->ids.count, sizeof(*out->labels));
    for (size_t i = 0; i < from->ids.count && rc == OK; i++) {
        struct place place = {from->source, from->ids.items[i]};
        rc = unpack_labels(s, place, scratch, &out->labels[i]);
    }
    return rc;
}

static int put_source(struct selection *s, struct series_set *out)
{
    const struct source_ids *from = &s->sources[0];
    out->count = 0;
    out->series = arena_array(s->arena, from->ids.count, sizeof(struct querier_series *));
    for (size_t i = 0; i < from->ids.count && !s->arena->exceeded; i++)
        put_single(s, out->labels[i], (struct place){from->source, from->ids.items[i]}, out);
    return s->arena->exceeded ? ERR_LIMIT : OK;
}

// ---- several

static int unpack_sources(struct selection *s, struct arena *scratch)
{
    for (size_t i = 0; i < s->source_count; i++)
        group_source(s, &s->sources[i], scratch);
    // Only the base is in order by itself; others are compared.
    if (s->base_count < s->group_count) {
        s->names = NULL;
        s->name_count = 0;
    }
    return unpack_all(s, scratch);
}

static int unpack(struct selection *s, struct series_set *out)
{
    struct arena scratch;
    arena_init(&scratch, 0);
    texts_init(s);
    int rc = s->source_count == 1 ? unpack_source(s, &scratch, out) : unpack_sources(s, &scratch);
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
    return s->source_count == 1 ? put_source(s, out) : put_all(s, out);
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
