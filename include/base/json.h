// Reading small JSON documents (requests, stored state); never query results.
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/error.h"

struct json; // a value inside a document; borrowed from the document

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

// Parses a whole document; nothing may follow but white space. The caller owns *out and frees it
// with json_free(). ERR_INVALID with the byte offset in the text.
int json_parse(struct json **out, struct str text, struct error *err);
void json_free(struct json *document); // NULL is allowed

enum json_kind json_kind(const struct json *value);
// Member of an object by exact name; NULL when absent or when `value` is no object or NULL.
const struct json *json_get(const struct json *value, const char *name);
// First element or member, and the next one; NULL at the end. For arrays and objects.
const struct json *json_child(const struct json *value);
const struct json *json_next(const struct json *value);
struct str json_name(const struct json *member); // of a member of an object
// The text of a string value, else the empty view. Borrowed from the document.
struct str json_text(const struct json *value);
double json_number(const struct json *value); // 0 unless a number
bool json_is_true(const struct json *value);

#endif
