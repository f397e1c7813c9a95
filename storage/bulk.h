// What a bulk load shares with the readers of other stores' files.
#ifndef STORAGE_BULK_PRIVATE_H
#define STORAGE_BULK_PRIVATE_H

#include "bulk_run.h"
#include "import_stage.h"
#include "storage/bulk.h"

struct tombstones;

// A load into a stage, which it owns from then on; NULL: samples are only gathered, and memory_max is
// to be SIZE_MAX.
struct bulk *bulk_new(struct stage *stage, size_t memory_max);
// For what a store has taken already: times ahead of the clock are fine.
void bulk_take_future(struct bulk *b);
// The same without owning the stage, leaving out what the tombstones hide of a head.
struct bulk *bulk_new_beside(struct stage *stage, const struct tombstones *hidden);
// Writes the samples gathered so far as windows of the stage.
int bulk_flush(struct bulk *b, struct error *err);
struct labels bulk_labels(const struct bulk *b, uint32_t series);
// The label sets of which samples were written.
void bulk_each_stored(struct bulk *b, void (*each)(void *context, struct labels labels),
                      void *context);

// The series that hold samples, in the order of their labels, late ones sorted in; the caller frees
// the array with mem_free(). Valid until samples are added.
struct bulk_series **bulk_collect(struct bulk *b, size_t *count);
struct labels bulk_series_labels(const struct bulk_series *s);
// Moves the samples before max_ms behind what the columns hold.
void bulk_series_read(struct bulk_series *s, int64_t max_ms, struct columns *out);

#endif
