// The naive evaluator's operators and aggregations; included by naive.h.
#ifndef PROMQL_NAIVE_OPERATORS_H
#define PROMQL_NAIVE_OPERATORS_H

static double computed(enum binary_op op, double a, double b)
{
    const double results[OP_COUNT] = {
        [OP_ADD] = a + b,         [OP_SUB] = a - b,
        [OP_MUL] = a * b,         [OP_DIV] = a / b,
        [OP_MOD] = fmod(a, b),    [OP_POW] = pow(a, b),
        [OP_ATAN2] = atan2(a, b), [OP_EQ] = a == b,
        [OP_NE] = a != b,         [OP_LT] = a<b, [OP_GT] = a> b,
        [OP_LE] = a <= b,         [OP_GE] = a >= b,
    };
    return results[op];
}

static double naive_scalar(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    e = bare(e);
    if (e->kind == EXPR_NUMBER)
        return e->number;
    if (e->kind == EXPR_UNARY)
        return -naive_scalar(n, e->unary.inner, t_ms);
    if (e->kind == EXPR_BINARY)
        return computed(e->binary.op, naive_scalar(n, e->binary.left, t_ms),
                        naive_scalar(n, e->binary.right, t_ms));
    struct str name = str_from(e->call.function->name);
    if (str_is(name, "time"))
        return (double)t_ms / 1000;
    if (str_is(name, "pi"))
        return M_PI;
    if (str_is(name, "start"))
        return (double)n->start_ms / 1000;
    if (str_is(name, "end"))
        return (double)n->end_ms / 1000;
    if (str_is(name, "step"))
        return n->end_ms == n->start_ms ? 0 : (double)n->step_ms / 1000;
    if (str_is(name, "range"))
        return n->step_ms ? (double)(n->end_ms - n->start_ms) / 1000 : 0;
    if (str_is(name, "max_of"))
        return go_max(naive_scalar(n, e->call.args[0], t_ms),
                      naive_scalar(n, e->call.args[1], t_ms));
    if (str_is(name, "min_of"))
        return go_min(naive_scalar(n, e->call.args[0], t_ms),
                      naive_scalar(n, e->call.args[1], t_ms));
    struct elements v = naive_vector(n, e->call.args[0], t_ms);
    return v.count == 1 ? v.items[0].value : (double)NAN;
}

// ---- binary operators

// Arithmetic drops the name; a comparison keeps the vector's value where it holds, or gives 1 and 0.
static struct elements with_scalar(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    bool swapped = e->binary.left->type == TYPE_SCALAR;
    double scalar = naive_scalar(n, swapped ? e->binary.left : e->binary.right, t_ms);
    struct elements v = naive_vector(n, swapped ? e->binary.right : e->binary.left, t_ms),
                    out = {0};
    bool filters = binary_op_is_comparison(e->binary.op) && !e->binary.return_bool;
    for (size_t i = 0; i < v.count; i++) {
        struct element item = v.items[i];
        double result = swapped ? computed(e->binary.op, scalar, item.value)
                                : computed(e->binary.op, item.value, scalar);
        if (filters && !result)
            continue;
        if (!filters) {
            item.value = result;
            item.drop = true;
        }
        put(n, &out, item);
    }
    return out;
}

static struct labels signature(struct naive *n, const struct promql_expr *e, struct labels set)
{
    const struct vector_matching *m = &e->binary.matching;
    return grouped(n, set, m->labels, m->label_count, m->on);
}

static bool has_signature(struct naive *n, const struct promql_expr *e, const struct elements *v,
                          struct labels wanted)
{
    for (size_t i = 0; i < v->count; i++)
        if (labels_eq(signature(n, e, v->items[i].labels), wanted))
            return true;
    return false;
}

static void note_names(struct naive *n, const struct elements *v)
{
    for (size_t i = 0; i < v->count; i++) {
        for (size_t k = 0; k < n->names.count; k++)
            n->unsure = n->unsure || (labels_eq(n->names.items[k].labels, v->items[i].labels) &&
                                      n->names.items[k].drop != v->items[i].drop);
        put(n, &n->names, v->items[i]);
    }
}

static struct elements set_of(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct elements left = naive_vector(n, e->binary.left, t_ms);
    struct elements right = naive_vector(n, e->binary.right, t_ms), out = {0};
    for (size_t i = 0; i < left.count; i++) {
        bool there = has_signature(n, e, &right, signature(n, e, left.items[i].labels));
        if (e->binary.op == OP_OR || there == (e->binary.op == OP_AND))
            put(n, &out, left.items[i]);
    }
    for (size_t i = 0; e->binary.op == OP_OR && i < right.count; i++)
        if (!has_signature(n, e, &left, signature(n, e, right.items[i].labels)))
            put(n, &out, right.items[i]);
    if (e->binary.op == OP_OR) {
        check_unlike(n, &out);
        note_names(n, &out);
    }
    return out;
}

struct join_state {
    const struct promql_expr *e;
    bool swapped;
    struct elements out;
    struct elements matches;   // every match's labels, those that a comparison removed included
    struct labels *signatures; // of the matches
};

static struct labels joined_labels(struct naive *n, const struct promql_expr *e, struct labels many,
                                   struct labels one)
{
    const struct vector_matching *m = &e->binary.matching;
    struct labels set = binary_op_is_comparison(e->binary.op) ? many : without_name(n, many);
    struct labels_builder b;
    labels_builder_init(&b, n->arena, (struct labels){0});
    for (size_t i = 0; i < set.count; i++) {
        bool in = listed(set.items[i].name, m->labels, m->label_count);
        if (m->card != CARD_ONE_TO_ONE || (m->on ? in : !in))
            labels_builder_set(&b, set.items[i].name, set.items[i].value);
    }
    for (size_t i = 0; i < m->include_count; i++)
        labels_builder_set(&b, m->include[i], labels_get(one, m->include[i]));
    return labels_builder_finish(&b);
}

static void join_two(struct naive *n, struct join_state *j, const struct element *many,
                     const struct element *one, struct labels sign)
{
    const struct promql_expr *e = j->e;
    bool filters = binary_op_is_comparison(e->binary.op) && !e->binary.return_bool;
    double left = j->swapped ? one->value : many->value;
    double right = j->swapped ? many->value : one->value;
    double result = computed(e->binary.op, left, right);
    struct labels labels = joined_labels(n, e, many->labels, one->labels);
    for (size_t i = 0; i < j->matches.count; i++)
        if (labels_eq(j->signatures[i], sign) && (e->binary.matching.card == CARD_ONE_TO_ONE ||
                                                  labels_eq(j->matches.items[i].labels, labels)))
            n->failed = true;
    put(n, &j->matches, (struct element){.labels = labels});
    j->signatures[j->matches.count - 1] = sign;
    if (filters && !result)
        return;
    put(n, &j->out, (struct element){labels, filters ? left : result, 0, e->binary.return_bool});
}

static struct elements join_of(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    const struct vector_matching *m = &e->binary.matching;
    struct join_state j = {.e = e, .swapped = m->card == CARD_ONE_TO_MANY};
    struct elements left = naive_vector(n, e->binary.left, t_ms);
    struct elements right = naive_vector(n, e->binary.right, t_ms);
    struct elements many = j.swapped ? right : left, one = j.swapped ? left : right;
    bool fills = m->has_fill_left || m->has_fill_right;
    if (!fills && (!many.count || !one.count))
        return j.out;
    j.signatures = arena_array(n->arena, many.count + one.count + 1, sizeof(*j.signatures));
    for (size_t i = 0; i < one.count; i++)
        for (size_t k = 0; k < i; k++)
            n->failed = n->failed || labels_eq(signature(n, e, one.items[i].labels),
                                               signature(n, e, one.items[k].labels));
    for (size_t i = 0; i < many.count && !n->failed; i++) {
        struct labels sign = signature(n, e, many.items[i].labels);
        struct element filled = {.labels = sign, .value = m->fill_right};
        const struct element *found = m->has_fill_right ? &filled : NULL;
        for (size_t k = 0; k < one.count; k++)
            if (labels_eq(signature(n, e, one.items[k].labels), sign))
                found = &one.items[k];
        if (found)
            join_two(n, &j, &many.items[i], found, sign);
    }
    for (size_t i = 0; m->has_fill_left && i < one.count && !n->failed; i++) {
        struct labels sign = signature(n, e, one.items[i].labels);
        struct element filled = {.labels = sign, .value = m->fill_left};
        if (!has_signature(n, e, &many, sign))
            join_two(n, &j, &filled, &one.items[i], sign);
    }
    // Signatures that differ in __type__ or __unit__ alone give equal labels.
    check_unlike(n, &j.out);
    return j.out;
}

static struct elements binary_at(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    if (e->binary.left->type != e->binary.right->type)
        return with_scalar(n, e, t_ms);
    return binary_op_is_set(e->binary.op) ? set_of(n, e, t_ms) : join_of(n, e, t_ms);
}

// ---- aggregations

static double folded(struct naive *n, enum aggregate_op op, double param, double *values,
                     size_t count)
{
    double best = values[0];
    switch (op) {
    case AGG_SUM:
        return total(values, count);
    case AGG_AVG:
        return total(values, count) / (double)count;
    case AGG_COUNT:
        return (double)count;
    case AGG_GROUP:
        return 1;
    case AGG_STDVAR:
        return deviation(values, count);
    case AGG_STDDEV:
        return sqrt(deviation(values, count));
    case AGG_QUANTILE:
        return quantile_at(n, param, values, count);
    default:
        for (size_t i = 1; i < count; i++)
            if (isnan(best) || (op == AGG_MAX ? values[i] > best : values[i] < best))
                best = values[i];
        return best;
    }
}

// The k best of each group, in the order of the input: values are distinct.
static struct elements best_of(struct naive *n, const struct promql_expr *e,
                               const struct elements *v, double k)
{
    struct elements out = {0};
    for (size_t i = 0; i < v->count; i++) {
        struct labels group = grouped(n, v->items[i].labels, e->aggregate.grouping,
                                      e->aggregate.grouping_count, !e->aggregate.without);
        double better = 0;
        for (size_t o = 0; o < v->count; o++) {
            struct labels other = grouped(n, v->items[o].labels, e->aggregate.grouping,
                                          e->aggregate.grouping_count, !e->aggregate.without);
            bool beats = e->aggregate.op == AGG_TOPK ? v->items[o].value > v->items[i].value
                                                     : v->items[o].value < v->items[i].value;
            better += beats && labels_eq(group, other);
        }
        if (better < trunc(k))
            put(n, &out, v->items[i]);
    }
    return out;
}

static struct labels counted_labels(struct naive *n, const struct promql_expr *e,
                                    const struct element *item, struct str name)
{
    struct buf text = BUF_INIT;
    struct labels_builder b;
    labels_builder_init(&b, n->arena,
                        grouped(n, item->labels, e->aggregate.grouping, e->aggregate.grouping_count,
                                !e->aggregate.without));
    buf_float(&text, item->value, FLOAT_F);
    // What goes by `without` is counted together.
    if (!e->aggregate.without || !listed(name, e->aggregate.grouping, e->aggregate.grouping_count))
        labels_builder_set(&b, name, arena_copy(n->arena, buf_view(&text)));
    buf_release(&text);
    return labels_builder_finish(&b);
}

static struct elements aggregate_at(struct naive *n, const struct promql_expr *e, int64_t t_ms)
{
    struct elements v = naive_vector(n, e->aggregate.inner, t_ms), out = {0};
    enum aggregate_op op = e->aggregate.op;
    bool counts = op == AGG_COUNT_VALUES;
    double param = 0;
    if (e->aggregate.param && !counts)
        param = naive_scalar(n, e->aggregate.param, t_ms);
    if (op == AGG_TOPK || op == AGG_BOTTOMK)
        return best_of(n, e, &v, param);
    struct labels *groups = arena_array(n->arena, v.count + 1, sizeof(*groups));
    for (size_t i = 0; i < v.count; i++)
        groups[i] = counts ? counted_labels(n, e, &v.items[i], bare(e->aggregate.param)->string)
                           : grouped(n, v.items[i].labels, e->aggregate.grouping,
                                     e->aggregate.grouping_count, !e->aggregate.without);
    for (size_t i = 0; i < v.count; i++) {
        double *values = arena_array(n->arena, v.count, sizeof(*values));
        size_t count = 0;
        bool first = true, drop = false;
        for (size_t k = 0; k < v.count; k++) {
            if (!labels_eq(groups[k], groups[i]))
                continue;
            first = first && k >= i;
            drop = drop || v.items[k].drop;
            values[count++] = v.items[k].value;
        }
        if (first)
            put(n, &out,
                (struct element){groups[i],
                                 counts ? (double)count : folded(n, op, param, values, count), 0,
                                 drop && !counts});
    }
    return out;
}

#endif
