// What targets answer: the Prometheus text format 0.0.4 and OpenMetrics 1.0.
//
//     exposition_init(&x, body, EXPOSITION_TEXT, &arena);
//     while ((rc = exposition_next(&x, &entry, &err)) == OK) ...
//     rc == ERR_END: all was read; ERR_INVALID: err->line and text say what is wrong.
//
// Views point into the body; labels and unescaped text live in the arena, which the caller may
// reset between entries.
#ifndef SCRAPE_EXPOSITION_H
#define SCRAPE_EXPOSITION_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"

enum exposition_format { EXPOSITION_NONE, EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

// By Content-Type; EXPOSITION_NONE for a missing or unknown one.
enum exposition_format exposition_format_of(struct str content_type);

enum exposition_kind { EXPOSITION_SAMPLE, EXPOSITION_HELP, EXPOSITION_TYPE, EXPOSITION_UNIT };

struct exposition_entry {
    enum exposition_kind kind;
    struct str series; // of a sample: its name and labels as written, a key for caches
    struct str name;   // metric name; of metadata the family
    struct str text;   // of metadata: the help, type or unit
    double value;
    bool has_time;
    int64_t t_ms;
};

struct exposition {
    struct str rest;
    enum exposition_format format;
    struct arena *arena;
    int line;
    bool ended; // # EOF was seen
};

void exposition_init(struct exposition *x, struct str body, enum exposition_format format,
                     struct arena *arena);
int exposition_next(struct exposition *x, struct exposition_entry *out, struct error *err);
// The labels of a sample's `series`, the metric name among them, in the builder (whose arena holds
// what had to be unescaped). exposition_next() has checked the syntax; ERR_INVALID for repeated
// names.
int exposition_labels(struct str series, struct labels_builder *out, struct error *err);

#endif
