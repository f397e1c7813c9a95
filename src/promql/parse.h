// The parser's state and the pieces its files share. Recursive descent over one token of
// look-ahead; a failure sets `failed` once and everything unwinds.
#ifndef PROMQL_PARSE_H
#define PROMQL_PARSE_H

#include "ast.h"
#include "lex.h"

struct parser {
    struct lexer lexer;
    struct token token; // the one looked at
    uint32_t last_end;  // end of the token before
    struct arena *arena;
    struct error *err;
    unsigned features;
    int depth;
    int operator_count;
    int rc;             // 0, or the failure
    bool in_offset;     // for messages: the duration read stands behind offset
    bool in_brackets;   // what is read stands in [...]
    bool seen_literal;  // a number or duration in these brackets, so far
    bool behind_colon;  // in these brackets
    int aggregations;   // that what is read is inside of
    struct error later; // the first failure of those that count only where the text parses
    bool seen_duration; // a number or duration in brackets, so far
    bool may_match_all; // the selector being read need not narrow anything
    // Every matcher made, so that a failed parse can release them.
    struct promql_expr **selectors;
    size_t selector_count;
    size_t selector_capacity;
};

void parser_init(struct parser *p, struct str text, unsigned features, struct arena *arena,
                 struct error *err);
// Notes a failure at a byte; the first one stays.
void parser_fail(struct parser *p, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same for what the text means: what follows may still not parse, which comes first.
void parser_fail_later(struct parser *p, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// "unexpected <token> in <context>, expected ..." at the token; expected may be NULL.
void parser_unexpected(struct parser *p, const char *context, const char *expected);
// A regular expression that does not compile, and why.
void parser_fail_regex(struct parser *p, size_t at, const char *text);
void parser_advance(struct parser *p);
bool parser_at(const struct parser *p, const char *punctuation);
bool parser_at_word(const struct parser *p, const char *word); // any case
bool parser_take(struct parser *p, const char *punctuation);
bool parser_take_word(struct parser *p, const char *word);
bool parser_need(struct parser *p, const char *punctuation, const char *context);
// Modifiers and the like: they name metrics but no functions.
bool parser_is_keyword(struct str word);
// Words that name no metric unless in quotes, in any case: modifiers of binary operators, atan2.
bool word_is_no_metric(struct str word);
struct promql_expr *parser_node(struct parser *p, enum expr_kind kind, enum expr_type type,
                                uint32_t start);
struct promql_expr *parse_expr(struct parser *p, int min_precedence);

// parse_selector.c: the token is the metric's name, or `{`.
struct promql_expr *parse_selector(struct parser *p);
// [range], [range:step], offset, @, anchored, smoothed behind an expression.
struct promql_expr *parse_postfix(struct parser *p, struct promql_expr *e);
// ( name, "name", ... )
void parse_label_list(struct parser *p, struct str **out, size_t *count);
// parse_duration.c: within brackets; and the restricted form behind `offset`.
struct duration_expr *parse_duration(struct parser *p);
struct duration_expr *parse_offset(struct parser *p);

// check.c: types; fails the parser at the node's position.
void check_call(struct parser *p, struct promql_expr *e);
void check_aggregate(struct parser *p, struct promql_expr *e);
void check_binary(struct parser *p, struct promql_expr *e, size_t operator_at);
void check_unary(struct parser *p, struct promql_expr *e);
const char *expr_type_words(enum expr_type type); // "instant vector" and so on

#endif
