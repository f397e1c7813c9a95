// Label sets as targets write them. This runs once in a series' life: afterwards the text is known
// by its hash.
#include "base/float_text.h"
#include "base/utf8.h"
#include "exposition_text.h"
#include "scrape/exposition.h"

size_t string_end(struct str s, size_t at)
{
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            return i + 1;
    }
    return s.len + 1;
}

size_t braces_end(struct str s, size_t at)
{
    for (size_t i = at + 1; i < s.len;) {
        if (s.ptr[i] == '"')
            i = string_end(s, i);
        else if (s.ptr[i++] == '}')
            return i;
    }
    return 0;
}

static bool is_escape(char c, bool quotes)
{
    return c == 'n' || c == '\\' || (c == '"' && quotes);
}

struct str unescape(struct arena *arena, struct str s, bool quotes)
{
    if (str_find(s, '\\') == s.len)
        return s;
    char *out = arena_alloc(arena, s.len);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len && is_escape(s.ptr[i + 1], quotes)) {
            i++;
            c = s.ptr[i] == 'n' ? '\n' : s.ptr[i];
        }
        out[len++] = c;
    }
    return str_make(out, len);
}

bool parse_number(struct str text, double *value)
{
    bool hex = text.len > 2 && ((text.ptr[1] | 0x20) == 'x' || (text.ptr[2] | 0x20) == 'x');
    return !hex && float_parse(text, value);
}

struct label_scan {
    struct str rest;
    struct labels_builder *out;
    struct error *err;
};

static int label_error(const struct label_scan *s, const char *expected)
{
    struct buf shown = BUF_INIT;
    str_quote(&shown, s->rest.len > 40 ? str_first(s->rest, 40) : s->rest);
    error_set(s->err, ERR_INVALID, "expected %s, got %s", expected, buf_text(&shown));
    buf_release(&shown);
    return ERR_INVALID;
}

static bool scan_string(struct label_scan *s, struct str *out)
{
    size_t end = s->rest.len && s->rest.ptr[0] == '"' ? string_end(s->rest, 0) : s->rest.len + 1;
    if (end > s->rest.len)
        return false;
    *out = unescape(s->out->arena, str_make(s->rest.ptr + 1, end - 2), true);
    s->rest = skip_blank(str_skip(s->rest, end));
    return true;
}

// Unlike labels_builder_set() this keeps an empty value.
static int add_once(struct label_scan *s, struct str name, struct str value)
{
    struct labels_builder *out = s->out;
    for (size_t i = 0; i < out->count; i++) {
        if (str_eq(out->items[i].name, name))
            return error_set(s->err, ERR_INVALID, "label name \"%.*s\" is not unique",
                             STR_ARG(name));
    }
    if (!utf8_valid(value))
        return error_set(s->err, ERR_INVALID, "the value of label \"%.*s\" is not UTF-8",
                         STR_ARG(name));
    ARENA_GROW(out->arena, out->items, out->count, out->capacity);
    out->items[out->count++] = (struct label){name, value};
    return OK;
}

static struct str scan_plain_name(struct label_scan *s)
{
    size_t len = 0;
    while (len < s->rest.len && !is_blank(s->rest.ptr[len]) && s->rest.ptr[len] != '=')
        len++;
    struct str name = str_first(s->rest, len);
    s->rest = skip_blank(str_skip(s->rest, len));
    return name;
}

static int scan_label(struct label_scan *s)
{
    struct str name, value;
    struct label_scan start = *s;
    bool quoted = s->rest.len && s->rest.ptr[0] == '"';
    if (!quoted)
        name = scan_plain_name(s);
    else if (!scan_string(s, &name))
        return label_error(s, "a closing quote");
    if (!(quoted ? label_name_is_valid(name) : label_name_is_legacy(name)))
        return label_error(&start, "a label name");
    bool has_value = s->rest.len && s->rest.ptr[0] == '=';
    if (quoted && !has_value)
        return add_once(s, STR(LABEL_METRIC_NAME), name);
    if (!has_value)
        return label_error(s, "\"=\"");
    s->rest = skip_blank(str_skip(s->rest, 1));
    if (!scan_string(s, &value))
        return label_error(s, "a label value in quotes");
    return add_once(s, name, value);
}

int label_pairs_parse(struct str text, struct labels_builder *out, struct error *err)
{
    struct label_scan s = {.rest = skip_blank(text), .out = out, .err = err};
    while (s.rest.len) {
        int rc = scan_label(&s);
        if (rc)
            return rc;
        if (s.rest.len == 0)
            break;
        if (s.rest.ptr[0] != ',')
            return label_error(&s, "\",\" or \"}\"");
        s.rest = skip_blank(str_skip(s.rest, 1));
    }
    return OK;
}

int exposition_labels(struct str series, struct labels_builder *out, struct error *err)
{
    size_t brace = str_find(series, '{');
    struct str name = str_trim(str_first(series, brace));
    if (name.len)
        labels_builder_set(out, STR(LABEL_METRIC_NAME), name);
    if (brace < series.len) {
        struct str pairs = str_make(series.ptr + brace + 1, series.len - brace - 2);
        int rc = label_pairs_parse(pairs, out, err);
        if (rc)
            return rc;
    }
    if (!labels_builder_get(out, STR(LABEL_METRIC_NAME)).len)
        return error_set(err, ERR_INVALID, "expected a metric name");
    return OK;
}

void exposition_drop_empty(struct labels_builder *set)
{
    size_t kept = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (set->items[i].value.len)
            set->items[kept++] = set->items[i];
    }
    set->count = kept;
}
