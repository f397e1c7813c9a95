// A file of queries, one a line:
//
//     NAME instant [ATTRIBUTE...] EXPRESSION
//     NAME range SPAN/STEP [ATTRIBUTE...] EXPRESSION
//
// such as `cpu range 6h/60s sum by (mode) (rate(node_cpu_seconds_total[5m]))`. Blank lines and those
// that begin with # are skipped; a line that ends in a backslash goes on with the next. Attributes
// say how nearly answers must agree:
//
//     tolerance=1e-6          of each value, relative; 1% is 0.01
//     KIND=5%                 the same for targets of one kind: lapwing, prometheus,
//                             victoria-metrics
//     KIND=differs            answers of that kind are known to differ: they are compared and the
//                             difference is shown, but it is no fault
//     offset=1h               the query ends so much before the others
#ifndef BENCH_QUERY_SET_H
#define BENCH_QUERY_SET_H

#include "base/arena.h"
#include "base/error.h"

enum target_kind { KIND_OTHER, KIND_LAPWING, KIND_PROMETHEUS, KIND_VICTORIA_METRICS, KIND_COUNT };

extern const char *const target_kind_names[KIND_COUNT];

#define TOLERANCE_DEFAULT 1e-6
// In the place of a tolerance: any difference is known.
#define TOLERANCE_DIFFERS (-1.0)

struct query {
    struct str name;
    struct str expr;
    bool range;
    int64_t span_ms; // 0 for instant ones
    int64_t step_ms;
    int64_t offset_ms;
    double tolerances[KIND_COUNT];
};

struct query_set {
    struct arena arena;
    struct query *queries;
    size_t count;
    size_t capacity;
};

// Appends the queries of a text; the file's name is for messages, which say the line.
int query_set_parse(struct query_set *set, const char *file, struct str text, struct error *err);
int query_set_read(struct query_set *set, const char *path, struct error *err);
void query_set_init(struct query_set *set);
void query_set_release(struct query_set *set);

#endif
