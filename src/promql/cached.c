// Exact reuse of kept results.
//
// Evaluation is per step: a step's values depend on samples around its own time only, never on
// where the query starts or ends, so a result computed for some steps is the result for them in any
// query that has them, as long as no sample that they depend on has come or gone. The store says
// from which time on there were changes since its version at the kept evaluation; steps that look no
// further than that are right, and the tail is evaluated as a query of its own and appended. The
// version is taken before an evaluation starts: a change that it may have missed counts as one.
//
// What this doesn't hold for is not reused in part: expressions with @, range(), start() and end(),
// whose steps depend on the query's bounds, and results with annotations, which belong to no step.
// They are reused whole, for the very same bounds. Neither is used what lies past retention now.
//
// Invariant: a sample that was visible before run_cached() was called is in its result, as it would be
// in a full evaluation's.
#include "cached.h"

#include "storage/changes.h"

static bool has_notes(const struct promql_result *r)
{
    return r->warning_count || r->info_count;
}

static struct cache_key key_of(const struct cached_run *run, const struct promql_query *q)
{
    return (struct cache_key){
        .text = q->text,
        .step_ms = q->step_ms,
        .phase_ms =
            q->step_ms ? ((q->start_ms % q->step_ms) + q->step_ms) % q->step_ms : q->start_ms,
        .lookback_ms = run->lookback_ms,
        .subquery_step_ms = run->subquery_step_ms,
    };
}

static int64_t last_step(const struct promql_query *q)
{
    return q->step_ms ? q->end_ms - (q->end_ms - q->start_ms) % q->step_ms : q->start_ms;
}

static int64_t saturating_sub(int64_t a, int64_t b)
{
    int64_t difference;
    if (__builtin_sub_overflow(a, b, &difference))
        return b > 0 ? INT64_MIN : INT64_MAX;
    return difference;
}

// The last time up to which the entry's steps hold for the query; INT64_MIN: none do.
static int64_t holds_until(const struct cached_run *run, const struct cached_result *e,
                           const struct promql_query *q)
{
    int64_t changed_ms = storage_changed_since(run->storage, e->version);
    bool same = e->start_ms == q->start_ms && e->end_ms == last_step(q);
    if (q->start_ms < e->start_ms || q->start_ms > e->end_ms)
        return INT64_MIN;
    if (saturating_sub(q->start_ms, e->behind_ms) < storage_floor_ms(run->storage))
        return INT64_MIN;
    int64_t sound_ms =
        changed_ms == INT64_MAX ? e->end_ms : saturating_sub(changed_ms, e->ahead_ms + 1);
    if (e->fixed || has_notes(&e->result))
        return same && sound_ms >= e->end_ms ? e->end_ms : INT64_MIN;
    return sound_ms < e->end_ms ? sound_ms : e->end_ms;
}

// How far around its own time a step looks.
struct surroundings {
    int64_t behind_ms, ahead_ms;
};

static struct surroundings surroundings_of(const struct promql_query *q, const struct reach *r)
{
    if (r->min_ms > r->max_ms)
        return (struct surroundings){0, 0};
    return (struct surroundings){q->start_ms - r->min_ms + r->slack_ms,
                                 r->max_ms - last_step(q) + r->slack_ms};
}

static void keep(const struct cached_run *run, const struct promql_query *q,
                 const struct promql_result *result, struct surroundings around, bool fixed,
                 uint64_t version)
{
    struct cached_result entry = {
        .key = key_of(run, q),
        .start_ms = q->start_ms,
        .end_ms = last_step(q),
        .behind_ms = around.behind_ms,
        .ahead_ms = around.ahead_ms,
        .fixed = fixed,
        .version = version,
        .result = *result,
    };
    entry.result.kept = NULL;
    result_cache_keep(run->cache, &entry);
}

// ---- parts of results

static size_t first_at_least(const struct promql_series *s, int64_t t_ms)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->times_ms[middle] >= t_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

// The points in [start_ms, end_ms]; may be none.
static struct promql_series cut(const struct promql_series *s, int64_t start_ms, int64_t end_ms)
{
    size_t first = first_at_least(s, start_ms), end = first_at_least(s, end_ms + 1);
    return (struct promql_series){s->labels, s->times_ms + first, s->values + first, end - first};
}

static int push_joined(struct arena *arena, const struct promql_series *head,
                       const struct promql_series *tail, struct promql_result *out)
{
    struct promql_series *to = &out->series[out->series_count];
    if (!head->count || !tail->count) {
        *to = head->count ? *head : *tail;
        out->series_count += to->count > 0;
        return OK;
    }
    size_t count = head->count + tail->count;
    if (!arena_fits(arena, count * (sizeof(int64_t) + sizeof(double))))
        return ERR_LIMIT;
    int64_t *times = arena_array(arena, count, sizeof(*times));
    double *values = arena_array(arena, count, sizeof(*values));
    memcpy(times, head->times_ms, head->count * sizeof(*times));
    memcpy(times + head->count, tail->times_ms, tail->count * sizeof(*times));
    memcpy(values, head->values, head->count * sizeof(*values));
    memcpy(values + head->count, tail->values, tail->count * sizeof(*values));
    *to = (struct promql_series){head->labels, times, values, count};
    out->series_count++;
    return OK;
}

// Both are sorted by labels; of the kept one, the points in [start_ms, until_ms] count.
static int join(struct arena *arena, const struct promql_result *kept, int64_t start_ms,
                int64_t until_ms, const struct promql_result *tail, struct promql_result *out)
{
    static const struct promql_series none;
    size_t k = 0, t = 0;
    int rc = OK;
    *out = *tail;
    out->type = kept->type;
    out->series_count = 0;
    out->series = arena_array(arena, kept->series_count + tail->series_count, sizeof(*out->series));
    while (rc == OK && (k < kept->series_count || t < tail->series_count)) {
        int order = k == kept->series_count ? 1
                    : t == tail->series_count
                        ? -1
                        : labels_cmp(kept->series[k].labels, tail->series[t].labels);
        struct promql_series head = order <= 0 ? cut(&kept->series[k++], start_ms, until_ms) : none;
        rc = push_joined(arena, &head, order >= 0 ? &tail->series[t++] : &none, out);
    }
    return rc;
}

// ---- running

static int run_tail(const struct cached_run *run, const struct promql_query *q,
                    const struct cached_result *entry, int64_t until_ms, uint64_t version,
                    struct arena *arena, struct promql_result *out, struct error *err)
{
    static const struct promql_result nothing;
    struct promql_query rest = *q;
    struct promql_result tail = nothing;
    struct reach reach;
    // The first step after until_ms.
    rest.start_ms = q->start_ms + ((until_ms - q->start_ms) / q->step_ms + 1) * q->step_ms;
    bool whole = rest.start_ms > last_step(q);
    int rc = whole ? OK : run->evaluate(run->context, &rest, arena, &tail, &reach, err);
    if (rc == OK && join(arena, &entry->result, q->start_ms, until_ms, &tail, out) != OK)
        rc = error_set(err, ERR_LIMIT, "the result needs too much memory");
    if (rc)
        return rc;
    if (whole)
        return OK;
    struct surroundings around = surroundings_of(&rest, &reach);
    around.behind_ms = around.behind_ms > entry->behind_ms ? around.behind_ms : entry->behind_ms;
    around.ahead_ms = around.ahead_ms > entry->ahead_ms ? around.ahead_ms : entry->ahead_ms;
    keep(run, q, out, around, false, version);
    return OK;
}

static int run_in_full(const struct cached_run *run, const struct promql_query *q, uint64_t version,
                       struct arena *arena, struct promql_result *out, struct error *err)
{
    struct reach reach;
    int rc = run->evaluate(run->context, q, arena, out, &reach, err);
    struct cache_key key = key_of(run, q);
    if (rc == OK && result_cache_wants(run->cache, &key))
        keep(run, q, out, surroundings_of(q, &reach), reach.fixed, version);
    return rc;
}

static void count(struct metric *m)
{
    if (m)
        metric_add(m, 1);
}

// Points that a brief query may take from a kept result.
#define BRIEF_POINTS_MAX 20000

static bool is_small(const struct promql_result *r)
{
    size_t points = 0;
    for (size_t i = 0; i < r->series_count && points <= BRIEF_POINTS_MAX; i++)
        points += r->series[i].count;
    return points <= BRIEF_POINTS_MAX;
}

int run_cached(const struct cached_run *run, const struct promql_query *q, struct arena *arena,
               struct promql_result *out, struct error *err)
{
    struct cache_key key = key_of(run, q);
    uint64_t version = storage_version(run->storage);
    struct cached_result *entry = result_cache_get(run->cache, &key);
    int64_t until_ms = entry ? holds_until(run, entry, q) : INT64_MIN;
    int rc;
    if (entry && entry->start_ms == q->start_ms && until_ms == last_step(q) &&
        entry->end_ms == until_ms) {
        if (q->brief && !is_small(&entry->result)) {
            result_cache_put_back(run->cache, entry);
            return ERR_DEFERRED;
        }
        *out = entry->result;
        out->kept = entry;
        out->samples_read = 0;
        count(run->hits);
        return OK;
    }
    if (until_ms < q->start_ms) {
        if (entry)
            result_cache_put_back(run->cache, entry);
        rc = run_in_full(run, q, version, arena, out, err);
        if (rc != ERR_DEFERRED)
            count(run->misses);
        return rc;
    }
    until_ms = until_ms < last_step(q) ? until_ms : last_step(q);
    if (q->brief && !is_small(&entry->result))
        rc = ERR_DEFERRED;
    else
        rc = run_tail(run, q, entry, until_ms, version, arena, out, err);
    if (rc != ERR_DEFERRED)
        count(run->partial_hits);
    if (rc == OK)
        out->kept = entry;
    else
        result_cache_put_back(run->cache, entry);
    return rc;
}
