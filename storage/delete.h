// The tombstones of an open store, and what is asked of them on the way of a sample.
#ifndef STORAGE_DELETE_H
#define STORAGE_DELETE_H

#include "querier_internal.h"
#include "tombstones.h"

// Reads PATH/tombstones; a damaged file is set aside and logged.
void deletions_open(struct storage *s);
// The current list, with a reference for the caller. Readers take it before their view: a cleaning
// changes the view first.
struct tombstones *deletions_get(struct storage *s);
// The number of a new file and the tombstones that are to be left out of it; later ones apply to the
// file. A reference.
struct tombstones *deletions_begin_file(struct storage *s, uint64_t *sequence);
// Drops the tombstones of times that nothing stored reaches back to any more.
void deletions_retire(struct storage *s);
// Drops the tombstones that stand in `done`, but those of samples that the head may hold.
int deletions_drop(struct storage *s, const struct tombstones *done, struct error *err);
// Whether all that a place may have in [min_ms, max_ms] is deleted.
bool deletions_cover_place(struct querier *q, struct place place, struct deletions d,
                           int64_t min_ms, int64_t max_ms);

#endif
