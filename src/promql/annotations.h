// Warnings and infos of a query, each once, in Prometheus' words.
#ifndef PROMQL_ANNOTATIONS_H
#define PROMQL_ANNOTATIONS_H

#include "ast.h"
#include "base/hmap.h"

enum annotation_kind { ANNOTATION_WARNING, ANNOTATION_INFO };

struct annotation {
    enum annotation_kind kind;
    struct str text; // without position
    struct position position;
    // What monotonicity was forced on, when monotonicity_count > 0.
    uint64_t occurrence_count; // where they are counted
    uint64_t monotonicity_count;
    int64_t t_min_ms, t_max_ms;
    double bucket_min, bucket_max, diff_max;
};

struct annotations {
    struct arena *arena; // borrowed
    struct hmap index;   // by text
    struct annotation *items;
    size_t count;
    size_t capacity;
};

void annotations_init(struct annotations *a, struct arena *arena);
void annotations_release(struct annotations *a);
// "PromQL warning: " or "PromQL info: " is put before the text. Returns the annotation, new or old;
// valid until the next call.
struct annotation *annotate(struct annotations *a, enum annotation_kind kind,
                            struct position position, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// `quantile value should be between 0 and 1` unless it is.
void annotate_quantile(struct annotations *a, double q, struct position position);
void annotate_non_counter(struct annotations *a, struct str metric, struct position position);
void annotate_bad_bucket(struct annotations *a, struct str metric, struct str le,
                         struct position position);
struct monotonicity {
    bool forced;
    double bucket_min, bucket_max, diff_max;
};
void annotate_monotonicity(struct annotations *a, struct str metric, int64_t t_ms,
                           const struct monotonicity *m, struct position position);
// The texts with position, as line and column in `query` (line 1 while it is empty).
void annotations_render(const struct annotations *a, struct str query, struct promql_result *out);

#endif
