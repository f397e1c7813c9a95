// Sources hold mostly the same series in the same order. Each series found is looked for among the
// groups made so far, first where it was in the source before: by labels_hash(), which every source
// keeps, and then by the labels where they lie, since label sets of one hash can be made on purpose.
#include <stdlib.h>

#include "base/mem.h"
#include "select_internal.h"

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
    if (selection_is_head(s, c->place.source))
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
    if (from == s->sources || selection_is_head(s, from->source))
        return NULL;
    return window_map_new(windows[from->source], windows[from[-1].source], from->ids.count);
}

static void group_source(struct selection *s, const struct source_ids *from, struct arena *scratch)
{
    uint32_t last = NONE;
    s->map = map_to_older(s, from);
    for (size_t i = 0; i < from->ids.count; i++) {
        struct place place = {from->source, from->ids.items[i]};
        struct candidate c = selection_is_head(s, from->source) ? head_candidate(s, place, scratch)
                                                                : window_candidate(s, place);
        last = add_found(s, &c, last);
    }
    window_map_free(s->map);
    s->map = NULL;
    if (!selection_is_head(s, from->source) && from->ids.count > s->base_count) {
        s->base_count = from->ids.count;
        s->base = from->source;
    }
}

static int unpack_all(struct selection *s, struct arena *scratch)
{
    int rc = OK;
    for (size_t i = 0; i < s->group_count && rc == OK; i++) {
        struct group *g = &s->groups[i];
        rc = select_unpack(s, s->found[g->last].place, scratch, &g->labels);
    }
    return rc;
}

int select_group(struct selection *s, struct arena *scratch)
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

int select_compare(const void *a, const void *b, void *context)
{
    const struct selection *s = context;
    return labels_cmp(s->groups[*(const uint32_t *)a].labels,
                      s->groups[*(const uint32_t *)b].labels);
}

size_t select_order(struct selection *s, uint32_t *order)
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
        qsort_r(order + split, count - split, sizeof(*order), select_compare, s);
    return split;
}
