// Kept results of queries: what a dashboard asks for again, every few seconds, a little later.
//
// A cache of immutable, counted entries under a budget of bytes, the least recently used going
// first. What an entry is worth later is decided by its user (cached.c); here it is looked up by
// what was asked. All functions are safe from every thread.
#ifndef PROMQL_CACHE_H
#define PROMQL_CACHE_H

#include "promql/promql.h"

// Equal keys: the same expression, at steps that fall on the same moments. An instant query's key
// holds its time.
struct cache_key {
    struct str text;
    int64_t step_ms;  // 0: an instant query
    int64_t phase_ms; // start modulo step
    int64_t lookback_ms;
    int64_t subquery_step_ms;
};

struct cached_result {
    unsigned references; // guarded by the cache's lock
    size_t size;         // bytes, all in all
    struct arena arena;  // of everything below
    struct cache_key key;
    int64_t start_ms, end_ms; // of the query
    // A step at t depends on samples in [t - behind_ms, t + ahead_ms] and on nothing else, unless
    // `fixed`: then the whole depends on [start_ms - behind_ms, end_ms + ahead_ms].
    int64_t behind_ms, ahead_ms;
    bool fixed;
    uint64_t version; // of the store, before the query was evaluated
    struct promql_result result;
    struct cached_result *newer, *older; // guarded by the cache's lock
};

struct result_cache;

struct result_cache *result_cache_new(size_t size_max, struct metrics *m);
void result_cache_free(struct result_cache *c);
// A reference for the caller, or NULL.
struct cached_result *result_cache_get(struct result_cache *c, const struct cache_key *key);
void result_cache_put_back(struct result_cache *c, struct cached_result *entry);
// Whether a result for this key should be kept: true from the second time on that it is asked, so
// that what is asked once drives nothing out.
bool result_cache_wants(struct result_cache *c, const struct cache_key *key);
// Keeps a copy of *from->result in place of an older one of the same key; *from is a description
// whose arena and references are not looked at. Results too large for the budget are left out.
void result_cache_keep(struct result_cache *c, const struct cached_result *from);

#endif
