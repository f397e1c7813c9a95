// Functions on text that rules and notifications share, and the look-up of all functions.
#include "base/float_text.h"
#include "base/regex.h"
#include "base/utf8.h"
#include "template_humanize.h"
#include "template_tree.h"

int call_number(struct execution *ex, const struct value *v, double *out)
{
    if (value_to_number(v, out))
        return OK;
    if (value_is_text(v))
        return call_error(ex, "strconv.ParseFloat: parsing \"%.*s\": invalid syntax",
                          STR_ARG(v->text));
    return call_error(ex, "can't convert %s to float", value_type_name(v));
}

int fn_humanize_duration(struct execution *ex, const struct value *args, size_t count,
                         struct value *out)
{
    double v;
    struct buf text = BUF_INIT;
    (void)count;
    int rc = call_number(ex, &args[0], &v);
    if (rc)
        return rc;
    humanize_duration(&text, v);
    *out = value_owned(ex, &text);
    return OK;
}

// Scripts whose two cases stand at a fixed distance, which covers Latin, Greek and Cyrillic.
static const struct {
    uint32_t first, last; // lower case
    uint32_t distance;    // to the upper case, which comes before
    bool alternates;      // upper and lower take turns from first - 1 on
} cases[] = {
    {'a', 'z', 32, false},     {0xe0, 0xf6, 32, false},   {0xf8, 0xfe, 32, false},
    {0x101, 0x137, 1, true},   {0x14b, 0x177, 1, true},   {0x3b1, 0x3c1, 32, false},
    {0x3c3, 0x3cb, 32, false}, {0x430, 0x44f, 32, false}, {0x450, 0x45f, 80, false},
    {0x461, 0x481, 1, true},
};

static uint32_t to_case(uint32_t c, bool upper)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t low = upper ? c : c + cases[i].distance;
        bool inside = low >= cases[i].first && low <= cases[i].last;
        if (inside && (!cases[i].alternates || (low - cases[i].first) % 2 == 0))
            return upper ? c - cases[i].distance : low;
    }
    return c;
}

// The length of the character, its bytes as they are when they are no UTF-8.
static size_t put_case(struct buf *out, struct str s, bool upper)
{
    uint32_t c;
    size_t len = utf8_decode(s, &c);
    if (len == 0) {
        buf_char(out, s.ptr[0]);
        return 1;
    }
    utf8_encode(out, to_case(c, upper));
    return len;
}

static struct value map_case(struct execution *ex, const struct value *v, bool upper)
{
    struct buf text = BUF_INIT;
    struct str s = value_string(ex->arena, v);
    while (s.len)
        s = str_skip(s, put_case(&text, s, upper));
    return value_owned(ex, &text);
}

static int fn_upper(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = map_case(ex, &args[0], true);
    return OK;
}

static int fn_lower(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = map_case(ex, &args[0], false);
    return OK;
}

static bool continues_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           (unsigned char)c >= 0x80;
}

struct str text_title(struct arena *arena, struct str s, bool lowers)
{
    struct buf text = BUF_INIT;
    bool inside = false;
    while (s.len) {
        char c = s.ptr[0];
        size_t len = 1;
        if (!inside || lowers)
            len = put_case(&text, s, !inside);
        else
            buf_char(&text, c);
        s = str_skip(s, len);
        // The one of Go's two functions that lowers the rest knows about "it's".
        inside = continues_word(c) || (lowers && inside && c == '\'');
    }
    struct str copy = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

static int fn_safe_html(struct execution *ex, const struct value *args, size_t count,
                        struct value *out)
{
    (void)count;
    *out = value_text(value_string(ex->arena, &args[0]));
    out->kind = VALUE_SAFE;
    return OK;
}

static int compile(struct execution *ex, struct str text, struct regex **out)
{
    struct error err;
    if (regex_new_unanchored(out, text, &err))
        return call_error(ex, "%.200s", err.text);
    return OK;
}

// Unanchored, as Go's regexp.MatchString.
static int fn_match(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct regex *re;
    struct str pattern = value_string(ex->arena, &args[0]);
    (void)count;
    int rc = compile(ex, pattern, &re);
    if (rc)
        return rc;
    regex_free(re);
    // A match is of the whole text: anything may stand around the pattern.
    pattern = arena_printf(ex->arena, "(?s:.*)(?:%.*s)(?s:.*)", STR_ARG(pattern));
    rc = compile(ex, pattern, &re);
    if (rc)
        return rc;
    *out = value_boolean(regex_match(re, value_string(ex->arena, &args[1])));
    regex_free(re);
    return OK;
}

static int fn_replace(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    struct regex *re;
    struct buf text = BUF_INIT;
    (void)count;
    int rc = compile(ex, value_string(ex->arena, &args[0]), &re);
    if (rc)
        return rc;
    regex_replace_all(re, value_string(ex->arena, &args[2]), value_string(ex->arena, &args[1]),
                      &text);
    regex_free(re);
    *out = value_owned(ex, &text);
    return OK;
}

static const struct template_function functions[] = {
    {"toUpper", 1, 1, fn_upper},        {"toLower", 1, 1, fn_lower},
    {"safeHtml", 1, 1, fn_safe_html},   {"match", 2, 2, fn_match},
    {"reReplaceAll", 3, 3, fn_replace}, {"humanizeDuration", 1, 1, fn_humanize_duration},
};

const struct template_function *text_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return NULL;
}

const struct template_function *template_function_find(enum template_functions kind,
                                                       struct str name)
{
    const struct template_function *f = builtin_function_find(name);
    if (!f)
        f = text_function_find(name);
    if (f)
        return f;
    return kind == TEMPLATE_RULE ? rule_function_find(name) : notification_function_find(name);
}
