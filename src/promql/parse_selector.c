// Selectors, and what may stand behind an expression: ranges, subqueries, offset, @.
#include <math.h>

#include "base/mem.h"
#include "parse.h"

#define MATCHERS_MAX 256

static void add_matcher(struct parser *p, struct selector *s, enum matcher_type type,
                        struct str name, struct str value, uint32_t at)
{
    struct error err;
    if (p->rc)
        return;
    if (s->matcher_count == MATCHERS_MAX) {
        parser_fail(p, at, "more than %d matchers", MATCHERS_MAX);
        return;
    }
    // Capacities are powers of two, so that only the count need be kept.
    size_t count = s->matcher_count;
    if ((count & (count - 1)) == 0)
        s->matchers =
            arena_grow(p->arena, s->matchers, count, count ? count * 2 : 1, sizeof(*s->matchers));
    if (matcher_init(&s->matchers[s->matcher_count], type, name, value, &err))
        parser_fail_regex(p, at, err.text);
    else
        s->matcher_count++;
}

static bool take_matcher_type(struct parser *p, enum matcher_type *type)
{
    static const char *const operators[] = {"=", "!=", "=~", "!~"};
    for (int i = 0; i < 4; i++) {
        if (parser_take(p, operators[i])) {
            *type = (enum matcher_type)i;
            return true;
        }
    }
    return false;
}

static void parse_matcher(struct parser *p, struct selector *s)
{
    struct token name = p->token;
    enum matcher_type type;
    bool quoted = name.kind == TOKEN_STRING;
    if (name.kind != TOKEN_WORD && !quoted) {
        parser_unexpected(p, "label matching", "identifier or \"}\"");
        return;
    }
    parser_advance(p);
    if (!take_matcher_type(p, &type)) {
        if (!quoted || !(parser_at(p, ",") || parser_at(p, "}"))) {
            parser_unexpected(p, "label matching",
                              quoted ? "\",\" or \"}\"" : "label matching operator");
            return;
        }
        add_matcher(p, s, MATCH_EQUAL, STR(LABEL_METRIC_NAME), name.string, name.start);
        return;
    }
    struct str label = quoted ? name.string : name.text;
    if (p->token.kind != TOKEN_STRING) {
        parser_unexpected(p, "label matching", "string");
        return;
    }
    add_matcher(p, s, type, label, p->token.string, name.start);
    parser_advance(p);
}

static void parse_matchers(struct parser *p, struct selector *s)
{
    parser_advance(p);
    while (!p->rc && !parser_at(p, "}")) {
        if (p->token.kind == TOKEN_END) {
            parser_unexpected(p, "label matching", "identifier or \"}\"");
            return;
        }
        parse_matcher(p, s);
        if (!parser_take(p, ",") && !parser_at(p, "}")) {
            parser_unexpected(p, "label matching", "\",\" or \"}\"");
            return;
        }
    }
    parser_need(p, "}", "label matching");
}

static void check_selector(struct parser *p, const struct promql_expr *e)
{
    const struct selector *s = &e->selector;
    bool narrows = false;
    for (size_t i = 0; i < s->matcher_count; i++)
        narrows |= !matcher_match_empty(&s->matchers[i]);
    if (!narrows && !p->may_match_all)
        parser_fail_later(p, e->position.start,
                          "vector selector must contain at least one non-empty matcher");
    for (size_t i = 0; s->name.len && i + 1 < s->matcher_count; i++) {
        if (str_is(s->matchers[i].name, LABEL_METRIC_NAME))
            parser_fail_later(p, e->position.start,
                              "metric name must not be set twice: \"%.*s\" or \"%.*s\"",
                              STR_ARG(s->name), STR_ARG(s->matchers[i].value));
    }
}

struct promql_expr *parse_selector(struct parser *p)
{
    struct promql_expr *e = parser_node(p, EXPR_SELECTOR, TYPE_VECTOR, p->token.start);
    ARENA_GROW(p->arena, p->selectors, p->selector_count, p->selector_capacity);
    p->selectors[p->selector_count++] = e;
    if (p->token.kind == TOKEN_WORD) {
        e->selector.name = p->token.text;
        parser_advance(p);
    }
    if (parser_at(p, "{"))
        parse_matchers(p, &e->selector);
    if (e->selector.name.len)
        add_matcher(p, &e->selector, MATCH_EQUAL, STR(LABEL_METRIC_NAME), e->selector.name,
                    e->position.start);
    e->position.end = p->last_end;
    if (!p->rc)
        check_selector(p, e);
    return e;
}

void parse_label_list(struct parser *p, struct str **out, size_t *count)
{
    size_t capacity = 0;
    *out = NULL;
    *count = 0;
    parser_need(p, "(", "grouping opts");
    while (!p->rc && !parser_at(p, ")")) {
        bool quoted = p->token.kind == TOKEN_STRING;
        struct str name = quoted ? p->token.string : p->token.text;
        bool number =
            !quoted && (str_eq_nocase(name, STR("inf")) || str_eq_nocase(name, STR("nan")));
        if (number)
            p->token.kind = TOKEN_NUMBER;
        // Metrics' names with colons, too.
        bool word = p->token.kind == TOKEN_WORD && !number && !parser_at_word(p, "without");
        if (quoted && !label_name_is_valid(name)) {
            parser_fail(p, p->token.start, "invalid label name for grouping: %.*s",
                        STR_ARG(p->token.text));
            return;
        }
        if (!word && !quoted) {
            parser_unexpected(p, "grouping opts", "label");
            return;
        }
        ARENA_GROW(p->arena, *out, *count, capacity);
        (*out)[(*count)++] = name;
        parser_advance(p);
        if (!parser_take(p, ",") && !parser_at(p, ")")) {
            parser_unexpected(p, "grouping opts", "\",\" or \")\"");
            return;
        }
    }
    parser_need(p, ")", "grouping opts");
}

static struct time_modifiers *modifiers_of(struct promql_expr *e)
{
    if (e->kind == EXPR_SELECTOR || e->kind == EXPR_MATRIX)
        return &e->selector.modifiers;
    return e->kind == EXPR_SUBQUERY ? &e->subquery.modifiers : NULL;
}

static void check_positive(struct parser *p, const struct duration_expr *d)
{
    if (!p->rc && d && d->kind == DURATION_CONSTANT && d->number <= 0)
        parser_fail_later(p, d->position.start, "duration must be greater than 0");
}

static struct promql_expr *subquery_node(struct parser *p, struct promql_expr *e,
                                         struct duration_expr *range)
{
    struct promql_expr *q = parser_node(p, EXPR_SUBQUERY, TYPE_MATRIX, e->position.start);
    if (e->type != TYPE_VECTOR)
        parser_fail_later(p, e->position.start,
                          "subquery is only allowed on instant vector, got %s instead",
                          promql_type_name(promql_expr_type(e)));
    q->subquery.inner = e;
    q->range = range;
    if (!parser_at(p, "]")) {
        q->subquery.step = parse_duration(p);
        check_positive(p, q->subquery.step);
    }
    return q;
}

// `at`: the bracket's.
static struct promql_expr *matrix_node(struct parser *p, struct promql_expr *e,
                                       struct duration_expr *range, uint32_t at)
{
    const struct time_modifiers *m = modifiers_of(e);
    if (e->kind != EXPR_SELECTOR) {
        parser_fail_later(p, at, "ranges only allowed for vector selectors");
        return e;
    }
    if (m->offset)
        parser_fail_later(p, at, "no offset modifiers allowed before range");
    else if (m->at == AT_TIMESTAMP) // start() and end() may stand there
        parser_fail_later(p, at, "no @ modifiers allowed before range");
    e->kind = EXPR_MATRIX;
    e->type = TYPE_MATRIX;
    e->range = range;
    return e;
}

// [range] and [range:step] without the brackets.
static struct promql_expr *parse_bracketed(struct parser *p, struct promql_expr *e, uint32_t at)
{
    if (parser_at(p, ":"))
        parser_fail(p, p->token.end, "unexpected colon before duration in duration expression");
    struct duration_expr *range = parse_duration(p);
    check_positive(p, range);
    if (p->rc)
        return e;
    // As Prometheus' lexer has it, one number or duration in any brackets is enough.
    p->seen_duration = p->seen_duration || p->seen_literal;
    if (parser_at(p, ":") && !p->seen_duration)
        parser_fail(p, p->token.end, "unexpected colon before duration in duration expression");
    p->behind_colon = parser_take(p, ":");
    if (p->behind_colon) {
        e = subquery_node(p, e, range);
    } else {
        e = matrix_node(p, e, range, at);
    }
    if (parser_at(p, ":"))
        parser_fail(p, p->token.start, "unexpected colon ':'");
    return e;
}

static struct promql_expr *parse_brackets(struct parser *p, struct promql_expr *e)
{
    uint32_t at = p->token.start;
    p->in_brackets = true;
    p->seen_literal = p->behind_colon = false;
    parser_advance(p);
    e = parse_bracketed(p, e, at);
    if (!p->rc && !parser_at(p, "]"))
        parser_unexpected(p, p->behind_colon ? "subquery selector" : "subquery or range",
                          p->behind_colon ? "\"]\"" : "\":\" or \"]\"");
    p->in_brackets = false;
    parser_advance(p);
    e->position.end = p->last_end;
    return e;
}

static void parse_offset_modifier(struct parser *p, struct promql_expr *e)
{
    struct time_modifiers *m = modifiers_of(e);
    if (!m)
        parser_fail_later(
            p, e->position.start,
            "offset modifier must be preceded by an instant vector selector or range vector "
            "selector or a subquery");
    else if (m->offset)
        parser_fail_later(p, e->position.start, "offset may not be set multiple times");
    parser_advance(p);
    struct duration_expr *d = parse_offset(p);
    if (!p->rc && m)
        m->offset = d;
}

static void parse_timestamp(struct parser *p, struct promql_expr *e, struct time_modifiers *m)
{
    bool negate = parser_take(p, "-");
    if (!negate)
        parser_take(p, "+");
    if (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_DURATION) {
        parser_unexpected(p, "@", "timestamp");
        return;
    }
    double seconds = negate ? -p->token.number : p->token.number;
    if (!isfinite(seconds))
        parser_fail_later(p, e->position.start, "timestamp out of bounds for @ modifier: %s",
                          isnan(seconds) ? "NaN"
                          : negate       ? "-Inf"
                                         : "+Inf");
    else if (fabs(seconds) >= 9.2e15)
        parser_fail_later(p, e->position.start, "timestamp out of bounds for @ modifier: %f",
                          seconds);
    else
        m->at_ms = (int64_t)round(seconds * 1000);
    m->at = AT_TIMESTAMP;
    parser_advance(p);
}

static void parse_at_modifier(struct parser *p, struct promql_expr *e)
{
    struct time_modifiers unused = {0}, *m = modifiers_of(e);
    if (!m)
        parser_fail_later(p, e->position.start,
                          "@ modifier must be preceded by an instant vector selector or range "
                          "vector selector or a subquery");
    else if (m->at != AT_NONE)
        parser_fail_later(p, e->position.start, "@ <timestamp> may not be set multiple times");
    m = m ? m : &unused;
    parser_advance(p);
    if (p->rc)
        return;
    if (!parser_at_word(p, "start") && !parser_at_word(p, "end")) {
        parse_timestamp(p, e, m);
        return;
    }
    m->at = parser_at_word(p, "start") ? AT_START : AT_END;
    parser_advance(p);
    if (!parser_take(p, "(") || !parser_take(p, ")"))
        parser_unexpected(p, "@", "timestamp");
}

static bool parse_extended(struct parser *p, struct promql_expr *e)
{
    bool anchored = parser_at_word(p, "anchored");
    if (!anchored && !parser_at_word(p, "smoothed"))
        return false;
    const char *name = anchored ? "anchored" : "smoothed";
    if (!(p->features & PROMQL_EXTENDED_RANGE_SELECTORS))
        parser_fail(p, p->token.start, "%s modifier is experimental and not enabled", name);
    else if (e->kind == EXPR_SUBQUERY)
        parser_fail(p, e->position.start, "%s modifier is not supported for subqueries", name);
    else if (e->kind != EXPR_MATRIX && e->kind != EXPR_SELECTOR)
        parser_fail(p, e->position.start, "%s modifier not implemented", name);
    else if (anchored ? e->selector.smoothed : e->selector.anchored)
        parser_fail(p, e->position.start,
                    "anchored and smoothed modifiers cannot be used together");
    parser_advance(p);
    if (!p->rc) {
        e->selector.anchored = anchored;
        e->selector.smoothed = !anchored;
    }
    return true;
}

struct promql_expr *parse_postfix(struct parser *p, struct promql_expr *e)
{
    while (!p->rc) {
        if (parser_at(p, "["))
            e = parse_brackets(p, e);
        else if (parser_at_word(p, "offset"))
            parse_offset_modifier(p, e);
        else if (parser_at(p, "@"))
            parse_at_modifier(p, e);
        else if (parse_extended(p, e))
            continue; // not part of where it stands, as in Prometheus
        else
            break;
        e->position.end = p->last_end;
    }
    return e;
}
