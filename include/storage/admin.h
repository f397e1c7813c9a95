// What an administrator asks of a store while it runs: deleting, cleaning, snapshots.
#ifndef STORAGE_ADMIN_H
#define STORAGE_ADMIN_H

#include "base/buf.h"
#include "base/error.h"
#include "model/matcher.h"
#include "storage/storage.h"

// Hides the samples stored so far with min_ms <= t <= max_ms of the series for which every matcher
// holds, from queries that begin after it returns. Then it is on disk. ERR_IO, ERR_NO_SPACE: nothing
// was deleted.
int storage_delete(struct storage *s, const struct matcher *matchers, size_t count, int64_t min_ms,
                   int64_t max_ms, struct error *err);
// Rewrites the files that hold deleted samples without them. What is deleted in memory goes when it
// is sealed. Other maintenance waits meanwhile. ERR_CORRUPT, ERR_IO, ERR_NO_SPACE: some files may
// have been rewritten, and the deleted samples stay hidden.
int storage_clean(struct storage *s, struct error *err);
// Makes PATH/snapshots/NAME, a store of its own with all that this one holds now, or without what no
// file holds yet; appends NAME. Files are hard links: they take room once this store drops them.
// ERR_UNSUPPORTED in a store without a folder, ERR_IO, ERR_NO_SPACE: nothing is left.
int storage_snapshot(struct storage *s, bool skip_head, struct buf *name, struct error *err);

#endif
