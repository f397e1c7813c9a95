// The functions of notification templates: what Alertmanager offers beside Go's own.
#include "template_tree.h"
#include "zone.h"

static int wrong_type(struct execution *ex, const char *expected, const struct value *got)
{
    return call_error(ex, "wrong type for value; expected %s; got %s", expected,
                      value_type_name(got));
}

static int fn_join(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    struct str separator = value_string(ex->arena, &args[0]);
    (void)count;
    if (args[1].kind != VALUE_LIST)
        return wrong_type(ex, "[]string", &args[1]);
    for (size_t i = 0; i < args[1].list.count; i++) {
        if (i)
            buf_str(&text, separator);
        value_print(&text, &args[1].list.items[i]);
    }
    *out = value_owned(ex, &text);
    return OK;
}

static struct value copied_list(struct execution *ex, const struct value *args, size_t count,
                                enum list_type type)
{
    struct value *items = arena_array(ex->arena, count, sizeof(*items));
    if (count)
        memcpy(items, args, count * sizeof(*items));
    return value_list(items, count, type);
}

static int fn_list(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    *out = copied_list(ex, args, count, LIST_ANY);
    return OK;
}

static int fn_string_slice(struct execution *ex, const struct value *args, size_t count,
                           struct value *out)
{
    for (size_t i = 0; i < count; i++) {
        if (!value_is_text(&args[i]))
            return wrong_type(ex, "string", &args[i]);
    }
    *out = copied_list(ex, args, count, LIST_STRING);
    return OK;
}

static int fn_append(struct execution *ex, const struct value *args, size_t count,
                     struct value *out)
{
    if (args[0].kind != VALUE_LIST && args[0].kind != VALUE_NIL)
        return wrong_type(ex, "list", &args[0]);
    size_t before = value_length(&args[0]);
    struct value *items = arena_array(ex->arena, before + count - 1, sizeof(*items));
    if (before)
        memcpy(items, args[0].list.items, before * sizeof(*items));
    bool only_text = before > 0 && args[0].list.type == LIST_STRING;
    for (size_t i = 1; i < count; i++) {
        items[before + i - 1] = args[i];
        only_text = only_text && value_is_text(&args[i]);
    }
    *out = value_list(items, before + count - 1, only_text ? LIST_STRING : LIST_ANY);
    return OK;
}

static int fn_dict(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct value *pairs = arena_array(ex->arena, count, sizeof(*pairs));
    size_t used = 0;
    if (count % 2)
        return call_error(ex, "dict needs a value for every key, got %zu arguments", count);
    for (size_t i = 0; i < count; i += 2) {
        size_t at = 0;
        if (!value_is_text(&args[i]))
            return call_error(ex, "dict keys must be strings, got %s", value_type_name(&args[i]));
        while (at < used && !str_eq(pairs[at * 2].text, args[i].text))
            at++;
        pairs[at * 2] = args[i];
        pairs[at * 2 + 1] = args[i + 1];
        used += at == used;
    }
    *out = value_map(pairs, used);
    return OK;
}

static int fn_trim(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = value_text(str_trim(value_string(ex->arena, &args[0])));
    return OK;
}

static int fn_safe_url(struct execution *ex, const struct value *args, size_t count,
                       struct value *out)
{
    (void)count;
    *out = value_text(value_string(ex->arena, &args[0]));
    out->kind = VALUE_SAFE_URL;
    return OK;
}

// The first letter of each word large, the others small.
static int fn_title(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = value_text(text_title(ex->arena, value_string(ex->arena, &args[0]), true));
    return OK;
}

// url.QueryUnescape
static int fn_url_unescape(struct execution *ex, const struct value *args, size_t count,
                           struct value *out)
{
    struct buf text = BUF_INIT;
    struct str s = value_string(ex->arena, &args[0]);
    (void)count;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '%') {
            buf_char(&text, (char)(s.ptr[i] == '+' ? ' ' : s.ptr[i]));
            continue;
        }
        int high = i + 1 < s.len ? hex_digit(s.ptr[i + 1]) : -1;
        int low = i + 2 < s.len ? hex_digit(s.ptr[i + 2]) : -1;
        if (high < 0 || low < 0) {
            buf_release(&text);
            size_t rest = s.len - i < 3 ? s.len - i : 3;
            return call_error(ex, "invalid URL escape \"%.*s\"", (int)rest, s.ptr + i);
        }
        buf_char(&text, (char)(high * 16 + low));
        i += 2;
    }
    *out = value_owned(ex, &text);
    return OK;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int fn_base64_encode(struct execution *ex, const struct value *args, size_t count,
                            struct value *out)
{
    struct buf text = BUF_INIT;
    struct str s = value_string(ex->arena, &args[0]);
    (void)count;
    for (size_t i = 0; i < s.len; i += 3) {
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (i + k < s.len ? (unsigned char)s.ptr[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            buf_char(&text, i + k <= s.len ? base64_digits[bits >> (18 - 6 * k) & 63] : '=');
    }
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_base64_decode(struct execution *ex, const struct value *args, size_t count,
                            struct value *out)
{
    struct buf text = BUF_INIT;
    struct str s = value_string(ex->arena, &args[0]);
    uint32_t bits = 0;
    (void)count;
    size_t padding = str_has_suffix(s, STR("==")) ? 2 : str_has_suffix(s, STR("="));
    bool valid = s.len % 4 == 0;
    for (size_t i = 0; i + padding < s.len && valid; i++) {
        const char *digit = s.ptr[i] ? strchr(base64_digits, s.ptr[i]) : NULL;
        valid = digit != NULL;
        if (!valid)
            break;
        bits = bits << 6 | (uint32_t)(digit - base64_digits);
        if (i % 4)
            buf_char(&text, (char)(bits >> (6 - 2 * (i % 4)) & 0xff));
    }
    *out = value_owned(ex, &text);
    return valid ? OK : call_error(ex, "illegal base64 data");
}

// As json.Marshal: what could end an HTML script is written as an escape.
static int fn_to_json(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    struct buf json = BUF_INIT, text = BUF_INIT;
    (void)count;
    value_json(&json, &args[0]);
    struct str s = buf_view(&json);
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] && strchr("<>&", s.ptr[i]))
            buf_printf(&text, "\\u%04x", (unsigned)s.ptr[i]);
        else
            buf_char(&text, s.ptr[i]);
    }
    buf_release(&json);
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_now(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)args;
    (void)count;
    *out = value_time_ms(ex->input->now_ms);
    return OK;
}

static int fn_date(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    (void)count;
    if (args[1].kind != VALUE_TIME)
        return wrong_type(ex, "time.Time", &args[1]);
    time_format(&text, &args[1].time, value_string(ex->arena, &args[0]));
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_must_to_date(struct execution *ex, const struct value *args, size_t count,
                           struct value *out)
{
    struct str layout = value_string(ex->arena, &args[0]);
    struct str text = value_string(ex->arena, &args[1]);
    (void)count;
    *out = (struct value){.kind = VALUE_TIME};
    if (time_parse(layout, text, &out->time))
        return OK;
    return call_error(ex, "parsing time \"%.*s\" as \"%.*s\": cannot parse", STR_ARG(text),
                      STR_ARG(layout));
}

// What is no such date is Go's zero time.
static int fn_to_date(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    (void)count;
    *out = (struct value){.kind = VALUE_TIME};
    if (!time_parse(value_string(ex->arena, &args[0]), value_string(ex->arena, &args[1]),
                    &out->time))
        out->time = (struct template_time){.seconds = GO_ZERO_TIME};
    return OK;
}

static int fn_since(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct value now = value_time_ms(ex->input->now_ms);
    (void)count;
    if (args[0].kind != VALUE_TIME)
        return wrong_type(ex, "time.Time", &args[0]);
    return time_method(ex->arena, &now.time, STR("Sub"), args, 1, out);
}

static int load_zone(struct execution *ex, struct str name, const struct zone **out)
{
    struct loaded_zone *z = ex->zones;
    struct error err;
    while (z && !str_eq(z->name, name))
        z = z->next;
    if (!z) {
        z = ARENA_NEW(ex->arena, struct loaded_zone);
        if (zone_load(&z->zone, name, &err))
            return call_error(ex, "unknown time zone %.*s", STR_ARG(name));
        z->name = arena_copy(ex->arena, name);
        z->next = ex->zones;
        ex->zones = z;
    }
    *out = z->zone;
    return OK;
}

static int fn_tz(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    if (args[1].kind != VALUE_TIME)
        return wrong_type(ex, "time.Time", &args[1]);
    *out = args[1];
    return load_zone(ex, value_string(ex->arena, &args[0]), &out->time.zone);
}

static const struct template_function functions[] = {
    {"join", 2, 2, fn_join},
    {"list", 0, -1, fn_list},
    {"stringSlice", 0, -1, fn_string_slice},
    {"append", 1, -1, fn_append},
    {"dict", 0, -1, fn_dict},
    {"trimSpace", 1, 1, fn_trim},
    {"title", 1, 1, fn_title},
    {"safeUrl", 1, 1, fn_safe_url},
    {"urlUnescape", 1, 1, fn_url_unescape},
    {"base64encode", 1, 1, fn_base64_encode},
    {"base64decode", 1, 1, fn_base64_decode},
    {"toJson", 1, 1, fn_to_json},
    {"now", 0, 0, fn_now},
    {"date", 2, 2, fn_date},
    {"toDate", 2, 2, fn_to_date},
    {"mustToDate", 2, 2, fn_must_to_date},
    {"since", 1, 1, fn_since},
    {"tz", 2, 2, fn_tz},
};

const struct template_function *notification_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return NULL;
}
