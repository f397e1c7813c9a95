// Queries through the cache of results. See cached.c.
#ifndef PROMQL_CACHED_H
#define PROMQL_CACHED_H

#include "cache.h"

// What a result depends on, from its plan.
struct reach {
    int64_t min_ms, max_ms; // of samples looked at; min > max: none
    int64_t slack_ms;       // how much farther other steps may look, from their own times
    bool fixed; // more than the steps' own times matters: @, range(), end() and the like
};

// Evaluates in full, without the cache.
typedef int evaluate_fn(void *context, const struct promql_query *q, struct arena *arena,
                        struct promql_result *out, struct reach *reach, struct error *err);

struct cached_run {
    struct result_cache *cache;
    struct storage *storage;
    int64_t lookback_ms, subquery_step_ms; // that hold for the query
    evaluate_fn *evaluate;
    void *context;
    struct metric *hits, *partial_hits, *misses; // may be NULL
};

// As promql_run(); out->kept is set where the result borrows from the cache.
int run_cached(const struct cached_run *run, const struct promql_query *q, struct arena *arena,
               struct promql_result *out, struct error *err);

#endif
