// On several lines, laid out as Prometheus' format_query does: what is longer than 100 bytes on one
// line is split, its operands and arguments each on lines of their own, two spaces further in.
//
// Whether an expression is that long is found by printing it into a buffer with that limit, so that a
// long expression costs no more than its text for each level of it.
#include "functions.h"
#include "print.h"

#define LINE_MAX_SIZE 100

static bool needs_split(const struct promql_expr *e)
{
    struct buf line;
    buf_init(&line, LINE_MAX_SIZE);
    promql_print(&line, e);
    bool exceeded = line.failed;
    buf_release(&line);
    return exceeded;
}

static void indent(struct buf *out, unsigned level)
{
    for (unsigned i = 0; i < level; i++)
        buf_cstr(out, "  ");
}

// `indented`: the line has its indentation already.
static void print(struct buf *out, const struct promql_expr *e, unsigned level, bool indented);

static void print_below(struct buf *out, const struct promql_expr *e, unsigned level)
{
    print(out, e, level + 1, false);
    buf_char(out, '\n');
    indent(out, level);
}

static void print_call(struct buf *out, const struct promql_expr *e, unsigned level)
{
    buf_printf(out, "%s(\n", e->call.function->name);
    for (size_t i = 0; i < e->call.arg_count; i++) {
        if (i)
            buf_cstr(out, ",\n");
        print(out, e->call.args[i], level + 1, false);
    }
    buf_char(out, '\n');
    indent(out, level);
    buf_char(out, ')');
}

static void print_aggregate(struct buf *out, const struct promql_expr *e, unsigned level)
{
    print_aggregate_head(out, e);
    buf_cstr(out, "(\n");
    if (e->aggregate.param) {
        print(out, e->aggregate.param, level + 1, false);
        buf_cstr(out, ",\n");
    }
    print_below(out, e->aggregate.inner, level);
    buf_char(out, ')');
}

static void print_split(struct buf *out, const struct promql_expr *e, unsigned level)
{
    switch (e->kind) {
    case EXPR_CALL:
        print_call(out, e, level);
        break;
    case EXPR_AGGREGATE:
        print_aggregate(out, e, level);
        break;
    case EXPR_PAREN:
        buf_cstr(out, "(\n");
        print_below(out, e->inner, level);
        buf_char(out, ')');
        break;
    default:
        promql_print(out, e);
    }
}

static void print(struct buf *out, const struct promql_expr *e, unsigned level, bool indented)
{
    bool split = needs_split(e);
    if (split && e->kind == EXPR_BINARY) {
        print(out, e->binary.left, level + 1, indented);
        buf_char(out, '\n');
        indent(out, level);
        print_binary_operator(out, e);
        buf_char(out, '\n');
        print(out, e->binary.right, level + 1, false);
    } else if (split && e->kind == EXPR_SUBQUERY) {
        print(out, e->subquery.inner, level, indented);
        print_subquery_suffix(out, e);
    } else if (e->kind == EXPR_UNARY) {
        indent(out, indented ? 0 : level);
        buf_char(out, e->unary.negate ? '-' : '+');
        print(out, e->unary.inner, level, true);
    } else {
        // A subquery that fits isn't indented there, either.
        indent(out, indented || e->kind == EXPR_SUBQUERY ? 0 : level);
        if (split)
            print_split(out, e, level);
        else
            promql_print(out, e);
    }
}

void promql_print_pretty(struct buf *out, const struct promql_expr *e)
{
    print(out, e, 0, false);
}
