// Range functions over selectors and subqueries.
//
// Each series' samples stand in two columns; its windows are walked with two pointers, and the
// function is called once a window. A subquery's inner expression is evaluated once over the whole
// range of all windows, and each of its series is a pair of columns in turn.
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "parallel.h"

void window_reserve_marks(struct window *w, size_t count)
{
    if (w->mark_capacity < count) {
        w->mark_capacity = count + count / 2;
        w->marks = mem_realloc(w->marks, w->mark_capacity, sizeof(*w->marks));
    }
}

double *window_numbers(struct window *w, size_t count)
{
    if (w->number_capacity < count) {
        w->number_capacity = count + count / 2;
        w->numbers = mem_realloc(w->numbers, w->number_capacity, sizeof(*w->numbers));
    }
    return w->numbers;
}

void window_seek_marks(struct window *w)
{
    while (w->mark_first < w->mark_count && w->marks[w->mark_first] <= w->first)
        w->mark_first++;
    if (w->mark_end < w->mark_first)
        w->mark_end = w->mark_first;
    while (w->mark_end < w->mark_count && w->marks[w->mark_end] < w->end)
        w->mark_end++;
}

static size_t until_stale(const double *values, size_t count)
{
    size_t i = values_until_nan(values, count);
    while (i < count && !sample_is_stale(values[i]))
        i += 1 + values_until_nan(values + i + 1, count - i - 1);
    return i;
}

bool columns_drop_stale(struct columns *c)
{
    // Counters mostly do nothing but rise: one look is enough then.
    if (values_rise(c->values, c->count))
        return true;
    size_t kept = until_stale(c->values, c->count);
    for (size_t from = kept + 1; from < c->count;) {
        size_t run = until_stale(c->values + from, c->count - from);
        memmove(c->times_ms + kept, c->times_ms + from, run * sizeof(*c->times_ms));
        memmove(c->values + kept, c->values + from, run * sizeof(*c->values));
        kept += run;
        from += run + 1;
    }
    c->count = kept;
    return false;
}

double interpolate(const int64_t *times_ms, const double *values, int64_t t_ms, bool is_counter)
{
    double before = values[0], after = values[1];
    if (is_counter && after < before)
        before = 0;
    return before +
           (after - before) * (double)(t_ms - times_ms[0]) / (double)(times_ms[1] - times_ms[0]);
}

size_t first_after(const int64_t *times_ms, size_t first, size_t end, int64_t t_ms)
{
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (times_ms[middle] > t_ms)
            end = middle;
        else
            first = middle + 1;
    }
    return first;
}

struct ranges {
    struct eval *ev;
    const struct plan_node *call;
    const struct plan_node *range;
    struct window_shape shape;
    function_range_fn *function;
    function_row_fn *row; // the same for whole rows, or NULL
    struct value params[FUNCTION_ARGS_MAX];
    size_t param_count;
    bool anchored, smoothed;
    const struct series_set *set; // of a selector
    row_sink_fn *sink;
    void *context;
};

static int check_modifiers(struct ranges *r)
{
    const struct promql_expr *e = r->range->expr;
    const struct function *f = r->call->expr->call.function;
    if (r->range->kind != PLAN_MATRIX)
        return 0;
    r->anchored = e->selector.anchored;
    r->smoothed = e->selector.smoothed;
    if (e->selector.anchored && !(f->flags & FUNCTION_ANCHORED))
        return eval_fail(r->ev,
                         "anchored modifier can only be used with: changes, delta, increase, rate, "
                         "resets - not with %s",
                         f->name);
    if (e->selector.smoothed && !(f->flags & FUNCTION_SMOOTHED))
        return eval_fail(
            r->ev, "smoothed modifier can only be used with: delta, increase, rate - not with %s",
            f->name);
    return 0;
}

static int ranges_init(struct ranges *r, struct eval *ev, const struct plan_node *call)
{
    *r = (struct ranges){.ev = ev, .call = call};
    int rc = 0;
    for (size_t i = 0; i < call->call.arg_count && rc == 0; i++) {
        const struct plan_node *arg = call->call.args[i];
        if (arg->kind == PLAN_MATRIX || arg->kind == PLAN_SUBQUERY)
            r->range = arg;
        else
            rc = eval_scalar(ev, arg, &r->params[r->param_count++]);
    }
    if (rc || (rc = check_modifiers(r)))
        return rc;
    r->shape.grid = call->grid;
    if (r->range->kind == PLAN_MATRIX) {
        r->shape.lookup = &r->range->selector.lookup;
        r->shape.behind_ms = r->range->selector.before_ms;
        r->shape.ahead_ms = r->range->selector.after_ms;
        r->shape.range_ms = r->range->selector.range_ms;
    } else {
        r->shape.lookup = &r->range->subquery.lookup;
        r->shape.range_ms = r->range->subquery.range_ms;
    }
    return 0;
}

// Steps between two looks at limits.
#define STEPS_PER_CHECK 256

// When the counters of a series' samples began, or NULL.
static const int64_t *find_starts(const struct ranges *r, struct row_worker *worker, size_t series,
                                  const struct columns *c)
{
    const struct promql_start_times *s = r->ev->start_times;
    if (!s || !(r->call->expr->call.function->flags & FUNCTION_USES_STARTS))
        return NULL;
    if (worker->start_capacity < c->count) {
        worker->start_capacity = c->count;
        worker->starts_ms = mem_realloc(worker->starts_ms, c->count, sizeof(*worker->starts_ms));
    }
    bool known =
        s->find(s->context, r->set->labels[series], c->times_ms, c->count, worker->starts_ms);
    worker->window.labels = r->set->labels[series];
    return known ? worker->starts_ms : NULL;
}

static void window_begin(struct window *w, const struct ranges *r, struct row_worker *worker,
                         const struct columns *c)
{
    w->ev = worker->ev;
    w->call = r->call;
    w->range = r->range;
    w->lookup = r->shape.lookup;
    w->range_ms = r->shape.range_ms;
    w->anchored = r->anchored;
    w->smoothed = r->smoothed;
    w->times_ms = c->times_ms;
    w->values = c->values;
    w->count = c->count;
    w->first = w->end = 0;
    w->prepared = false;
}

// Moves the window on to a step; `known`: where it begins and ends, or NULL.
static inline void window_move(struct window *w, const struct ranges *r,
                               const struct step_windows *known, size_t step)
{
    w->t_ms = grid_time(r->shape.grid, step);
    w->end_ms = lookup_time(r->shape.lookup, w->t_ms);
    w->start_ms = w->end_ms - w->range_ms;
    if (known) {
        w->first = known->first[step];
        w->end = known->end[step];
        return;
    }
    w->first = next_after(w->times_ms, w->first, w->count, w->start_ms - r->shape.behind_ms);
    w->end = w->end < w->first ? w->first : w->end;
    w->end = next_after(w->times_ms, w->end, w->count, w->end_ms + r->shape.ahead_ms);
}

// One window after the other over the samples of a series; sets the row's values and returns how many
// there are. Runs on any thread.
static int walk_windows(const struct ranges *r, struct row_worker *worker, const struct columns *c,
                        struct row *row)
{
    struct window *w = &worker->window;
    struct step_windows *known = NULL;
    int count = 0;
    window_begin(w, r, worker, c);
    if (window_memo_pays(&r->shape, c->count))
        known = window_memo_get(&worker->memo, &r->shape, c->times_ms, c->count);
    if (known && r->row && !r->anchored && !r->smoothed && !w->starts_ms)
        return r->row(w, known, row);
    for (size_t i = 0; i < r->shape.grid->count; i++) {
        window_move(w, r, known, i);
        row->present[i] = 0;
        if (w->first == w->end)
            continue;
        for (size_t p = 0; p < r->param_count; p++)
            w->params[p] = scalar_at(&r->params[p], i);
        int rc = r->function(w, &row->values[i]);
        if (rc < 0)
            return rc;
        row->present[i] = rc > 0;
        count += rc > 0;
        if (i % STEPS_PER_CHECK == STEPS_PER_CHECK - 1 && (rc = eval_check(worker->ev)))
            return rc;
    }
    return count;
}

static void annotate_row(struct ranges *r, const struct row *row)
{
    unsigned flags = r->call->expr->call.function->flags;
    struct str metric = labels_get(row->labels, STR(LABEL_METRIC_NAME));
    if ((flags & FUNCTION_OF_COUNTERS) && metric.len)
        annotate_non_counter(&r->ev->annotations, metric, r->range->position);
    for (size_t i = 0; (flags & FUNCTION_OF_QUANTILE) && i < r->call->grid->count; i++) {
        if (row->present[i])
            annotate_quantile(&r->ev->annotations, scalar_at(&r->params[0], i),
                              r->call->call.args[0]->position);
    }
}

// A row that has values, on its way to the sink.
static int push_row(struct ranges *r, struct row *row)
{
    annotate_row(r, row);
    if (!(r->call->expr->call.function->flags & FUNCTION_KEEPS_NAME))
        row_drop_name(r->ev, row);
    return r->sink(r->context, row);
}

static int compute_selected(void *context, struct row_worker *worker, size_t series,
                            struct row *row)
{
    const struct ranges *r = context;
    struct columns *c = &worker->ev->columns;
    int rc = eval_columns(worker->ev, r->range, r->set->series[series]);
    if (rc)
        return rc;
    worker->window.is_rising = columns_drop_stale(c);
    if (c->count == 0)
        return 0;
    worker->window.starts_ms = find_starts(r, worker, series, c);
    return walk_windows(r, worker, c, row);
}

static int take_selected(void *context, size_t series, struct row *row)
{
    struct ranges *r = context;
    row->labels = r->set->labels[series];
    row->drop_name = false;
    return push_row(r, row);
}

// The samples in all windows of a series, each of which a function may look at. A function of whole
// rows doesn't.
static int64_t window_work(const struct ranges *r, int64_t distance_ms)
{
    int64_t each = r->row ? 1 : r->shape.range_ms / distance_ms;
    return (int64_t)r->shape.grid->count * each;
}

static int range_selected(struct ranges *r)
{
    int rc = eval_select(r->ev, r->range->selector.selection, &r->set);
    const struct grid *grid = r->call->grid;
    struct row_job job = {
        .ev = r->ev,
        .step_count = grid->count,
        .span_ms = grid->step_ms * (int64_t)grid->count + r->shape.range_ms,
        .window_work = window_work(r, SCRAPE_DISTANCE_MS),
        .context = r,
        .compute = compute_selected,
        .take = take_selected,
    };
    job.series_count = rc == 0 ? r->set->count : 0;
    return rc ? rc : row_job_run(&job);
}

struct subquery_sink {
    struct ranges *ranges;
    struct columns columns;
    struct row_worker worker;
    struct row scratch;
};

static int range_subquery_row(void *context, struct row *inner)
{
    struct subquery_sink *s = context;
    const struct grid *grid = s->ranges->range->subquery.inner->grid;
    columns_reserve(&s->columns, grid->count);
    s->columns.count = 0;
    for (size_t i = 0; i < grid->count; i++) {
        if (!inner->present[i])
            continue;
        s->columns.times_ms[s->columns.count] = grid_time(grid, i);
        s->columns.values[s->columns.count++] = inner->values[i];
    }
    s->worker.window.is_rising = false;
    struct row row = s->scratch;
    row.labels = inner->labels;
    row.drop_name = inner->drop_name;
    int rc = eval_work(s->ranges->ev, window_work(s->ranges, grid->step_ms));
    if (rc)
        return rc;
    rc = walk_windows(s->ranges, &s->worker, &s->columns, &row);
    return rc > 0 ? push_row(s->ranges, &row) : rc;
}

static int range_subquery(struct ranges *r)
{
    struct subquery_sink s = {.ranges = r, .worker = {.ev = r->ev}};
    int rc = row_init(r->ev, &s.scratch, (struct labels){0}, r->call->grid->count);
    columns_init(&s.columns);
    r->ev->work_each += window_work(r, r->range->subquery.inner->grid->step_ms);
    if (rc == 0)
        rc = eval_stream(r->ev, r->range->subquery.inner, range_subquery_row, &s);
    r->ev->work_each -= window_work(r, r->range->subquery.inner->grid->step_ms);
    columns_release(&s.columns);
    row_worker_release(&s.worker);
    return rc;
}

int stream_windows(struct eval *ev, const struct plan_node *call, function_range_fn *function,
                   row_sink_fn *sink, void *context)
{
    struct ranges r;
    int rc = ranges_init(&r, ev, call);
    r.function = function;
    r.row = function == call->expr->call.function->range ? call->expr->call.function->row : NULL;
    r.sink = sink;
    r.context = context;
    if (rc == 0)
        rc = r.range->kind == PLAN_MATRIX ? range_selected(&r) : range_subquery(&r);
    return rc;
}

int stream_range(struct eval *ev, const struct plan_node *call, row_sink_fn *sink, void *context)
{
    return stream_windows(ev, call, call->expr->call.function->range, sink, context);
}

// ---- range vectors as the result of a query

struct matrix {
    struct eval *ev;
    const struct plan_node *node;
    struct promql_series *series;
    size_t count;
    size_t capacity;
};

static int matrix_push(struct matrix *m, struct labels labels, const int64_t *times_ms,
                       const double *values, size_t count)
{
    size_t size = count * (sizeof(int64_t) + sizeof(double));
    if (!arena_fits(m->ev->arena, size)) {
        m->ev->arena->exceeded = true;
        return eval_check(m->ev);
    }
    int64_t *times = arena_array(m->ev->arena, count, sizeof(*times));
    double *copies = arena_array(m->ev->arena, count, sizeof(*copies));
    memcpy(times, times_ms, count * sizeof(*times));
    memcpy(copies, values, count * sizeof(*copies));
    ARENA_GROW(m->ev->arena, m->series, m->count, m->capacity);
    m->series[m->count++] = (struct promql_series){
        .labels = labels, .times_ms = times, .values = copies, .count = count};
    return eval_hold(m->ev, count);
}

// anchored and smoothed: the samples inside, between values made for the boundaries.
static void extend(struct columns *c, int64_t start_ms, int64_t end_ms, bool smoothed)
{
    size_t last = c->count - 1;
    size_t first = first_after(c->times_ms, 0, last, start_ms);
    first = first ? first - 1 : 0;
    if (smoothed)
        last = first_after(c->times_ms, 0, last, end_ms - 1);
    if (c->times_ms[last] <= start_ms) {
        c->count = 0;
        return;
    }
    double left = smoothed && c->times_ms[first] < start_ms
                      ? interpolate(c->times_ms + first, c->values + first, start_ms, false)
                      : c->values[first];
    double right = smoothed && last > 0 && c->times_ms[last] > end_ms
                       ? interpolate(c->times_ms + last - 1, c->values + last - 1, end_ms, false)
                       : c->values[last];
    size_t kept = 1;
    columns_reserve(c, c->count + 2);
    memmove(c->times_ms + 1, c->times_ms, c->count * sizeof(*c->times_ms));
    memmove(c->values + 1, c->values, c->count * sizeof(*c->values));
    for (size_t i = first + 1; i <= last + 1; i++) {
        if (c->times_ms[i] <= start_ms || c->times_ms[i] >= end_ms)
            continue;
        c->times_ms[kept] = c->times_ms[i];
        c->values[kept++] = c->values[i];
    }
    c->times_ms[0] = start_ms;
    c->values[0] = left;
    c->times_ms[kept] = end_ms;
    c->values[kept++] = right;
    c->count = kept;
}

static int matrix_selected(struct matrix *m)
{
    const struct series_set *set;
    const struct plan_node *n = m->node;
    struct columns *c = &m->ev->columns;
    int64_t end_ms = lookup_time(&n->selector.lookup, n->grid->start_ms);
    int rc = eval_select(m->ev, n->selector.selection, &set);
    for (size_t s = 0; rc == 0 && s < set->count; s++) {
        if ((rc = eval_check(m->ev)) || (rc = eval_work(m->ev, SERIES_WORK)) ||
            (rc = eval_columns(m->ev, n, set->series[s])))
            break;
        columns_drop_stale(c);
        if (c->count && (n->expr->selector.anchored || n->expr->selector.smoothed))
            extend(c, end_ms - n->selector.range_ms, end_ms, n->expr->selector.smoothed);
        if (c->count)
            rc = matrix_push(m, set->labels[s], c->times_ms, c->values, c->count);
    }
    return rc;
}

static int matrix_subquery(struct matrix *m)
{
    const struct grid *grid = m->node->subquery.inner->grid;
    struct vector v;
    int rc = eval_vector(m->ev, m->node->subquery.inner, &v);
    if (rc)
        return rc;
    for (size_t i = 0; i < v.count; i++)
        if (v.rows[i].drop_name)
            v.rows[i].labels = labels_drop_name(m->ev->arena, v.rows[i].labels);
    if (m->ev->delayed_names && (rc = vector_merge(m->ev, &v, grid->count)))
        return rc;
    struct columns c;
    columns_init(&c);
    columns_reserve(&c, grid->count);
    for (size_t s = 0; s < v.count && rc == 0; s++) {
        c.count = 0;
        for (size_t i = 0; i < grid->count; i++) {
            if (v.rows[s].present[i]) {
                c.times_ms[c.count] = grid_time(grid, i);
                c.values[c.count++] = v.rows[s].values[i];
            }
        }
        rc = matrix_push(m, v.rows[s].labels, c.times_ms, c.values, c.count);
    }
    columns_release(&c);
    return rc;
}

int eval_matrix(struct eval *ev, const struct plan_node *n, struct promql_series **out,
                size_t *count)
{
    struct matrix m = {.ev = ev, .node = n};
    int rc = n->kind == PLAN_MATRIX ? matrix_selected(&m) : matrix_subquery(&m);
    *out = m.series;
    *count = m.count;
    return rc;
}
