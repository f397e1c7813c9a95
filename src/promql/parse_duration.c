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

static struct duration_expr *finish(struct parser *p, struct duration_expr *d)
{
    d->position.end = p->last_end;
    return d;
}

static struct duration_expr *constant(struct parser *p, bool negate, uint32_t start)
{
    struct duration_expr *d = node(p, DURATION_CONSTANT, start);
    d->is_number = p->token.kind == TOKEN_NUMBER;
    d->number = negate ? -p->token.number : p->token.number;
    if (!isfinite(d->number) || fabs(d->number) > 9223372036.0)
        parser_fail(p, start, "duration out of range");
    else
        d->ms = d->is_number ? (int64_t)(d->number * 1000)
                             : (negate ? -p->token.duration_ms : p->token.duration_ms);
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
        parser_need(p, "(", "duration expression");
        if (calls[i].args) {
            d->left = parse_sum(p, 0);
            parser_need(p, ",", "duration expression");
            d->right = parse_sum(p, 0);
        }
        parser_need(p, ")", "duration expression");
        return finish(p, d);
    }
    parser_unexpected(p, p->in_offset ? "offset" : "duration expression",
                      "number, duration, step(), or range()");
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
    parser_need(p, ")", "duration expression");
    if (p->rc)
        return NULL;
    if (!(p->features & PROMQL_DURATION_EXPRESSIONS))
        parser_fail(p, start, "experimental duration expression is not enabled");
    d->parenthesized = true;
    d->position.start = start;
    return finish(p, d);
}

// Of a literal it is a literal.
static struct duration_expr *negation(struct parser *p, struct duration_expr *of, uint32_t start)
{
    struct duration_expr *d = node(p, DURATION_NEGATE, start);
    if (of->kind == DURATION_CONSTANT && !of->parenthesized) {
        *d = *of;
        d->position.start = start;
        d->ms = -of->ms;
        d->number = -of->number;
    } else {
        d->left = of;
    }
    return finish(p, d);
}

static struct duration_expr *parse_operand(struct parser *p)
{
    uint32_t start = p->token.start;
    if (++p->depth > 200)
        parser_fail(p, start, "expression nested too deep");
    struct duration_expr *d = NULL;
    bool negate = parser_at(p, "-");
    if (p->rc) {
        // Unwinds.
    } else if (negate || parser_at(p, "+")) {
        parser_advance(p);
        if (at_literal(p)) {
            d = constant(p, negate, start);
        } else {
            d = parse_operand(p);
            if (!p->rc && negate)
                d = negation(p, d, start);
        }
    } else if (at_literal(p)) {
        d = constant(p, false, start);
    } else if (parser_at(p, "(")) {
        d = parenthesized(p);
    } else {
        d = call(p);
    }
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
            parser_fail(p, at, "division by zero");
        else if (zero && kind == DURATION_MOD)
            parser_fail(p, at, "modulo by zero");
        left = finish(p, d);
    }
    return left;
}

struct duration_expr *parse_duration(struct parser *p)
{
    return parse_sum(p, 0);
}

struct duration_expr *parse_offset(struct parser *p)
{
    p->in_offset = true;
    struct duration_expr *d = parse_operand(p);
    p->in_offset = false;
    return d;
}
