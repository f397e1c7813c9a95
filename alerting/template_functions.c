// Go's predefined functions. Comparisons are as strict as Go's: an integer and a float do not
// compare. `and` and `or` are the executor's, since they do not evaluate all their arguments.
#include "template_tree.h"

struct value value_owned(struct execution *ex, struct buf *text)
{
    struct value v = value_text(arena_copy(ex->arena, buf_view(text)));
    buf_release(text);
    return v;
}

enum basic_kind { BASIC_NONE, BASIC_NIL, BASIC_BOOL, BASIC_INT, BASIC_FLOAT, BASIC_STRING };

static enum basic_kind basic_kind(const struct value *v)
{
    switch (v->kind) {
    case VALUE_NIL:
        return BASIC_NIL;
    case VALUE_BOOL:
        return BASIC_BOOL;
    case VALUE_INT:
    case VALUE_DURATION:
        return BASIC_INT;
    case VALUE_FLOAT:
        return BASIC_FLOAT;
    default:
        return value_is_text(v) ? BASIC_STRING : BASIC_NONE;
    }
}

// Orders two values of one basic kind; NaN is unordered, which is no error but *equal and *less
// both false.
static int compare(struct execution *ex, const struct value *a, const struct value *b, bool *less,
                   bool *equal)
{
    enum basic_kind kind = basic_kind(a);
    *less = *equal = false;
    if (kind == BASIC_NONE || basic_kind(b) == BASIC_NONE)
        return call_error(ex, "invalid type for comparison");
    if (kind != basic_kind(b))
        return call_error(ex, "incompatible types for comparison");
    if (kind == BASIC_STRING) {
        *less = str_cmp(a->text, b->text) < 0;
        *equal = str_eq(a->text, b->text);
    } else if (kind == BASIC_FLOAT) {
        *less = a->number < b->number;
        *equal = a->number == b->number;
    } else if (kind == BASIC_INT) {
        *less = a->integer < b->integer;
        *equal = a->integer == b->integer;
    } else {
        *equal = kind == BASIC_NIL || a->boolean == b->boolean;
    }
    return OK;
}

static int compare_ordered(struct execution *ex, const struct value *args, bool *less, bool *equal)
{
    enum basic_kind kind = basic_kind(&args[0]);
    if (kind == BASIC_BOOL || kind == BASIC_NIL)
        return call_error(ex, "invalid type for comparison");
    return compare(ex, &args[0], &args[1], less, equal);
}

static int fn_eq(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    bool equal = false, less;
    if (count < 2)
        return call_error(ex, "missing argument for comparison");
    for (size_t i = 1; i < count && !equal; i++) {
        bool nil = args[0].kind == VALUE_NIL || args[i].kind == VALUE_NIL;
        if (nil) {
            equal = args[0].kind == args[i].kind;
            continue;
        }
        int rc = compare(ex, &args[0], &args[i], &less, &equal);
        if (rc)
            return rc;
    }
    *out = value_boolean(equal);
    return OK;
}

static int fn_ne(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    int rc = fn_eq(ex, args, count, out);
    if (rc == OK)
        out->boolean = !out->boolean;
    return rc;
}

#define COMPARISON(name, test)                                                                     \
    static int fn_##name(struct execution *ex, const struct value *args, size_t count,             \
                         struct value *out)                                                        \
    {                                                                                              \
        bool less, equal;                                                                          \
        (void)count;                                                                               \
        int rc = compare_ordered(ex, args, &less, &equal);                                         \
        if (rc == OK)                                                                              \
            *out = value_boolean(test);                                                            \
        return rc;                                                                                 \
    }
COMPARISON(lt, less)
COMPARISON(le, less || equal)
COMPARISON(gt, !less && !equal)
COMPARISON(ge, !less)

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
    if (args[0].kind == VALUE_NIL)
        return call_error(ex, "len of nil pointer");
    if (!value_is_text(&args[0]) && !value_is_iterable(&args[0]))
        return call_error(ex, "len of type %s", value_type_name(&args[0]));
    *out = value_integer((int64_t)value_length(&args[0]));
    return OK;
}

static int index_position(struct execution *ex, const struct value *v, const struct value *index,
                          struct value *out)
{
    struct value key;
    if (index->kind != VALUE_INT)
        return call_error(ex, "cannot index slice/array with type %s", value_type_name(index));
    if (index->integer < 0 || (uint64_t)index->integer >= value_length(v))
        return call_error(ex, "index out of range: %lld", (long long)index->integer);
    if (v->kind == VALUE_LIST)
        *out = value_at(v, (size_t)index->integer, &key);
    else
        *out = value_integer((unsigned char)v->text.ptr[index->integer]);
    return OK;
}

static int index_one(struct execution *ex, const struct value *v, const struct value *index,
                     struct value *out)
{
    if (v->kind == VALUE_NIL)
        return call_error(ex, "index of untyped nil");
    if (v->kind == VALUE_LIST || value_is_text(v))
        return index_position(ex, v, index, out);
    if (!value_is_iterable(v))
        return call_error(ex, "can't index item of type %s", value_type_name(v));
    if (!value_is_text(index))
        return call_error(ex, "value has type %s; should be string", value_type_name(index));
    if (v->kind != VALUE_MAP)
        *out = value_text(labels_get(v->labels, index->text));
    else
        (void)value_field(ex->arena, v, index->text, out);
    return OK;
}

static int fn_index(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct value v = args[0];
    for (size_t i = 1; i < count; i++) {
        int rc = index_one(ex, &v, &args[i], out);
        if (rc)
            return rc;
        v = *out;
    }
    *out = v;
    return OK;
}

static int fn_slice(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    bool is_text = value_is_text(&args[0]);
    if (!is_text && args[0].kind != VALUE_LIST)
        return call_error(ex, "can't slice item of type %s", value_type_name(&args[0]));
    int64_t length = (int64_t)value_length(&args[0]);
    int64_t bounds[2] = {0, length};
    for (size_t i = 1; i < count; i++) {
        if (args[i].kind != VALUE_INT)
            return call_error(ex, "cannot index slice/array with type %s",
                              value_type_name(&args[i]));
        if (args[i].integer < 0 || args[i].integer > length)
            return call_error(ex, "index out of range: %lld", (long long)args[i].integer);
        bounds[i - 1] = args[i].integer;
    }
    if (bounds[0] > bounds[1])
        return call_error(ex, "invalid slice index: %lld > %lld", (long long)bounds[0],
                          (long long)bounds[1]);
    size_t size = (size_t)(bounds[1] - bounds[0]);
    *out = args[0];
    if (is_text)
        out->text = str_make(args[0].text.ptr + bounds[0], size);
    else
        *out = value_list(args[0].list.items + bounds[0], size, args[0].list.type);
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
    *out = value_owned(ex, &text);
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
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_printf(struct execution *ex, const struct value *args, size_t count,
                     struct value *out)
{
    struct buf text = BUF_INIT;
    if (!value_is_text(&args[0]))
        return call_error(ex, "wrong type for value; expected string; got %s",
                          value_type_name(&args[0]));
    template_printf(ex, &text, args[0].text, args + 1, count - 1);
    *out = value_owned(ex, &text);
    return OK;
}

// What html, js and urlquery escape: their arguments printed as by print.
static struct str printed(struct execution *ex, const struct value *args, size_t count)
{
    struct value text;
    (void)fn_print(ex, args, count, &text);
    return text.text;
}

// In HTML the escaping has then been done.
static int fn_html(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    html_escape(&text, printed(ex, args, count));
    *out = value_owned(ex, &text);
    if (ex->mode == TEMPLATE_HTML)
        out->kind = VALUE_SAFE;
    return OK;
}

static void put_js(struct buf *out, char c)
{
    if (c == '\\' || c == '\'' || c == '"')
        buf_printf(out, "\\%c", c);
    else if ((unsigned char)c < ' ' || (c && strchr("<>&=", c)))
        buf_printf(out, "\\u%04X", (unsigned)c);
    else
        buf_char(out, c);
}

static int fn_js(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    struct str s = printed(ex, args, count);
    for (size_t i = 0; i < s.len; i++)
        put_js(&text, s.ptr[i]);
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_urlquery(struct execution *ex, const struct value *args, size_t count,
                       struct value *out)
{
    struct buf text = BUF_INIT;
    url_escape(&text, printed(ex, args, count));
    *out = value_owned(ex, &text);
    if (ex->mode == TEMPLATE_HTML)
        out->kind = VALUE_SAFE_URL;
    return OK;
}

static const struct template_function functions[] = {
    {"eq", 1, -1, fn_eq},         {"ne", 2, 2, fn_ne},
    {"lt", 2, 2, fn_lt},          {"le", 2, 2, fn_le},
    {"gt", 2, 2, fn_gt},          {"ge", 2, 2, fn_ge},
    {"not", 1, 1, fn_not},        {"len", 1, 1, fn_len},
    {"index", 1, -1, fn_index},   {"slice", 1, 3, fn_slice},
    {"print", 0, -1, fn_print},   {"println", 0, -1, fn_println},
    {"printf", 1, -1, fn_printf}, {"html", 0, -1, fn_html},
    {"js", 0, -1, fn_js},         {"urlquery", 0, -1, fn_urlquery},
};

const struct template_function *builtin_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return NULL;
}
