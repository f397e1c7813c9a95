// Prometheus' write-ahead log: a folder of segments, each a run of records cut into fragments.
#ifndef STORAGE_IMPORT_WAL_H
#define STORAGE_IMPORT_WAL_H

#include "base/buf.h"
#include "base/error.h"

typedef void prom_record_fn(void *context, struct str record);

// Calls each() with the whole, decompressed records of one segment. Returns how many bytes were
// sound; *why says what was wrong behind them, or is NULL at a proper end.
size_t prom_wal_segment(struct str bytes, prom_record_fn *each, void *context, const char **why);

// What one folder of segments told. A log that was cut by a crash ends in a torn record; that is
// how logs end, and `torn` says so. Anything wrong before the last segment is damage: what follows
// it in the log is not read, as Prometheus itself wouldn't.
struct prom_wal_end {
    size_t segment_count;
    uint64_t bytes;
    bool torn;
    bool damaged;
    struct buf where; // text for either: segment, offset, reason; owned
};

// The segments numbered `first` and later, in order. A missing folder has none.
int prom_wal_read(const char *folder, uint64_t first, prom_record_fn *each, void *context,
                  struct prom_wal_end *end, struct error *err);
void prom_wal_end_release(struct prom_wal_end *end);
// The newest checkpoint.NNNNNNNN below the folder: its name in *name (empty: none), and the number
// of the first segment behind it.
int prom_wal_checkpoint(const char *folder, struct buf *name, uint64_t *first, struct error *err);

#endif
