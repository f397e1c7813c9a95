// The index file of a Prometheus block (format version 2), checked as it is read.
#ifndef STORAGE_IMPORT_INDEX_H
#define STORAGE_IMPORT_INDEX_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"

struct prom_chunk {
    int64_t min_ms, max_ms; // both inclusive
    uint64_t ref;           // segment number << 32 | offset in it
};

struct prom_series {
    uint32_t ref; // what tombstones name it by
    struct labels labels;
    struct prom_chunk *chunks; // in the arena, by min_ms
    size_t chunk_count;
};

struct prom_index {
    struct str bytes;    // borrowed
    struct str *symbols; // owned; views of the bytes
    uint32_t symbol_count;
    struct str refs; // a be32 for each series, in the order of their labels
    size_t series_count;
};

// ERR_CORRUPT, ERR_UNSUPPORTED; on failure there is nothing to release.
int prom_index_init(struct prom_index *x, struct str bytes, struct error *err);
void prom_index_release(struct prom_index *x);
// The series of a number below series_count. Labels are views of the bytes.
int prom_index_series(const struct prom_index *x, size_t number, struct arena *arena,
                      struct prom_series *out, struct error *err);

#endif
