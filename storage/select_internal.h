// The inside of a selection, shared by the files that make one: select.c asks the sources,
// select_group.c puts together what several of them have, select_labels.c unpacks labels.
#ifndef STORAGE_SELECT_INTERNAL_H
#define STORAGE_SELECT_INTERNAL_H

#include "querier_internal.h"
#include "window_index.h"

#define NONE UINT32_MAX // no such number

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

static inline bool selection_is_head(const struct selection *s, uint32_t source)
{
    return source == s->querier->view->window_count;
}

// The labels of a series that matter, copied to the selection's arena; select_texts_init() goes
// before. ERR_CORRUPT, ERR_LIMIT.
void select_texts_init(struct selection *s);
int select_unpack(struct selection *s, struct place place, struct arena *scratch,
                  struct labels *out);

// Makes the groups of all sources, and their labels.
int select_group(struct selection *s, struct arena *scratch);
// By labels of two numbers of groups; `context` is the selection.
int select_compare(const void *a, const void *b, void *context);
// The groups of the base window in its order, then the others, sorted too. Returns where those
// begin.
size_t select_order(struct selection *s, uint32_t *order);

#endif
