// What targets answer: the Prometheus text format 0.0.4 and OpenMetrics 1.0.
//
//     exposition_init(&x, body, EXPOSITION_TEXT, &arena);
//     while ((rc = exposition_next(&x, &entry, &err)) == OK) ...
//     rc == ERR_END: all was read; ERR_INVALID: err->line and text say what is wrong.
//
// Views point into the body; labels and unescaped text live in the arena, which the caller may
// reset between entries.
//
// Names are legacy ones (metric_name_is_legacy()) or any UTF-8 in quotes: {"a.b","x.y"="z"}.
// Exemplars are checked and skipped. Types of the text format: untyped reads as unknown. A last
// line without newline counts; OpenMetrics has to end in "# EOF".
#ifndef SCRAPE_EXPOSITION_H
#define SCRAPE_EXPOSITION_H

#include "base/arena.h"
#include "base/error.h"
#include "model/labels.h"

enum exposition_format { EXPOSITION_NONE, EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

// By Content-Type; EXPOSITION_NONE for a missing or unknown one.
enum exposition_format exposition_format_of(struct str content_type);

// X(name, text)
#define METRIC_TYPE_TABLE(X)                                                                       \
    X(UNKNOWN, "unknown")                                                                          \
    X(COUNTER, "counter")                                                                          \
    X(GAUGE, "gauge")                                                                              \
    X(HISTOGRAM, "histogram")                                                                      \
    X(GAUGE_HISTOGRAM, "gaugehistogram")                                                           \
    X(SUMMARY, "summary")                                                                          \
    X(INFO, "info")                                                                                \
    X(STATE_SET, "stateset")

enum metric_type {
#define X(name, text) METRIC_TYPE_##name,
    METRIC_TYPE_TABLE(X)
#undef X
};

const char *metric_type_name(enum metric_type type);

enum exposition_kind {
    EXPOSITION_SAMPLE,
    EXPOSITION_HELP,
    EXPOSITION_TYPE,
    EXPOSITION_UNIT,
    EXPOSITION_REPEATED, // a metadata line that the hint knows; nothing else is set
};

struct exposition_entry {
    enum exposition_kind kind;
    bool known;            // sample: `series` is the hint's, `name` and `text` are not set
    bool has_time;         // sample
    enum metric_type type; // of EXPOSITION_TYPE
    struct str series; // sample: its name and labels as written, a key for caches; else the line
    struct str name;   // sample: metric name before the braces; metadata: the family
    struct str text;   // help or unit
    uint64_t hash;     // of `series`
    double value;
    int64_t t_ms; // when has_time
};

// What the caller expects to come next, to be set before each exposition_next(): scrapes repeat,
// and what is recognised by its hash need not be taken apart. Zeros expect nothing.
struct exposition_hint {
    uint64_t series_hash;
    size_t series_len;
    uint32_t comment_hash; // low half
    uint32_t comment_len;
};

struct exposition {
    struct str rest;
    enum exposition_format format;
    struct arena *arena;
    struct exposition_hint hint;
    int line;
    bool ended; // # EOF was seen
};

void exposition_init(struct exposition *x, struct str body, enum exposition_format format,
                     struct arena *arena);
int exposition_next(struct exposition *x, struct exposition_entry *out, struct error *err);

// The labels of a sample's `series`, the metric name among them, added to an empty builder (whose
// arena holds what had to be unescaped). Labels with an empty value are among them: they say that
// the target has no such label, which matters to honor_labels; see
// exposition_drop_empty(). exposition_next() has found where the braces end; ERR_INVALID for what
// stands between them: repeated names, bad syntax, no UTF-8.
int exposition_labels(struct str series, struct labels_builder *out, struct error *err);
void exposition_drop_empty(struct labels_builder *set);

#endif
