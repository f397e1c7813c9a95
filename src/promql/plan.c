// Makes the plan of a query from its syntax tree.
//
// The tree is walked once, from the top, with the grid of steps at hand: a subquery makes a grid of
// its own (multiples of its step, from behind its first window to the end of its last one), and an
// expression that @ pins is planned over the grid's first step and repeated. On the way each
// selector's reach in time is added to its selection, so that storage is asked once per set of
// matchers and for no more than what is looked at.
//
// Invariants:
//  1. A node's grid outlives the plan's users: it lives in the plan's arena.
//  2. Parentheses and EXPR_NUMBER arithmetic are gone; `expr` still points at the written form.
//  3. lookup_time() of a selector at any of its grid's steps, less before_ms and range_ms, plus
//     after_ms, lies within its selection's min_ms and max_ms.
#include "plan.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "duration_expr.h"
#include "operators.h"

const struct promql_expr *expr_unwrap(const struct promql_expr *e)
{
    while (e->kind == EXPR_PAREN)
        e = e->inner;
    return e;
}

static struct plan_node *plan_node(struct plan *plan, const struct promql_expr *e,
                                   const struct grid *grid);

static bool is_pinned(const struct time_modifiers *m)
{
    return m->at != AT_NONE;
}

static bool is_invariant(const struct promql_expr *e);

static bool call_is_invariant(const struct promql_expr *e)
{
    bool all = true, all_selectors = true;
    for (size_t i = 0; i < e->call.arg_count; i++) {
        const struct promql_expr *arg = expr_unwrap(e->call.args[i]);
        all = all && is_invariant(arg);
        all_selectors = all_selectors && arg->kind == EXPR_SELECTOR;
    }
    if (e->call.function->flags & FUNCTION_USES_TIME)
        return false;
    // Of a selector it is the samples' times that count, of anything else the steps'.
    if (e->call.function->flags & FUNCTION_USES_SAMPLE_TIME)
        return all && all_selectors;
    return all;
}

// The same value at every step.
static bool is_invariant(const struct promql_expr *e)
{
    switch (e->kind) {
    case EXPR_NUMBER:
    case EXPR_STRING:
        return true;
    case EXPR_SELECTOR:
    case EXPR_MATRIX:
        return is_pinned(&e->selector.modifiers);
    case EXPR_SUBQUERY:
        return is_pinned(&e->subquery.modifiers);
    case EXPR_CALL:
        return call_is_invariant(e);
    case EXPR_AGGREGATE:
        return is_invariant(e->aggregate.inner) &&
               (!e->aggregate.param || is_invariant(e->aggregate.param));
    case EXPR_BINARY:
        return is_invariant(e->binary.left) && is_invariant(e->binary.right);
    case EXPR_UNARY:
        return is_invariant(e->unary.inner);
    case EXPR_PAREN:
        return is_invariant(e->inner);
    }
    return false;
}

// A constant or a whole vector; what range functions take is looked at window by window.
static bool is_repeatable(const struct promql_expr *e)
{
    return (e->type == TYPE_VECTOR || e->type == TYPE_SCALAR) && e->kind != EXPR_NUMBER &&
           is_invariant(e);
}

static int64_t plan_duration(struct plan *plan, const struct duration_expr *d, bool may_be_negative)
{
    if (!d)
        return 0;
    const struct promql_query *q = plan->query;
    struct duration_context context = {.step_ms = q->step_ms, .range_ms = q->end_ms - q->start_ms};
    int64_t ms = 0;
    plan->fixed = plan->fixed || duration_expr_uses_range(d);
    if (plan->err->code == 0)
        duration_expr_eval(d, &context, may_be_negative, &ms, plan->err);
    return ms;
}

static struct lookup plan_lookup(struct plan *plan, const struct time_modifiers *m)
{
    struct lookup l = {.pinned = m->at != AT_NONE,
                       .offset_ms = plan_duration(plan, m->offset, true)};
    plan->fixed = plan->fixed || l.pinned;
    if (m->at == AT_TIMESTAMP)
        l.pinned_ms = m->at_ms;
    else if (m->at == AT_START)
        l.pinned_ms = plan->query->start_ms;
    else if (m->at == AT_END)
        l.pinned_ms = plan->query->end_ms;
    return l;
}

static bool matchers_equal(const struct matcher *a, const struct matcher *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (a[i].type != b[i].type || !str_eq(a[i].name, b[i].name) ||
            !str_eq(a[i].value, b[i].value))
            return false;
    return true;
}

// Adds a reach in time to the selection of these matchers.
static size_t plan_select(struct plan *plan, const struct matcher *matchers, size_t count,
                          int64_t min_ms, int64_t max_ms)
{
    if (min_ms > max_ms)
        min_ms = max_ms; // a range of less than a millisecond holds nothing
    plan->min_ms = min_ms < plan->min_ms ? min_ms : plan->min_ms;
    plan->max_ms = max_ms > plan->max_ms ? max_ms : plan->max_ms;
    for (size_t i = 0; i < plan->selection_count; i++) {
        struct selection *s = &plan->selections[i];
        if (s->matcher_count != count || !matchers_equal(s->matchers, matchers, count))
            continue;
        s->min_ms = min_ms < s->min_ms ? min_ms : s->min_ms;
        s->max_ms = max_ms > s->max_ms ? max_ms : s->max_ms;
        return i;
    }
    ARENA_GROW(plan->arena, plan->selections, plan->selection_count, plan->selection_capacity);
    plan->selections[plan->selection_count] = (struct selection){
        .matchers = matchers, .matcher_count = count, .min_ms = min_ms, .max_ms = max_ms};
    return plan->selection_count++;
}

static bool names_one_metric(const struct selector *s)
{
    for (size_t i = 0; i < s->matcher_count; i++)
        if (s->matchers[i].type == MATCH_EQUAL && s->matchers[i].value.len &&
            str_is(s->matchers[i].name, LABEL_METRIC_NAME))
            return true;
    return false;
}

static void plan_selector(struct plan *plan, struct plan_node *n)
{
    const struct selector *s = &n->expr->selector;
    n->kind = n->expr->kind == EXPR_MATRIX ? PLAN_MATRIX : PLAN_SELECTOR;
    n->selector.min_ms = INT64_MIN;
    n->selector.max_ms = INT64_MAX;
    n->nameless_unique = names_one_metric(s);
    n->selector.lookup = plan_lookup(plan, &s->modifiers);
    n->selector.range_ms = plan_duration(plan, n->expr->range, false);
    if (n->kind == PLAN_SELECTOR || s->anchored || s->smoothed)
        n->selector.before_ms = plan->lookback_ms;
    n->selector.smoothed = s->smoothed;
    if (s->smoothed)
        n->selector.after_ms = plan->lookback_ms;
    size_t last = n->grid->count ? n->grid->count - 1 : 0;
    int64_t min_ms = lookup_time(&n->selector.lookup, grid_time(n->grid, 0)) -
                     n->selector.range_ms - n->selector.before_ms + 1;
    int64_t max_ms = lookup_time(&n->selector.lookup, grid_time(n->grid, last));
    n->selector.selection =
        plan_select(plan, s->matchers, s->matcher_count, min_ms, max_ms + n->selector.after_ms);
}

// The steps of a subquery: multiples of its step in (first window's start, last window's end].
static struct grid *subquery_grid(struct plan *plan, const struct plan_node *n, int64_t step_ms)
{
    size_t last = n->grid->count ? n->grid->count - 1 : 0;
    int64_t after_ms =
        lookup_time(&n->subquery.lookup, grid_time(n->grid, 0)) - n->subquery.range_ms;
    int64_t end_ms = lookup_time(&n->subquery.lookup, grid_time(n->grid, last));
    struct grid *g = ARENA_NEW(plan->arena, struct grid);
    g->step_ms = step_ms;
    g->start_ms = step_ms * (after_ms / step_ms);
    if (g->start_ms <= after_ms)
        g->start_ms += step_ms;
    g->end_ms = end_ms;
    if (n->grid->count && g->start_ms <= end_ms)
        g->count = (size_t)((end_ms - g->start_ms) / step_ms) + 1;
    return g;
}

static void plan_subquery(struct plan *plan, struct plan_node *n)
{
    const struct promql_expr *e = n->expr;
    n->kind = PLAN_SUBQUERY;
    n->position =
        (struct position){0}; // as Prometheus has it: a subquery becomes another node there
    n->subquery.lookup = plan_lookup(plan, &e->subquery.modifiers);
    int64_t step_ms = plan_duration(plan, e->subquery.step, false);
    n->subquery.range_ms = plan_duration(plan, e->range, false);
    if (step_ms <= 0)
        step_ms = plan->subquery_step_ms;
    plan->slack_ms += step_ms;
    n->subquery.inner = plan_node(plan, e->subquery.inner, subquery_grid(plan, n, step_ms));
    n->nameless_unique = n->subquery.inner->nameless_unique;
}

static int name_cmp(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct label_filter plan_filter(struct plan *plan, const struct str *names, size_t count,
                                       bool keep)
{
    struct str *sorted = arena_array(plan->arena, count + 1, sizeof(*sorted));
    if (count)
        memcpy(sorted, names, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), name_cmp);
    return (struct label_filter){
        .names = sorted, .name_count = count, .keep = keep, .drop_metric_name = !keep};
}

// Its user looks at no values.
static void ignore_values(struct plan_node *n)
{
    if (n->kind == PLAN_SELECTOR || n->kind == PLAN_MATRIX)
        n->selector.values_ignored = true;
}

static void plan_aggregate(struct plan *plan, struct plan_node *n)
{
    const struct promql_expr *e = n->expr;
    n->kind = PLAN_AGGREGATE;
    n->aggregate.inner = plan_node(plan, e->aggregate.inner, n->grid);
    if (e->aggregate.op == AGG_COUNT || e->aggregate.op == AGG_GROUP)
        ignore_values(n->aggregate.inner);
    if (e->aggregate.param)
        n->aggregate.param = plan_node(plan, e->aggregate.param, n->grid);
    n->aggregate.filter = plan_filter(plan, e->aggregate.grouping, e->aggregate.grouping_count,
                                      !e->aggregate.without);
    bool selects = e->aggregate.op == AGG_TOPK || e->aggregate.op == AGG_BOTTOMK ||
                   e->aggregate.op == AGG_LIMITK || e->aggregate.op == AGG_LIMIT_RATIO;
    if (selects)
        n->nameless_unique = n->aggregate.inner->nameless_unique;
    else
        n->nameless_unique = e->aggregate.op != AGG_COUNT_VALUES;
    for (size_t i = 0; i < e->aggregate.grouping_count; i++)
        if (str_has_prefix(e->aggregate.grouping[i], STR("__")))
            n->nameless_unique = false;
}

static void plan_binary(struct plan *plan, struct plan_node *n)
{
    const struct promql_expr *e = n->expr;
    const struct vector_matching *m = &e->binary.matching;
    n->kind = PLAN_BINARY;
    n->binary.left = plan_node(plan, e->binary.left, n->grid);
    n->binary.right = plan_node(plan, e->binary.right, n->grid);
    n->binary.signature = plan_filter(plan, m->labels, m->label_count, m->on);
    struct plan_node *left = n->binary.left, *right = n->binary.right;
    if (left->kind == PLAN_NUMBER && right->kind == PLAN_NUMBER) {
        n->number = operator_apply(e->binary.op, left->number, right->number);
        n->kind = PLAN_NUMBER;
    } else if (e->type == TYPE_VECTOR && left->type != right->type) {
        n->nameless_unique = (left->type == TYPE_VECTOR ? left : right)->nameless_unique;
    } else {
        n->nameless_unique = e->binary.op <= OP_ATAN2 && m->include_count == 0;
    }
}

static void plan_unary(struct plan *plan, struct plan_node *n)
{
    struct plan_node *inner = plan_node(plan, n->expr->unary.inner, n->grid);
    if (!n->expr->unary.negate) {
        struct position position = n->position;
        *n = *inner;
        n->position = position;
    } else if (inner->kind == PLAN_NUMBER) {
        n->kind = PLAN_NUMBER;
        n->number = -inner->number;
    } else {
        n->kind = PLAN_NEGATE;
        n->inner = inner;
        n->nameless_unique = inner->nameless_unique;
    }
}

static struct matcher any_info;

static void make_any_info(void)
{
    struct error err;
    int rc = matcher_init(&any_info, MATCH_REGEX, STR(LABEL_METRIC_NAME), STR(".+_info"), &err);
    assert(rc == OK);
    (void)rc;
}

// What selects info series: the given matchers, and of metrics' names target_info where none are
// given, or whatever is called _info where they only exclude some.
static size_t info_matchers(const struct selector *given, struct matcher *out)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool named = false, wanted = false;
    size_t count = given ? given->matcher_count : 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = given->matchers[i];
        bool of_name = str_is(out[i].name, LABEL_METRIC_NAME);
        named = named || of_name;
        wanted = wanted || (of_name && (out[i].type == MATCH_EQUAL || out[i].type == MATCH_REGEX));
    }
    if (!named) {
        out[count++] = (struct matcher){
            .type = MATCH_EQUAL, .name = STR(LABEL_METRIC_NAME), .value = STR("target_info")};
    } else if (!wanted) {
        pthread_once(&once, make_any_info);
        out[count++] = any_info;
    }
    return count;
}

// The modifiers of the first selector or subquery in an expression, in the order in which it is
// written but for parameters of aggregations, which come last.
static const struct time_modifiers *first_modifiers(const struct promql_expr *e)
{
    const struct time_modifiers *found = NULL;
    switch (e->kind) {
    case EXPR_NUMBER:
    case EXPR_STRING:
        break;
    case EXPR_SELECTOR:
    case EXPR_MATRIX:
        return &e->selector.modifiers;
    case EXPR_SUBQUERY:
        return &e->subquery.modifiers;
    case EXPR_CALL:
        for (size_t i = 0; i < e->call.arg_count && !found; i++)
            found = first_modifiers(e->call.args[i]);
        break;
    case EXPR_AGGREGATE:
        found = first_modifiers(e->aggregate.inner);
        return found || !e->aggregate.param ? found : first_modifiers(e->aggregate.param);
    case EXPR_BINARY:
        found = first_modifiers(e->binary.left);
        return found ? found : first_modifiers(e->binary.right);
    case EXPR_UNARY:
        return first_modifiers(e->unary.inner);
    case EXPR_PAREN:
        return first_modifiers(e->inner);
    }
    return found;
}

// Info series are looked at when the steps are; their samples are seen as far as @ and offset of the
// first selector or subquery in the first argument say.
static void plan_info(struct plan *plan, struct plan_node *n)
{
    const struct promql_expr *e = n->expr;
    const struct selector *given =
        e->call.arg_count > 1 ? &expr_unwrap(e->call.args[1])->selector : NULL;
    const struct time_modifiers *first = first_modifiers(e->call.args[0]);
    struct matcher *matchers =
        arena_array(plan->arena, (given ? given->matcher_count : 0) + 1, sizeof(*matchers));
    size_t count = info_matchers(given, matchers);
    struct lookup l = {0};
    if (first)
        l = plan_lookup(plan, first);
    struct plan_node *info = ARENA_NEW(plan->arena, struct plan_node);
    *info =
        (struct plan_node){.kind = PLAN_SELECTOR, .type = TYPE_VECTOR, .expr = e, .grid = n->grid};
    info->selector.before_ms = plan->lookback_ms;
    info->selector.min_ms = lookup_time(&l, grid_time(n->grid, 0)) - plan->lookback_ms + 1;
    info->selector.max_ms = lookup_time(&l, n->grid->end_ms);
    info->selector.selection =
        plan_select(plan, matchers, count, info->selector.min_ms, info->selector.max_ms);
    n->call.info = info;
}

// timestamp(m @ T offset O) looks at T, as in Prometheus, among the samples that m @ T offset O sees.
static void look_at_pin(const struct plan *plan, struct plan_node *n)
{
    struct lookup *l = &n->selector.lookup;
    if (!l->pinned || l->offset_ms == 0)
        return;
    n->selector.max_ms = l->pinned_ms - l->offset_ms;
    n->selector.min_ms = n->selector.max_ms - plan->lookback_ms + 1;
    l->offset_ms = 0;
}

static void plan_call(struct plan *plan, struct plan_node *n)
{
    const struct promql_expr *e = n->expr;
    const struct function *f = e->call.function;
    n->kind = PLAN_CALL;
    n->call.arg_count = e->call.arg_count;
    n->call.args = arena_calloc(plan->arena, e->call.arg_count + 1, sizeof(*n->call.args));
    bool info = f->flags & FUNCTION_READS_INFO;
    plan->fixed = plan->fixed || f->flags & FUNCTION_OF_QUERY;
    for (size_t i = 0; i < e->call.arg_count; i++)
        if (!(info && i == 1))
            n->call.args[i] = plan_node(plan, e->call.args[i], n->grid);
    if (info)
        plan_info(plan, n);
    if (f->flags & FUNCTION_IGNORES_VALUES)
        ignore_values(n->call.args[0]);
    if (f->flags & FUNCTION_USES_SAMPLE_TIME && n->call.args[0]->kind == PLAN_SELECTOR)
        look_at_pin(plan, n->call.args[0]);
    for (size_t i = 0; i < e->call.arg_count; i++)
        if (n->call.args[i] && n->call.args[i]->type != TYPE_SCALAR && f->shape != FUNCTION_CUSTOM)
            n->nameless_unique = n->call.args[i]->nameless_unique;
}

static struct plan_node *plan_repeat(struct plan *plan, const struct promql_expr *e,
                                     const struct grid *grid)
{
    struct grid *once = ARENA_NEW(plan->arena, struct grid);
    *once = (struct grid){
        .start_ms = grid->start_ms, .step_ms = grid->step_ms, .count = 1, .end_ms = grid->start_ms};
    struct plan_node *inner = plan_node(plan, e, once);
    if (inner->kind == PLAN_NUMBER) {
        inner->grid = grid;
        return inner;
    }
    struct plan_node *n = ARENA_NEW(plan->arena, struct plan_node);
    *n = (struct plan_node){.kind = PLAN_REPEAT,
                            .type = e->type,
                            .expr = e,
                            .position = e->position,
                            .grid = grid,
                            .nameless_unique = inner->nameless_unique,
                            .inner = inner};
    return n;
}

static struct plan_node *plan_node(struct plan *plan, const struct promql_expr *e,
                                   const struct grid *grid)
{
    e = expr_unwrap(e);
    if (grid->count && grid->start_ms != grid->end_ms && is_repeatable(e))
        return plan_repeat(plan, e, grid);
    struct plan_node *n = ARENA_NEW(plan->arena, struct plan_node);
    *n = (struct plan_node){.type = e->type, .expr = e, .position = e->position, .grid = grid};
    switch (e->kind) {
    case EXPR_NUMBER:
        n->kind = PLAN_NUMBER;
        n->number = e->number;
        break;
    case EXPR_STRING:
        n->kind = PLAN_STRING;
        n->string = e->string;
        break;
    case EXPR_SELECTOR:
    case EXPR_MATRIX:
        plan_selector(plan, n);
        break;
    case EXPR_SUBQUERY:
        plan_subquery(plan, n);
        break;
    case EXPR_CALL:
        plan_call(plan, n);
        break;
    case EXPR_AGGREGATE:
        plan_aggregate(plan, n);
        break;
    case EXPR_BINARY:
        plan_binary(plan, n);
        break;
    case EXPR_UNARY:
        plan_unary(plan, n);
        break;
    case EXPR_PAREN:
        break; // unwrapped above
    }
    return n;
}

int plan_make(struct plan *plan, struct error *err)
{
    const struct promql_query *q = plan->query;
    struct error local = {0};
    plan->err = &local;
    plan->min_ms = INT64_MAX;
    plan->max_ms = INT64_MIN;
    plan->grid =
        (struct grid){.start_ms = q->start_ms, .step_ms = 1, .count = 1, .end_ms = q->end_ms};
    if (q->step_ms > 0) {
        plan->grid.step_ms = q->step_ms;
        plan->grid.count =
            q->end_ms < q->start_ms ? 0 : (size_t)((q->end_ms - q->start_ms) / q->step_ms) + 1;
    }
    plan->root = plan_node(plan, q->expr, &plan->grid);
    plan->err = NULL;
    if (local.code)
        return error_set(err, local.code, "%s", local.text);
    plan_labels(plan);
    return 0;
}
