// Which labels of a selector's series matter.
//
// sum by (job) (rate(x[5m])) looks at one label of x's series, and at their name. What is between an
// aggregation and its selectors passes labels on unseen, unless it drops names and so might make
// series equal: then it compares all. Whatever isn't known here to be modest wants all.
#include "plan.h"

// The labels that a node's user looks at.
struct wish {
    bool all;
    const struct str *names;
    size_t count;
    bool metric; // the metric's name as well
};

static const struct wish everything = {.all = true};

static bool is_wished(const struct selection *s, struct str name)
{
    for (size_t i = 0; i < s->label_count; i++)
        if (str_eq(s->labels[i], name))
            return true;
    return false;
}

static void add_name(struct plan *plan, struct selection *s, struct str name)
{
    if (is_wished(s, name))
        return;
    ARENA_GROW(plan->arena, s->labels, s->label_count, s->label_capacity);
    s->labels[s->label_count++] = name;
}

static void wish_selection(struct plan *plan, size_t selection, struct wish wish)
{
    struct selection *s = &plan->selections[selection];
    s->all_labels = s->all_labels || wish.all;
    for (size_t i = 0; i < wish.count; i++)
        add_name(plan, s, wish.names[i]);
    if (wish.metric)
        add_name(plan, s, STR(LABEL_METRIC_NAME));
}

static void wish_node(struct plan *plan, const struct plan_node *n, struct wish wish);

static bool aggregates_groups(const struct plan_node *n)
{
    switch (n->expr->aggregate.op) {
    case AGG_TOPK:
    case AGG_BOTTOMK:
    case AGG_LIMITK:
    case AGG_LIMIT_RATIO:
    case AGG_COUNT_VALUES:
        return false;
    default:
        return n->aggregate.filter.keep;
    }
}

static void wish_aggregate(struct plan *plan, const struct plan_node *n)
{
    const struct label_filter *f = &n->aggregate.filter;
    struct wish groups = {.names = f->names, .count = f->name_count};
    wish_node(plan, n->aggregate.inner, aggregates_groups(n) ? groups : everything);
    if (n->aggregate.param)
        wish_node(plan, n->aggregate.param, everything);
}

static void wish_call(struct plan *plan, const struct plan_node *n, struct wish wish)
{
    const struct function *f = n->expr->call.function;
    if (f->shape == FUNCTION_CUSTOM || !n->nameless_unique)
        wish = everything;
    wish.metric = wish.metric || f->flags & FUNCTION_OF_COUNTERS; // which they speak of
    for (size_t i = 0; i < n->call.arg_count; i++)
        if (n->call.args[i])
            wish_node(plan, n->call.args[i], wish);
    if (n->call.info)
        wish_node(plan, n->call.info, everything);
}

static void wish_binary(struct plan *plan, const struct plan_node *n, struct wish wish)
{
    bool with_scalar = n->binary.left->type != n->binary.right->type;
    if (!with_scalar || !n->nameless_unique)
        wish = everything;
    wish_node(plan, n->binary.left, wish);
    wish_node(plan, n->binary.right, wish);
}

static void wish_node(struct plan *plan, const struct plan_node *n, struct wish wish)
{
    switch (n->kind) {
    case PLAN_NUMBER:
    case PLAN_STRING:
        break;
    case PLAN_SELECTOR:
    case PLAN_MATRIX:
        wish_selection(plan, n->selector.selection, wish);
        break;
    case PLAN_SUBQUERY:
        wish_node(plan, n->subquery.inner, wish);
        break;
    case PLAN_CALL:
        wish_call(plan, n, wish);
        break;
    case PLAN_AGGREGATE:
        wish_aggregate(plan, n);
        break;
    case PLAN_BINARY:
        wish_binary(plan, n, wish);
        break;
    case PLAN_NEGATE:
        wish_node(plan, n->inner, n->nameless_unique ? wish : everything);
        break;
    case PLAN_REPEAT:
        wish_node(plan, n->inner, wish);
        break;
    }
}

void plan_labels(struct plan *plan)
{
    wish_node(plan, plan->root, everything);
}
