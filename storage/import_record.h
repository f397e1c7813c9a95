// What a record of Prometheus' write-ahead log says.
#ifndef STORAGE_IMPORT_RECORD_H
#define STORAGE_IMPORT_RECORD_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"

enum prom_record {
    PROM_SERIES = 1,
    PROM_SAMPLES = 2,
    PROM_TOMBSTONES = 3,
    PROM_EXEMPLARS = 4,
    PROM_MMAP_MARKERS = 5,
    PROM_METADATA = 6,
    PROM_HISTOGRAMS = 7,
    PROM_FLOAT_HISTOGRAMS = 8,
    PROM_CUSTOM_HISTOGRAMS = 9,
    PROM_CUSTOM_FLOAT_HISTOGRAMS = 10,
};

struct prom_record_sink {
    void *context;
    void (*series)(void *context, uint64_t ref, struct labels labels); // views of the record
    void (*sample)(void *context, uint64_t ref, int64_t t_ms, double value);
    void (*deleted)(void *context, uint64_t ref, int64_t min_ms, int64_t max_ms);
    void (*metadata)(void *context, uint64_t ref);
    // A record that is passed over; `ref` is a series of it, 0 when none is known.
    void (*other)(void *context, unsigned type, uint64_t ref);
};

// ERR_CORRUPT when the record ends early; what came before was passed on. `scratch` is reset.
int prom_record_decode(struct str record, struct arena *scratch,
                       const struct prom_record_sink *sink);

#endif
