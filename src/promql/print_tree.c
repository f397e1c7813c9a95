// The syntax tree as JSON, node by node as Prometheus' parse_query shows it: members in alphabetic
// order, durations and times in milliseconds.
//
// Trees are deeper than a JSON writer counts, so that each node has a writer of its own on the same
// buffer. A duration that is an expression has no value before the query runs: it shows as 0, with its tree beside it.
#include "functions.h"

#include "base/json_write.h"

static void put_member(struct json_writer *w, const char *key, const struct promql_expr *e)
{
    json_key(w, key);
    if (!e) {
        json_null(w);
        return;
    }
    json_raw(w, STR(""));
    promql_print_tree(w->out, e);
}

static void put_cstr(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_cstr(w, value);
}

static void put_bool(struct json_writer *w, const char *key, bool value)
{
    json_key(w, key);
    json_bool(w, value);
}

static void put_i64(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_i64(w, value);
}

static void put_labels(struct json_writer *w, const char *key, const struct str *labels,
                       size_t count)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++)
        json_str(w, labels[i]);
    json_array_end(w);
}

static void print_duration(struct buf *out, const struct duration_expr *d);

static void put_duration_tree(struct json_writer *w, const char *key, const struct duration_expr *d)
{
    json_key(w, key);
    if (!d) {
        json_null(w);
        return;
    }
    json_raw(w, STR(""));
    print_duration(w->out, d);
}

static void put_duration_literal(struct json_writer *w, const struct duration_expr *d)
{
    put_bool(w, "duration", !d->is_number);
    put_cstr(w, "type", "numberLiteral");
    json_key(w, "val");
    json_float_str(w, d->number, FLOAT_F);
}

static void put_duration_operation(struct json_writer *w, const struct duration_expr *d)
{
    static const char *const operators[] = {
        [DURATION_STEP] = "step",     [DURATION_RANGE] = "range",   [DURATION_ADD] = "+",
        [DURATION_SUB] = "-",         [DURATION_MUL] = "*",         [DURATION_DIV] = "/",
        [DURATION_MOD] = "%",         [DURATION_POW] = "^",         [DURATION_NEGATE] = "-",
        [DURATION_MIN_OF] = "min_of", [DURATION_MAX_OF] = "max_of",
    };
    bool unary = d->kind == DURATION_NEGATE;
    put_duration_tree(w, "lhs", unary ? NULL : d->left);
    put_cstr(w, "op", operators[d->kind]);
    put_duration_tree(w, "rhs", unary ? d->left : d->right);
    put_cstr(w, "type", "durationExpr");
    put_bool(w, "wrapped", d->parenthesized);
}

static void print_duration(struct buf *out, const struct duration_expr *d)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    if (d->kind == DURATION_CONSTANT)
        put_duration_literal(&w, d);
    else
        put_duration_operation(&w, d);
    json_object_end(&w);
}

// Milliseconds, and the expression where it is more than a constant.
static void put_duration(struct json_writer *w, const char *key, const char *tree_key,
                         const struct duration_expr *d)
{
    bool constant = !d || d->kind == DURATION_CONSTANT;
    put_i64(w, key, d && constant ? d->ms : 0);
    put_duration_tree(w, tree_key, constant ? NULL : d);
}

static void put_start_or_end(struct json_writer *w, const struct time_modifiers *m)
{
    json_key(w, "startOrEnd");
    if (m->at == AT_START || m->at == AT_END)
        json_cstr(w, m->at == AT_START ? "start" : "end");
    else
        json_null(w);
}

static void put_timestamp(struct json_writer *w, const struct time_modifiers *m)
{
    json_key(w, "timestamp");
    if (m->at == AT_TIMESTAMP)
        json_i64(w, m->at_ms);
    else
        json_null(w);
}

static void put_matchers(struct json_writer *w, const struct selector *s)
{
    json_key(w, "matchers");
    json_array_begin(w);
    for (size_t i = 0; i < s->matcher_count; i++) {
        const struct matcher *m = &s->matchers[i];
        json_object_begin(w);
        json_key(w, "name");
        json_str(w, m->name);
        put_cstr(w, "type", matcher_operator(m->type));
        json_key(w, "value");
        json_str(w, m->value);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_selector(struct json_writer *w, const struct promql_expr *e)
{
    const struct selector *s = &e->selector;
    put_bool(w, "anchored", s->anchored);
    put_matchers(w, s);
    json_key(w, "name");
    json_str(w, s->name);
    put_duration(w, "offset", "offsetExpr", s->modifiers.offset);
    if (e->kind == EXPR_MATRIX)
        put_duration(w, "range", "rangeExpr", e->range);
    put_bool(w, "smoothed", s->smoothed);
    put_start_or_end(w, &s->modifiers);
    put_timestamp(w, &s->modifiers);
    put_cstr(w, "type", e->kind == EXPR_MATRIX ? "matrixSelector" : "vectorSelector");
}

static void put_subquery(struct json_writer *w, const struct promql_expr *e)
{
    const struct time_modifiers *m = &e->subquery.modifiers;
    put_member(w, "expr", e->subquery.inner);
    put_duration(w, "offset", "offsetExpr", m->offset);
    put_duration(w, "range", "rangeExpr", e->range);
    put_start_or_end(w, m);
    put_duration(w, "step", "stepExpr", e->subquery.step);
    put_timestamp(w, m);
    put_cstr(w, "type", "subquery");
}

static const char *type_name(enum expr_type type)
{
    static const char *const names[] = {[TYPE_NONE] = "none",
                                        [TYPE_SCALAR] = "scalar",
                                        [TYPE_STRING] = "string",
                                        [TYPE_VECTOR] = "vector",
                                        [TYPE_MATRIX] = "matrix"};
    return names[type];
}

static void put_function(struct json_writer *w, const struct function *f)
{
    json_key(w, "func");
    json_object_begin(w);
    json_key(w, "argTypes");
    json_array_begin(w);
    for (size_t i = 0; i < f->arg_count; i++)
        json_cstr(w, type_name(f->args[i]));
    json_array_end(w);
    put_cstr(w, "name", f->name);
    put_cstr(w, "returnType", type_name(f->returns));
    put_i64(w, "variadic", f->variadic);
    json_object_end(w);
}

static void put_call(struct json_writer *w, const struct promql_expr *e)
{
    json_key(w, "args");
    json_array_begin(w);
    for (size_t i = 0; i < e->call.arg_count; i++) {
        json_raw(w, STR(""));
        promql_print_tree(w->out, e->call.args[i]);
    }
    json_array_end(w);
    put_function(w, e->call.function);
    put_cstr(w, "type", "call");
}

static void put_aggregate(struct json_writer *w, const struct promql_expr *e)
{
    put_member(w, "expr", e->aggregate.inner);
    put_labels(w, "grouping", e->aggregate.grouping, e->aggregate.grouping_count);
    put_cstr(w, "op", aggregate_op_name(e->aggregate.op));
    put_member(w, "param", e->aggregate.param);
    put_cstr(w, "type", "aggregation");
    put_bool(w, "without", e->aggregate.without);
}

static void put_fill(struct json_writer *w, const char *key, bool given, double value)
{
    json_key(w, key);
    if (given)
        json_double(w, value);
    else
        json_null(w);
}

// Null unless both sides are vectors.
static void put_matching(struct json_writer *w, const struct promql_expr *e)
{
    static const char *const cards[] = {[CARD_ONE_TO_ONE] = "one-to-one",
                                        [CARD_MANY_TO_ONE] = "many-to-one",
                                        [CARD_ONE_TO_MANY] = "one-to-many",
                                        [CARD_MANY_TO_MANY] = "many-to-many"};
    const struct vector_matching *m = &e->binary.matching;
    json_key(w, "matching");
    if (e->binary.left->type != TYPE_VECTOR || e->binary.right->type != TYPE_VECTOR) {
        json_null(w);
        return;
    }
    json_object_begin(w);
    put_cstr(w, "card", cards[m->card]);
    json_key(w, "fillValues");
    json_object_begin(w);
    put_fill(w, "lhs", m->has_fill_left, m->fill_left);
    put_fill(w, "rhs", m->has_fill_right, m->fill_right);
    json_object_end(w);
    put_labels(w, "include", m->include, m->include_count);
    put_labels(w, "labels", m->labels, m->label_count);
    put_bool(w, "on", m->on);
    json_object_end(w);
}

static void put_binary(struct json_writer *w, const struct promql_expr *e)
{
    put_bool(w, "bool", e->binary.return_bool);
    put_member(w, "lhs", e->binary.left);
    put_matching(w, e);
    put_cstr(w, "op", binary_op_name(e->binary.op));
    put_member(w, "rhs", e->binary.right);
    put_cstr(w, "type", "binaryExpr");
}

static void put_literal(struct json_writer *w, const struct promql_expr *e)
{
    put_cstr(w, "type", e->kind == EXPR_NUMBER ? "numberLiteral" : "stringLiteral");
    json_key(w, "val");
    if (e->kind == EXPR_NUMBER)
        json_float_str(w, e->number, FLOAT_F);
    else
        json_str(w, e->string);
}

static void put_unary(struct json_writer *w, const struct promql_expr *e)
{
    put_member(w, "expr", e->unary.inner);
    put_cstr(w, "op", e->unary.negate ? "-" : "+");
    put_cstr(w, "type", "unaryExpr");
}

static void put_paren(struct json_writer *w, const struct promql_expr *e)
{
    put_member(w, "expr", e->inner);
    put_cstr(w, "type", "parenExpr");
}

void promql_print_tree(struct buf *out, const struct promql_expr *e)
{
    static void (*const put[])(struct json_writer * w, const struct promql_expr *e) = {
        [EXPR_NUMBER] = put_literal,      [EXPR_STRING] = put_literal,
        [EXPR_SELECTOR] = put_selector,   [EXPR_MATRIX] = put_selector,
        [EXPR_SUBQUERY] = put_subquery,   [EXPR_CALL] = put_call,
        [EXPR_AGGREGATE] = put_aggregate, [EXPR_BINARY] = put_binary,
        [EXPR_UNARY] = put_unary,         [EXPR_PAREN] = put_paren,
    };
    struct json_writer w;
    json_writer_init(&w, out);
    json_object_begin(&w);
    put[e->kind](&w, e);
    json_object_end(&w);
}
