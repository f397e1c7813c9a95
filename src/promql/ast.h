// The syntax tree of PromQL: what the parser makes, and the checker, printer and planner read.
//
// Nodes live in the arena of the parse and are immutable afterwards. Positions are byte offsets into
// the query text, for errors and annotations.
#ifndef PROMQL_AST_H
#define PROMQL_AST_H

#include "model/matcher.h"
#include "promql/promql.h"

enum expr_kind {
    EXPR_NUMBER,
    EXPR_STRING,
    EXPR_SELECTOR, // instant vector selector
    EXPR_MATRIX,   // selector[range]
    EXPR_SUBQUERY, // expr[range:step]
    EXPR_CALL,
    EXPR_AGGREGATE,
    EXPR_BINARY,
    EXPR_UNARY,
    EXPR_PAREN,
};

enum expr_type { TYPE_NONE, TYPE_SCALAR, TYPE_STRING, TYPE_VECTOR, TYPE_MATRIX };

struct position {
    uint32_t start, end; // bytes, half open
};

// A duration is a constant or an expression over numbers, durations, step(), range(), min_of() and
// max_of(), evaluated when the query's step and range are known.
enum duration_kind {
    DURATION_NONE, // not given
    DURATION_CONSTANT,
    DURATION_STEP,  // step()
    DURATION_RANGE, // range()
    DURATION_NEGATE,
    DURATION_ADD,
    DURATION_SUB,
    DURATION_MUL,
    DURATION_DIV,
    DURATION_MOD,
    DURATION_POW,
    DURATION_MIN_OF,
    DURATION_MAX_OF,
};

struct duration_expr {
    enum duration_kind kind;
    int64_t ms;     // DURATION_CONSTANT
    double number;  // DURATION_CONSTANT: its value in seconds; a bare number and its text differ
    bool is_number; // DURATION_CONSTANT written as a number: printed so, and a factor in * and /
    bool parenthesized;
    struct duration_expr *left, *right;
    struct position position;
};

enum at_kind { AT_NONE, AT_TIMESTAMP, AT_START, AT_END };

// offset and @, of selectors and subqueries; the order written doesn't matter.
struct time_modifiers {
    struct duration_expr *offset; // NULL: none
    enum at_kind at;
    int64_t at_ms; // AT_TIMESTAMP
};

struct selector {
    struct str
        name; // metric name before the braces or in quotes inside; empty if none. It is among
              // the matchers too
    struct matcher *matchers; // sorted as written; the arena's owner releases them (see parse.h)
    size_t matcher_count;
    struct time_modifiers modifiers;
    bool anchored, smoothed;
};

enum binary_op {
    OP_ADD,
    OP_SUB,
    OP_MUL,
    OP_DIV,
    OP_MOD,
    OP_POW,
    OP_ATAN2,
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_GT,
    OP_LE,
    OP_GE,
    OP_AND,
    OP_OR,
    OP_UNLESS,
    OP_COUNT
};

enum match_card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY, CARD_MANY_TO_MANY };

struct vector_matching {
    enum match_card card;
    bool on; // `labels` come from on(...); otherwise from ignoring(...) or nothing was given
    struct str *labels;
    size_t label_count;
    struct str *include; // group_left(...), group_right(...)
    size_t include_count;
    bool has_fill_left, has_fill_right;
    double fill_left, fill_right;
};

enum aggregate_op {
    AGG_SUM,
    AGG_AVG,
    AGG_COUNT,
    AGG_MIN,
    AGG_MAX,
    AGG_GROUP,
    AGG_STDDEV,
    AGG_STDVAR,
    AGG_TOPK,
    AGG_BOTTOMK,
    AGG_COUNT_VALUES,
    AGG_QUANTILE,
    AGG_LIMITK,
    AGG_LIMIT_RATIO,
    AGG_COUNT_OF
};

struct function; // functions.h

struct promql_expr {
    enum expr_kind kind;
    enum expr_type type;
    struct position position;
    union {
        double number;            // EXPR_NUMBER
        struct str string;        // EXPR_STRING, unescaped
        struct selector selector; // EXPR_SELECTOR and EXPR_MATRIX
        struct {
            const struct promql_expr *inner;
            struct time_modifiers modifiers;
            struct duration_expr *step; // NULL: the default
        } subquery;
        struct {
            const struct function *function;
            const struct promql_expr **args;
            size_t arg_count;
        } call;
        struct {
            enum aggregate_op op;
            const struct promql_expr *inner;
            const struct promql_expr *param; // NULL: none
            bool without;
            struct str *grouping;
            size_t grouping_count;
            bool grouping_given; // by () was written
        } aggregate;
        struct {
            enum binary_op op;
            bool return_bool;
            const struct promql_expr *left, *right;
            struct vector_matching matching;
        } binary;
        struct {
            bool negate;
            const struct promql_expr *inner;
        } unary;
        const struct promql_expr *inner; // EXPR_PAREN
    };
    struct duration_expr *range; // EXPR_MATRIX and EXPR_SUBQUERY
    bool number_is_duration;     // EXPR_NUMBER written as 5m: printed so
};

// Names of operators and aggregations as written.
const char *binary_op_name(enum binary_op op);
const char *aggregate_op_name(enum aggregate_op op);
static inline bool binary_op_is_set(enum binary_op op)
{
    return op >= OP_AND;
}
static inline bool binary_op_is_comparison(enum binary_op op)
{
    return op >= OP_EQ && op <= OP_GE;
}

#endif
