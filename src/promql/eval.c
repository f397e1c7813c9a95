// Evaluation, node by node: limits, constants, and everything that turns one series into one
// series.
//
// A node is evaluated over all of its steps at once. What works on each series alone (selectors,
// range functions, maps, arithmetic with a scalar) is a stream: eval_stream() pulls it through
// series by series in scratch rows, so that sum(rate(x[5m])) holds one series of samples and the
// sums, never all rates. Where metric names are dropped and series might become equal, the vector
// is gathered first and merged; plan_node.nameless_unique says where that cannot happen.
//
// The per-series functions touch nothing but their own series, the plan and scratch memory.
#include "eval.h"

#include <math.h>

#include "operators.h"

// Clock readings are for every so many checks.
#define CHECKS_PER_CLOCK 16

int eval_check(struct eval *ev)
{
    if (ev->arena->exceeded)
        return error_set(ev->err, ERR_LIMIT,
                         "query processing would use more memory than a query may (%zu bytes)",
                         ev->memory_max);
    if (cancel_raised(ev->cancel))
        return error_set(ev->err, ERR_CANCELED, "query was canceled in expression evaluation");
    bool look = ev->brief || ev->checks++ % CHECKS_PER_CLOCK == 0;
    if (!look || clock_mono_ns(ev->clock) <= ev->deadline_ns)
        return 0;
    if (ev->brief)
        return ERR_DEFERRED;
    return error_set(ev->err, ERR_TIMEOUT, "query timed out in expression evaluation");
}

int eval_work(struct eval *ev, int64_t amount)
{
    if (!ev->brief)
        return 0;
    ev->work_left -= amount;
    return ev->work_left < 0 ? ERR_DEFERRED : 0;
}

static int fail_samples(struct eval *ev)
{
    return error_set(ev->err, ERR_LIMIT,
                     "query processing would load too many samples into memory in query execution");
}

int eval_hold(struct eval *ev, uint64_t count)
{
    ev->samples_held += count;
    return ev->samples_held > ev->samples_max ? fail_samples(ev) : 0;
}

int eval_read(struct eval *ev, size_t count)
{
    ev->samples_read += count;
    if (ev->samples_held + count > ev->samples_max)
        return fail_samples(ev);
    return eval_work(ev, (int64_t)count);
}

int eval_fail(struct eval *ev, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int rc = error_vset(ev->err, ERR_EXECUTION, format, args);
    va_end(args);
    return rc;
}

int eval_fail_duplicate(struct eval *ev)
{
    return eval_fail(ev, "vector cannot contain metrics with the same labelset");
}

// ---- transforms: one row in, the same row out, changed in place

struct transform {
    struct eval *ev;
    const struct plan_node *node;
    const struct plan_node *child; // NULL: vector(time())
    struct value params[FUNCTION_ARGS_MAX];
    size_t param_count;
    void (*apply)(struct transform *t, struct row *row);
    bool renames; // drops the metric name
    row_sink_fn *sink;
    void *context;
};

static void apply_map(struct transform *t, struct row *row)
{
    double (*map)(double) = t->node->expr->call.function->map;
    for (size_t i = 0; i < t->node->grid->count; i++)
        if (row->present[i])
            row->values[i] = map(row->values[i]);
}

static void apply_map_steps(struct transform *t, struct row *row)
{
    function_map_steps_fn *map = t->node->expr->call.function->map_steps;
    double params[FUNCTION_ARGS_MAX] = {1}; // what round() takes when it isn't told
    for (size_t i = 0; i < t->node->grid->count; i++) {
        if (!row->present[i])
            continue;
        for (size_t p = 0; p < t->param_count; p++)
            params[p] = scalar_at(&t->params[p], i);
        row->present[i] = map(row->values[i], params, &row->values[i]);
    }
}

static void apply_negate(struct transform *t, struct row *row)
{
    for (size_t i = 0; i < t->node->grid->count; i++)
        row->values[i] = -row->values[i];
}

// Arithmetic, or a comparison that keeps the vector's value where it holds, or gives 1 and 0.
static void apply_operator(struct transform *t, struct row *row)
{
    const struct promql_expr *e = t->node->expr;
    bool swapped = t->node->binary.left->type == TYPE_SCALAR;
    bool filters = binary_op_is_comparison(e->binary.op) && !e->binary.return_bool;
    for (size_t i = 0; i < t->node->grid->count; i++) {
        if (!row->present[i])
            continue;
        double scalar = scalar_at(&t->params[0], i), value = row->values[i];
        double result = swapped ? operator_apply(e->binary.op, scalar, value)
                                : operator_apply(e->binary.op, value, scalar);
        if (filters)
            row->present[i] = result != 0;
        else
            row->values[i] = result;
    }
}

static int transform_call(struct transform *t)
{
    const struct plan_node *n = t->node;
    const struct function *f = n->expr->call.function;
    t->apply = f->shape == FUNCTION_MAP ? apply_map : apply_map_steps;
    t->renames = !(f->flags & FUNCTION_KEEPS_NAME);
    if (n->call.arg_count == 0)
        return 0;
    t->child = n->call.args[0];
    for (size_t i = 1; i < n->call.arg_count; i++) {
        int rc = eval_scalar(t->ev, n->call.args[i], &t->params[t->param_count++]);
        if (rc)
            return rc;
    }
    return 0;
}

static int transform_operator(struct transform *t)
{
    const struct plan_node *n = t->node;
    bool swapped = n->binary.left->type == TYPE_SCALAR;
    enum binary_op op = n->expr->binary.op;
    t->child = swapped ? n->binary.right : n->binary.left;
    t->apply = apply_operator;
    t->renames = !binary_op_is_comparison(op) || n->expr->binary.return_bool;
    return eval_scalar(t->ev, swapped ? n->binary.left : n->binary.right, &t->params[0]);
}

static bool is_transform(const struct plan_node *n)
{
    if (n->type != TYPE_VECTOR)
        return false;
    if (n->kind == PLAN_CALL) {
        enum function_shape shape = n->expr->call.function->shape;
        return shape == FUNCTION_MAP || shape == FUNCTION_MAP_STEPS;
    }
    return n->kind == PLAN_NEGATE ||
           (n->kind == PLAN_BINARY && n->binary.left->type != n->binary.right->type);
}

static int transform_init(struct transform *t, struct eval *ev, const struct plan_node *n)
{
    *t = (struct transform){.ev = ev, .node = n};
    if (n->kind == PLAN_CALL)
        return transform_call(t);
    if (n->kind == PLAN_BINARY)
        return transform_operator(t);
    t->child = n->inner;
    t->apply = apply_negate;
    t->renames = true;
    return 0;
}

static bool must_merge(const struct transform *t)
{
    return t->renames && !t->ev->delayed_names && !t->node->nameless_unique;
}

static int transform_row(void *context, struct row *row)
{
    struct transform *t = context;
    t->apply(t, row);
    if (row_is_empty(row, t->node->grid->count))
        return 0;
    if (t->renames)
        row_drop_name(t->ev, row);
    return t->sink(t->context, row);
}

// The steps' times as the values of a series without labels.
static int times_row(struct eval *ev, const struct grid *grid, struct row *row)
{
    int rc = row_init(ev, row, (struct labels){0}, grid->count);
    for (size_t i = 0; rc == 0 && i < grid->count; i++) {
        row->values[i] = (double)grid_time(grid, i) / 1000;
        row->present[i] = 1;
    }
    return rc;
}

static int transform_each(struct transform *t, row_sink_fn *sink, void *context)
{
    t->sink = sink;
    t->context = context;
    if (t->child)
        return eval_stream(t->ev, t->child, transform_row, t);
    struct row row;
    int rc = times_row(t->ev, t->node->grid, &row);
    return rc || t->node->grid->count == 0 ? rc : transform_row(t, &row);
}

static int transform_vector(struct transform *t, struct vector *out)
{
    struct collector c = {.ev = t->ev, .vector = out, .step_count = t->node->grid->count};
    int rc = transform_each(t, collect_row, &c);
    return rc || !must_merge(t) ? rc : vector_merge(t->ev, out, t->node->grid->count);
}

// ---- scalars

static int scalar_operator(struct eval *ev, const struct plan_node *n, struct value *out)
{
    struct value left, right;
    int rc = eval_scalar(ev, n->binary.left, &left);
    if (rc == 0)
        rc = eval_scalar(ev, n->binary.right, &right);
    if (rc)
        return rc;
    double *values = arena_array(ev->arena, n->grid->count, sizeof(double));
    for (size_t i = 0; i < n->grid->count; i++)
        values[i] = operator_apply(n->expr->binary.op, scalar_at(&left, i), scalar_at(&right, i));
    *out = (struct value){.scalar = values};
    return 0;
}

static int scalar_negate(struct eval *ev, const struct plan_node *n, struct value *out)
{
    struct value inner;
    int rc = eval_scalar(ev, n->inner, &inner);
    if (rc)
        return rc;
    double *values = arena_array(ev->arena, n->grid->count, sizeof(double));
    for (size_t i = 0; i < n->grid->count; i++)
        values[i] = -scalar_at(&inner, i);
    *out = (struct value){.scalar = values};
    return 0;
}

int eval_scalar(struct eval *ev, const struct plan_node *n, struct value *out)
{
    if (!arena_fits(ev->arena, n->grid->count * sizeof(double)))
        ev->arena->exceeded = true;
    int rc = eval_check(ev);
    if (rc)
        return rc;
    struct value inner;
    switch (n->kind) {
    case PLAN_NUMBER:
        *out = (struct value){.number = n->number};
        return 0;
    case PLAN_BINARY:
        return scalar_operator(ev, n, out);
    case PLAN_NEGATE:
        return scalar_negate(ev, n, out);
    case PLAN_REPEAT:
        rc = eval_scalar(ev, n->inner, &inner);
        *out = (struct value){.number = rc ? 0 : scalar_at(&inner, 0)};
        return rc;
    default:
        *out = (struct value){0};
        return n->expr->call.function->custom(ev, n, out);
    }
}

// ---- vectors

static int eval_repeat(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct vector once = {0};
    int rc = eval_vector(ev, n->inner, &once);
    for (size_t r = 0; r < once.count && rc == 0; r++) {
        struct row row;
        rc = row_init(ev, &row, once.rows[r].labels, n->grid->count);
        if (rc)
            break;
        row.drop_name = once.rows[r].drop_name;
        for (size_t i = 0; i < n->grid->count; i++)
            row.values[i] = once.rows[r].values[0];
        memset(row.present, 1, n->grid->count);
        vector_push(ev, out, &row);
        rc = eval_hold(ev, n->grid->count);
    }
    return rc;
}

static bool is_range_call(const struct plan_node *n)
{
    return n->kind == PLAN_CALL && n->expr->call.function->shape == FUNCTION_RANGE;
}

// A range function that drops names must not make two series equal, at whatever steps.
static bool must_check_unique(const struct eval *ev, const struct plan_node *n)
{
    return !(n->expr->call.function->flags & FUNCTION_KEEPS_NAME) && !ev->delayed_names &&
           !n->nameless_unique;
}

static int collect_stream(struct eval *ev, const struct plan_node *n,
                          int (*stream)(struct eval *, const struct plan_node *, row_sink_fn *,
                                        void *),
                          struct vector *out)
{
    struct collector c = {.ev = ev, .vector = out, .step_count = n->grid->count};
    return stream(ev, n, collect_row, &c);
}

static int eval_call(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct value value = {0};
    int rc = n->expr->call.function->custom(ev, n, &value);
    *out = value.vector;
    return rc;
}

int eval_vector(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    *out = (struct vector){0};
    int rc = eval_check(ev);
    if (rc || n->grid->count == 0)
        return rc;
    if (is_transform(n)) {
        struct transform t;
        rc = transform_init(&t, ev, n);
        return rc ? rc : transform_vector(&t, out);
    }
    if (is_range_call(n)) {
        rc = collect_stream(ev, n, stream_range, out);
        return rc || !must_check_unique(ev, n) ? rc : vector_check_unique(ev, out);
    }
    switch (n->kind) {
    case PLAN_SELECTOR:
        return collect_stream(ev, n, stream_selector, out);
    case PLAN_REPEAT:
        return eval_repeat(ev, n, out);
    case PLAN_AGGREGATE:
        return eval_aggregate(ev, n, out);
    case PLAN_BINARY:
        return binary_op_is_set(n->expr->binary.op) ? eval_binary_set(ev, n, out)
                                                    : eval_binary_vectors(ev, n, out);
    default:
        return eval_call(ev, n, out);
    }
}

int eval_node(struct eval *ev, const struct plan_node *n, struct value *out)
{
    *out = (struct value){0};
    return n->type == TYPE_SCALAR ? eval_scalar(ev, n, out) : eval_vector(ev, n, &out->vector);
}

int eval_stream(struct eval *ev, const struct plan_node *n, row_sink_fn *sink, void *context)
{
    int rc = eval_check(ev);
    if (rc || n->grid->count == 0)
        return rc;
    if (n->kind == PLAN_SELECTOR)
        return stream_selector(ev, n, sink, context);
    if (is_range_call(n) && !must_check_unique(ev, n))
        return stream_range(ev, n, sink, context);
    if (is_transform(n)) {
        struct transform t;
        rc = transform_init(&t, ev, n);
        if (rc)
            return rc;
        if (!must_merge(&t))
            return transform_each(&t, sink, context);
    }
    struct vector v;
    rc = eval_vector(ev, n, &v);
    for (size_t i = 0; i < v.count && rc == 0; i++)
        rc = sink(context, &v.rows[i]);
    return rc;
}
