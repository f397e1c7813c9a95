#include "base/json_write.h"

#include <assert.h>
#include <math.h>

#include "base/utf8.h"

#define DEPTH_MAX 32

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static void separate(struct json_writer *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    uint32_t bit = UINT32_C(1) << w->depth;
    if (w->comma & bit)
        buf_char(w->out, ',');
    w->comma |= bit;
}

static void begin(struct json_writer *w, char bracket)
{
    separate(w);
    buf_char(w->out, bracket);
    w->depth++;
    assert(w->depth < DEPTH_MAX);
    w->comma &= ~(UINT32_C(1) << w->depth);
}

static void end(struct json_writer *w, char bracket)
{
    assert(w->depth > 0 && !w->after_key);
    w->depth--;
    buf_char(w->out, bracket);
}

void json_object_begin(struct json_writer *w)
{
    begin(w, '{');
}

void json_object_end(struct json_writer *w)
{
    end(w, '}');
}

void json_array_begin(struct json_writer *w)
{
    begin(w, '[');
}

void json_array_end(struct json_writer *w)
{
    end(w, ']');
}

void json_key_str(struct json_writer *w, struct str key)
{
    assert(!w->after_key);
    separate(w);
    json_escape(w->out, key);
    buf_char(w->out, ':');
    w->after_key = true;
}

void json_key(struct json_writer *w, const char *key)
{
    json_key_str(w, str_from(key));
}

void json_str(struct json_writer *w, struct str value)
{
    separate(w);
    json_escape(w->out, value);
}

void json_cstr(struct json_writer *w, const char *value)
{
    json_str(w, str_from(value));
}

void json_i64(struct json_writer *w, int64_t value)
{
    separate(w);
    buf_i64(w->out, value);
}

void json_u64(struct json_writer *w, uint64_t value)
{
    separate(w);
    buf_u64(w->out, value);
}

void json_bool(struct json_writer *w, bool value)
{
    json_raw(w, value ? STR("true") : STR("false"));
}

void json_null(struct json_writer *w)
{
    json_raw(w, STR("null"));
}

void json_double(struct json_writer *w, double value)
{
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    separate(w);
    buf_float(w->out, value, FLOAT_JSON);
}

void json_float_str(struct json_writer *w, double value, enum float_layout layout)
{
    separate(w);
    buf_char(w->out, '"');
    buf_float(w->out, value, layout);
    buf_char(w->out, '"');
}

void json_timestamp(struct json_writer *w, int64_t ms)
{
    separate(w);
    if (ms < 0)
        buf_char(w->out, '-');
    uint64_t magnitude = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    buf_u64(w->out, magnitude / 1000);
    unsigned fraction = (unsigned)(magnitude % 1000);
    if (!fraction)
        return;
    char digits[4] = {'.', (char)('0' + fraction / 100), (char)('0' + fraction / 10 % 10),
                      (char)('0' + fraction % 10)};
    size_t len = sizeof(digits);
    while (digits[len - 1] == '0')
        len--;
    buf_append(w->out, digits, len);
}

void json_raw(struct json_writer *w, struct str value)
{
    separate(w);
    buf_str(w->out, value);
}

static void escape_control(struct buf *out, unsigned char c)
{
    static const char short_forms[] = {
        ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    if (c < sizeof(short_forms) && short_forms[c]) {
        buf_char(out, '\\');
        buf_char(out, short_forms[c]);
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

// Escapes what starts at s.ptr[0] and returns how many bytes that was.
static size_t escape_one(struct buf *out, struct str s)
{
    unsigned char c = (unsigned char)s.ptr[0];
    if (c == '"' || c == '\\') {
        buf_char(out, '\\');
        buf_char(out, (char)c);
        return 1;
    }
    if (c < 0x20 || c == 0x7f) {
        c == 0x7f ? buf_char(out, (char)c) : escape_control(out, c);
        return 1;
    }
    uint32_t code_point;
    size_t len = utf8_decode(s, &code_point);
    if (len == 0) {
        buf_cstr(out, "\\ufffd");
        return 1;
    }
    if (code_point == 0x2028 || code_point == 0x2029)
        buf_printf(out, "\\u%04x", (unsigned)code_point);
    else
        buf_append(out, s.ptr, len);
    return len;
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void json_escape(struct buf *out, struct str value)
{
    buf_char(out, '"');
    while (value.len) {
        size_t plain = 0;
        while (plain < value.len && is_plain((unsigned char)value.ptr[plain]))
            plain++;
        buf_append(out, value.ptr, plain);
        value = str_skip(value, plain);
        if (value.len)
            value = str_skip(value, escape_one(out, value));
    }
    buf_char(out, '"');
}
