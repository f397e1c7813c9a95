// Changes to the durable tables that wait for the next commit.
//
// Everything the notification pipeline must remember goes through here: whoever changes its state
// puts the new bytes at once and forgets about them; unsaved_commit() writes all of it as one
// batch, so that what belongs together reaches the disk together. A commit that fails (disk full)
// keeps the changes: they are read from memory and tried again with the next commit, and alerts go
// on meanwhile.
// Not safe for concurrent use: guarded by the engine's lock.
#ifndef ALERTING_UNSAVED_H
#define ALERTING_UNSAVED_H

#include "base/strmap.h"
#include "storage/meta.h"

struct unsaved {
    struct storage *storage; // borrowed
    struct strmap pending;   // table byte + key -> struct change, owned
    size_t size;             // bytes of the pending values
};

// With so much pending it is better written at once, in between, than later as a whole.
#define UNSAVED_SIZE_MAX ((size_t)128 << 10)

void unsaved_init(struct unsaved *c, struct storage *storage);
void unsaved_release(struct unsaved *c); // drops what is pending
void unsaved_put(struct unsaved *c, enum meta_table table, struct str key, struct str value);
void unsaved_delete(struct unsaved *c, enum meta_table table, struct str key);
bool unsaved_pending(const struct unsaved *c);
// Replaces *out by the newest value, pending or stored; ERR_NOT_FOUND when there is none.
int unsaved_get(struct unsaved *c, enum meta_table table, struct str key, struct buf *out);
int unsaved_commit(struct unsaved *c, struct error *err);

// Keys of variable length become 16 bytes under a one-byte prefix.
struct unsaved_key {
    char bytes[17];
};

struct unsaved_key unsaved_key(char prefix, struct str name);

static inline struct str unsaved_key_str(const struct unsaved_key *key)
{
    return str_make(key->bytes, sizeof(key->bytes));
}

#endif
