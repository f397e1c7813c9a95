// Writing samples: look a series up once, keep its reference, append, commit.
//
// An appender is a batch: nothing is visible or journaled before appender_commit(), and a rollback
// leaves no sample behind. One thread uses an appender; many may be open at once.
#ifndef STORAGE_APPENDER_H
#define STORAGE_APPENDER_H

#include "base/error.h"
#include "model/labels.h"
#include "model/sample.h"
#include "storage/storage.h"

struct appender;

// A series' identity for as long as the store is open. 0 is none. A reference to a series that was
// forgotten meanwhile is refused with ERR_NOT_FOUND: look it up again. Never reused.
typedef uint64_t series_ref;

struct appender *appender_new(struct storage *s);
// Without commit this rolls back.
void appender_free(struct appender *a);

// Finds the series or creates it. `labels` is copied where needed. ERR_LIMIT: the store holds as
// many series as it may. ERR_INVALID: empty set, a name or value that is no UTF-8.
int appender_series(struct appender *a, struct labels labels, series_ref *out);

// Adds a sample to the batch. ERR_OUT_OF_BOUNDS (older than what can still be stored),
// ERR_TOO_FAR_AHEAD, ERR_NOT_FOUND; ERR_LIMIT past a billion. The batch goes on after an error. Whether the sample comes in
// order is seen at the commit.
int appender_add(struct appender *a, series_ref series, int64_t t_ms, double value);

// `durable`: returns only once the batch would survive kill -9 (it is in the kernel). All or
// nothing, but for the samples refused (below): after an error the batch is rolled back, nothing of
// it is visible, and the appender is empty and usable. ERR_NO_SPACE, ERR_IO; ERR_NOT_FOUND when the
// batch stayed open for so long that one of its series was forgotten: look the series up again.
int appender_commit(struct appender *a, bool durable, struct error *err);

// Samples that the last commit did not store, by reason, and the first of them. The very sample that
// is stored already is none of them.
struct append_refusals {
    size_t out_of_order;  // older than the series' newest sample
    size_t duplicate;     // another value for the time of the newest sample
    size_t out_of_bounds; // older than what can still be stored
    size_t too_old;       // older than the out-of-order window
    series_ref first;     // 0: none was refused
    int first_rc;         // ERR_OUT_OF_ORDER, ERR_DUPLICATE, ERR_OUT_OF_BOUNDS, ERR_TOO_OLD
    int64_t first_t_ms;
};

// Valid until the next appender_add().
const struct append_refusals *appender_refusals(const struct appender *a);
void appender_rollback(struct appender *a);
// Samples accepted since the last commit or rollback.
size_t appender_sample_count(const struct appender *a);
// The series' labels; borrowed while the store is open and the series is kept.
int appender_labels(struct appender *a, series_ref series, struct arena *arena, struct labels *out);

#endif
