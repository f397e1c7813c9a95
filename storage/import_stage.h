// Where windows are made before they all appear in a store at once: PATH/import, moved up at the end.
//
// It holds the store's lock: no server has the folder open meanwhile.
#ifndef STORAGE_IMPORT_STAGE_H
#define STORAGE_IMPORT_STAGE_H

#include "base/error.h"
#include "model/labels.h"
#include "storage/querier.h"

struct stage;

// Creates the store's folder when it is missing. ERR_EXISTS: a process has it open.
int stage_open(struct stage **out, const char *path, struct error *err);
// Without a commit, nothing of what was staged is left.
void stage_free(struct stage *s); // NULL is allowed

// How long the windows for samples between these times should be.
int64_t stage_span_ms(int64_t min_ms, int64_t max_ms);
// The end of the span that holds a time.
int64_t stage_span_end(int64_t t_ms, int64_t span_ms);

// One window at a time: series in the order of their labels, each with at least one sample, all in
// [min_ms, max_ms). A window without series is not made. After an error, stage_rollback().
void stage_window_begin(struct stage *s, int64_t min_ms, int64_t max_ms);
int stage_window_add(struct stage *s, struct labels labels, const struct columns *samples,
                     struct error *err);
int stage_window_end(struct stage *s, struct error *err);

// How many windows there are, and back to that many.
size_t stage_window_count(const struct stage *s);
void stage_rollback(struct stage *s, size_t window_count);
// Moves the windows into the store, with others made of what its journal holds: all of it or nothing,
// whenever the process is killed. On failure nothing has happened, or all of it will when the store
// is opened next; the error says which.
int stage_commit(struct stage *s, struct error *err);
// Before a store is opened, under its lock: ends what a killed process began.
int stage_recover(const char *path, struct error *err);

#endif
