// The state of one import from Prometheus' folder.
#ifndef STORAGE_IMPORT_PROMETHEUS_H
#define STORAGE_IMPORT_PROMETHEUS_H

#include "base/hmap.h"
#include "bulk.h"
#include "storage/import.h"

struct prom_import {
    const struct prom_import_options *options;
    struct prom_import_counts *counts;
    struct stage *stage; // the bulk's, from the log on
    int64_t log_min_ms;  // older samples of the log are in blocks
    uint64_t *hashes;    // of the label sets with samples, each once
    size_t hash_count;
    size_t hash_capacity;
    struct hmap hash_index;
    struct buf histograms; // some names of metrics that have native ones, for people
    size_t histogram_name_count;
};

void prom_import_say(struct prom_import *im, bool problem, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Counts a series once however often it is named.
void prom_import_count_series(struct prom_import *im, struct labels labels);
// Forgets those counted since there were `hash_count`.
void prom_import_uncount_series(struct prom_import *im, size_t hash_count);
void prom_import_count_times(struct prom_import *im, int64_t min_ms, int64_t max_ms);

// Remembers the name of a metric that has native histograms.
void prom_import_note_histogram(struct prom_import *im, struct labels labels);
// ": a, b, ..." or nothing.
const char *prom_import_histograms(struct prom_import *im);

// import_blocks.c: what is damaged is told and skipped; an error means that nothing can be written.
int prom_import_blocks(struct prom_import *im, struct error *err);
// import_head.c: the write-ahead log, and that of late samples. Takes the stage and commits it.
int prom_import_head(struct prom_import *im, struct error *err);

#endif
