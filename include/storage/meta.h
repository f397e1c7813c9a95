// Small durable tables beside the series: alert state, silences, notification log, outbox, cursors.
//
// A table maps byte keys (up to META_KEY_MAX) to byte values. Changes are grouped in a batch that
// is applied whole or not at all and is on disk when meta_commit() returns. In a memory-only store
// the tables live in memory.
#ifndef STORAGE_META_H
#define STORAGE_META_H

#include "base/buf.h"
#include "base/error.h"
#include "storage/storage.h"

// Longer keys are the caller's to hash.
#define META_KEY_MAX 511

enum meta_table {
    META_ALERTS,        // rule group, alert labels -> state
    META_GROUPS,        // aggregation group -> timers
    META_NOTIFICATIONS, // the notification log
    META_SILENCES,
    META_OUTBOX,
    META_HISTORY, // the ledger
    META_CURSORS,
    META_TABLE_COUNT
};

struct meta_batch;

struct meta_batch *meta_batch_new(struct storage *s);
// Drops what was not committed.
void meta_batch_free(struct meta_batch *b);
void meta_put(struct meta_batch *b, enum meta_table table, struct str key, struct str value);
void meta_delete(struct meta_batch *b, enum meta_table table, struct str key);
// Empties the batch, on error too (nothing was applied then).
int meta_commit(struct meta_batch *b, struct error *err);

// Replaces *out by the value; ERR_NOT_FOUND when there is none.
int meta_get(struct storage *s, enum meta_table table, struct str key, struct buf *out);
// Calls each() in byte order of the keys, from the first key >= `from`, until it returns non-zero,
// which is returned. Views are borrowed during the call, which must not write to the tables.
int meta_each(struct storage *s, enum meta_table table, struct str from,
              int (*each)(void *context, struct str key, struct str value), void *context);

#endif
