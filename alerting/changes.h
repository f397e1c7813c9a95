// Changes to the durable tables that wait for the next commit.
//
// Everything the notification pipeline must remember goes through here: whoever changes its state
// puts the new bytes at once and forgets about them; changes_commit() writes all of it as one
// batch, so that what belongs together reaches the disk together. A commit that fails (disk full)
// keeps the changes: they are read from memory and tried again with the next commit, and alerts go
// on meanwhile.
// Not safe for concurrent use: guarded by the engine's lock.
#ifndef ALERTING_CHANGES_H
#define ALERTING_CHANGES_H

#include "base/strmap.h"
#include "storage/meta.h"

struct changes {
    struct storage *storage; // borrowed
    struct strmap pending;   // table byte + key -> struct change, owned
};

void changes_init(struct changes *c, struct storage *storage);
void changes_release(struct changes *c); // drops what is pending
void changes_put(struct changes *c, enum meta_table table, struct str key, struct str value);
void changes_delete(struct changes *c, enum meta_table table, struct str key);
bool changes_pending(const struct changes *c);
// Replaces *out by the newest value, pending or stored; ERR_NOT_FOUND when there is none.
int changes_get(struct changes *c, enum meta_table table, struct str key, struct buf *out);
int changes_commit(struct changes *c, struct error *err);

// Keys of variable length become 16 bytes under a one-byte prefix.
struct changes_key {
    char bytes[17];
};

struct changes_key changes_key(char prefix, struct str name);

static inline struct str changes_key_str(const struct changes_key *key)
{
    return str_make(key->bytes, sizeof(key->bytes));
}

#endif
