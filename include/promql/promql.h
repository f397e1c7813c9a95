// PromQL: parse text, evaluate it over the store.
//
// A range query and an instant query run through the same columnar engine: an expression is planned
// once and evaluated series by series over all steps; an instant query has one step.
#ifndef PROMQL_PROMQL_H
#define PROMQL_PROMQL_H

#include "base/arena.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "model/labels.h"
#include "model/sample.h"
#include "storage/storage.h"

struct promql_expr; // a parsed expression; lives in the arena it was parsed into
struct promql_engine;

// Language features that are off unless asked for; the names are those of --enable-feature.
enum promql_feature {
    PROMQL_EXPERIMENTAL_FUNCTIONS = 1 << 0,   // promql-experimental-functions
    PROMQL_DURATION_EXPRESSIONS = 1 << 1,     // promql-duration-expr
    PROMQL_EXTENDED_RANGE_SELECTORS = 1 << 2, // promql-extended-range-selectors
    PROMQL_BINOP_FILL_MODIFIERS = 1 << 3,     // promql-binop-fill-modifiers
    PROMQL_DELAYED_NAME_REMOVAL = 1 << 4,     // promql-delayed-name-removal
};

// Adds the bits of features named as Prometheus' --enable-feature takes them, separated by commas.
// ERR_INVALID names one that is not there.
int promql_features_parse(struct str names, unsigned *features, struct error *err);

enum promql_type { PROMQL_SCALAR, PROMQL_STRING, PROMQL_VECTOR, PROMQL_MATRIX };
const char *promql_type_name(enum promql_type type); // "scalar", "string", "vector", "matrix"

// Parses and checks types. err->line and column are the position, err->text reads as Prometheus'
// message, "1:5: parse error: unexpected ..." (position included). The expression borrows nothing
// from `text`. Refused beyond Prometheus: nesting deeper than 200, more than 2,000 binary operators,
// more than 1 MiB of text.
int promql_parse(struct promql_expr **out, struct str text, unsigned features, struct arena *arena,
                 struct error *err);
// Releases the regular expressions that the tree's matchers own, and leaves the nodes to the arena:
// call it before the arena is reset. NULL is allowed.
void promql_expr_free(struct promql_expr *e);
// The type of what an expression evaluates to.
enum promql_type promql_expr_type(const struct promql_expr *e);
// The name of each function of the language in turn, sorted, and the promql_feature bits it needs;
// NULL past the last.
const char *promql_function(size_t index, unsigned *needed);
// The expression on one line, as Prometheus prints it; parsing that gives the same expression.
void promql_print(struct buf *out, const struct promql_expr *e);
// The same on several lines where it is long, as Prometheus' /api/v1/format_query gives it.
void promql_print_pretty(struct buf *out, const struct promql_expr *e);
// The syntax tree as JSON, as Prometheus' /api/v1/parse_query gives it.
void promql_print_tree(struct buf *out, const struct promql_expr *e);

// A store beneath the engine's: queries see the samples of both, and of a series that both have those
// of the lower one up to the first of the upper one's. All borrowed.
struct promql_beneath {
    struct storage *storage;
    const struct str *ended; // metrics of which only samples up to ended_ms are seen
    size_t ended_count;
    int64_t ended_ms;
};

// When counters began to count from 0, by sample: the store doesn't keep it.
struct promql_start_times {
    // Fills in the start times of a series' samples at times_ms, 0 where one is unknown. False when
    // none of the series is known.
    bool (*find)(void *context, struct labels labels, const int64_t *times_ms, size_t count,
                 int64_t *starts_ms);
    void *context;
};

struct promql_options {
    struct storage *storage;              // borrowed
    const struct promql_beneath *beneath; // NULL: none; it wants a cache_size of 0
    // Borrowed; used by rate(), increase(), irate(), resets() and start_timestamp(). NULL: unknown.
    const struct promql_start_times *start_times;
    const struct clock *clock;        // borrowed
    struct metrics *metrics;          // borrowed
    int64_t lookback_ms;              // default 5 min
    int64_t timeout_ms;               // default 2 min
    int64_t default_subquery_step_ms; // the evaluation interval; default 1 min
    uint64_t samples_max;             // loaded by one query; default 50 million
    size_t memory_max;                // bytes of one query; default 512 MiB
    int64_t points_max;               // steps of a range query; default 11,000
    unsigned concurrency;             // queries at once; default 20
    unsigned helper_count;            // threads that help with long ones; default: processors - 1
    unsigned features;                // promql_feature bits
    size_t cache_size;                // bytes of kept results; 0: none; default 16 MiB
};

void promql_options_init(struct promql_options *o); // the defaults, nothing borrowed
struct promql_engine *promql_engine_new(const struct promql_options *options);
void promql_engine_free(struct promql_engine *e);
void promql_engine_set_subquery_step(struct promql_engine *e, int64_t step_ms);
unsigned promql_engine_features(const struct promql_engine *e);

struct promql_query {
    const struct promql_expr *expr;
    struct str text; // what the expression was parsed from, for lines and columns in annotations;
                     // may be empty: then everything is on line 1
    int64_t start_ms;
    int64_t end_ms;              // equal to start_ms for an instant query
    int64_t step_ms;             // 0: an instant query
    int64_t lookback_ms;         // 0: the engine's
    int64_t timeout_ms;          // 0: the engine's; a longer one is cut to it
    const struct cancel *cancel; // may be NULL
    bool may_reuse;              // the result may come from the engine's cache, wholly or in part
    bool brief;                  // to be done in a millisecond or two, or else ERR_DEFERRED: the
                                 // caller then asks again, with more time
};

struct promql_series {
    struct labels labels; // with __name__ where the result has it
    const int64_t *times_ms;
    const double *values;
    size_t count; // >= 1; exactly 1 in a vector
};

struct promql_result {
    enum promql_type type;
    struct promql_series *series; // vector and matrix
    size_t series_count;
    struct sample scalar;
    struct str string;
    struct str *warnings; // annotations, in Prometheus' words, each once
    size_t warning_count;
    struct str *infos;
    size_t info_count;
    uint64_t samples_read;
    uint64_t bytes_peak;
    struct cached_result *kept; // what the result borrows from the engine's cache, or NULL
};

// Evaluates; the result lives in the arena and may borrow strings from the expression, and, with
// may_reuse, from the engine's cache, until promql_result_release(). Reused results are exact: late
// samples and deletions are seen. A range query over a scalar or vector gives a matrix; an instant
// vector keeps the order of sort() and friends, everything else is sorted by labels.
// ERR_EXECUTION (many-to-many matching, duplicate series, ...), ERR_LIMIT (samples, memory, points),
// ERR_TIMEOUT, ERR_CANCELED, ERR_UNAVAILABLE (too many queries wait), ERR_IO and ERR_CORRUPT;
// ERR_DEFERRED, without a text, of a brief query that takes longer.
int promql_run(struct promql_engine *e, const struct promql_query *query, struct arena *arena,
               struct promql_result *out, struct error *err);
// Needed only after queries with may_reuse.
void promql_result_release(struct promql_engine *e, struct promql_result *r);

#endif
