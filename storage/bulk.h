// What a bulk load shares with the readers of other stores' files.
#ifndef STORAGE_BULK_PRIVATE_H
#define STORAGE_BULK_PRIVATE_H

#include "bulk_run.h"
#include "import_stage.h"
#include "storage/bulk.h"

// A load into a stage, which it owns from then on.
struct bulk *bulk_new(struct stage *stage, size_t memory_max);
// Writes the samples gathered so far as windows of the stage.
int bulk_flush(struct bulk *b, struct error *err);
// The label sets of which samples were written.
void bulk_each_stored(struct bulk *b, void (*each)(void *context, struct labels labels),
                      void *context);

#endif
