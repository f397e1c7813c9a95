// Evaluation of a plan: columns of values, one row per series, one place per step.
//
// Everything a query allocates comes from its arena and is counted against its budget; functions
// that fail have put the reason into eval.err. One thread evaluates a query; for the series of a
// selector it may have help (parallel.h).
#ifndef PROMQL_EVAL_H
#define PROMQL_EVAL_H

#include "annotations.h"
#include "plan.h"
#include "source.h"

// One series over the steps of a grid. A sample is a float; where other kinds come, they stand
// beside `values` under the same presence.
struct row {
    struct labels labels;
    bool drop_name;   // delayed name removal: the name goes at the end
    double *values;   // one a step
    uint8_t *present; // 1 where there is a value
};

struct vector {
    struct row *rows;
    size_t count;
    size_t capacity;
};

// What a node evaluates to, by the node's type.
struct value {
    struct vector vector; // TYPE_VECTOR
    const double *scalar; // TYPE_SCALAR, one a step; NULL: `number` at every step
    double number;
};

static inline double scalar_at(const struct value *v, size_t step)
{
    return v->scalar ? v->scalar[step] : v->number;
}

struct eval {
    struct plan *plan;
    struct arena *arena;
    struct source source;
    const struct cancel *cancel;
    const struct clock *clock;
    struct pool *pool;                            // of threads for selectors; NULL: none
    const struct promql_start_times *start_times; // NULL: not used; then there is no pool
    struct annotations annotations;
    struct columns columns; // of the series at hand
    struct columns piece;   // one window of it, where only windows are read
    struct error *err;
    int64_t deadline_ns;
    size_t memory_max; // for messages; the arena enforces it
    uint64_t samples_max;
    uint64_t samples_held; // points of vectors
    uint64_t samples_read;
    bool delayed_names;
    bool brief; // ERR_DEFERRED when work_left is used up, or the deadline is past
    int64_t work_left;
    int64_t work_each; // of each series further up, where that is known
    unsigned checks;
};

// Between series and groups: ERR_CANCELED, ERR_TIMEOUT, ERR_DEFERRED, or ERR_LIMIT for memory.
int eval_check(struct eval *ev);
// Counts `count` more points that are kept; ERR_LIMIT.
int eval_hold(struct eval *ev, uint64_t count);
// The columns of one series at hand, on top of what is held; ERR_LIMIT.
int eval_read(struct eval *ev, size_t count);
// A brief query's work ahead, in samples, steps and the like: ERR_DEFERRED when it is too much.
int eval_work(struct eval *ev, int64_t amount);
int eval_fail(struct eval *ev, const char *format, ...) __attribute__((format(printf, 2, 3)));
int eval_fail_duplicate(struct eval *ev); // vector cannot contain metrics with the same labelset

// ---- nodes

int eval_node(struct eval *ev, const struct plan_node *n, struct value *out);
int eval_vector(struct eval *ev, const struct plan_node *n, struct vector *out);
int eval_scalar(struct eval *ev, const struct plan_node *n, struct value *out);

// Takes one series. The row's arrays are the callee's to change but not to keep: they are used
// again for the next series. Labels live as long as the query.
typedef int row_sink_fn(void *context, struct row *row);
// Evaluates a vector and hands it over series by series, with only one in memory where the node
// allows it. Rows have at least one value.
int eval_stream(struct eval *ev, const struct plan_node *n, row_sink_fn *sink, void *context);

// The series of a selector, found at the first call.
int eval_select(struct eval *ev, size_t selection, const struct series_set **out);
// A series' samples that any step looks at, in ev->columns: those in (lookup - behind_ms, lookup +
// ahead_ms].
int eval_columns(struct eval *ev, const struct plan_node *n, const struct querier_series *series);
int stream_selector(struct eval *ev, const struct plan_node *n, row_sink_fn *sink, void *context);
int stream_timestamps(struct eval *ev, const struct plan_node *n, row_sink_fn *sink, void *context);
int stream_range(struct eval *ev, const struct plan_node *call, row_sink_fn *sink, void *context);
// The same with another function than the call's.
int stream_windows(struct eval *ev, const struct plan_node *call, function_range_fn *function,
                   row_sink_fn *sink, void *context);
int eval_aggregate(struct eval *ev, const struct plan_node *n, struct vector *out);
int eval_binary_vectors(struct eval *ev, const struct plan_node *n, struct vector *out);
int eval_binary_set(struct eval *ev, const struct plan_node *n, struct vector *out);
int stream_binary_scalar(struct eval *ev, const struct plan_node *n, row_sink_fn *sink,
                         void *context);
// A range vector at the only step of an instant query, as series with times of their own.
int eval_matrix(struct eval *ev, const struct plan_node *n, struct promql_series **out,
                size_t *count);

// ---- rows and vectors (vector.c)

// A row without values, and room for one a step; ERR_LIMIT.
int row_init(struct eval *ev, struct row *row, struct labels labels, size_t step_count);
bool row_is_empty(const struct row *row, size_t step_count);
size_t row_point_count(const struct row *row, size_t step_count);
// The labels without __name__, __type__ and __unit__, or the mark that they go at the end.
void row_drop_name(struct eval *ev, struct row *row);
struct labels labels_drop_name(struct arena *a, struct labels set);
// Appends; the row's arrays must live in the arena.
void vector_push(struct eval *ev, struct vector *v, const struct row *row);
// A sink that appends copies to a collector.
struct collector {
    struct eval *ev;
    struct vector *vector;
    size_t step_count;
};
row_sink_fn collect_row;
// Series of equal labels become one; an error when two have a value at the same step.
int vector_merge(struct eval *ev, struct vector *v, size_t step_count);
// An error when two series have equal labels at all.
int vector_check_unique(struct eval *ev, const struct vector *v);
void vector_sort(struct vector *v); // by labels

// ---- label sets

size_t label_filter_apply(const struct label_filter *f, struct labels set, struct label *out);
// The filtered set, in the arena.
struct labels label_filter_labels(struct arena *a, const struct label_filter *f, struct labels set);

#define LABEL_INDEX_RECENT 32

// Numbers label sets 0, 1, 2, ... in the order they are first seen.
struct label_index {
    struct hmap map;     // heap
    struct labels *sets; // arena
    size_t count;
    size_t capacity;
    struct label *scratch; // heap
    size_t scratch_capacity;
    // What was filtered last, by the very texts: series of a selection share theirs.
    struct labels recent[LABEL_INDEX_RECENT];
    uint32_t recent_numbers[LABEL_INDEX_RECENT];
};

void label_index_init(struct label_index *x);
void label_index_release(struct label_index *x);
// The number of `set`, which is kept as it is when new.
uint32_t label_index_add(struct label_index *x, struct arena *a, struct labels set);
// The number of what the filter leaves of it. An index has one filter, and its sets' texts stay.
uint32_t label_index_filtered(struct label_index *x, struct arena *a,
                              const struct label_filter *filter, struct labels set);
// HMAP_NONE when it was not added.
uint32_t label_index_find(const struct label_index *x, struct labels set);

#endif
