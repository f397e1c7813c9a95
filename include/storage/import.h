// Moving in: the history of a Prometheus data folder, written into a store that no process has open.
#ifndef STORAGE_IMPORT_H
#define STORAGE_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct prom_import_options {
    const char *source; // Prometheus' data folder; only read
    const char *path;   // of the store, created when missing
    size_t memory_max;  // for samples of the log that wait to be written
    // Told of each thing that was not taken over, and why. `problem`: it ought to have been.
    void (*say)(void *context, bool problem, const char *text);
    void *context;
};

struct prom_import_counts {
    uint64_t blocks;          // read whole
    uint64_t blocks_replaced; // others hold their samples
    uint64_t blocks_bad;      // skipped whole
    uint64_t segments;        // of the log
    uint64_t series;          // distinct, with at least one sample
    uint64_t samples;
    uint64_t windows;
    int64_t min_ms, max_ms; // INT64_MAX and INT64_MIN without samples

    // Not taken over.
    uint64_t deleted;           // samples behind tombstones
    uint64_t histogram_samples; // native histograms in blocks
    uint64_t histogram_records; // ... and in the log
    uint64_t in_blocks;         // samples of the log that a block has as well
    uint64_t unnamed;           // samples of the log whose series it doesn't name
    uint64_t repeated;          // same time, same value
    uint64_t conflicts;         // same time, another value: the first stays
    uint64_t out_of_bounds;     // times that no store takes
    uint64_t exemplar_records;
    uint64_t metadata_records;
    uint64_t bad_records;
    uint64_t unknown_records;
    uint64_t problems; // times that say() heard of one
};

// Takes over what can be read: a block that is damaged anywhere is skipped whole, a log is read up to
// the damage. On failure the store is as it was: ERR_EXISTS when either folder is in use, ERR_INVALID
// when the source is none, ERR_IO, ERR_NO_SPACE.
int prom_import(const struct prom_import_options *options, struct prom_import_counts *counts,
                struct error *err);

#endif
