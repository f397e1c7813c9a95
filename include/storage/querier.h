// Reading samples: a consistent view of the store over a time range, in columns.
//
// A querier pins the windows it reads (files stay until it is freed) and holds no lock and no LMDB
// read transaction between calls. One thread uses a querier, but querier_read() may run on several
// threads at once for different series.
#ifndef STORAGE_QUERIER_H
#define STORAGE_QUERIER_H

#include "base/arena.h"
#include "base/cancel.h"
#include "base/error.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "storage/storage.h"

struct querier;
struct querier_series; // one selected series: where its samples are

// Sees samples with min_ms <= t <= max_ms (clipped to retention).
int querier_new(struct querier **out, struct storage *s, int64_t min_ms, int64_t max_ms,
                struct error *err);
void querier_free(struct querier *q);
// From here on selections that take more than a small part of a millisecond, or find many series,
// give ERR_DEFERRED instead.
void querier_be_brief(struct querier *q);

// What a selection found: series sorted by labels_cmp(), each label set once. Arrays and labels
// live in the arena given to querier_select().
struct series_set {
    struct labels *labels;
    struct querier_series **series;
    size_t count;
};

// All series for which every matcher holds and that may have samples in [min_ms, max_ms] (within
// the querier's range). ERR_LIMIT when the arena's limit is hit.
int querier_select(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                   int64_t min_ms, int64_t max_ms, struct arena *arena, struct series_set *out,
                   struct error *err);
// The same for callers to whom only labels of these names matter: others may be left out of
// the result's, which is in the same order.
int querier_select_some(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                        const struct str *names, size_t name_count, int64_t min_ms, int64_t max_ms,
                        struct arena *arena, struct series_set *out, struct error *err);

// Samples of one series as two parallel columns, times strictly increasing, staleness markers
// included. The caller owns the arrays and reuses them from series to series: with them goes what
// reading decoded on the way, so one thread uses one of these, and reads neighbours in a row.
//
// Who wants to know when a series has samples sets markers_only: values that are no staleness markers
// may then be any others that are none.
struct columns {
    int64_t *times_ms; // owned
    double *values;    // owned
    size_t count;
    size_t capacity;
    bool markers_only;
    struct read_cache *cache; // owned; private to storage
};

void columns_init(struct columns *c);
void columns_release(struct columns *c);
void columns_reserve(struct columns *c, size_t capacity); // of both, keeping what is there
// Merges two runs in order of time, [0, second) and [second, count), into one; of two samples at
// one time the second run's stays.
void columns_merge(struct columns *c, size_t second);

// Replaces the contents of *out by the samples with min_ms <= t <= max_ms. ERR_CORRUPT, ERR_IO.
int querier_read(struct querier *q, const struct querier_series *series, int64_t min_ms,
                 int64_t max_ms, struct columns *out, struct error *err);

// Names or values, sorted and unique, in the arena. Matchers narrow the series looked at; none
// means all. `limit` 0 is none; *truncated (may be NULL) says whether it cut.
int querier_label_names(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                        size_t limit, struct arena *arena, struct str **out, size_t *count,
                        bool *truncated, struct error *err);
int querier_label_values(struct querier *q, struct str name, const struct matcher *matchers,
                         size_t matcher_count, size_t limit, struct arena *arena, struct str **out,
                         size_t *count, bool *truncated, struct error *err);

#endif
