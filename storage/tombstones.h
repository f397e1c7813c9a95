// Deleted samples: matchers and a range of time each, until no file holds such a sample any more.
//
// A tombstone hides what was stored before it. Files carry the store's sequence number of the moment
// they were begun; a tombstone has one too, and hides nothing of files with a greater one: those were
// written without the deleted samples. What the head holds counts as older than every tombstone: times
// are cut at the newest sample there was, so that new samples are not hit.
//
// A list is immutable and counted: a reader takes the current one and keeps it.
#ifndef STORAGE_TOMBSTONES_H
#define STORAGE_TOMBSTONES_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/matcher.h"
#include "storage/querier.h"

// The head's sequence.
#define TOMBSTONE_HEAD 0

struct tombstone {
    struct matcher *matchers; // owned by the list
    size_t matcher_count;
    int64_t min_ms, max_ms; // both inclusive
    uint64_t sequence;
};

struct tombstones; // NULL is the empty list

size_t tombstones_count(const struct tombstones *t);
const struct tombstone *tombstones_at(const struct tombstones *t, size_t index);
struct tombstones *tombstones_ref(struct tombstones *t);
void tombstones_unref(struct tombstones *t);
// A new list: that one's tombstones for which keep() holds (NULL: all), and `added` (may be NULL),
// whose matchers are copied.
struct tombstones *tombstones_with(const struct tombstones *t,
                                   bool (*keep)(void *context, const struct tombstone *t),
                                   void *context, const struct tombstone *added);

// PATH/tombstones. A missing file is the empty list; ERR_CORRUPT, ERR_IO.
int tombstones_load(struct tombstones **out, const char *folder, struct error *err);
int tombstones_store(const struct tombstones *t, const char *folder, struct error *err);
void tombstones_encode(const struct tombstones *t, struct buf *out);
int tombstones_decode(struct tombstones **out, struct str bytes, struct error *err);

// What is deleted of one series.
struct deleted {
    int64_t min_ms, max_ms;
    uint64_t sequence;
};

struct deletions {
    const struct deleted *items; // NULL: nothing
    size_t count;
};

// In the arena.
struct deletions tombstones_match(const struct tombstones *t, struct labels labels,
                                  struct arena *arena);
// Removes what is deleted of a file's samples, which stand in *c from index `from` on.
void deletions_apply(struct deletions d, uint64_t sequence, struct columns *c, size_t from);
// Whether nothing in [min_ms, max_ms] is left of a file's samples.
bool deletions_cover(struct deletions d, uint64_t sequence, int64_t min_ms, int64_t max_ms);
// Whether any of a file's samples in [min_ms, max_ms] may be deleted.
bool deletions_touch(struct deletions d, uint64_t sequence, int64_t min_ms, int64_t max_ms);

#endif
