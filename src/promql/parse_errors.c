// What is wrong with a query, in the words of Prometheus' lexer and parser, which users know.
#include "parse.h"

#include <stdio.h>
#include <string.h>

void parser_fail_later(struct parser *p, size_t at, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE / 2];
    va_list args;
    if (p->rc || p->later.code)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    syntax_error(&p->later, p->lexer.text, at, "%s", text);
}

void parser_fail(struct parser *p, size_t at, const char *format, ...)
{
    char text[ERROR_TEXT_SIZE / 2];
    va_list args;
    if (p->rc)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    p->rc = syntax_error(p->err, p->lexer.text, at, "%s", text);
    p->token.kind = TOKEN_END;
}

// ---- tokens in words

static bool is_one_of(struct str word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(word, str_from(words[i])))
            return true;
    return false;
}

#define IS_ONE_OF(word, list) is_one_of(word, list, sizeof(list) / sizeof((list)[0]))

bool parser_is_keyword(struct str word)
{
    static const char *const keywords[] = {
        "offset",     "smoothed",    "anchored", "by",        "without",    "on",  "ignoring",
        "group_left", "group_right", "fill",     "fill_left", "fill_right", "bool"};
    return IS_ONE_OF(word, keywords);
}

// fill and its like are keywords before a parenthesis.
static bool is_keyword_here(const struct parser *p, struct str word)
{
    struct str behind = str_trim(str_skip(p->lexer.text, p->token.end));
    bool fills = str_eq_nocase(str_first(word, 4), STR("fill"));
    return parser_is_keyword(word) && (!fills || str_has_prefix(behind, STR("(")));
}

static void describe_word(const struct parser *p, struct buf *out, struct str word)
{
    static const char *const operators[] = {"and", "or", "unless", "atan2"};
    static const char *const times[] = {"start", "end", "step", "range", "min_of", "max_of"};
    bool aggregates = false;
    for (int op = 0; op < AGG_COUNT_OF; op++)
        aggregates =
            aggregates || str_eq_nocase(word, str_from(aggregate_op_name((enum aggregate_op)op)));
    if (IS_ONE_OF(word, operators)) {
        buf_printf(out, "<op:%.*s>", STR_ARG(word));
    } else if (aggregates) {
        buf_printf(out, "<aggr:%.*s>", STR_ARG(word));
    } else if (is_keyword_here(p, word)) {
        buf_printf(out, "<%.*s>", STR_ARG(word));
    } else {
        if (!IS_ONE_OF(word, times))
            buf_cstr(out, str_find(word, ':') < word.len ? "metric identifier " : "identifier ");
        str_quote(out, word);
    }
}

static void describe(const struct parser *p, struct buf *out, const struct token *t)
{
    static const char *const kinds[] = {[TOKEN_NUMBER] = "number ",
                                        [TOKEN_DURATION] = "duration ",
                                        [TOKEN_STRING] = "string ",
                                        [TOKEN_PUNCTUATION] = ""};
    if (t->kind == TOKEN_END) {
        buf_cstr(out, "end of input");
    } else if (t->kind == TOKEN_WORD) {
        describe_word(p, out, t->text);
    } else if (t->kind == TOKEN_PUNCTUATION && strchr("+-*/%^<>=!@", t->text.ptr[0]) &&
               !str_is(t->text, "=")) {
        buf_printf(out, "<op:%.*s>", STR_ARG(t->text));
    } else {
        bool cut = t->text.len > 10;
        buf_cstr(out, kinds[t->kind]);
        str_quote(out, cut ? str_first(t->text, 10) : t->text);
        buf_cstr(out, cut ? "..." : "");
    }
}

// ---- where a query breaks off

struct nesting {
    size_t parens, brackets, braces;
};

// What is open before the token looked at. A second look at the text: only errors need it.
static struct nesting nesting_at_token(const struct parser *p)
{
    struct nesting n = {0};
    struct error unused;
    struct token t;
    struct lexer lexer = {.text = p->lexer.text, .arena = p->arena, .err = &unused};
    while (lex_next(&lexer, &t) == OK && t.kind != TOKEN_END && t.start < p->token.start) {
        if (t.kind != TOKEN_PUNCTUATION)
            continue;
        n.parens += str_is(t.text, "(") - (str_is(t.text, ")") && n.parens);
        n.brackets += str_is(t.text, "[") - (str_is(t.text, "]") && n.brackets);
        n.braces += str_is(t.text, "{") - (str_is(t.text, "}") && n.braces);
    }
    return n;
}

// The lexer's own complaints come before the parser's.
static bool fail_nesting(struct parser *p)
{
    struct nesting n = nesting_at_token(p);
    size_t at = p->token.start;
    if (p->token.kind == TOKEN_END && n.braces)
        parser_fail(p, at, "unexpected end of input inside braces");
    else if (p->token.kind == TOKEN_END && n.parens)
        parser_fail(p, at, "unclosed left parenthesis");
    else if (p->token.kind == TOKEN_END && n.brackets)
        parser_fail(p, at, "unclosed left bracket");
    else if (parser_at(p, ")") && !n.parens)
        parser_fail(p, p->token.end, "unexpected right parenthesis ')'");
    else if (parser_at(p, "]") && !n.brackets)
        parser_fail(p, at, "unexpected right bracket ']'");
    else if (parser_at(p, "}") && !n.braces)
        parser_fail(p, at, "unexpected character: '}'");
    return p->rc != 0;
}

static bool fail_in_brackets(struct parser *p)
{
    const struct token *t = &p->token;
    if (!p->in_brackets)
        return false;
    if (t->kind == TOKEN_END && p->lexer.in_duration)
        parser_fail(p, t->start, "unexpected end of input in duration expression");
    else if (parser_at(p, "["))
        parser_fail(p, t->start, "unexpected left bracket '['");
    else if (parser_at(p, ":") && p->behind_colon)
        parser_fail(p, t->start, "unexpected colon ':'");
    return p->rc != 0;
}

void parser_unexpected(struct parser *p, const char *context, const char *expected)
{
    struct buf token = BUF_INIT;
    if (p->rc || fail_in_brackets(p) || fail_nesting(p))
        return;
    // Inside of an aggregation that is all that is known.
    if (!*context && p->aggregations)
        context = "aggregation";
    else if (!*context)
        expected = NULL;
    if (str_is(STR("aggregation"), context))
        expected = NULL;
    if (p->token.kind == TOKEN_WORD && strcmp(context, "label matching") == 0) {
        buf_cstr(&token, "identifier ");
        str_quote(&token, p->token.text);
    } else {
        describe(p, &token, &p->token);
    }
    parser_fail(p, p->token.start, "unexpected %s%s%s%s%s", buf_text(&token),
                *context ? " in " : "", context, expected ? ", expected " : "",
                expected ? expected : "");
    buf_release(&token);
}

// RE2's reasons as Go's package says them; others as they are.
void parser_fail_regex(struct parser *p, size_t at, const char *text)
{
    static const struct {
        const char *ours, *go;
    } reasons[] = {
        {"missing ): ", "missing closing )"},
        {"missing ]: ", "missing closing ]"},
        {"unexpected ): ", "unexpected )"},
        {"no argument for repetition operator: ", "missing argument to repetition operator"},
        {"bad repetition operator: ", "invalid nested repetition operator"},
        {"invalid repetition size: ", "invalid repeat count"},
        {"invalid character class range: ", "invalid character class range"},
        {"invalid escape sequence: ", "invalid escape sequence"},
        {"invalid perl operator: ", "invalid or unsupported Perl syntax"}};
    static const struct str prefix = STR_INIT("error parsing regexp: ");
    struct str reason = str_from(text);
    if (str_has_prefix(reason, prefix))
        reason = str_skip(reason, prefix.len);
    // What anchors it is no part of what was written.
    if (str_has_suffix(reason, STR(")$")))
        reason = str_first(reason, reason.len - 2);
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (!str_has_prefix(reason, str_from(reasons[i].ours)))
            continue;
        reason = str_skip(reason, strlen(reasons[i].ours));
        if (str_has_prefix(reason, STR("^(?s:")))
            reason = str_skip(reason, 5);
        parser_fail(p, at, "error parsing regexp: %s: `%.*s`", reasons[i].go, STR_ARG(reason));
        return;
    }
    parser_fail(p, at, "%s", text);
}
