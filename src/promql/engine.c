// The query engine: options, the queue at its door, and the way from a query to its result.
//
// At most `concurrency` queries run; further ones wait for a place until their timeout. A query is
// planned, a querier is opened over the times that the plan looks at, the plan is evaluated, and
// the root's rows become the result, still in the same arena: while a query runs, the caller's
// arena has the query's memory budget as its limit.
//
// Locks: `lock` guards `running` and nothing else; it is never held while a query runs.
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"
#include "cached.h"
#include "eval.h"

// A brief query's limits: whatever it estimates, it ends soon. Work is counted in samples.
#define BRIEF_NS      INT64_C(2000000)
#define BRIEF_WORK    INT64_C(150000)
#define WAIT_SLICE_NS INT64_C(20000000)
#define HELPERS_MAX   7
#define HELPER_QUEUE  64
// Beyond, sums of times and durations might overflow.
#define REUSE_TIME_MAX_MS (INT64_C(1) << 60)

struct promql_engine {
    struct promql_options options;
    _Atomic int64_t subquery_step_ms;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    unsigned running;
    struct metric *queries;
    struct metric *failures;
    struct metric *samples;
    struct metric *active;
    struct metric *seconds;
    struct pool *pool;          // of helpers; NULL: none
    struct result_cache *cache; // NULL: results are not kept
    struct metric *cache_hits, *cache_partial_hits, *cache_misses;
};

static unsigned helpers_by_default(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors < 2 ? 0 : processors > HELPERS_MAX ? HELPERS_MAX : (unsigned)processors - 1;
}

void promql_options_init(struct promql_options *o)
{
    *o = (struct promql_options){
        .lookback_ms = 5 * 60 * 1000,
        .timeout_ms = 2 * 60 * 1000,
        .default_subquery_step_ms = 60 * 1000,
        .samples_max = 50000000,
        .memory_max = (size_t)512 << 20,
        .points_max = 11000,
        .concurrency = 20,
        .helper_count = helpers_by_default(),
        .cache_size = (size_t)16 << 20,
    };
}

static void register_cache_metrics(struct promql_engine *e, struct metrics *m)
{
    static const char *const name = "lapwing_query_cache_requests_total";
    static const char *const help =
        "Queries that asked the result cache, by how much of the result it had.";
    e->cache_hits = metrics_counter(m, name, help, "found=\"all\"");
    e->cache_partial_hits = metrics_counter(m, name, help, "found=\"part\"");
    e->cache_misses = metrics_counter(m, name, help, "found=\"none\"");
}

struct promql_engine *promql_engine_new(const struct promql_options *options)
{
    struct promql_engine *e = mem_calloc(1, sizeof(*e));
    e->options = *options;
    atomic_init(&e->subquery_step_ms, options->default_subquery_step_ms);
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->freed, NULL);
    struct metrics *m = options->metrics;
    if (m) {
        e->queries = metrics_counter(m, "lapwing_queries_total", "Queries evaluated.", "");
        e->failures =
            metrics_counter(m, "lapwing_query_failures_total", "Queries that failed.", "");
        e->samples = metrics_counter(m, "lapwing_query_samples_total",
                                     "Samples read from storage by queries.", "");
        e->active = metrics_gauge(m, "lapwing_queries", "Queries being evaluated.", "");
        e->seconds =
            metrics_histogram(m, "lapwing_query_duration_seconds", "Time taken by queries.", "",
                              METRIC_SECONDS_BOUNDS, METRIC_SECONDS_BOUND_COUNT);
    }
    if (options->helper_count)
        e->pool = pool_new("query-helper", options->helper_count, HELPER_QUEUE);
    if (options->cache_size) {
        e->cache = result_cache_new(options->cache_size, m);
        if (m)
            register_cache_metrics(e, m);
    }
    return e;
}

void promql_engine_free(struct promql_engine *e)
{
    if (!e)
        return;
    result_cache_free(e->cache);
    pool_free(e->pool);
    pthread_cond_destroy(&e->freed);
    pthread_mutex_destroy(&e->lock);
    mem_free(e);
}

void promql_engine_set_subquery_step(struct promql_engine *e, int64_t step_ms)
{
    atomic_store(&e->subquery_step_ms, step_ms);
}

unsigned promql_engine_features(const struct promql_engine *e)
{
    return e->options.features;
}

static unsigned feature_named(struct str name)
{
    static const struct {
        const char *name;
        enum promql_feature feature;
    } features[] = {
        {"promql-experimental-functions", PROMQL_EXPERIMENTAL_FUNCTIONS},
        {"promql-duration-expr", PROMQL_DURATION_EXPRESSIONS},
        {"promql-extended-range-selectors", PROMQL_EXTENDED_RANGE_SELECTORS},
        {"promql-binop-fill-modifiers", PROMQL_BINOP_FILL_MODIFIERS},
        {"promql-delayed-name-removal", PROMQL_DELAYED_NAME_REMOVAL},
    };
    for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
        if (str_is(name, features[i].name))
            return features[i].feature;
    return 0;
}

int promql_features_parse(struct str names, unsigned *features, struct error *err)
{
    struct str name;
    while (str_next(&names, ',', &name)) {
        unsigned feature = feature_named(name);
        if (!feature)
            return error_set(err, ERR_INVALID, "--enable-feature: \"%.*s\" is not supported",
                             STR_ARG(name));
        *features |= feature;
    }
    return OK;
}

const char *promql_type_name(enum promql_type type)
{
    static const char *const names[] = {
        [PROMQL_SCALAR] = "scalar",
        [PROMQL_STRING] = "string",
        [PROMQL_VECTOR] = "vector",
        [PROMQL_MATRIX] = "matrix",
    };
    return names[type];
}

// ---- the queue

static void wait_a_little(struct promql_engine *e)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += WAIT_SLICE_NS;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&e->freed, &e->lock, &until);
}

static int gate_enter(struct promql_engine *e, const struct promql_query *q, int64_t deadline_ns,
                      struct error *err)
{
    int rc = 0;
    pthread_mutex_lock(&e->lock);
    while (e->options.concurrency && e->running >= e->options.concurrency && rc == 0) {
        if (cancel_raised(q->cancel))
            rc = error_set(err, ERR_CANCELED, "query was canceled in query queue");
        else if (q->brief)
            rc = ERR_DEFERRED;
        else if (clock_mono_ns(e->options.clock) > deadline_ns)
            rc = error_set(err, ERR_UNAVAILABLE, "query timed out in query queue");
        else
            wait_a_little(e);
    }
    if (rc == 0)
        e->running++;
    if (rc == 0 && e->active)
        metric_set(e->active, e->running);
    pthread_mutex_unlock(&e->lock);
    return rc;
}

static void gate_leave(struct promql_engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->running--;
    if (e->active)
        metric_set(e->active, e->running);
    pthread_cond_signal(&e->freed);
    pthread_mutex_unlock(&e->lock);
}

// ---- results

// The order that the root gives to an instant vector is part of the result: sort() and the like,
// and whatever works on their series one by one.
static bool keeps_order(const struct plan_node *n)
{
    const struct promql_expr *e = n->expr;
    switch (n->kind) {
    case PLAN_CALL:
        if (e->call.function->flags & FUNCTION_SORTS)
            return true;
        return n->call.arg_count && n->call.args[0]->type == TYPE_VECTOR &&
               keeps_order(n->call.args[0]);
    case PLAN_AGGREGATE:
        return e->aggregate.op == AGG_TOPK || e->aggregate.op == AGG_BOTTOMK;
    case PLAN_BINARY:
        if (n->binary.left->type != n->binary.right->type)
            return keeps_order(n->binary.left->type == TYPE_VECTOR ? n->binary.left
                                                                   : n->binary.right);
        return n->type == TYPE_VECTOR &&
               keeps_order(e->binary.matching.card == CARD_ONE_TO_MANY ? n->binary.right
                                                                       : n->binary.left);
    case PLAN_NEGATE:
    case PLAN_REPEAT:
        return keeps_order(n->inner);
    default:
        return false;
    }
}

// Delayed name removal happens here.
static int finish_names(struct eval *ev, struct vector *v, size_t step_count)
{
    if (!ev->delayed_names)
        return 0;
    for (size_t i = 0; i < v->count; i++)
        if (v->rows[i].drop_name)
            v->rows[i].labels = labels_drop_name(ev->arena, v->rows[i].labels);
    return vector_merge(ev, v, step_count);
}

// A row's points; the grid's own times are shared by rows without gaps.
static int series_of_row(struct eval *ev, const struct row *row, const int64_t *times_ms,
                         size_t step_count, struct promql_series *out)
{
    size_t count = row_point_count(row, step_count);
    *out = (struct promql_series){.labels = row->labels, .count = count};
    if (count == step_count) {
        out->times_ms = times_ms;
        out->values = row->values;
        return 0;
    }
    if (!arena_fits(ev->arena, count * sizeof(int64_t))) {
        ev->arena->exceeded = true;
        return eval_check(ev);
    }
    int64_t *times = arena_array(ev->arena, count, sizeof(*times));
    size_t at = 0;
    for (size_t i = 0; i < step_count; i++) {
        if (!row->present[i])
            continue;
        times[at] = times_ms[i];
        row->values[at++] = row->values[i];
    }
    out->times_ms = times;
    out->values = row->values;
    return 0;
}

static int64_t *grid_times(struct eval *ev, const struct grid *grid)
{
    int64_t *times = arena_array(ev->arena, grid->count, sizeof(*times));
    for (size_t i = 0; i < grid->count; i++)
        times[i] = grid_time(grid, i);
    return times;
}

static int vector_result(struct eval *ev, struct promql_result *out)
{
    const struct plan_node *root = ev->plan->root;
    struct vector v;
    size_t steps = root->grid->count;
    int rc = eval_vector(ev, root, &v);
    if (rc || (rc = finish_names(ev, &v, steps)))
        return rc;
    if (out->type == PROMQL_MATRIX || !keeps_order(root))
        vector_sort(&v);
    out->series = arena_array(ev->arena, v.count, sizeof(*out->series));
    int64_t *times_ms = grid_times(ev, root->grid);
    for (size_t i = 0; i < v.count && rc == 0; i++)
        if (!row_is_empty(&v.rows[i], steps))
            rc = series_of_row(ev, &v.rows[i], times_ms, steps, &out->series[out->series_count++]);
    return rc;
}

static int scalar_result(struct eval *ev, struct promql_result *out)
{
    const struct plan_node *root = ev->plan->root;
    struct value value;
    int rc = eval_scalar(ev, root, &value);
    if (rc || root->grid->count == 0)
        return rc;
    if (out->type == PROMQL_SCALAR) {
        out->scalar = (struct sample){root->grid->start_ms, scalar_at(&value, 0)};
        return 0;
    }
    double *values = arena_array(ev->arena, root->grid->count, sizeof(*values));
    for (size_t i = 0; i < root->grid->count; i++)
        values[i] = scalar_at(&value, i);
    out->series = ARENA_NEW(ev->arena, struct promql_series);
    *out->series = (struct promql_series){
        .times_ms = grid_times(ev, root->grid), .values = values, .count = root->grid->count};
    out->series_count = 1;
    return 0;
}

static int series_cmp(const void *a, const void *b)
{
    return labels_cmp(((const struct promql_series *)a)->labels,
                      ((const struct promql_series *)b)->labels);
}

static int evaluate(struct eval *ev, struct promql_result *out)
{
    const struct plan_node *root = ev->plan->root;
    int rc;
    bool range_query = ev->plan->query->step_ms > 0;
    switch (root->type) {
    case TYPE_STRING:
        out->type = PROMQL_STRING;
        out->string = root->string;
        return 0;
    case TYPE_SCALAR:
        out->type = range_query ? PROMQL_MATRIX : PROMQL_SCALAR;
        return scalar_result(ev, out);
    case TYPE_MATRIX:
        out->type = PROMQL_MATRIX;
        rc = eval_matrix(ev, root, &out->series, &out->series_count);
        if (rc == 0 && out->series_count)
            qsort(out->series, out->series_count, sizeof(*out->series), series_cmp);
        return rc;
    default:
        out->type = range_query ? PROMQL_MATRIX : PROMQL_VECTOR;
        return vector_result(ev, out);
    }
}

// ---- running

static int run_plan(struct promql_engine *e, struct plan *plan, struct eval *ev,
                    struct promql_result *out, struct error *err)
{
    int rc = plan_make(plan, err);
    if (rc)
        return rc;
    if (plan->selection_count && plan->min_ms <= plan->max_ms) {
        rc = source_open(&ev->source, e->options.storage, e->options.beneath, plan->min_ms,
                         plan->max_ms, err);
    }
    if (rc == 0 && ev->brief && ev->source.over)
        querier_be_brief(ev->source.over);
    if (rc == 0)
        rc = evaluate(ev, out);
    if (rc == 0)
        rc = eval_check(ev);
    source_close(&ev->source);
    return rc;
}

static int run(struct promql_engine *e, const struct promql_query *q, int64_t deadline_ns,
               struct arena *arena, struct promql_result *out, struct reach *reach,
               struct error *err)
{
    struct plan plan = {
        .arena = arena,
        .query = q,
        .lookback_ms = q->lookback_ms ? q->lookback_ms : e->options.lookback_ms,
        .subquery_step_ms = atomic_load(&e->subquery_step_ms),
    };
    struct eval ev = {
        .plan = &plan,
        .arena = arena,
        .cancel = q->cancel,
        .clock = e->options.clock,
        .pool = e->options.start_times ? NULL : e->pool, // annotations of windows go to one place
        .start_times = e->options.start_times,
        .err = err,
        .deadline_ns = deadline_ns,
        .memory_max = e->options.memory_max,
        .samples_max = e->options.samples_max ? e->options.samples_max : UINT64_MAX,
        .delayed_names = e->options.features & PROMQL_DELAYED_NAME_REMOVAL,
        .brief = q->brief,
        .work_left = BRIEF_WORK,
    };
    annotations_init(&ev.annotations, arena);
    columns_init(&ev.columns);
    columns_init(&ev.piece);
    int rc = run_plan(e, &plan, &ev, out, err);
    annotations_render(&ev.annotations, q->text, out);
    out->samples_read = ev.samples_read;
    *reach = (struct reach){plan.min_ms, plan.max_ms, plan.slack_ms, plan.fixed};
    columns_release(&ev.columns);
    columns_release(&ev.piece);
    annotations_release(&ev.annotations);
    return rc;
}

struct full_run {
    struct promql_engine *engine;
    int64_t deadline_ns;
};

static int run_in_full(void *context, const struct promql_query *q, struct arena *arena,
                       struct promql_result *out, struct reach *reach, struct error *err)
{
    const struct full_run *f = context;
    return run(f->engine, q, f->deadline_ns, arena, out, reach, err);
}

static int run_or_reuse(struct promql_engine *e, const struct promql_query *q, int64_t deadline_ns,
                        struct arena *arena, struct promql_result *out, struct error *err)
{
    struct full_run full = {e, deadline_ns};
    struct reach reach;
    bool sane = q->start_ms > -REUSE_TIME_MAX_MS && q->end_ms < REUSE_TIME_MAX_MS;
    if (!e->cache || !q->may_reuse || !q->text.len || !sane)
        return run_in_full(&full, q, arena, out, &reach, err);
    struct cached_run cached = {
        .cache = e->cache,
        .storage = e->options.storage,
        .lookback_ms = q->lookback_ms ? q->lookback_ms : e->options.lookback_ms,
        .subquery_step_ms = atomic_load(&e->subquery_step_ms),
        .evaluate = run_in_full,
        .context = &full,
        .hits = e->cache_hits,
        .partial_hits = e->cache_partial_hits,
        .misses = e->cache_misses,
    };
    return run_cached(&cached, q, arena, out, err);
}

void promql_result_release(struct promql_engine *e, struct promql_result *r)
{
    if (r->kept)
        result_cache_put_back(e->cache, r->kept);
    r->kept = NULL;
}

static int fail_points(int64_t points_max, struct error *err)
{
    char number[32];
    if (points_max >= 1000)
        snprintf(number, sizeof(number), "%lld,%03lld", (long long)points_max / 1000,
                 (long long)points_max % 1000);
    else
        snprintf(number, sizeof(number), "%lld", (long long)points_max);
    return error_set(err, ERR_LIMIT,
                     "exceeded maximum resolution of %s points per timeseries. Try decreasing the "
                     "query resolution (?step=XX)",
                     number);
}

static int check_query(const struct promql_engine *e, const struct promql_query *q,
                       struct error *err)
{
    enum promql_type type = promql_expr_type(q->expr);
    if (q->step_ms > 0 && type != PROMQL_SCALAR && type != PROMQL_VECTOR)
        return error_set(err, ERR_INVALID,
                         "invalid expression type \"%s\" for range query, must be Scalar or "
                         "instant Vector",
                         type == PROMQL_MATRIX ? "range vector" : promql_type_name(type));
    if (q->step_ms > 0 && e->options.points_max && q->end_ms > q->start_ms &&
        (q->end_ms - q->start_ms) / q->step_ms > e->options.points_max)
        return fail_points(e->options.points_max, err);
    return 0;
}

static void count_query(struct promql_engine *e, int64_t start_ns, int rc,
                        const struct promql_result *out)
{
    if (!e->queries)
        return;
    metric_add(e->queries, 1);
    metric_add(e->samples, out->samples_read);
    metric_observe(e->seconds, (double)(clock_mono_ns(e->options.clock) - start_ns) / 1e9);
    if (rc)
        metric_add(e->failures, 1);
}

int promql_run(struct promql_engine *e, const struct promql_query *query, struct arena *arena,
               struct promql_result *out, struct error *err)
{
    struct error local;
    err = err ? err : &local;
    *out = (struct promql_result){0};
    int rc = check_query(e, query, err);
    if (rc)
        return rc;
    int64_t start_ns = clock_mono_ns(e->options.clock), timeout_ms = e->options.timeout_ms;
    if (query->timeout_ms > 0 && query->timeout_ms < timeout_ms)
        timeout_ms = query->timeout_ms;
    int64_t deadline_ns = start_ns + timeout_ms * 1000000;
    if (query->brief && deadline_ns > start_ns + BRIEF_NS)
        deadline_ns = start_ns + BRIEF_NS;
    rc = gate_enter(e, query, deadline_ns, err);
    if (rc)
        return rc;
    size_t limit = arena->limit, used = arena->used;
    size_t budget = e->options.memory_max;
    bool exceeded = arena->exceeded;
    if (budget && (limit == 0 || limit > used + budget))
        arena->limit = used + budget;
    arena->exceeded = false;
    rc = run_or_reuse(e, query, deadline_ns, arena, out, err);
    out->bytes_peak = arena->used - used;
    arena->limit = limit;
    arena->exceeded = exceeded;
    gate_leave(e);
    if (rc != ERR_DEFERRED)
        count_query(e, start_ns, rc, out);
    return rc;
}
