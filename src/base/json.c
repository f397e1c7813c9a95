// The only file that knows of cJSON: struct json is a cJSON node under another name.
#include "base/json.h"

#include <cjson/cJSON.h>

static const cJSON *node(const struct json *value)
{
    return (const cJSON *)value;
}

int json_parse(struct json **out, struct str text, struct error *err)
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
    return str_from(cJSON_IsString(node(value)) ? node(value)->valuestring : NULL);
}

double json_number(const struct json *value)
{
    return cJSON_IsNumber(node(value)) ? node(value)->valuedouble : 0;
}

bool json_is_true(const struct json *value)
{
    return cJSON_IsTrue(node(value));
}
