// The head's inverted index: label pair -> the series that have it. Guarded by the head's lock.
#ifndef STORAGE_POSTINGS_H
#define STORAGE_POSTINGS_H

#include "base/hmap.h"
#include "ids.h"

struct posting {
    uint32_t name; // symbols
    uint32_t value;
    uint32_t next; // the next value of the same name, or HMAP_NONE
    struct ids ids;
};

struct postings {
    struct posting *items; // one for each pair ever seen; empty lists stay for reuse
    size_t count;
    size_t capacity;
    struct hmap pairs; // (name, value) -> item
    struct hmap names; // name -> its newest item, the head of its chain
};

void postings_init(struct postings *p);
void postings_release(struct postings *p);
// Ids of one pair must come in ascending order.
void postings_add(struct postings *p, uint32_t name, uint32_t value, uint32_t id);
void postings_remove(struct postings *p, uint32_t name, uint32_t value, uint32_t id);
// NULL when the pair was never seen.
const struct posting *postings_find(const struct postings *p, uint32_t name, uint32_t value);
// First value of a name, and the following one; NULL at the end.
const struct posting *postings_first(const struct postings *p, uint32_t name);
const struct posting *postings_next(const struct postings *p, const struct posting *item);

#endif
