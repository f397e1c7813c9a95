// Two parsers of label matchers and the rule which of them counts.
//
// Classic: split at commas outside of quotes, then each piece is NAME OP VALUE; a value may stand
// without quotes and knows three escapes. UTF-8: a token grammar whose quoted strings are Go's.
// Both are tried. A text that only one of them reads is what that one reads; where both do and
// disagree (a value with \x escapes), the classic reading counts, as configurations written for it
// must not change their meaning; and when none does, the classic parser's error is what users know.
#include "config/matcher_text.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

static int compare(const void *a, const void *b)
{
    const struct matcher *x = a;
    const struct matcher *y = b;
    int order = str_cmp(x->name, y->name);
    if (!order)
        order = str_cmp(x->value, y->value);
    return order ? order : (x->type > y->type) - (x->type < y->type);
}

void matchers_sort(struct matcher *matchers, size_t count)
{
    if (count > 1)
        qsort(matchers, count, sizeof(*matchers), compare);
}

void matcher_list_release(struct matcher_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        matcher_release(&list->items[i]);
    mem_free(list->items);
    *list = (struct matcher_list){0};
}

void matcher_list_add(struct matcher_list *list, const struct matcher *m)
{
    MEM_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = *m;
}

static int list_add(struct matcher_list *list, enum matcher_type type, struct str name,
                    struct str value, struct error *err)
{
    struct matcher m;
    int rc = matcher_init(&m, type, name, value, err);
    if (rc)
        return rc;
    matcher_list_add(list, &m);
    return OK;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct str skip_space(struct str s)
{
    while (s.len && is_space(s.ptr[0]))
        s = str_skip(s, 1);
    return s;
}

// The operator at the front: its length, or 0.
static size_t read_operator(struct str s, enum matcher_type *type)
{
    if (str_has_prefix(s, STR("=~")))
        *type = MATCH_REGEX;
    else if (str_has_prefix(s, STR("!~")))
        *type = MATCH_NOT_REGEX;
    else if (str_has_prefix(s, STR("!=")))
        *type = MATCH_NOT_EQUAL;
    else if (str_has_prefix(s, STR("=")))
        *type = MATCH_EQUAL;
    else
        return 0;
    return *type == MATCH_EQUAL ? 1 : 2;
}

static size_t classic_name_size(struct str s)
{
    size_t len = 0;
    while (len < s.len && metric_name_is_legacy(str_first(s, len + 1)))
        len++;
    return len;
}

static bool classic_escape(char c, struct buf *out)
{
    if (c == 'n')
        buf_char(out, '\n');
    else if (c == '"' || c == '\\')
        buf_char(out, c);
    else
        return false;
    return true;
}

// The value without its quotes and escapes; false when a quote stands inside or misses its partner.
static bool classic_value(struct str raw, struct buf *out)
{
    bool quoted = raw.len && raw.ptr[0] == '"';
    struct str body = quoted ? str_skip(raw, 1) : raw;
    for (size_t i = 0; i < body.len; i++) {
        char c = body.ptr[i];
        if (c == '"')
            return quoted && i + 1 == body.len;
        if (c == '\\' && i + 1 < body.len && classic_escape(body.ptr[i + 1], out))
            i++;
        else
            buf_char(out, c);
    }
    return !quoted;
}

static int classic_add(struct matcher_list *list, struct str text, struct error *err)
{
    struct str rest = skip_space(text);
    size_t name_size = classic_name_size(rest);
    struct str name = str_first(rest, name_size);
    rest = skip_space(str_skip(rest, name_size));
    enum matcher_type type;
    size_t operator_size = read_operator(rest, &type);
    if (name_size == 0 || operator_size == 0)
        return error_set(err, ERR_INVALID, "bad matcher format: %.*s", STR_ARG(text));
    struct str raw = str_trim(str_skip(rest, operator_size));
    if (!utf8_valid(raw))
        return error_set(err, ERR_INVALID, "matcher value not valid UTF-8: %.*s", STR_ARG(raw));
    struct buf value = BUF_INIT;
    int rc = OK;
    if (!classic_value(raw, &value))
        rc = error_set(err, ERR_INVALID, "matcher value contains unescaped double quote: %.*s",
                       STR_ARG(raw));
    else
        rc = list_add(list, type, name, buf_view(&value), err);
    buf_release(&value);
    return rc;
}

// Takes the next piece up to a comma outside of quotes; *last when there was none.
static struct str classic_piece(struct str *rest, bool *last)
{
    bool inside = false;
    for (size_t i = 0; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (c == '\\') {
            i++;
        } else if (c == '"') {
            inside = !inside;
        } else if (c == ',' && !inside) {
            struct str piece = str_first(*rest, i);
            *rest = str_skip(*rest, i + 1);
            return piece;
        }
    }
    *last = true;
    return *rest;
}

static int classic_parse(struct matcher_list *list, struct str text, struct error *err)
{
    struct str rest = text;
    if (rest.len && rest.ptr[0] == '{')
        rest = str_skip(rest, 1);
    if (rest.len && rest.ptr[rest.len - 1] == '}')
        rest.len--;
    int rc = OK;
    for (bool last = false; rc == OK && !last;) {
        struct str piece = classic_piece(&rest, &last);
        // A comma at the end is fine.
        if (!last || str_trim(piece).len)
            rc = classic_add(list, piece, err);
    }
    return rc;
}

static int bad(struct error *err, const char *expected, struct str rest)
{
    if (rest.len == 0)
        return error_set(err, ERR_INVALID, "end of input: expected %s", expected);
    return error_set(err, ERR_INVALID, "unexpected %.*s: expected %s", STR_ARG(rest), expected);
}

static bool is_reserved(struct str s)
{
    return is_space(s.ptr[0]) || strchr("{}!=~,\\\"'`", s.ptr[0]);
}

// Reads `count` digits of the base.
static bool read_digits(struct str s, size_t count, int base, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        int digit = i < s.len ? hex_digit(s.ptr[i]) : -1;
        if (digit < 0 || digit >= base)
            return false;
        *out = *out * (uint32_t)base + (uint32_t)digit;
    }
    return true;
}

static bool is_code_point(uint32_t c)
{
    return c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
}

// One escape of a Go string behind its backslash: how much of `s` it takes, 0 when it is none.
static size_t go_escape(struct str s, struct buf *out)
{
    static const char names[] = "abfnrtv\\\"";
    static const char meant[] = "\a\b\f\n\r\t\v\\\"";
    const char *simple = s.len && s.ptr[0] ? strchr(names, s.ptr[0]) : NULL;
    uint32_t number;
    if (simple) {
        buf_char(out, meant[simple - names]);
        return 1;
    }
    if (s.len && s.ptr[0] == 'x' && read_digits(str_skip(s, 1), 2, 16, &number)) {
        buf_char(out, (char)number);
        return 3;
    }
    if (read_digits(s, 3, 8, &number) && number < 256) {
        buf_char(out, (char)number);
        return 3;
    }
    size_t digits = s.len && s.ptr[0] == 'u' ? 4 : s.len && s.ptr[0] == 'U' ? 8 : 0;
    if (digits == 0 || !read_digits(str_skip(s, 1), digits, 16, &number) || !is_code_point(number))
        return 0;
    utf8_encode(out, number);
    return 1 + digits;
}

// A double-quoted Go string at the front of *rest.
static bool go_string(struct str *rest, struct buf *out)
{
    for (size_t i = 1; i < rest->len; i++) {
        char c = rest->ptr[i];
        if (c == '"') {
            *rest = str_skip(*rest, i + 1);
            return utf8_valid(buf_view(out));
        }
        if (c == '\n')
            return false;
        if (c != '\\') {
            buf_char(out, c);
            continue;
        }
        size_t taken = go_escape(str_skip(*rest, i + 1), out);
        if (taken == 0)
            return false;
        i += taken;
    }
    return false;
}

static int utf8_word(struct str *rest, const char *what, struct buf *out, struct error *err)
{
    struct str s = *rest = skip_space(*rest);
    if (s.len == 0)
        return bad(err, what, s);
    if (s.ptr[0] == '"')
        return go_string(rest, out) ? OK : bad(err, "a double-quoted string", s);
    size_t len = 0;
    while (len < s.len && !is_reserved(str_skip(s, len)))
        len++;
    if (len == 0)
        return bad(err, what, s);
    buf_append(out, s.ptr, len);
    *rest = str_skip(s, len);
    return OK;
}

static int utf8_add(struct matcher_list *list, struct str *rest, struct error *err)
{
    struct buf name = BUF_INIT;
    struct buf value = BUF_INIT;
    enum matcher_type type = MATCH_EQUAL;
    int rc = utf8_word(rest, "label name", &name, err);
    if (rc == OK) {
        *rest = skip_space(*rest);
        size_t size = read_operator(*rest, &type);
        if (size == 0)
            rc = bad(err, "an operator such as '=', '!=', '=~' or '!~'", *rest);
        *rest = str_skip(*rest, size);
    }
    if (rc == OK)
        rc = utf8_word(rest, "label value", &value, err);
    if (rc == OK && name.len == 0)
        rc = error_set(err, ERR_INVALID, "a label's name cannot be empty");
    if (rc == OK)
        rc = list_add(list, type, buf_view(&name), buf_view(&value), err);
    buf_release(&name);
    buf_release(&value);
    return rc;
}

static int utf8_parse(struct matcher_list *list, struct str text, struct error *err)
{
    struct str rest = str_trim(text);
    if (!utf8_valid(rest))
        return error_set(err, ERR_INVALID, "not valid UTF-8");
    bool opened = rest.len && rest.ptr[0] == '{';
    bool closed = rest.len > opened && rest.ptr[rest.len - 1] == '}';
    if (opened != closed)
        return bad(err, opened ? "close brace" : "open brace", str_make(NULL, 0));
    if (opened) {
        rest = str_skip(rest, 1);
        rest.len--;
    }
    rest = skip_space(rest);
    while (rest.len) {
        int rc = utf8_add(list, &rest, err);
        if (rc)
            return rc;
        rest = skip_space(rest);
        if (rest.len && rest.ptr[0] != ',')
            return bad(err, "a comma or close brace", rest);
        rest = skip_space(rest.len ? str_skip(rest, 1) : rest);
    }
    return OK;
}

static bool lists_equal(const struct matcher_list *a, const struct matcher_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (compare(&a->items[i], &b->items[i]) != 0)
            return false;
    }
    return true;
}

// Keeps one of both readings and releases the other.
static int choose(struct matcher_list *out, struct matcher_list *modern, int modern_rc,
                  struct matcher_list *classic, int classic_rc)
{
    bool take_modern = modern_rc == OK && (classic_rc != OK || lists_equal(modern, classic));
    matcher_list_release(take_modern ? classic : modern);
    if (take_modern || classic_rc == OK) {
        *out = take_modern ? *modern : *classic;
        return OK;
    }
    matcher_list_release(classic);
    return classic_rc;
}

int matcher_list_parse(struct matcher_list *out, struct str text, struct error *err)
{
    struct matcher_list modern = {0};
    struct matcher_list classic = {0};
    int modern_rc = utf8_parse(&modern, text, NULL);
    int classic_rc = classic_parse(&classic, text, err);
    return choose(out, &modern, modern_rc, &classic, classic_rc);
}

int matcher_parse_one(struct matcher *out, struct str text, struct error *err)
{
    struct matcher_list modern = {0};
    struct matcher_list classic = {0};
    struct matcher_list chosen;
    int modern_rc = utf8_parse(&modern, text, NULL);
    if (modern_rc == OK && (modern.count != 1 || str_has_prefix(str_trim(text), STR("{"))))
        modern_rc = ERR_INVALID;
    int classic_rc = classic_add(&classic, text, err);
    int rc = choose(&chosen, &modern, modern_rc, &classic, classic_rc);
    if (rc)
        return rc;
    *out = chosen.items[0];
    mem_free(chosen.items);
    return OK;
}
