// What a querier is made of, shared by the files that implement storage/querier.h.
#ifndef STORAGE_QUERIER_INTERNAL_H
#define STORAGE_QUERIER_INTERNAL_H

#include "storage/querier.h"
#include "store.h"
#include "tombstones.h"

struct querier {
    struct storage *storage;
    struct view *view;
    int64_t min_ms, max_ms;    // inclusive
    struct tombstones *hidden; // a reference
    bool brief;                // querier_be_brief()
};

// Where a series is. The head is the source behind the last window.
struct place {
    uint32_t source; // index into view->windows, or window_count for the head
    uint32_t id;
};

struct querier_series {
    struct deletions deleted;
    size_t place_count;
    struct place places[]; // in the order of the view's windows
};

static inline bool window_reaches(const struct window *w, int64_t min_ms, int64_t max_ms)
{
    return window_max_ms(w) > min_ms && window_min_ms(w) <= max_ms;
}

#endif
