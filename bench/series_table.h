// One host's series, expanded from the families of its shapes.
#ifndef BENCH_SERIES_TABLE_H
#define BENCH_SERIES_TABLE_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"
#include "shapes.h"

enum series_part { PART_VALUE, PART_BUCKET, PART_SUM, PART_COUNT, PART_QUANTILE };

#define SERIES_LABELS_MAX 12

// A series without the labels that tell hosts apart. A value "%" stands for the host.
struct series_plan {
    const struct family *family;
    enum series_part part;
    unsigned index; // of the bucket or quantile
    unsigned group; // series of one histogram or summary share it
    const char *job;
    int port;
    struct label labels[SERIES_LABELS_MAX]; // metric name first
    size_t label_count;
};

struct series_table {
    struct arena arena;
    struct series_plan *plans;
    size_t count;
    size_t capacity;
    unsigned group_count;
};

// `limit` 0 takes what the shapes have; otherwise whole groups up to it, repeating the shapes with
// a label `unit` where they have fewer.
int series_table_init(struct series_table *t, const char *shapes, unsigned limit,
                      struct error *err);
void series_table_release(struct series_table *t);

#endif
