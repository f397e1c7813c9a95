// The functions that both languages share, Go's own among them.
#include "base/float_text.h"
#include "base/regex.h"
#include "template_tree.h"

static struct value owned(struct execution *ex, struct buf *text)
{
    struct value v = value_text(arena_copy(ex->arena, buf_view(text)));
    buf_release(text);
    return v;
}

static bool is_number(const struct value *v)
{
    return v->kind == VALUE_INT || v->kind == VALUE_FLOAT || v->kind == VALUE_DURATION;
}

static int compare(struct execution *ex, const struct value *a, const struct value *b, int *order)
{
    double x, y;
    if (value_is_text(a) && value_is_text(b)) {
        *order = str_cmp(a->text, b->text);
    } else if (is_number(a) && is_number(b)) {
        value_to_number(a, &x);
        value_to_number(b, &y);
        *order = x < y ? -1 : x > y;
    } else if (a->kind == VALUE_BOOL && b->kind == VALUE_BOOL) {
        *order = a->boolean - b->boolean;
    } else {
        return call_error(ex, "incompatible types for comparison: %s and %s", value_type_name(a),
                          value_type_name(b));
    }
    return OK;
}

static int fn_eq(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    bool equal = false;
    for (size_t i = 1; i < count && !equal; i++) {
        int order;
        int rc = compare(ex, &args[0], &args[i], &order);
        if (rc)
            return rc;
        equal = order == 0;
    }
    *out = value_boolean(equal);
    return OK;
}

#define COMPARISON(name, test)                                                                     \
    static int fn_##name(struct execution *ex, const struct value *args, size_t count,             \
                         struct value *out)                                                        \
    {                                                                                              \
        int order;                                                                                 \
        (void)count;                                                                               \
        int rc = compare(ex, &args[0], &args[1], &order);                                          \
        if (rc == OK)                                                                              \
            *out = value_boolean(order test 0);                                                    \
        return rc;                                                                                 \
    }
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

static int fn_not(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)ex;
    (void)count;
    *out = value_boolean(!value_is_true(&args[0]));
    return OK;
}

static int fn_len(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    if (!value_is_text(&args[0]) && !value_is_iterable(&args[0]))
        return call_error(ex, "len of type %s", value_type_name(&args[0]));
    *out = value_integer((int64_t)value_length(&args[0]));
    return OK;
}

static int fn_index(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct value v = args[0], key;
    for (size_t i = 1; i < count; i++) {
        if (v.kind == VALUE_LABELS && value_is_text(&args[i])) {
            v = value_text(labels_get(v.labels, args[i].text));
        } else if (v.kind == VALUE_MAP && value_is_text(&args[i])) {
            struct value found;
            value_field(ex->arena, &v, args[i].text, &found);
            v = found;
        } else if (v.kind == VALUE_LIST && args[i].kind == VALUE_INT) {
            if (args[i].integer < 0 || (uint64_t)args[i].integer >= v.list.count)
                return call_error(ex, "index out of range: %lld", (long long)args[i].integer);
            v = value_at(&v, (size_t)args[i].integer, &key);
        } else {
            return call_error(ex, "can't index item of type %s", value_type_name(&v));
        }
    }
    *out = v;
    return OK;
}

static int fn_slice(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    int64_t length = (int64_t)value_length(&args[0]);
    int64_t from = count > 1 && args[1].kind == VALUE_INT ? args[1].integer : 0;
    int64_t to = count > 2 && args[2].kind == VALUE_INT ? args[2].integer : length;
    if (from < 0 || to < from || to > length)
        return call_error(ex, "slice bounds out of range");
    *out = args[0];
    if (value_is_text(&args[0]))
        out->text = str_make(args[0].text.ptr + from, (size_t)(to - from));
    else if (args[0].kind == VALUE_LIST)
        out->list = (struct value_list){args[0].list.items + from, (size_t)(to - from)};
    else
        return call_error(ex, "can't slice item of type %s", value_type_name(&args[0]));
    return OK;
}

static int fn_print(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        if (i && !value_is_text(&args[i]) && !value_is_text(&args[i - 1]))
            buf_char(&text, ' ');
        value_print(&text, &args[i]);
    }
    *out = owned(ex, &text);
    return OK;
}

static int fn_println(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_char(&text, ' ');
        value_print(&text, &args[i]);
    }
    buf_char(&text, '\n');
    *out = owned(ex, &text);
    return OK;
}

static int fn_printf(struct execution *ex, const struct value *args, size_t count,
                     struct value *out)
{
    struct buf text = BUF_INIT;
    if (!value_is_text(&args[0]))
        return call_error(ex, "the format is a %s, expected a string", value_type_name(&args[0]));
    template_printf(ex, &text, args[0].text, args + 1, count - 1);
    *out = owned(ex, &text);
    return OK;
}

static int fn_html(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    (void)count;
    html_escape(&text, value_string(ex->arena, &args[0]));
    *out = owned(ex, &text);
    return OK;
}

static int fn_urlquery(struct execution *ex, const struct value *args, size_t count,
                       struct value *out)
{
    struct buf text = BUF_INIT;
    struct str s = value_string(ex->arena, &args[0]);
    (void)count;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     strchr("-_.~", c);
        if (c && plain)
            buf_char(&text, (char)c);
        else if (c == ' ')
            buf_char(&text, '+');
        else
            buf_printf(&text, "%%%02X", c);
    }
    *out = owned(ex, &text);
    return OK;
}

static int map_case(struct execution *ex, const struct value *v, bool upper, struct value *out)
{
    struct str s = value_string(ex->arena, v);
    char *copy = arena_alloc(ex->arena, s.len + 1);
    char low = upper ? 'a' : 'A';
    for (size_t i = 0; i < s.len; i++) {
        bool flips = s.ptr[i] >= low && s.ptr[i] <= low + 25;
        copy[i] = (char)(flips ? s.ptr[i] ^ 0x20 : s.ptr[i]);
    }
    *out = value_text(str_make(copy, s.len));
    return OK;
}

static int fn_upper(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    return map_case(ex, &args[0], true, out);
}

static int fn_lower(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    return map_case(ex, &args[0], false, out);
}

static int fn_title(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct str s = value_string(ex->arena, &args[0]);
    char *copy = arena_alloc(ex->arena, s.len + 1);
    bool start = true;
    (void)count;
    for (size_t i = 0; i < s.len; i++) {
        bool letter = (s.ptr[i] >= 'a' && s.ptr[i] <= 'z');
        copy[i] = (char)(start && letter ? s.ptr[i] ^ 0x20 : s.ptr[i]);
        start = s.ptr[i] == ' ' || s.ptr[i] == '\t' || s.ptr[i] == '\n' || s.ptr[i] == '-';
    }
    *out = value_text(str_make(copy, s.len));
    return OK;
}

static int fn_safe(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = value_text(value_string(ex->arena, &args[0]));
    out->kind = VALUE_SAFE;
    return OK;
}

static int fn_match(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct regex *re;
    struct error err;
    (void)count;
    // Unanchored, as Go's regexp.MatchString.
    struct str pattern =
        arena_printf(ex->arena, ".*(?:%.*s).*", STR_ARG(value_string(ex->arena, &args[0])));
    int rc = regex_new(&re, pattern, &err);
    if (rc)
        return call_error(ex, "%.200s", err.text);
    *out = value_boolean(regex_match(re, value_string(ex->arena, &args[1])));
    regex_free(re);
    return OK;
}

static int fn_replace(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    struct regex *re;
    struct error err;
    struct buf text = BUF_INIT;
    (void)count;
    int rc = regex_new_unanchored(&re, value_string(ex->arena, &args[0]), &err);
    if (rc)
        return call_error(ex, "%.200s", err.text);
    regex_replace_all(re, value_string(ex->arena, &args[2]), value_string(ex->arena, &args[1]),
                      &text);
    regex_free(re);
    *out = owned(ex, &text);
    return OK;
}

static int fn_now(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)args;
    (void)count;
    *out = (struct value){.kind = VALUE_TIME, .integer = ex->input->now_ms};
    return OK;
}

static const struct template_function functions[] = {
    {"eq", 2, -1, fn_eq},         {"ne", 2, 2, fn_ne},         {"lt", 2, 2, fn_lt},
    {"le", 2, 2, fn_le},          {"gt", 2, 2, fn_gt},         {"ge", 2, 2, fn_ge},
    {"not", 1, 1, fn_not},        {"len", 1, 1, fn_len},       {"index", 1, -1, fn_index},
    {"slice", 1, 3, fn_slice},    {"print", 0, -1, fn_print},  {"println", 0, -1, fn_println},
    {"printf", 1, -1, fn_printf}, {"html", 1, 1, fn_html},     {"urlquery", 1, 1, fn_urlquery},
    {"toUpper", 1, 1, fn_upper},  {"toLower", 1, 1, fn_lower}, {"title", 1, 1, fn_title},
    {"safeHtml", 1, 1, fn_safe},  {"match", 2, 2, fn_match},   {"reReplaceAll", 3, 3, fn_replace},
    {"now", 0, 0, fn_now},
};

const struct template_function *template_function_find(enum template_functions kind,
                                                       struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return kind == TEMPLATE_RULE ? rule_function_find(name) : notification_function_find(name);
}
