// The only file that knows of cJSON: struct json is a cJSON node under another name.
//
// cJSON refuses half of a surrogate pair and ends a text at its first \u0000, where other readers
// carry on: one odd label would cost all alerts of its request, or make two alerts one. So both are
// rewritten before it reads, along with bytes that are no UTF-8. Half a pair and such bytes become
// U+FFFD; a NUL passes through as the two bytes C0 80, which are no UTF-8 and so stand for nothing
// else, and is put back where it stood: in values, whose length then stands in valuedouble, which
// cJSON leaves 0 in texts. Names keep the two bytes, and so are no valid label names.
#include "base/json.h"

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/utf8.h"

#define REPLACEMENT  "\xEF\xBF\xBD"
#define NUL_STAND_IN "\xC0\x80"

// The code unit of the escape \uXXXX at the start of `s`, or -1.
static int escaped_unit(struct str s)
{
    if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
        return -1;
    int unit = 0;
    for (size_t i = 2; i < 6; i++) {
        int digit = hex_digit(s.ptr[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

// Appends the escape at the start of `s`, or what stands for it; returns how long it is.
static size_t add_escape(struct buf *out, struct str s, bool *has_nul)
{
    int unit = escaped_unit(s);
    size_t len = unit < 0 ? 2 : 6;
    bool is_pair = unit >= 0xD800 && unit <= 0xDBFF;
    if (is_pair) {
        int low = escaped_unit(str_skip(s, 6));
        is_pair = low >= 0xDC00 && low <= 0xDFFF;
        len = is_pair ? 12 : 6;
    }
    if (unit == 0) {
        buf_str(out, STR(NUL_STAND_IN));
        *has_nul = true;
    } else if (unit >= 0xD800 && unit <= 0xDFFF && !is_pair) {
        buf_str(out, STR(REPLACEMENT));
    } else {
        buf_str(out, str_first(s, len));
    }
    return len < s.len ? len : s.len;
}

static bool needs_rewriting(struct str text)
{
    static const struct str marks[] = {STR_INIT("\\u0000"), STR_INIT("\\ud"), STR_INIT("\\uD")};
    for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
        if (str_search(text, marks[i]) < text.len)
            return true;
    return !utf8_valid(text);
}

static void rewrite(struct buf *out, struct str text, bool *has_nul)
{
    while (text.len) {
        uint32_t code_point;
        size_t len = utf8_decode(text, &code_point);
        if (text.ptr[0] == '\\') {
            len = add_escape(out, text, has_nul);
        } else if (len == 0) {
            len = 1;
            buf_str(out, STR(REPLACEMENT));
        } else {
            buf_str(out, str_first(text, len));
        }
        text = str_skip(text, len);
    }
}

static const cJSON *node(const struct json *value)
{
    return (const cJSON *)value;
}

// Puts the NULs of all texts below `first` and its siblings back.
static void restore_nuls(cJSON *first)
{
    for (cJSON *n = first; n; n = n->next) {
        restore_nuls(n->child);
        if (!cJSON_IsString(n))
            continue;
        char *to = n->valuestring;
        for (const char *from = n->valuestring; *from; to++) {
            bool is_nul = strncmp(from, NUL_STAND_IN, 2) == 0;
            *to = is_nul ? 0 : *from;
            from += is_nul ? 2 : 1;
        }
        n->valuedouble = (double)(to - n->valuestring);
    }
}

static int parse(struct json **out, struct str text, struct error *err)
{
    const char *end = NULL;
    cJSON *document = text.len ? cJSON_ParseWithLengthOpts(text.ptr, text.len, &end, 0) : NULL;
    if (!document) {
        size_t at = end && text.len ? (size_t)(end - text.ptr) : 0;
        return error_set(err, ERR_INVALID, "invalid JSON at byte %zu", at);
    }
    struct str rest = str_trim(str_skip(text, (size_t)(end - text.ptr)));
    if (rest.len) {
        cJSON_Delete(document);
        return error_set(err, ERR_INVALID, "invalid JSON at byte %zu: text after the document",
                         (size_t)(rest.ptr - text.ptr));
    }
    *out = (struct json *)document;
    return OK;
}

int json_parse(struct json **out, struct str text, struct error *err)
{
    if (!needs_rewriting(text))
        return parse(out, text, err);
    bool has_nul = false;
    struct buf rewritten;
    buf_init(&rewritten, 3 * text.len);
    rewrite(&rewritten, text, &has_nul);
    int rc = parse(out, buf_view(&rewritten), err);
    if (rc == OK && has_nul)
        restore_nuls((cJSON *)*out);
    buf_release(&rewritten);
    return rc;
}

void json_free(struct json *document)
{
    cJSON_Delete((cJSON *)document);
}

enum json_kind json_kind(const struct json *value)
{
    const cJSON *n = node(value);
    if (cJSON_IsBool(n))
        return JSON_BOOL;
    if (cJSON_IsNumber(n))
        return JSON_NUMBER;
    if (cJSON_IsString(n))
        return JSON_STRING;
    if (cJSON_IsArray(n))
        return JSON_ARRAY;
    return cJSON_IsObject(n) ? JSON_OBJECT : JSON_NULL;
}

const struct json *json_get(const struct json *value, const char *name)
{
    return cJSON_IsObject(node(value))
               ? (const struct json *)cJSON_GetObjectItemCaseSensitive(node(value), name)
               : NULL;
}

const struct json *json_child(const struct json *value)
{
    return value ? (const struct json *)node(value)->child : NULL;
}

const struct json *json_next(const struct json *value)
{
    return (const struct json *)node(value)->next;
}

struct str json_name(const struct json *member)
{
    return str_from(node(member)->string);
}

struct str json_text(const struct json *value)
{
    const cJSON *n = node(value);
    if (!cJSON_IsString(n))
        return str_from(NULL);
    return n->valuedouble > 0 ? str_make(n->valuestring, (size_t)n->valuedouble)
                              : str_from(n->valuestring);
}

double json_number(const struct json *value)
{
    return cJSON_IsNumber(node(value)) ? node(value)->valuedouble : 0;
}

bool json_is_true(const struct json *value)
{
    return cJSON_IsTrue(node(value));
}
