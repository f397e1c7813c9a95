// Durations in brackets and behind `offset`: constants, or expressions over them.
#include <math.h>

#include "parse.h"

#define POWER 4

static struct duration_expr *node(struct parser *p, enum duration_kind kind, uint32_t start)
{
    struct duration_expr *d = ARENA_NEW(p->arena, struct duration_expr);
    d->kind = kind;
    d->position.start = start;
    if (kind != DURATION_CONSTANT && !(p->features & PROMQL_DURATION_EXPRESSIONS))
        parser_fail(p, start, "experimental duration expression is not enabled");
    return d;
}

// At whatever stands where a duration should.
static void fail_operand(struct parser *p)
{
    if (p->in_offset)
        parser_unexpected(p, "offset", "number, duration, step(), or range()");
    else if (p->behind_colon)
        parser_unexpected(p, "subquery selector", "number, duration, step(), range(), or \"]\"");
    else
        parser_unexpected(p, "subquery or range selector", "number, duration, step(), or range()");
}

static void need(struct parser *p, const char *punctuation)
{
    if (!p->rc && !parser_take(p, punctuation))
        fail_operand(p);
}

static struct duration_expr *finish(struct parser *p, struct duration_expr *d)
{
    d->position.end = p->last_end;
    return d;
}

static struct duration_expr *constant(struct parser *p)
{
    uint32_t start = p->token.start;
    struct duration_expr *d = node(p, DURATION_CONSTANT, start);
    d->is_number = p->token.kind == TOKEN_NUMBER;
    p->seen_literal = true;
    d->number = p->token.number;
    if (!isfinite(d->number) || fabs(d->number) > 9223372036.0)
        parser_fail(p, start, "duration out of range");
    else
        d->ms = d->is_number ? (int64_t)(d->number * 1000) : p->token.duration_ms;
    parser_advance(p);
    return finish(p, d);
}

static struct duration_expr *parse_sum(struct parser *p, int min_precedence);

static struct duration_expr *call(struct parser *p)
{
    uint32_t start = p->token.start;
    static const struct {
        const char *name;
        enum duration_kind kind;
        int args;
    } calls[] = {{"step", DURATION_STEP, 0},
                 {"range", DURATION_RANGE, 0},
                 {"min_of", DURATION_MIN_OF, 2},
                 {"max_of", DURATION_MAX_OF, 2}};
    for (size_t i = 0; i < 4; i++) {
        if (!parser_take_word(p, calls[i].name))
            continue;
        struct duration_expr *d = node(p, calls[i].kind, start);
        need(p, "(");
        if (calls[i].args) {
            d->left = parse_sum(p, 0);
            need(p, ",");
            d->right = parse_sum(p, 0);
        }
        need(p, ")");
        finish(p, d);
        if (calls[i].args && !p->rc)
            d->position = (struct position){d->left->position.start, d->right->position.end};
        return d;
    }
    fail_operand(p);
    return NULL;
}

static bool at_literal(const struct parser *p)
{
    return p->token.kind == TOKEN_NUMBER || p->token.kind == TOKEN_DURATION;
}

static struct duration_expr *parenthesized(struct parser *p)
{
    uint32_t start = p->token.start;
    parser_advance(p);
    struct duration_expr *d = parse_sum(p, 0);
    need(p, ")");
    if (p->rc)
        return NULL;
    if (!(p->features & PROMQL_DURATION_EXPRESSIONS))
        parser_fail(p, start, "experimental duration expression is not enabled");
    d->parenthesized = d->kind != DURATION_CONSTANT;
    return d;
}

// Of a literal it is a literal.
static struct duration_expr *negation(struct parser *p, struct duration_expr *of, uint32_t start)
{
    if (of->kind == DURATION_CONSTANT) {
        of->position.start = start;
        of->ms = -of->ms;
        of->number = -of->number;
        of->parenthesized = false;
        return of;
    }
    struct duration_expr *d = node(p, DURATION_NEGATE, start);
    d->position.end = of->position.end;
    d->left = of;
    return d;
}

// A literal, a call, or something in parentheses.
static struct duration_expr *primary(struct parser *p)
{
    if (at_literal(p))
        return constant(p);
    return parser_at(p, "(") ? parenthesized(p) : call(p);
}

// A sign counts for what `operand` reads.
static struct duration_expr *signed_operand(struct parser *p,
                                            struct duration_expr *(*operand)(struct parser *p))
{
    uint32_t start = p->token.start;
    bool negate = parser_at(p, "-");
    parser_advance(p);
    struct duration_expr *d = p->rc ? NULL : operand(p);
    if (!p->rc && negate)
        return negation(p, d, start);
    if (!p->rc && d->kind == DURATION_CONSTANT)
        d->position.start = start;
    return d;
}

static struct duration_expr *parse_power(struct parser *p)
{
    return parse_sum(p, POWER);
}

static struct duration_expr *parse_operand(struct parser *p)
{
    if (++p->depth > 200)
        parser_fail(p, p->token.start, "expression nested too deep");
    struct duration_expr *d = NULL;
    if (!p->rc)
        d = parser_at(p, "-") || parser_at(p, "+") ? signed_operand(p, parse_power) : primary(p);
    p->depth--;
    return d;
}

static bool operator_of(const struct parser *p, enum duration_kind *kind, int *precedence)
{
    static const struct {
        const char *text;
        enum duration_kind kind;
        int precedence;
    } operators[] = {{"+", DURATION_ADD, 1}, {"-", DURATION_SUB, 1}, {"*", DURATION_MUL, 2},
                     {"/", DURATION_DIV, 2}, {"%", DURATION_MOD, 2}, {"^", DURATION_POW, POWER}};
    for (size_t i = 0; i < 6; i++) {
        if (parser_at(p, operators[i].text)) {
            *kind = operators[i].kind;
            *precedence = operators[i].precedence;
            return true;
        }
    }
    return false;
}

static struct duration_expr *parse_sum(struct parser *p, int min_precedence)
{
    struct duration_expr *left = parse_operand(p);
    enum duration_kind kind;
    int precedence;
    while (!p->rc && operator_of(p, &kind, &precedence) && precedence >= min_precedence) {
        uint32_t at = p->token.start;
        struct duration_expr *d = node(p, kind, left->position.start);
        parser_advance(p);
        d->left = left;
        d->right = parse_sum(p, kind == DURATION_POW ? POWER : precedence + 1);
        bool zero = !p->rc && d->right->kind == DURATION_CONSTANT && d->right->number == 0;
        if (zero && kind == DURATION_DIV)
            parser_fail_later(p, at, "division by zero");
        else if (zero && kind == DURATION_MOD)
            parser_fail_later(p, at, "modulo by zero");
        d->position.end = p->rc ? p->last_end : d->right->position.end;
        left = d;
    }
    return left;
}

struct duration_expr *parse_duration(struct parser *p)
{
    return parse_sum(p, 0);
}

// Any number of signs.
static struct duration_expr *offset_operand(struct parser *p)
{
    if (++p->depth > 200)
        parser_fail(p, p->token.start, "expression nested too deep");
    struct duration_expr *d = NULL;
    if (!p->rc)
        d = parser_at(p, "-") || parser_at(p, "+") ? signed_operand(p, offset_operand) : primary(p);
    p->depth--;
    return d;
}

struct duration_expr *parse_offset(struct parser *p)
{
    // Operators belong to it only where it begins with a parenthesis.
    p->in_offset = true;
    struct duration_expr *d = parser_at(p, "(") ? parse_sum(p, 0) : offset_operand(p);
    p->in_offset = false;
    return d;
}
