// One line, laid out as Prometheus' own printer does: the text that rules show.
#include "print.h"
#include "functions.h"
#include "parse.h"

#include <math.h>
#include <stdlib.h>

#include "base/float_text.h"
#include "base/mem.h"
#include "model/duration.h"

static void print_labels(struct buf *out, const struct str *labels, size_t count)
{
    buf_char(out, '(');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_cstr(out, ", ");
        if (label_name_is_legacy(labels[i]))
            buf_str(out, labels[i]);
        else
            str_quote(out, labels[i]);
    }
    buf_char(out, ')');
}

static const char *duration_operator(enum duration_kind kind)
{
    static const char *const operators[] = {
        [DURATION_ADD] = " + ",        [DURATION_SUB] = " - ",        [DURATION_MUL] = " * ",
        [DURATION_DIV] = " / ",        [DURATION_MOD] = " % ",        [DURATION_POW] = " ^ ",
        [DURATION_MIN_OF] = "min_of(", [DURATION_MAX_OF] = "max_of(",
    };
    return operators[kind];
}

static void print_constant(struct buf *out, const struct duration_expr *d)
{
    // A number is a duration of so many seconds, unless a factor: then its text must stay.
    if (d->is_number && (double)d->ms / 1000 != d->number)
        buf_float(out, d->number, FLOAT_F);
    else
        duration_format(out, d->ms);
}

static void print_duration(struct buf *out, const struct duration_expr *d, bool factor)
{
    if (d->parenthesized)
        buf_char(out, '(');
    switch (d->kind) {
    case DURATION_NONE:
        break;
    case DURATION_CONSTANT:
        if (d->is_number && factor)
            buf_float(out, d->number, FLOAT_F);
        else
            print_constant(out, d);
        break;
    case DURATION_STEP:
        buf_cstr(out, "step()");
        break;
    case DURATION_RANGE:
        buf_cstr(out, "range()");
        break;
    case DURATION_NEGATE:
        buf_char(out, '-');
        print_duration(out, d->left, factor);
        break;
    case DURATION_MIN_OF:
    case DURATION_MAX_OF:
        buf_cstr(out, duration_operator(d->kind));
        print_duration(out, d->left, factor);
        buf_cstr(out, ", ");
        print_duration(out, d->right, factor);
        buf_char(out, ')');
        break;
    default:
        print_duration(out, d->left, true);
        buf_cstr(out, duration_operator(d->kind));
        print_duration(out, d->right, true);
    }
    if (d->parenthesized)
        buf_char(out, ')');
}

static void print_at(struct buf *out, const struct time_modifiers *m)
{
    if (m->at == AT_TIMESTAMP)
        buf_printf(out, " @ %.3f", (double)m->at_ms / 1000);
    else if (m->at != AT_NONE)
        buf_cstr(out, m->at == AT_START ? " @ start()" : " @ end()");
}

static void print_offset(struct buf *out, const struct time_modifiers *m)
{
    bool zero = m->offset && m->offset->kind == DURATION_CONSTANT && m->offset->ms == 0;
    if (m->offset && !zero) {
        buf_cstr(out, " offset ");
        print_duration(out, m->offset, false);
    }
}

static int text_cmp(const void *a, const void *b)
{
    struct buf *const *x = a, *const *y = b;
    return str_cmp(buf_view(*x), buf_view(*y));
}

// In the order of their texts.
static void print_matchers(struct buf *out, const struct matcher *matchers, size_t count)
{
    struct buf *texts = mem_calloc(count, sizeof(*texts));
    struct buf **sorted = mem_calloc(count, sizeof(*sorted));
    for (size_t i = 0; i < count; i++) {
        matcher_format(&texts[i], &matchers[i]);
        sorted[i] = &texts[i];
    }
    qsort(sorted, count, sizeof(*sorted), text_cmp);
    buf_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_char(out, ',');
        buf_str(out, buf_view(sorted[i]));
        buf_release(sorted[i]);
    }
    buf_char(out, '}');
    mem_free(sorted);
    mem_free(texts);
}

static void print_selector(struct buf *out, const struct selector *s)
{
    size_t count = s->matcher_count - (s->name.len ? 1 : 0); // the name's stands last
    buf_str(out, s->name);
    if (count || !s->name.len)
        print_matchers(out, s->matchers, count);
}

static void print_extended(struct buf *out, const struct selector *s)
{
    if (s->anchored || s->smoothed)
        buf_cstr(out, s->anchored ? " anchored" : " smoothed");
}

static void print_range(struct buf *out, const struct promql_expr *e)
{
    buf_char(out, '[');
    print_duration(out, e->range, false);
    if (e->kind == EXPR_SUBQUERY) {
        buf_char(out, ':');
        if (e->subquery.step)
            print_duration(out, e->subquery.step, false);
    }
    buf_char(out, ']');
}

void print_subquery_suffix(struct buf *out, const struct promql_expr *e)
{
    print_range(out, e);
    print_at(out, &e->subquery.modifiers);
    print_offset(out, &e->subquery.modifiers);
}

static void print_args(struct buf *out, const struct promql_expr *const *args, size_t count)
{
    buf_char(out, '(');
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_cstr(out, ", ");
        promql_print(out, args[i]);
    }
    buf_char(out, ')');
}

void print_aggregate_head(struct buf *out, const struct promql_expr *e)
{
    bool grouped = e->aggregate.without || e->aggregate.grouping_count;
    buf_cstr(out, aggregate_op_name(e->aggregate.op));
    if (grouped) {
        buf_cstr(out, e->aggregate.without ? " without " : " by ");
        print_labels(out, e->aggregate.grouping, e->aggregate.grouping_count);
        buf_char(out, ' ');
    }
}

static void print_aggregate(struct buf *out, const struct promql_expr *e)
{
    const struct promql_expr *args[2] = {e->aggregate.param, e->aggregate.inner};
    print_aggregate_head(out, e);
    print_args(out, args + !args[0], args[0] ? 2 : 1);
}

static void print_fill(struct buf *out, const struct vector_matching *m)
{
    bool both = m->has_fill_left && m->has_fill_right && m->fill_left == m->fill_right;
    if (m->has_fill_left) {
        buf_cstr(out, both ? " fill (" : " fill_left (");
        buf_float(out, m->fill_left, FLOAT_G);
        buf_char(out, ')');
    }
    if (m->has_fill_right && !both) {
        buf_cstr(out, " fill_right (");
        buf_float(out, m->fill_right, FLOAT_G);
        buf_char(out, ')');
    }
}

static void print_matching(struct buf *out, const struct vector_matching *m)
{
    bool grouped = m->card == CARD_MANY_TO_ONE || m->card == CARD_ONE_TO_MANY;
    if (m->label_count || m->on || grouped) {
        buf_cstr(out, m->on ? " on " : " ignoring ");
        print_labels(out, m->labels, m->label_count);
    }
    if (grouped) {
        buf_cstr(out, m->card == CARD_MANY_TO_ONE ? " group_left " : " group_right ");
        print_labels(out, m->include, m->include_count);
    }
    print_fill(out, m);
}

// Infinity has a sign, which would take in the whole power: not there.
static void print_left(struct buf *out, const struct promql_expr *e)
{
    const struct promql_expr *left = e->binary.left;
    if (e->binary.op == OP_POW && left->kind == EXPR_NUMBER && isinf(left->number))
        buf_cstr(out, "Inf");
    else
        promql_print(out, left);
}

void print_binary_operator(struct buf *out, const struct promql_expr *e)
{
    buf_printf(out, "%s%s", binary_op_name(e->binary.op), e->binary.return_bool ? " bool" : "");
    print_matching(out, &e->binary.matching);
}

static void print_binary(struct buf *out, const struct promql_expr *e)
{
    print_left(out, e);
    buf_char(out, ' ');
    print_binary_operator(out, e);
    buf_char(out, ' ');
    promql_print(out, e->binary.right);
}

static void print_number(struct buf *out, const struct promql_expr *e)
{
    if (e->number_is_duration && e->number == 0 && signbit(e->number))
        buf_char(out, '-');
    if (e->number_is_duration)
        duration_format(out, (int64_t)(e->number * 1000 + (e->number < 0 ? -0.5 : 0.5)));
    else
        buf_float(out, e->number, FLOAT_F);
}

void promql_print(struct buf *out, const struct promql_expr *e)
{
    if (out->failed)
        return; // there is no use in more
    switch (e->kind) {
    case EXPR_NUMBER:
        print_number(out, e);
        break;
    case EXPR_STRING:
        str_quote(out, e->string);
        break;
    case EXPR_SELECTOR:
        print_selector(out, &e->selector);
        print_at(out, &e->selector.modifiers);
        print_extended(out, &e->selector);
        print_offset(out, &e->selector.modifiers);
        break;
    case EXPR_MATRIX:
        print_selector(out, &e->selector);
        print_range(out, e);
        print_extended(out, &e->selector);
        print_at(out, &e->selector.modifiers);
        print_offset(out, &e->selector.modifiers);
        break;
    case EXPR_SUBQUERY:
        promql_print(out, e->subquery.inner);
        print_subquery_suffix(out, e);
        break;
    case EXPR_CALL:
        buf_cstr(out, e->call.function->name);
        print_args(out, e->call.args, e->call.arg_count);
        break;
    case EXPR_AGGREGATE:
        print_aggregate(out, e);
        break;
    case EXPR_BINARY:
        print_binary(out, e);
        break;
    case EXPR_UNARY:
        buf_char(out, e->unary.negate ? '-' : '+');
        promql_print(out, e->unary.inner);
        break;
    case EXPR_PAREN:
        buf_char(out, '(');
        promql_print(out, e->inner);
        buf_char(out, ')');
        break;
    }
}
