// Selectors: from stored samples to one value a step.
//
// A series' samples are read once, for all steps, into two columns; the steps then walk them with
// one pointer. Where the steps are far apart and each looks at little, only those pieces are read.
#include "eval.h"

#include "operators.h"
#include "parallel.h"

// Windows farther apart than this are read one by one.
#define PIECE_GAP_MS INT64_C(1800000)

int eval_select(struct eval *ev, size_t selection, const struct series_set **out)
{
    struct selection *s = &ev->plan->selections[selection];
    *out = &s->set;
    if (s->done)
        return 0;
    int rc = source_select(&ev->source, s, ev->arena, &s->set, ev->err);
    s->done = rc == 0;
    return rc ? rc : eval_check(ev);
}

static void columns_append(struct columns *to, const struct columns *from)
{
    columns_reserve(to, to->count + from->count);
    memcpy(to->times_ms + to->count, from->times_ms, from->count * sizeof(*to->times_ms));
    memcpy(to->values + to->count, from->values, from->count * sizeof(*to->values));
    to->count += from->count;
}

static int read_pieces(struct eval *ev, const struct plan_node *n,
                       const struct querier_series *series, int64_t behind_ms)
{
    ev->columns.count = 0;
    for (size_t i = 0; i < n->grid->count; i++) {
        int64_t at_ms = lookup_time(&n->selector.lookup, grid_time(n->grid, i));
        int rc = source_read(&ev->source, series, at_ms - behind_ms + 1,
                             at_ms + n->selector.after_ms, &ev->piece, ev->err);
        if (rc)
            return rc;
        if (ev->piece.count)
            columns_append(&ev->columns, &ev->piece);
    }
    return 0;
}

int eval_columns(struct eval *ev, const struct plan_node *n, const struct querier_series *series)
{
    const struct lookup *l = &n->selector.lookup;
    int64_t behind_ms = n->selector.range_ms + n->selector.before_ms;
    int64_t gap_ms = n->grid->step_ms - behind_ms - n->selector.after_ms;
    int rc;
    ev->columns.markers_only = ev->piece.markers_only = n->selector.values_ignored;
    if (n->grid->count > 1 && !l->pinned && gap_ms > PIECE_GAP_MS) {
        rc = read_pieces(ev, n, series, behind_ms);
    } else {
        int64_t first_ms = lookup_time(l, grid_time(n->grid, 0));
        int64_t last_ms = lookup_time(l, grid_time(n->grid, n->grid->count - 1));
        rc = source_read(&ev->source, series, first_ms - behind_ms + 1,
                         last_ms + n->selector.after_ms, &ev->columns, ev->err);
    }
    return rc ? rc : eval_read(ev, ev->columns.count);
}

// The newest sample of (t - lookback, t] at each t, unless it ends the series; `times` makes its
// time the value.
static void select_steps(const struct columns *c, const struct plan_node *n, bool times,
                         struct row *row)
{
    size_t next = 0;
    for (size_t i = 0; i < n->grid->count; i++) {
        int64_t at_ms = lookup_time(&n->selector.lookup, grid_time(n->grid, i));
        next = next_after(c->times_ms, next, c->count, at_ms);
        row->present[i] = next > 0 && c->times_ms[next - 1] > at_ms - n->selector.before_ms &&
                          !sample_is_stale(c->values[next - 1]);
        if (row->present[i])
            row->values[i] = times ? (double)c->times_ms[next - 1] / 1000 : c->values[next - 1];
    }
}

// smoothed: between the samples before and after t, both within the lookback.
static void smooth_steps(const struct columns *c, const struct plan_node *n, struct row *row)
{
    size_t first = 0, end = 0;
    for (size_t i = 0; i < n->grid->count; i++) {
        int64_t at_ms = lookup_time(&n->selector.lookup, grid_time(n->grid, i));
        while (first < c->count && c->times_ms[first] <= at_ms - n->selector.before_ms)
            first++;
        end = end < first ? first : end;
        while (end < c->count && c->times_ms[end] < at_ms)
            end++;
        bool later = end < c->count && c->times_ms[end] <= at_ms + n->selector.after_ms;
        bool exact = later && c->times_ms[end] == at_ms;
        row->present[i] = exact || end > first;
        if (exact)
            row->values[i] = c->values[end];
        else if (end > first)
            row->values[i] =
                later ? interpolate(c->times_ms + end - 1, c->values + end - 1, at_ms, false)
                      : c->values[end - 1];
    }
}

// Leaves the samples that are seen at all.
static void clip(struct columns *c, int64_t min_ms, int64_t max_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->times_ms[i] < min_ms || c->times_ms[i] > max_ms)
            continue;
        c->times_ms[kept] = c->times_ms[i];
        c->values[kept++] = c->values[i];
    }
    c->count = kept;
}

struct selecting {
    struct eval *ev;
    const struct plan_node *node;
    const struct series_set *set;
    bool times; // are the values
    row_sink_fn *sink;
    void *context;
};

static int compute_row(void *context, struct row_worker *worker, size_t series, struct row *row)
{
    const struct selecting *s = context;
    struct columns *c = &worker->ev->columns;
    int rc = eval_columns(worker->ev, s->node, s->set->series[series]);
    if (rc == 0 && s->node->selector.max_ms != INT64_MAX)
        clip(c, s->node->selector.min_ms, s->node->selector.max_ms);
    if (rc || c->count == 0)
        return rc;
    if (s->node->selector.smoothed && !s->times) {
        columns_drop_stale(c);
        smooth_steps(c, s->node, row);
    } else {
        select_steps(c, s->node, s->times, row);
    }
    return !row_is_empty(row, s->node->grid->count);
}

static int take_row(void *context, size_t series, struct row *row)
{
    const struct selecting *s = context;
    row->labels = s->set->labels[series];
    return s->sink(s->context, row);
}

static int stream_series(struct eval *ev, const struct plan_node *n, bool times, row_sink_fn *sink,
                         void *context)
{
    struct selecting s = {.ev = ev, .node = n, .times = times, .sink = sink, .context = context};
    struct row_job job = {
        .ev = ev,
        .step_count = n->grid->count,
        .span_ms = n->grid->step_ms * (int64_t)n->grid->count,
        .context = &s,
        .compute = compute_row,
        .take = take_row,
    };
    int rc = eval_select(ev, n->selector.selection, &s.set);
    if (rc)
        return rc;
    job.series_count = s.set->count;
    return row_job_run(&job);
}

int stream_selector(struct eval *ev, const struct plan_node *n, row_sink_fn *sink, void *context)
{
    return stream_series(ev, n, false, sink, context);
}

int stream_timestamps(struct eval *ev, const struct plan_node *n, row_sink_fn *sink, void *context)
{
    return stream_series(ev, n, true, sink, context);
}
