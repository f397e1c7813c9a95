// The little of LMDB that the store needs; lmdb_env.c is the only file that includes lmdb.h.
#ifndef STORAGE_LMDB_ENV_H
#define STORAGE_LMDB_ENV_H

#include "base/error.h"
#include "base/str.h"

struct lmdb_env;
struct lmdb_txn;

enum lmdb_mode {
    LMDB_FOLDER,    // a changing environment in a folder
    LMDB_SCRATCH,   // the same, for tests: nothing is synced
    LMDB_NEW_FILE,  // one file, written once
    LMDB_READ_FILE, // one file that never changes: no locks
    LMDB_LOOK_AT,   // the file of a changing environment, to be read while nobody else has it
};

// `table_count` named tables at most. map_size: the most it may ever hold; 0 for those that are
// only read.
int lmdb_env_open(struct lmdb_env **out, const char *path, enum lmdb_mode mode, size_t map_size,
                  unsigned table_count, struct error *err);
void lmdb_env_close(struct lmdb_env *e); // NULL is allowed
// Lets the system have the map's pages, which it reads again where they are needed.
void lmdb_env_forget_pages(struct lmdb_env *e);
// Copies the environment as it is now into an empty folder; others go on with theirs. Not synced.
int lmdb_env_copy(struct lmdb_env *e, const char *folder, struct error *err);

int lmdb_begin(struct lmdb_txn **out, struct lmdb_env *e, bool write, struct error *err);
// The transaction is over, on error too.
int lmdb_commit(struct lmdb_txn *t, struct error *err);
void lmdb_abort(struct lmdb_txn *t);

// Opens a table by name, creating it in a write transaction. Handles last as long as the
// environment once the transaction that opened them was committed.
int lmdb_table(struct lmdb_txn *t, const char *name, unsigned *table, struct error *err);
// `append`: keys come in ascending order, pages are filled to the brim.
int lmdb_put(struct lmdb_txn *t, unsigned table, struct str key, struct str value, bool append,
             struct error *err);
// The same for a value of `size` bytes that the caller writes to *out before anything else is done
// with the transaction.
int lmdb_reserve(struct lmdb_txn *t, unsigned table, struct str key, size_t size, bool append,
                 char **out, struct error *err);
// The value, a view of the map: valid until the transaction ends, or, in LMDB_READ_FILE, until the
// environment is closed. ERR_NOT_FOUND, ERR_CORRUPT.
int lmdb_get(struct lmdb_txn *t, unsigned table, struct str key, struct str *value);
// Removes a table and all it holds.
int lmdb_drop(struct lmdb_txn *t, unsigned table, struct error *err);
// A missing key is fine.
int lmdb_delete(struct lmdb_txn *t, unsigned table, struct str key, struct error *err);
// Calls each() in key order from the first key >= `from`, until it returns non-zero, which is
// returned.
int lmdb_each(struct lmdb_txn *t, unsigned table, struct str from,
              int (*each)(void *context, struct str key, struct str value), void *context);

#endif
