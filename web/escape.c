#include "escape.h"

#include "base/utf8.h"
#include "model/labels.h"

static const char *const scheme_names[] = {"underscores", "dots", "values", "allow-utf-8"};

#define SCHEME_COUNT (sizeof(scheme_names) / sizeof(scheme_names[0]))

const char *name_escaping_text(enum name_escaping scheme)
{
    return scheme_names[scheme];
}

// Reads "type/subtype; a=b; escaping=dots"; notes the scheme, and returns the type.
static struct str read_entry(struct str entry, enum name_escaping *scheme)
{
    struct str type, piece, name, value;
    str_cut(entry, ';', &type, &entry);
    while (str_next(&entry, ';', &piece)) {
        str_cut(str_trim(piece), '=', &name, &value);
        for (size_t i = 0; str_is(name, "escaping") && i < SCHEME_COUNT; i++) {
            if (str_is(value, scheme_names[i]))
                *scheme = (enum name_escaping)i;
        }
    }
    return str_trim(type);
}

enum name_escaping name_escaping_accepted(struct str accept)
{
    enum name_escaping scheme = ESCAPE_UNDERSCORES;
    struct str entry;
    while (str_next(&accept, ',', &entry)) {
        if (str_eq_nocase(read_entry(entry, &scheme), STR("text/plain")))
            break;
    }
    return scheme;
}

static bool is_legacy(uint32_t c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (c >= '0' && c <= '9' && !first);
}

static void escape_one(struct buf *out, uint32_t c, bool legacy, enum name_escaping scheme)
{
    if (scheme == ESCAPE_UNDERSCORES)
        buf_char(out, legacy ? (char)c : '_');
    else if (c == '_')
        buf_cstr(out, "__");
    else if (scheme == ESCAPE_DOTS && c == '.')
        buf_cstr(out, "_dot_");
    else if (legacy)
        buf_char(out, (char)c);
    else if (scheme == ESCAPE_DOTS)
        buf_cstr(out, "__");
    else
        buf_printf(out, "_%x_", (unsigned)c);
}

void name_escape(struct buf *out, struct str name, enum name_escaping scheme)
{
    bool first = true;
    if (scheme == ESCAPE_NONE || (scheme != ESCAPE_DOTS && metric_name_is_legacy(name))) {
        buf_str(out, name);
        return;
    }
    if (scheme == ESCAPE_VALUES)
        buf_cstr(out, "U__");
    while (name.len) {
        uint32_t c = 0xfffd;
        size_t size = utf8_decode(name, &c);
        escape_one(out, c, is_legacy(c, first), scheme);
        name = str_skip(name, size ? size : 1);
        first = false;
    }
}

// Takes the hexadecimal digits of "_1f600_" from *in, the second '_' included.
static bool take_code_point(struct str *in, uint32_t *out)
{
    size_t end = str_find(*in, '_');
    uint32_t value = 0;
    if (end == 0 || end == in->len || end > 6)
        return false;
    for (size_t i = 0; i < end; i++) {
        char c = in->ptr[i];
        char lower = (char)(c | 0x20);
        if (c >= '0' && c <= '9')
            value = value * 16 + (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            value = value * 16 + (uint32_t)(lower - 'a' + 10);
        else
            return false;
    }
    *out = value;
    *in = str_skip(*in, end + 1);
    return value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);
}

static bool unescape(struct str in, struct buf *out)
{
    while (in.len) {
        uint32_t code_point;
        char c = in.ptr[0];
        in = str_skip(in, 1);
        if (c != '_') {
            buf_char(out, c);
        } else if (in.len && in.ptr[0] == '_') {
            buf_char(out, '_');
            in = str_skip(in, 1);
        } else if (take_code_point(&in, &code_point)) {
            utf8_encode(out, code_point);
        } else {
            return false;
        }
    }
    return true;
}

struct str name_unescape(struct arena *a, struct str name)
{
    if (!str_has_prefix(name, STR("U__")))
        return name;
    struct buf text = BUF_INIT;
    struct str result = unescape(str_skip(name, 3), &text) ? arena_copy(a, buf_view(&text)) : name;
    buf_release(&text);
    return result;
}
