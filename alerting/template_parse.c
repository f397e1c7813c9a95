// Text and actions in one pass: the text up to "{{" becomes a node, the action behind it is read
// token by token. A block (if, range, with, define) calls itself for its body until it meets its
// end.
#include <stdio.h>

#include "base/float_text.h"
#include "base/utf8.h"
#include "template_tree.h"

#define DEPTH_MAX     64
#define VARIABLES_MAX 256

struct parser {
    const struct source *source;
    struct str text;
    size_t at;
    enum template_functions functions;
    struct arena *arena;
    struct error *err;
    struct definition *definitions;
    struct str variables[VARIABLES_MAX]; // in scope
    size_t variable_count;
    size_t predefined_count; // in every template
    int depth;
    int range_depth; // break and continue need one
    bool failed;
    bool trim_next; // the action just read ended in -}}
};

int template_error(struct error *err, int code, const struct source *source, uint32_t at,
                   const char *format, ...)
{
    char text[ERROR_TEXT_SIZE / 2];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    int line = 1, column = 1;
    for (size_t i = 0; i < at && i < source->text.len; i++) {
        column = source->text.ptr[i] == '\n' ? 1 : column + 1;
        line += source->text.ptr[i] == '\n';
    }
    return error_set_at(err, code, line, column, "template: %s:%d:%d: %s", source->name, line,
                        column, text);
}

#define FAIL(p, at, ...)                                                                           \
    ((p)->failed = true,                                                                           \
     template_error((p)->err, ERR_INVALID, (p)->source, (uint32_t)(at), __VA_ARGS__))

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static char peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.ptr[p->at] : '\0';
}

static struct str rest(const struct parser *p)
{
    return str_skip(p->text, p->at);
}

static void skip_space(struct parser *p)
{
    while (p->at < p->text.len && is_space(p->text.ptr[p->at]))
        p->at++;
}

static struct str take_word(struct parser *p)
{
    size_t start = p->at;
    while (p->at < p->text.len && is_word(p->text.ptr[p->at]))
        p->at++;
    return str_make(p->text.ptr + start, p->at - start);
}

// At "}}" or "-}}" behind white space.
static bool at_end(struct parser *p)
{
    skip_space(p);
    return str_has_prefix(rest(p), STR("}}")) || str_has_prefix(rest(p), STR("-}}"));
}

static void take_end(struct parser *p)
{
    if (!at_end(p)) {
        if (p->at >= p->text.len)
            FAIL(p, p->at, "unclosed action");
        else
            FAIL(p, p->at, "unexpected \"%c\" in operand", peek(p));
        return;
    }
    p->trim_next = peek(p) == '-';
    p->at += p->trim_next ? 3 : 2;
}

static struct str take_quoted(struct parser *p)
{
    struct buf text = BUF_INIT;
    size_t start = p->at;
    char quote = p->text.ptr[p->at++];
    while (p->at < p->text.len && peek(p) != quote && !(peek(p) == '\n' && quote != '`')) {
        char c = p->text.ptr[p->at++];
        if (c != '\\' || quote == '`') {
            buf_char(&text, c);
            continue;
        }
        size_t size = template_unescape(str_skip(p->text, p->at), &text);
        p->at += size;
        if (size == 0) {
            FAIL(p, p->at, "unknown escape sequence in quoted string");
            break;
        }
    }
    if (peek(p) != quote)
        FAIL(p, start,
             quote == '`' ? "unterminated raw quoted string" : "unterminated quoted string");
    p->at++;
    struct str copy = arena_copy(p->arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

// 0x1F, 0b11, 0o17, 017 and digits with underscores between them.
static bool literal_to_i64(struct str text, int64_t *out)
{
    static const struct {
        const char *prefix;
        uint64_t base;
    } prefixes[] = {{"0x", 16}, {"0b", 2}, {"0o", 8}, {"0", 8}, {"", 10}};
    uint64_t value = 0;
    size_t kind = 0;
    while (!str_has_prefix(text, str_from(prefixes[kind].prefix)))
        kind++;
    text = str_skip(text, strlen(prefixes[kind].prefix));
    for (size_t i = 0; i < text.len; i++) {
        char c = (char)(text.ptr[i] | 0x20);
        uint64_t digit = c >= '0' && c <= '9'   ? (uint64_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a' + 10)
                                                : 99;
        if (text.ptr[i] == '_')
            continue;
        if (digit >= prefixes[kind].base ||
            __builtin_mul_overflow(value, prefixes[kind].base, &value) ||
            __builtin_add_overflow(value, digit, &value))
            return false;
    }
    *out = (int64_t)value;
    return text.len > 0 && value <= INT64_MAX;
}

static struct value take_number(struct parser *p)
{
    size_t start = p->at;
    while (p->at < p->text.len && (is_word(peek(p)) || peek(p) == '.' ||
                                   ((peek(p) == '+' || peek(p) == '-') &&
                                    (p->at == start || (p->text.ptr[p->at - 1] | 0x20) == 'e'))))
        p->at++;
    struct str text = str_make(p->text.ptr + start, p->at - start);
    int64_t integer;
    double number;
    bool negative = text.len && text.ptr[0] == '-';
    struct str digits = str_skip(text, text.len && (negative || text.ptr[0] == '+'));
    if (literal_to_i64(digits, &integer) || str_to_i64(digits, &integer))
        return value_integer(negative ? -integer : integer);
    if (!float_parse(text, &number))
        FAIL(p, start, "bad number syntax: \"%.*s\"", STR_ARG(text));
    return value_number(number);
}

static struct pipe *parse_pipe(struct parser *p);

static void parse_chain(struct parser *p, struct term *t)
{
    while (peek(p) == '.' && !p->failed) {
        p->at++;
        struct str name = take_word(p);
        if (name.len == 0) {
            FAIL(p, p->at, "unexpected <.> in operand");
            return;
        }
        ARENA_GROW(p->arena, t->fields, t->field_count, t->field_capacity);
        t->fields[t->field_count++] = name;
    }
}

static void parse_word(struct parser *p, struct term *t)
{
    struct str word = take_word(p);
    t->kind = TERM_LITERAL;
    if (str_is(word, "true") || str_is(word, "false"))
        t->literal = value_boolean(str_is(word, "true"));
    else if (str_is(word, "nil"))
        t->literal = (struct value){.kind = VALUE_NIL};
    else {
        t->kind = TERM_FUNCTION;
        t->name = word;
        if (str_is(word, "call"))
            FAIL(p, t->at, "function \"call\" is not supported: templates hold no functions");
        else if (!str_is(word, "and") && !str_is(word, "or") &&
                 !template_function_find(p->functions, word))
            FAIL(p, t->at, "function \"%.*s\" not defined", STR_ARG(word));
        parse_chain(p, t);
    }
}

static void parse_paren(struct parser *p, struct term *t)
{
    p->at++;
    t->kind = TERM_PIPE;
    t->pipe = parse_pipe(p);
    skip_space(p);
    if (!p->failed && peek(p) != ')')
        FAIL(p, p->at, "unclosed left paren");
    p->at++;
    parse_chain(p, t);
}

static void parse_dot(struct parser *p, struct term *t)
{
    t->kind = TERM_DOT;
    if (p->at + 1 < p->text.len && is_word(p->text.ptr[p->at + 1]))
        parse_chain(p, t);
    else
        p->at++;
}

static void declare(struct parser *p, struct str name)
{
    if (p->variable_count == VARIABLES_MAX)
        FAIL(p, p->at, "too many variables");
    else
        p->variables[p->variable_count++] = name;
}

static void check_declared(struct parser *p, struct str name, size_t at)
{
    size_t i = p->variable_count;
    while (i > 0 && !str_eq(p->variables[i - 1], name))
        i--;
    if (i == 0)
        FAIL(p, at, "undefined variable \"%.*s\"", STR_ARG(name));
}

static void parse_variable(struct parser *p, struct term *t)
{
    size_t start = p->at++;
    take_word(p);
    t->kind = TERM_VARIABLE;
    t->name = str_make(p->text.ptr + start, p->at - start);
    check_declared(p, t->name, start);
    parse_chain(p, t);
}

static void parse_term(struct parser *p, struct term *t)
{
    char c = peek(p);
    *t = (struct term){.at = (uint32_t)p->at};
    if (c == '(') {
        parse_paren(p, t);
    } else if (c == '.' && !(p->at + 1 < p->text.len && p->text.ptr[p->at + 1] >= '0' &&
                             p->text.ptr[p->at + 1] <= '9')) {
        parse_dot(p, t);
    } else if (c == '$') {
        parse_variable(p, t);
    } else if (c == '"' || c == '`') {
        t->kind = TERM_LITERAL;
        t->literal = value_text(take_quoted(p));
    } else if (c == '\'') {
        uint32_t code_point = 0;
        struct str text = take_quoted(p);
        t->kind = TERM_LITERAL;
        if (text.len == 0 || utf8_decode(text, &code_point) != text.len)
            FAIL(p, t->at, "malformed character constant");
        t->literal = value_integer(code_point);
    } else if ((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.') {
        t->kind = TERM_LITERAL;
        t->literal = take_number(p);
    } else if (is_word(c)) {
        parse_word(p, t);
    } else if (c) {
        FAIL(p, p->at, "unexpected \"%c\" in operand", c);
    } else {
        FAIL(p, p->at, "unclosed action");
    }
}

static struct command *parse_command(struct parser *p)
{
    struct command *c = ARENA_NEW(p->arena, struct command);
    size_t start = p->at;
    for (;;) {
        skip_space(p);
        if (at_end(p) || peek(p) == '|' || peek(p) == ')' || peek(p) == '\0' || p->failed)
            break;
        ARENA_GROW(p->arena, c->terms, c->count, c->capacity);
        parse_term(p, &c->terms[c->count++]);
    }
    c->text = str_trim(str_make(p->text.ptr + start, p->at - start));
    bool is_nil =
        c->count && c->terms[0].kind == TERM_LITERAL && c->terms[0].literal.kind == VALUE_NIL;
    if (is_nil && !p->failed)
        FAIL(p, start, "nil is not a command");
    if (c->count == 0 && !p->failed)
        FAIL(p, p->at, p->at >= p->text.len ? "unclosed action" : "missing value for command");
    return c;
}

// $a := , $a, $b := , $a = ; leaves the position alone when there is none.
static void parse_variables(struct parser *p, struct pipe *pipe)
{
    size_t start = p->at;
    while (peek(p) == '$' && pipe->variable_count < 2) {
        size_t name = p->at++;
        take_word(p);
        pipe->variables[pipe->variable_count++] = str_make(p->text.ptr + name, p->at - name);
        skip_space(p);
        if (peek(p) != ',')
            break;
        p->at++;
        skip_space(p);
    }
    pipe->declares = str_has_prefix(rest(p), STR(":="));
    bool assigns = peek(p) == '=' && pipe->variable_count == 1;
    if (pipe->variable_count && (pipe->declares || assigns)) {
        p->at += pipe->declares ? 2 : 1;
    } else {
        pipe->variable_count = 0;
        p->at = start;
    }
}

static struct pipe *parse_pipe(struct parser *p)
{
    struct pipe *pipe = ARENA_NEW(p->arena, struct pipe);
    if (++p->depth > DEPTH_MAX)
        FAIL(p, p->at, "nested too deep");
    skip_space(p);
    pipe->at = (uint32_t)p->at;
    parse_variables(p, pipe);
    struct command **next = &pipe->commands;
    while (!p->failed) {
        *next = parse_command(p);
        next = &(*next)->next;
        skip_space(p);
        if (peek(p) != '|')
            break;
        p->at++;
    }
    for (size_t i = 0; i < pipe->variable_count && !p->failed; i++) {
        if (pipe->declares)
            declare(p, pipe->variables[i]);
        else
            check_declared(p, pipe->variables[i], pipe->at);
    }
    p->depth--;
    return pipe;
}

enum block_end { END_TEXT, END_END, END_ELSE };

static struct node *parse_list(struct parser *p, enum block_end *end);

static struct node *node_new(struct parser *p, enum node_kind kind)
{
    struct node *n = ARENA_NEW(p->arena, struct node);
    n->kind = kind;
    return n;
}

static struct node *parse_block(struct parser *p, enum node_kind kind);

// Behind {{ else : either the end of the action, or `if ...` and `with ...`, which nest.
static struct node *parse_else(struct parser *p)
{
    enum block_end end;
    skip_space(p);
    size_t start = p->at;
    struct str word = take_word(p);
    if (str_is(word, "if"))
        return parse_block(p, NODE_IF);
    if (str_is(word, "with"))
        return parse_block(p, NODE_WITH);
    p->at = start;
    take_end(p);
    struct node *list = parse_list(p, &end);
    if (!p->failed && end != END_END)
        FAIL(p, p->at, end == END_ELSE ? "expected end; found {{else}}" : "unexpected EOF");
    return list;
}

static struct node *parse_block(struct parser *p, enum node_kind kind)
{
    struct node *n = node_new(p, kind);
    enum block_end end = END_END;
    size_t start = p->at, visible = p->variable_count;
    n->pipe = parse_pipe(p);
    size_t own = p->variable_count;
    if (!p->failed)
        take_end(p);
    p->range_depth += kind == NODE_RANGE;
    if (!p->failed)
        n->body = parse_list(p, &end);
    p->range_depth -= kind == NODE_RANGE;
    p->variable_count = own;
    if (!p->failed && end == END_ELSE)
        n->other = parse_else(p);
    else if (!p->failed && end == END_TEXT)
        FAIL(p, start, "unexpected EOF: an action that begins here has no {{end}}");
    p->variable_count = visible;
    return n;
}

static struct str parse_name(struct parser *p)
{
    skip_space(p);
    if (peek(p) != '"' && peek(p) != '`') {
        FAIL(p, p->at, "expected a quoted template name");
        return STR("");
    }
    return take_quoted(p);
}

static void define(struct parser *p, struct str name)
{
    enum block_end end;
    struct definition *d = ARENA_NEW(p->arena, struct definition);
    size_t visible = p->variable_count;
    int ranges = p->range_depth;
    take_end(p);
    if (p->failed)
        return;
    p->variable_count = p->predefined_count;
    p->range_depth = 0;
    d->name = name;
    d->source = p->source;
    d->body = parse_list(p, &end);
    if (!p->failed && end != END_END)
        FAIL(p, p->at, "unexpected EOF in define clause");
    p->variable_count = visible;
    p->range_depth = ranges;
    d->next = p->definitions;
    p->definitions = d;
}

static struct node *parse_template(struct parser *p, bool is_block)
{
    struct node *n = node_new(p, NODE_TEMPLATE);
    n->text = parse_name(p);
    if (!p->failed && !at_end(p))
        n->pipe = parse_pipe(p);
    if (is_block && !p->failed)
        define(p, n->text);
    else if (!p->failed)
        take_end(p);
    return n;
}

static struct node *parse_keyword(struct parser *p, struct str word, enum block_end *end)
{
    struct node *n = NULL;
    if (str_is(word, "if") || str_is(word, "range") || str_is(word, "with"))
        return parse_block(p, word.ptr[0] == 'i'   ? NODE_IF
                              : word.ptr[0] == 'r' ? NODE_RANGE
                                                   : NODE_WITH);
    if (str_is(word, "template") || str_is(word, "block"))
        return parse_template(p, str_is(word, "block"));
    if (str_is(word, "define")) {
        struct str name = parse_name(p);
        if (!p->failed)
            define(p, name);
        return node_new(p, NODE_TEXT);
    }
    if (str_is(word, "else")) {
        *end = END_ELSE;
        return NULL;
    }
    if (!str_is(word, "end") && p->range_depth == 0)
        FAIL(p, p->at, "{{%.*s}} outside {{range}}", STR_ARG(word));
    if (str_is(word, "end"))
        *end = END_END;
    else
        n = node_new(p, str_is(word, "break") ? NODE_BREAK : NODE_CONTINUE);
    take_end(p);
    return n;
}

static bool is_keyword(struct str word)
{
    static const char *const words[] = {"if",       "else",  "end",    "range", "with",
                                        "template", "block", "define", "break", "continue"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (str_is(word, words[i]))
            return true;
    }
    return false;
}

static void skip_comment(struct parser *p)
{
    size_t length = str_search(rest(p), STR("*/"));
    if (p->at + length >= p->text.len) {
        FAIL(p, p->at, "unclosed comment");
        return;
    }
    p->at += length + 2;
    take_end(p);
}

// Behind "{{". NULL with *end set when the list ends here, or for a comment.
static struct node *parse_action(struct parser *p, enum block_end *end)
{
    skip_space(p);
    if (str_has_prefix(rest(p), STR("/*"))) {
        skip_comment(p);
        return node_new(p, NODE_TEXT);
    }
    size_t start = p->at;
    struct str word = take_word(p);
    if (is_keyword(word))
        return parse_keyword(p, word, end);
    p->at = start;
    struct node *n = node_new(p, NODE_ACTION);
    n->pipe = parse_pipe(p);
    if (!p->failed)
        take_end(p);
    return n;
}

static struct node *take_text(struct parser *p)
{
    struct node *n = node_new(p, NODE_TEXT);
    size_t length = str_search(rest(p), STR("{{"));
    struct str text = str_first(rest(p), length);
    p->at += length;
    if (p->trim_next) {
        while (text.len && is_space(text.ptr[0]))
            text = str_skip(text, 1);
        p->trim_next = false;
    }
    struct str action = rest(p);
    if (action.len > 3 && action.ptr[2] == '-' && is_space(action.ptr[3])) {
        while (text.len && is_space(text.ptr[text.len - 1]))
            text.len--;
    }
    n->text = text;
    return n;
}

static struct node *parse_list(struct parser *p, enum block_end *end)
{
    struct node *first = NULL, **next = &first;
    *end = END_TEXT;
    if (++p->depth > DEPTH_MAX)
        FAIL(p, p->at, "nested too deep");
    bool open = true;
    while (open && !p->failed) {
        *next = take_text(p);
        next = &(*next)->next;
        if (p->at >= p->text.len)
            break;
        bool trims = p->at + 3 < p->text.len && p->text.ptr[p->at + 2] == '-' &&
                     is_space(p->text.ptr[p->at + 3]);
        p->at += trims ? 3 : 2;
        enum block_end ended = END_TEXT;
        *next = parse_action(p, &ended);
        open = *next != NULL;
        if (open)
            next = &(*next)->next;
        else
            *end = ended;
    }
    p->depth--;
    return first;
}

int tree_parse(struct parsed *out, const struct source *source, enum template_functions functions,
               struct arena *arena, struct error *err)
{
    static const char *const rule_variables[] = {"$labels", "$externalLabels", "$externalURL",
                                                 "$value"};
    struct parser p = {
        .source = source, .text = source->text, .functions = functions, .arena = arena, .err = err};
    enum block_end end;
    declare(&p, STR("$"));
    for (size_t i = 0; functions == TEMPLATE_RULE && i < 4; i++)
        declare(&p, str_from(rule_variables[i]));
    p.predefined_count = p.variable_count;
    struct node *body = parse_list(&p, &end);
    if (!p.failed && end != END_TEXT)
        FAIL(&p, p.at, end == END_ELSE ? "unexpected {{else}}" : "unexpected {{end}}");
    if (p.failed)
        return ERR_INVALID;
    *out = (struct parsed){source, body, p.definitions};
    return OK;
}
