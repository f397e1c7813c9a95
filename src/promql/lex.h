// Tokens of PromQL. Words are not told apart here: whether `sum` is an aggregation, a metric or a
// label is the parser's to decide from where it stands.
#ifndef PROMQL_LEX_H
#define PROMQL_LEX_H

#include "base/arena.h"
#include "base/error.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD, // identifier or keyword, with ':' for metric names
    TOKEN_NUMBER,
    TOKEN_DURATION,
    TOKEN_STRING,      // value in `string`
    TOKEN_PUNCTUATION, // one or two characters: ( ) { } [ ] , : @ + - * / % ^ == != < > <= >= = =~
                       // !~
};

struct token {
    enum token_kind kind;
    uint32_t start, end; // bytes
    struct str text;     // as written
    struct str string;   // TOKEN_STRING, unquoted
    double number;       // TOKEN_NUMBER; TOKEN_DURATION in seconds
    int64_t duration_ms; // TOKEN_DURATION
};

// To begin with all but text, arena and err is 0.
struct lexer {
    struct str text;
    size_t at;
    struct arena *arena;
    struct error *err;
    bool in_braces;      // of a selector: names without colons, no numbers
    bool in_brackets;    // a colon is a token of its own, words are those of durations
    bool in_duration;    // in brackets, before the first number
    bool bad_code_point; // what is wrong with the escape just read
};

// "LINE:COLUMN: parse error: ..." at a byte of the text; returns ERR_INVALID.
int syntax_error(struct error *err, struct str text, size_t at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
// Takes the next token; ERR_INVALID on what is none.
int lex_next(struct lexer *l, struct token *out);

#endif
