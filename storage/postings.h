// The head's inverted index: for each label pair the ids of the series that carry it.
//
// A pair has a number; a series stores the numbers of its pairs, in the order of its label names,
// four bytes a label. Ids in a posting list ascend. Not safe for concurrent use: the head's table
// lock guards it.
#ifndef STORAGE_POSTINGS_H
#define STORAGE_POSTINGS_H

#include "symbols.h"

#define PAIR_NONE UINT32_MAX

struct pair {
    uint32_t name; // symbols, one use each
    uint32_t value;
    uint32_t count;    // series; 0: the pair is free
    uint32_t capacity; // of `many`; 0: a single id stands in `one`
    union {
        uint32_t one;
        uint32_t *many; // owned
        uint32_t next_free;
    } ids;
    uint32_t place; // index in its name's array
};

// All values of one label name.
struct pair_name {
    uint32_t symbol;
    uint32_t count;
    uint32_t capacity;
    uint32_t *pairs; // owned, in no order
};

struct postings {
    struct symbols *symbols; // borrowed
    struct pair *pairs;
    uint32_t pair_count; // ids given out so far, free ones included
    uint32_t pair_capacity;
    uint32_t pair_free;
    uint32_t pair_live;
    struct hmap by_pair;
    struct pair_name *names;
    uint32_t name_count;
    uint32_t name_capacity;
    struct hmap by_name;
};

void postings_init(struct postings *p, struct symbols *symbols);
void postings_release(struct postings *p);

// PAIR_NONE when no series carries it.
uint32_t postings_find(const struct postings *p, struct str name, struct str value);
// NULL when no series has a label of that name.
const struct pair_name *postings_name(const struct postings *p, struct str name);
// Adds a series to a pair's list, which it must not be in, and returns the pair's number.
uint32_t postings_add(struct postings *p, struct str name, struct str value, uint32_t id);
// Takes the ids for which dead(context, id) holds out of a pair's list; frees the pair when empty.
void postings_filter(struct postings *p, uint32_t pair, bool (*dead)(const void *, uint32_t),
                     const void *context);

static inline const uint32_t *pair_ids(const struct pair *pair)
{
    return pair->capacity ? pair->ids.many : &pair->ids.one;
}

#endif
