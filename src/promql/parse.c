// Precedence climbing. From loose to tight:
//
//     or | and unless | == != <= < >= > | + - | * / % atan2 | unary + - | ^ (to the right) | [..]
//     offset @
//
// Words are keywords only where they can be: `sum` before "(", "by" or "without" aggregates,
// anywhere else it is a metric.
#include "parse.h"

#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "functions.h"

#define DEPTH_MAX     200
#define OPERATORS_MAX 2000 // a + b + c is as deep as it is long, and trees are walked by recursion
#define TEXT_MAX      ((size_t)1 << 20)
#define POWER         6

struct operator
{
    const char *name;
    enum binary_op op;
    int precedence;
};

static const struct operator operators[] = {
    {"+", OP_ADD, 3}, {"-", OP_SUB, 3},     {"*", OP_MUL, 4},       {"/", OP_DIV, 4},
    {"%", OP_MOD, 4}, {"^", OP_POW, POWER}, {"atan2", OP_ATAN2, 4}, {"==", OP_EQ, 2},
    {"!=", OP_NE, 2}, {"<", OP_LT, 2},      {">", OP_GT, 2},        {"<=", OP_LE, 2},
    {">=", OP_GE, 2}, {"and", OP_AND, 1},   {"or", OP_OR, 0},       {"unless", OP_UNLESS, 1},
};

static const char *const aggregates[AGG_COUNT_OF] = {
    [AGG_SUM] = "sum",
    [AGG_AVG] = "avg",
    [AGG_COUNT] = "count",
    [AGG_MIN] = "min",
    [AGG_MAX] = "max",
    [AGG_GROUP] = "group",
    [AGG_STDDEV] = "stddev",
    [AGG_STDVAR] = "stdvar",
    [AGG_TOPK] = "topk",
    [AGG_BOTTOMK] = "bottomk",
    [AGG_COUNT_VALUES] = "count_values",
    [AGG_QUANTILE] = "quantile",
    [AGG_LIMITK] = "limitk",
    [AGG_LIMIT_RATIO] = "limit_ratio",
};

const char *binary_op_name(enum binary_op op)
{
    for (size_t i = 0; i < OP_COUNT; i++) {
        if (operators[i].op == op)
            return operators[i].name;
    }
    return "";
}

const char *aggregate_op_name(enum aggregate_op op)
{
    return aggregates[op];
}

void parser_advance(struct parser *p)
{
    if (p->rc)
        return;
    p->last_end = p->token.end;
    p->rc = lex_next(&p->lexer, &p->token);
    if (p->rc)
        p->token.kind = TOKEN_END;
}

bool parser_at(const struct parser *p, const char *punctuation)
{
    return p->token.kind == TOKEN_PUNCTUATION && str_is(p->token.text, punctuation);
}

bool parser_at_word(const struct parser *p, const char *word)
{
    return p->token.kind == TOKEN_WORD && str_eq_nocase(p->token.text, str_from(word));
}

bool parser_take(struct parser *p, const char *punctuation)
{
    bool is = parser_at(p, punctuation);
    if (is)
        parser_advance(p);
    return is;
}

bool parser_take_word(struct parser *p, const char *word)
{
    bool is = parser_at_word(p, word);
    if (is)
        parser_advance(p);
    return is;
}

bool parser_need(struct parser *p, const char *punctuation, const char *context)
{
    char expected[16];
    if (parser_take(p, punctuation))
        return true;
    if (p->token.kind == TOKEN_END && str_is(STR(")"), punctuation)) {
        parser_fail(p, p->token.start, "unclosed left parenthesis");
        return false;
    }
    snprintf(expected, sizeof(expected), "\"%s\"", punctuation);
    parser_unexpected(p, context, expected);
    return false;
}

struct promql_expr *parser_node(struct parser *p, enum expr_kind kind, enum expr_type type,
                                uint32_t start)
{
    struct promql_expr *e = ARENA_NEW(p->arena, struct promql_expr);
    e->kind = kind;
    e->type = type;
    e->position = (struct position){start, start};
    return e;
}

static struct promql_expr *number_node(struct parser *p)
{
    struct promql_expr *e = parser_node(p, EXPR_NUMBER, TYPE_SCALAR, p->token.start);
    e->number = p->token.number;
    e->number_is_duration = p->token.kind == TOKEN_DURATION;
    parser_advance(p);
    e->position.end = p->last_end;
    return e;
}

static struct promql_expr *string_node(struct parser *p)
{
    struct promql_expr *e = parser_node(p, EXPR_STRING, TYPE_STRING, p->token.start);
    e->string = p->token.string;
    parser_advance(p);
    e->position.end = p->last_end;
    return e;
}

static struct promql_expr *paren_node(struct parser *p)
{
    uint32_t start = p->token.start;
    parser_advance(p);
    struct promql_expr *inner = parse_expr(p, 0);
    parser_need(p, ")", "");
    if (p->rc)
        return NULL;
    struct promql_expr *e = parser_node(p, EXPR_PAREN, inner->type, start);
    e->inner = inner;
    e->position.end = p->last_end;
    return e;
}

// ( expr, expr, ... ). The second argument of info() only names labels: it may match everything.
static const struct promql_expr **parse_args(struct parser *p, size_t *count, const char *context,
                                             bool second_selects_nothing)
{
    const struct promql_expr **args = NULL;
    size_t capacity = 0;
    *count = 0;
    parser_need(p, "(", context);
    while (!p->rc && !parser_at(p, ")")) {
        ARENA_GROW(p->arena, args, *count, capacity);
        p->may_match_all = second_selects_nothing && *count == 1;
        args[(*count)++] = parse_expr(p, 0);
        p->may_match_all = false;
        if (!parser_take(p, ","))
            break;
        if (p->token.kind == TOKEN_PUNCTUATION && !strchr("({+-", p->token.text.ptr[0]))
            parser_fail(p, p->last_end - 1, "trailing commas not allowed in function call args");
    }
    parser_need(p, ")", context);
    return args;
}

static struct promql_expr *call_node(struct parser *p, struct token name)
{
    const struct function *f = function_find(name.text);
    struct promql_expr *e = parser_node(p, EXPR_CALL, f ? f->returns : TYPE_NONE, name.start);
    bool info = f && str_is(STR("info"), f->name);
    e->call.function = f;
    e->call.args = parse_args(p, &e->call.arg_count, "", info);
    e->position.end = p->last_end;
    if (p->rc)
        return NULL;
    if (!f)
        parser_fail(p, name.start, "unknown function with name \"%.*s\"", STR_ARG(name.text));
    else if (f->feature & ~p->features)
        parser_fail(p, name.start, "function \"%s\" is not enabled", f->name);
    else
        check_call(p, e);
    return p->rc ? NULL : e;
}

static bool parse_grouping(struct parser *p, struct promql_expr *e)
{
    bool without = parser_at_word(p, "without");
    if (!without && !parser_at_word(p, "by"))
        return false;
    parser_advance(p);
    e->aggregate.without = without;
    e->aggregate.grouping_given = true;
    parse_label_list(p, &e->aggregate.grouping, &e->aggregate.grouping_count);
    return true;
}

static bool aggregate_takes_param(enum aggregate_op op)
{
    return op >= AGG_TOPK;
}

static struct promql_expr *aggregate_node(struct parser *p, enum aggregate_op op, uint32_t start)
{
    struct promql_expr *e = parser_node(p, EXPR_AGGREGATE, TYPE_VECTOR, start);
    size_t count;
    e->aggregate.op = op;
    bool grouped = parse_grouping(p, e);
    p->aggregations++;
    const struct promql_expr **args = parse_args(p, &count, "", false);
    p->aggregations--;
    if (!p->rc && !grouped)
        parse_grouping(p, e);
    e->position.end = p->last_end;
    if (p->rc)
        return NULL;
    if ((op == AGG_LIMITK || op == AGG_LIMIT_RATIO) &&
        !(p->features & PROMQL_EXPERIMENTAL_FUNCTIONS)) {
        parser_fail(p, start,
                    "%s() is experimental and must be enabled with "
                    "--enable-feature=promql-experimental-functions",
                    aggregate_op_name(op));
        return NULL;
    }
    size_t wanted = aggregate_takes_param(op) ? 2 : 1;
    if (count == 0)
        parser_fail(p, start, "no arguments for aggregate expression provided");
    else if (count != wanted)
        parser_fail(
            p, start,
            "wrong number of arguments for aggregate expression provided, expected %zu, got %zu",
            wanted, count);
    if (p->rc)
        return NULL;
    e->aggregate.param = wanted == 2 ? args[0] : NULL;
    e->aggregate.inner = args[wanted - 1];
    check_aggregate(p, e);
    return e;
}

static bool find_aggregate(struct str word, enum aggregate_op *out)
{
    for (int i = 0; i < AGG_COUNT_OF; i++) {
        if (str_eq_nocase(word, str_from(aggregates[i]))) {
            *out = (enum aggregate_op)i;
            return true;
        }
    }
    return false;
}

// The token behind the one looked at.
static struct token peek(const struct parser *p)
{
    struct lexer ahead = p->lexer;
    struct token next;
    struct error ignored;
    ahead.err = &ignored;
    if (lex_next(&ahead, &next))
        next.kind = TOKEN_END;
    return next;
}

bool word_is_no_metric(struct str word)
{
    static const char *const words[] = {"atan2",       "bool",     "group_left",
                                        "group_right", "ignoring", "on"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_eq_nocase(word, str_from(words[i])))
            return true;
    return false;
}

static bool is_set_operator(struct str word)
{
    return str_eq_nocase(word, STR("and")) || str_eq_nocase(word, STR("or")) ||
           str_eq_nocase(word, STR("unless"));
}

// A word begins a call, an aggregation, or names a metric: what follows it tells.
static struct promql_expr *word_node(struct parser *p)
{
    enum aggregate_op op;
    struct token word = p->token, next = peek(p);
    bool paren = next.kind == TOKEN_PUNCTUATION && str_is(next.text, "(");
    if (word_is_no_metric(word.text)) {
        parser_unexpected(p, "", NULL);
        return NULL;
    }
    bool grouping = next.kind == TOKEN_WORD && (str_eq_nocase(next.text, STR("by")) ||
                                                str_eq_nocase(next.text, STR("without")));
    if ((paren || grouping) && find_aggregate(word.text, &op)) {
        parser_advance(p);
        return aggregate_node(p, op, word.start);
    }
    if (paren) {
        parser_advance(p);
        if (!parser_is_keyword(word.text) && !is_set_operator(word.text) &&
            str_find(word.text, ':') == word.text.len)
            return call_node(p, word);
        parser_unexpected(p, "", NULL); // the parenthesis behind a metric
        return NULL;
    }
    return parse_selector(p);
}

static struct promql_expr *parse_primary(struct parser *p)
{
    switch (p->token.kind) {
    case TOKEN_NUMBER:
    case TOKEN_DURATION:
        return number_node(p);
    case TOKEN_STRING:
        return string_node(p);
    case TOKEN_WORD:
        return word_node(p);
    default:
        break;
    }
    if (parser_at(p, "("))
        return paren_node(p);
    if (parser_at(p, "{"))
        return parse_selector(p);
    if (p->lexer.text.len && p->token.kind == TOKEN_END && p->last_end == 0)
        parser_fail(p, 0, "no expression found in input");
    parser_unexpected(p, "", NULL);
    return NULL;
}

static struct promql_expr *parse_unary(struct parser *p)
{
    if (!parser_at(p, "-") && !parser_at(p, "+")) {
        struct promql_expr *e = parse_primary(p);
        return p->rc ? NULL : parse_postfix(p, e);
    }
    uint32_t start = p->token.start;
    bool negate = parser_at(p, "-");
    parser_advance(p);
    struct promql_expr *inner = parse_expr(p, POWER);
    if (p->rc)
        return NULL;
    if (inner->kind == EXPR_NUMBER) {
        inner->number = negate ? -inner->number : inner->number;
        inner->position.start = start;
        return inner;
    }
    struct promql_expr *e = parser_node(p, EXPR_UNARY, inner->type, start);
    e->unary.negate = negate;
    e->unary.inner = inner;
    e->position.end = inner->position.end;
    check_unary(p, e);
    return e;
}

static const struct operator* operator_at(const struct parser *p)
{
    if (p->token.kind != TOKEN_WORD && p->token.kind != TOKEN_PUNCTUATION)
        return NULL;
    for (size_t i = 0; i < OP_COUNT; i++) {
        if (str_eq_nocase(p->token.text, str_from(operators[i].name)))
            return &operators[i];
    }
    return NULL;
}

static double parse_fill_value(struct parser *p)
{
    parser_need(p, "(", "");
    bool negate = parser_take(p, "-");
    if (!negate)
        parser_take(p, "+");
    double value = p->token.number;
    if (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_DURATION)
        parser_unexpected(p, "", NULL);
    parser_advance(p);
    parser_need(p, ")", "");
    return negate ? -value : value;
}

// Only then a modifier: metrics may be called fill, too.
static bool before_parenthesis(const struct parser *p)
{
    struct token next = peek(p);
    return next.kind == TOKEN_PUNCTUATION && str_is(next.text, "(");
}

// fill, or fill_left and fill_right, each once; again they are names.
static void parse_fill(struct parser *p, struct vector_matching *m)
{
    for (;;) {
        bool left = parser_at_word(p, "fill_left"), right = parser_at_word(p, "fill_right");
        bool both = parser_at_word(p, "fill");
        if ((!left && !right && !both) || !before_parenthesis(p))
            return;
        if (!(p->features & PROMQL_BINOP_FILL_MODIFIERS)) {
            parser_fail(p, p->token.start, "binop fill modifiers are experimental and not enabled");
            return;
        }
        parser_advance(p);
        if ((m->has_fill_left && (left || both)) || (m->has_fill_right && (right || both))) {
            parser_unexpected(p, "", NULL);
            return;
        }
        double value = parse_fill_value(p);
        if (left || both) {
            m->has_fill_left = true;
            m->fill_left = value;
        }
        if (right || both) {
            m->has_fill_right = true;
            m->fill_right = value;
        }
    }
}

static void parse_group(struct parser *p, struct vector_matching *m)
{
    bool left = parser_at_word(p, "group_left");
    if (!left && !parser_at_word(p, "group_right"))
        return;
    m->card = left ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
    parser_advance(p);
    if (parser_at(p, "(") || p->token.kind == TOKEN_END)
        parse_label_list(p, &m->include, &m->include_count);
}

static void parse_modifiers(struct parser *p, struct promql_expr *e)
{
    struct vector_matching *m = &e->binary.matching;
    m->card = binary_op_is_set(e->binary.op) ? CARD_MANY_TO_MANY : CARD_ONE_TO_ONE;
    e->binary.return_bool = parser_take_word(p, "bool");
    if (parser_at_word(p, "on") || parser_at_word(p, "ignoring")) {
        m->on = parser_at_word(p, "on");
        parser_advance(p);
        parse_label_list(p, &m->labels, &m->label_count);
        parse_group(p, m);
    }
    parse_fill(p, m);
}

struct promql_expr *parse_expr(struct parser *p, int min_precedence)
{
    if (++p->depth > DEPTH_MAX)
        parser_fail(p, p->token.start, "expression nested too deep");
    struct promql_expr *left = p->rc ? NULL : parse_unary(p);
    const struct operator* o;
    while (!p->rc && (o = operator_at(p)) && o->precedence >= min_precedence) {
        uint32_t at = p->token.start;
        if (++p->operator_count > OPERATORS_MAX)
            parser_fail(p, at, "more than %d binary operators", OPERATORS_MAX);
        parser_advance(p);
        struct promql_expr *e = parser_node(p, EXPR_BINARY, TYPE_VECTOR, left->position.start);
        e->binary.op = o->op;
        parse_modifiers(p, e);
        e->binary.left = left;
        e->binary.right = parse_expr(p, o->op == OP_POW ? POWER : o->precedence + 1);
        e->position.end = p->last_end;
        if (!p->rc)
            check_binary(p, e, at);
        left = e;
    }
    p->depth--;
    return left;
}

void parser_init(struct parser *p, struct str text, unsigned features, struct arena *arena,
                 struct error *err)
{
    *p = (struct parser){.arena = arena, .err = err, .features = features};
    // Names are views of the text: they must outlive it.
    p->lexer = (struct lexer){.text = arena_copy(arena, text), .arena = arena, .err = err};
    if (text.len > TEXT_MAX)
        parser_fail(p, 0, "the expression is longer than %zu bytes", TEXT_MAX);
    parser_advance(p);
}

static void release_selectors(struct parser *p)
{
    for (size_t i = 0; i < p->selector_count; i++)
        promql_expr_free(p->selectors[i]);
}

int promql_parse(struct promql_expr **out, struct str text, unsigned features, struct arena *arena,
                 struct error *err)
{
    struct parser p;
    if (!text.len)
        return error_set(err, ERR_INVALID,
                         "unknown position: parse error: no expression found in input");
    parser_init(&p, text, features, arena, err);
    if (!p.rc && p.token.kind == TOKEN_END)
        parser_fail(&p, 0, "no expression found in input");
    struct promql_expr *e = p.rc ? NULL : parse_expr(&p, 0);
    if (!p.rc && p.token.kind != TOKEN_END)
        parser_unexpected(&p, "", NULL);
    if (!p.rc && p.later.code) {
        *err = p.later;
        p.rc = err->code;
    }
    if (p.rc) {
        release_selectors(&p);
        return p.rc;
    }
    *out = e;
    return OK;
}

enum promql_type promql_expr_type(const struct promql_expr *e)
{
    switch (e->type) {
    case TYPE_SCALAR:
        return PROMQL_SCALAR;
    case TYPE_STRING:
        return PROMQL_STRING;
    case TYPE_MATRIX:
        return PROMQL_MATRIX;
    default:
        return PROMQL_VECTOR;
    }
}

static void release_matchers(const struct selector *s)
{
    for (size_t i = 0; i < s->matcher_count; i++)
        matcher_release(&s->matchers[i]);
}

static void free_const(const struct promql_expr *e)
{
    if (!e)
        return;
    switch (e->kind) {
    case EXPR_SELECTOR:
    case EXPR_MATRIX:
        release_matchers(&e->selector);
        break;
    case EXPR_SUBQUERY:
        free_const(e->subquery.inner);
        break;
    case EXPR_CALL:
        for (size_t i = 0; i < e->call.arg_count; i++)
            free_const(e->call.args[i]);
        break;
    case EXPR_AGGREGATE:
        free_const(e->aggregate.param);
        free_const(e->aggregate.inner);
        break;
    case EXPR_BINARY:
        free_const(e->binary.left);
        free_const(e->binary.right);
        break;
    case EXPR_UNARY:
        free_const(e->unary.inner);
        break;
    case EXPR_PAREN:
        free_const(e->inner);
        break;
    case EXPR_NUMBER:
    case EXPR_STRING:
        break;
    }
}

void promql_expr_free(struct promql_expr *e)
{
    free_const(e);
}
