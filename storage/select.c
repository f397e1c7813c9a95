// A selection asks each source (the view's windows, then the head) for its matching series and puts
// together those of the same label set: by labels_hash(), which every source keeps, so that labels
// are unpacked once a series and not once a source. (That two label sets share 64 bits is taken not
// to happen: one pair in 2^64.)
//
// The result is sorted by labels. A window numbers its series in that order, so those found in the
// largest window come sorted for nothing; only the others are compared.
//
// Labels are copied to the caller's arena, which may live longer than the querier; a text that many
// series share is copied once.
#include <stdlib.h>

#include "base/mem.h"
#include "delete.h"
#include "querier_internal.h"

#define NONE UINT32_MAX

// A brief querier looks at no more series of an index, and takes no more of them.
#define BRIEF_EFFORT 50000
#define BRIEF_SERIES 1000

struct found {
    struct place place;
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

#define TEXT_SLOTS 2048

struct selection {
    struct querier *querier;
    const struct matcher *matchers;
    size_t matcher_count;
    int64_t min_ms, max_ms;
    struct arena *arena;
    struct found *found;
    size_t found_count;
    size_t found_capacity;
    struct group *groups;
    size_t group_count;
    size_t group_capacity;
    struct hmap index; // of the groups' hashes
    uint32_t base;     // the window with the most series found, or NONE
    size_t base_count;
    size_t effort; // left to a brief querier
    // Copies of texts by where they came from.
    struct text_slot {
        const char *from;
        struct str copy;
    } texts[TEXT_SLOTS];
};

static bool same_hash(const void *context, uint32_t value, const void *key)
{
    return ((const struct selection *)context)->groups[value].hash == *(const uint64_t *)key;
}

// Sources hold mostly the same series in the same order: the group that followed the last one
// before is tried first.
static uint32_t find_group(struct selection *s, uint64_t hash, uint32_t last)
{
    uint32_t guess = last == NONE ? 0 : s->groups[last].follower;
    if (guess < s->group_count && s->groups[guess].hash == hash)
        return guess;
    guess = hmap_find(&s->index, hash, same_hash, s, &hash);
    if (guess != HMAP_NONE)
        return guess;
    MEM_GROW(s->groups, s->group_count, s->group_capacity);
    s->groups[s->group_count] = (struct group){.hash = hash, .follower = NONE};
    hmap_insert(&s->index, hash, (uint32_t)s->group_count);
    return (uint32_t)s->group_count++;
}

// Returns the group, to be passed as `last` for the next of the same source.
static uint32_t add_found(struct selection *s, uint64_t hash, struct place place, uint32_t last)
{
    uint32_t number = find_group(s, hash, last), at = (uint32_t)s->found_count;
    struct group *g = &s->groups[number];
    MEM_GROW(s->found, s->found_count, s->found_capacity);
    s->found[s->found_count++] = (struct found){place, NONE};
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

static int find_in_window(struct selection *s, uint32_t source, const struct ids *ids)
{
    struct window *w = s->querier->view->windows[source];
    bool inside = window_min_ms(w) >= s->min_ms && window_max_ms(w) <= s->max_ms;
    size_t before = s->found_count;
    uint32_t last = NONE;
    int rc = window_load(w);
    for (size_t i = 0; i < ids->count && rc == OK; i++) {
        int64_t first_ms = s->min_ms, last_ms = s->max_ms;
        if (!inside)
            rc = window_series_times(w, ids->items[i], &first_ms, &last_ms);
        if (rc == OK && first_ms <= s->max_ms && last_ms >= s->min_ms)
            last = add_found(s, window_series_hash(w, ids->items[i]),
                             (struct place){source, ids->items[i]}, last);
    }
    if (s->found_count - before > s->base_count) {
        s->base_count = s->found_count - before;
        s->base = source;
    }
    return rc;
}

static int find_in_windows(struct selection *s)
{
    const struct view *v = s->querier->view;
    int rc = OK;
    for (uint32_t i = 0; i < v->window_count && rc == OK; i++) {
        struct window *w = v->windows[i];
        if (!window_reaches(w, s->min_ms, s->max_ms))
            continue;
        struct series_index index = window_index(w);
        struct ids ids = {0};
        rc = match(s, &index, &ids);
        if (rc == OK)
            rc = find_in_window(s, i, &ids);
        ids_release(&ids);
        if (rc == ERR_CORRUPT)
            window_mark_corrupt(w);
    }
    return rc;
}

// What the series goes by: where nothing else was found, any number of its own will do.
static uint64_t head_hash(struct selection *s, const struct series *series, struct arena *scratch)
{
    if (s->base == NONE)
        return series->id;
    arena_reset(scratch);
    return labels_hash(head_labels(&s->querier->storage->head, series, scratch));
}

// Caller holds the table lock.
static int find_in_head(struct selection *s)
{
    struct querier *q = s->querier;
    struct head *h = &q->storage->head;
    struct arena scratch;
    struct ids ids = {0};
    uint32_t source = (uint32_t)q->view->window_count, last = NONE;
    arena_init(&scratch, 0);
    struct series_index index = head_index(h);
    int rc = match(s, &index, &ids);
    for (size_t i = 0; i < ids.count && rc == OK; i++) {
        const struct series *series = head_get(h, ids.items[i]);
        if (head_reaches(h, series, &q->view->head, s->min_ms, s->max_ms))
            last = add_found(s, head_hash(s, series, &scratch), (struct place){source, series->id},
                             last);
    }
    ids_release(&ids);
    arena_release(&scratch);
    return rc;
}

// A copy in the arena; the same source text gives the same copy as long as its slot isn't taken.
static struct str copy_text(struct selection *s, struct str text)
{
    struct text_slot *slot = &s->texts[((uintptr_t)text.ptr * UINT64_C(0x9e3779b97f4a7c15)) >> 53];
    if (slot->from != text.ptr || slot->copy.len != text.len) {
        slot->from = text.ptr;
        slot->copy = arena_copy(s->arena, text);
    }
    return slot->copy;
}

static int unpack_labels(struct selection *s, struct group *g, struct arena *scratch)
{
    struct querier *q = s->querier;
    struct place place = s->found[g->last].place;
    struct labels labels;
    int rc = OK;
    arena_reset(scratch);
    if (place.source == q->view->window_count)
        labels = head_labels(&q->storage->head, head_get(&q->storage->head, place.id), scratch);
    else
        rc = window_labels(q->view->windows[place.source], place.id, scratch, &labels);
    if (rc)
        return rc;
    struct label *items = arena_array(s->arena, labels.count, sizeof(*items));
    for (size_t i = 0; i < labels.count; i++)
        items[i] =
            (struct label){copy_text(s, labels.items[i].name), copy_text(s, labels.items[i].value)};
    g->labels = (struct labels){items, labels.count};
    return s->arena->exceeded ? ERR_LIMIT : OK;
}

static int unpack_all(struct selection *s)
{
    struct arena scratch;
    int rc = OK;
    arena_init(&scratch, 0);
    for (size_t i = 0; i < s->group_count && rc == OK; i++)
        rc = unpack_labels(s, &s->groups[i], &scratch);
    arena_release(&scratch);
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
        uint64_t hash = window_series_hash(s->querier->view->windows[s->base], f->place.id);
        uint32_t group = find_group(s, hash, count ? order[count - 1] : NONE);
        placed[group] = true;
        order[count++] = group;
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

static int run(struct selection *s, struct series_set *out)
{
    struct head *h = &s->querier->storage->head;
    int rc = find_in_windows(s);
    // Held until the labels are copied: they are views of the head's symbols.
    pthread_rwlock_rdlock(&h->lock);
    if (rc == OK)
        rc = find_in_head(s);
    if (rc == OK)
        rc = unpack_all(s);
    pthread_rwlock_unlock(&h->lock);
    return rc ? rc : put_all(s, out);
}

int querier_select(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                   int64_t min_ms, int64_t max_ms, struct arena *arena, struct series_set *out,
                   struct error *err)
{
    struct selection *s = mem_calloc(1, sizeof(*s));
    s->querier = q;
    s->matchers = matchers;
    s->matcher_count = matcher_count;
    s->min_ms = min_ms > q->min_ms ? min_ms : q->min_ms;
    s->max_ms = max_ms < q->max_ms ? max_ms : q->max_ms;
    s->arena = arena;
    s->base = NONE;
    s->effort = BRIEF_EFFORT;
    hmap_init(&s->index);
    int rc = run(s, out);
    mem_free(s->found);
    mem_free(s->groups);
    hmap_release(&s->index);
    mem_free(s);
    if (rc == ERR_DEFERRED)
        return rc;
    if (rc == ERR_LIMIT)
        return error_set(err, rc, "the selected series need too much memory");
    return rc ? error_set(err, rc, "reading a window's index: %s", err_text(rc)) : OK;
}
