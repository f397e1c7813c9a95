// Types: each operator, function and aggregation takes what it can take, in Prometheus' words.
#include <stdio.h>

#include "functions.h"
#include "parse.h"

const char *expr_type_words(enum expr_type type)
{
    switch (type) {
    case TYPE_SCALAR:
        return "scalar";
    case TYPE_STRING:
        return "string";
    case TYPE_VECTOR:
        return "instant vector";
    case TYPE_MATRIX:
        return "range vector";
    default:
        return "none";
    }
}

static void expect_type(struct parser *p, const struct promql_expr *e, enum expr_type type,
                        const char *context)
{
    if (e->type != type)
        parser_fail_later(p, e->position.start, "expected type %s in %s, got %s",
                          expr_type_words(type), context, expr_type_words(e->type));
}

static void check_arg_count(struct parser *p, const struct promql_expr *e)
{
    const struct function *f = e->call.function;
    size_t got = e->call.arg_count;
    size_t least = f->variadic ? (size_t)f->arg_count - 1 : f->arg_count;
    size_t most = f->variadic > 0 ? least + (size_t)f->variadic : f->arg_count;
    if (f->variadic == 0 && got != f->arg_count)
        parser_fail_later(p, e->position.start,
                          "expected %u argument(s) in call to \"%s\", got %zu", f->arg_count,
                          f->name, got);
    else if (f->variadic && got < least)
        parser_fail_later(p, e->position.start,
                          "expected at least %zu argument(s) in call to \"%s\", got %zu", least,
                          f->name, got);
    else if (f->variadic > 0 && got > most)
        parser_fail_later(p, e->position.start,
                          "expected at most %zu argument(s) in call to \"%s\", got %zu", most,
                          f->name, got);
}

static const struct promql_expr *unwrap(const struct promql_expr *e)
{
    while (e->kind == EXPR_PAREN)
        e = e->inner;
    return e;
}

// The second argument of info().
static void check_label_selectors(struct parser *p, const struct promql_expr *e, size_t at)
{
    if (e->kind != EXPR_SELECTOR)
        parser_fail_later(p, at, "expected label selectors only");
    else if (e->selector.name.len)
        parser_fail_later(p, at, "expected label selectors only, got vector selector instead");
}

void check_call(struct parser *p, struct promql_expr *e)
{
    const struct function *f = e->call.function;
    check_arg_count(p, e);
    for (size_t i = 0; f->arg_count && i < e->call.arg_count; i++) {
        size_t declared = i < f->arg_count ? i : (size_t)f->arg_count - 1;
        char context[80];
        snprintf(context, sizeof(context), "call to function \"%s\"", f->name);
        expect_type(p, e->call.args[i], f->args[declared], context);
    }
    if (str_is(STR("info"), f->name) && e->call.arg_count == 2)
        check_label_selectors(p, unwrap(e->call.args[1]), e->call.args[1]->position.start);
}

void check_aggregate(struct parser *p, struct promql_expr *e)
{
    enum aggregate_op op = e->aggregate.op;
    expect_type(p, e->aggregate.inner, TYPE_VECTOR, "aggregation expression");
    if (e->aggregate.param)
        expect_type(p, e->aggregate.param, op == AGG_COUNT_VALUES ? TYPE_STRING : TYPE_SCALAR,
                    "aggregation parameter");
}

void check_unary(struct parser *p, struct promql_expr *e)
{
    enum expr_type type = e->unary.inner->type;
    if (type != TYPE_SCALAR && type != TYPE_VECTOR)
        parser_fail_later(
            p, e->position.start,
            "unary expression only allowed on expressions of type scalar or instant vector, "
            "got \"%s\"",
            expr_type_words(type));
}

static bool is_label_in(struct str name, const struct str *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(list[i], name))
            return true;
    }
    return false;
}

static void check_matching(struct parser *p, const struct promql_expr *e, bool vectors,
                           size_t operator_at)
{
    const struct vector_matching *m = &e->binary.matching;
    enum binary_op op = e->binary.op;
    bool grouped = m->card == CARD_MANY_TO_ONE || m->card == CARD_ONE_TO_MANY;
    if (!vectors && m->label_count)
        parser_fail_later(p, e->position.start,
                          "vector matching only allowed between instant vectors");
    for (size_t i = 0; m->on && i < m->include_count; i++) {
        if (is_label_in(m->include[i], m->labels, m->label_count))
            parser_fail_later(p, operator_at,
                              "label \"%.*s\" must not occur in ON and GROUP clause at once",
                              STR_ARG(m->include[i]));
    }
    if (binary_op_is_set(op) && grouped)
        parser_fail_later(p, e->position.start, "no grouping allowed for \"%s\" operation",
                          binary_op_name(op));
    if ((m->has_fill_left || m->has_fill_right) && (binary_op_is_set(op) || !vectors))
        parser_fail_later(p, e->position.start,
                          vectors
                              ? "filling in missing series not allowed for set operators"
                              : "filling in missing series only allowed between instant vectors");
}

static bool is_operand(enum expr_type type)
{
    return type == TYPE_SCALAR || type == TYPE_VECTOR;
}

void check_binary(struct parser *p, struct promql_expr *e, size_t operator_at)
{
    const struct promql_expr *left = e->binary.left, *right = e->binary.right;
    enum binary_op op = e->binary.op;
    bool scalars = left->type == TYPE_SCALAR && right->type == TYPE_SCALAR;
    bool vectors = left->type == TYPE_VECTOR && right->type == TYPE_VECTOR;
    if (e->binary.return_bool && !binary_op_is_comparison(op))
        parser_fail_later(p, operator_at, "bool modifier can only be used on comparison operators");
    if (binary_op_is_comparison(op) && !e->binary.return_bool && scalars)
        parser_fail_later(p, operator_at, "comparisons between scalars must use BOOL modifier");
    if (!is_operand(left->type) || !is_operand(right->type))
        parser_fail_later(p, !is_operand(left->type) ? left->position.start : right->position.start,
                          "binary expression must contain only scalar and instant vector types");
    if (binary_op_is_set(op) && !vectors)
        parser_fail_later(p, e->position.start,
                          "set operator \"%s\" not allowed in binary scalar expression",
                          binary_op_name(op));
    check_matching(p, e, vectors, operator_at);
    // on () beside a scalar is nothing.
    if (!vectors)
        e->binary.matching = (struct vector_matching){0};
    e->type = scalars ? TYPE_SCALAR : TYPE_VECTOR;
}
