#include "model/labels.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"

struct str labels_get(struct labels set, struct str name)
{
    for (size_t i = 0; i < set.count; i++) {
        if (str_eq(set.items[i].name, name))
            return set.items[i].value;
    }
    return str_make(NULL, 0);
}

int labels_cmp(struct labels a, struct labels b)
{
    size_t shared = a.count < b.count ? a.count : b.count;
    for (size_t i = 0; i < shared; i++) {
        int order = str_cmp(a.items[i].name, b.items[i].name);
        if (!order)
            order = str_cmp(a.items[i].value, b.items[i].value);
        if (order)
            return order;
    }
    return (a.count > b.count) - (a.count < b.count);
}

bool labels_eq(struct labels a, struct labels b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        if (!str_eq(a.items[i].name, b.items[i].name) ||
            !str_eq(a.items[i].value, b.items[i].value))
            return false;
    }
    return true;
}

// Chains the hash of each part: no two sets share the bytes hashed.
uint64_t labels_hash(struct labels set)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < set.count; i++) {
        hash = hash64(set.items[i].name.ptr, set.items[i].name.len, hash);
        hash = hash64(set.items[i].value.ptr, set.items[i].value.len, hash);
    }
    return hash;
}

uint64_t labels_fingerprint(struct labels set)
{
    static const char separator = (char)0xff;
    uint64_t hash = HASH_FNV1A_START;
    for (size_t i = 0; i < set.count; i++) {
        hash = hash_fnv1a(hash, set.items[i].name.ptr, set.items[i].name.len);
        hash = hash_fnv1a(hash, &separator, 1);
        hash = hash_fnv1a(hash, set.items[i].value.ptr, set.items[i].value.len);
        hash = hash_fnv1a(hash, &separator, 1);
    }
    return hash;
}

struct labels labels_copy(struct arena *a, struct labels set)
{
    struct label *items = arena_array(a, set.count, sizeof(*items));
    for (size_t i = 0; i < set.count; i++) {
        items[i].name = arena_copy(a, set.items[i].name);
        items[i].value = arena_copy(a, set.items[i].value);
    }
    return (struct labels){items, set.count};
}

static struct str put(char **next, struct str s)
{
    struct str copy = str_make(*next, s.len);
    if (s.len)
        memcpy(*next, s.ptr, s.len);
    *next += s.len;
    return copy;
}

struct labels labels_dup(struct labels set)
{
    size_t size = set.count * sizeof(struct label);
    for (size_t i = 0; i < set.count; i++)
        size += set.items[i].name.len + set.items[i].value.len;
    struct label *items = mem_alloc(size);
    char *next = (char *)(items + set.count);
    for (size_t i = 0; i < set.count; i++) {
        items[i].name = put(&next, set.items[i].name);
        items[i].value = put(&next, set.items[i].value);
    }
    return (struct labels){items, set.count};
}

static void format_name(struct buf *out, struct str name)
{
    if (label_name_is_legacy(name))
        buf_str(out, name);
    else
        str_quote(out, name);
}

void labels_format(struct buf *out, struct labels set)
{
    struct str metric = labels_get(set, STR(LABEL_METRIC_NAME));
    bool outside = metric.len && metric_name_is_legacy(metric);
    if (outside)
        buf_str(out, metric);
    if (outside && set.count == 1)
        return;
    buf_char(out, '{');
    if (metric.len && !outside)
        str_quote(out, metric);
    bool first = !metric.len || outside;
    for (size_t i = 0; i < set.count; i++) {
        if (str_is(set.items[i].name, LABEL_METRIC_NAME))
            continue;
        if (!first)
            buf_cstr(out, ", ");
        first = false;
        format_name(out, set.items[i].name);
        buf_char(out, '=');
        str_quote(out, set.items[i].value);
    }
    buf_char(out, '}');
}

void labels_format_all(struct buf *out, struct labels set)
{
    buf_char(out, '{');
    for (size_t i = 0; i < set.count; i++) {
        buf_cstr(out, i ? ", " : "");
        format_name(out, set.items[i].name);
        buf_char(out, '=');
        str_quote(out, set.items[i].value);
    }
    buf_char(out, '}');
}

void labels_json(struct json_writer *w, struct labels set)
{
    json_object_begin(w);
    for (size_t i = 0; i < set.count; i++) {
        json_key_str(w, set.items[i].name);
        json_str(w, set.items[i].value);
    }
    json_object_end(w);
}

static bool is_legacy(struct str name, bool colon)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool later = i > 0 && c >= '0' && c <= '9';
        if (!letter && !later && !(colon && c == ':'))
            return false;
    }
    return name.len > 0;
}

bool metric_name_is_legacy(struct str name)
{
    return is_legacy(name, true);
}

bool label_name_is_legacy(struct str name)
{
    return is_legacy(name, false);
}

bool label_name_is_valid(struct str name)
{
    return name.len > 0 && utf8_valid(name);
}

static const char *short_escape(unsigned char c)
{
    switch (c) {
    case '\a':
        return "\\a";
    case '\b':
        return "\\b";
    case '\f':
        return "\\f";
    case '\n':
        return "\\n";
    case '\r':
        return "\\r";
    case '\t':
        return "\\t";
    case '\v':
        return "\\v";
    case '"':
        return "\\\"";
    case '\\':
        return "\\\\";
    default:
        return NULL;
    }
}

static size_t quote_one(struct buf *out, struct str s)
{
    unsigned char c = (unsigned char)s.ptr[0];
    const char *escape = short_escape(c);
    uint32_t code_point;
    size_t len = utf8_decode(s, &code_point);
    if (escape)
        buf_cstr(out, escape);
    else if (len == 0 || code_point < 0x20 || code_point == 0x7f)
        buf_printf(out, "\\x%02x", c);
    else if (code_point >= 0x80 && code_point < 0xa0)
        buf_printf(out, "\\u%04x", (unsigned)code_point);
    else if (code_point == 0xfeff || code_point == 0x2028 || code_point == 0x2029 ||
             code_point == 0xa0 || code_point == 0xad)
        buf_printf(out, "\\u%04x", (unsigned)code_point);
    else
        buf_append(out, s.ptr, len);
    return len ? len : 1;
}

void str_quote(struct buf *out, struct str s)
{
    buf_char(out, '"');
    while (s.len)
        s = str_skip(s, quote_one(out, s));
    buf_char(out, '"');
}

void labels_builder_init(struct labels_builder *b, struct arena *a, struct labels base)
{
    b->arena = a;
    b->count = base.count;
    b->capacity = base.count + 8;
    b->items = arena_array(a, b->capacity, sizeof(*b->items));
    if (base.count)
        memcpy(b->items, base.items, base.count * sizeof(*b->items));
}

static struct label *builder_find(const struct labels_builder *b, struct str name)
{
    for (size_t i = 0; i < b->count; i++) {
        if (str_eq(b->items[i].name, name))
            return &b->items[i];
    }
    return NULL;
}

void labels_builder_set(struct labels_builder *b, struct str name, struct str value)
{
    if (value.len == 0) {
        labels_builder_del(b, name);
        return;
    }
    struct label *label = builder_find(b, name);
    if (!label) {
        ARENA_GROW(b->arena, b->items, b->count, b->capacity);
        label = &b->items[b->count++];
        label->name = name;
    }
    label->value = value;
}

void labels_builder_del(struct labels_builder *b, struct str name)
{
    struct label *label = builder_find(b, name);
    if (label)
        *label = b->items[--b->count];
}

struct str labels_builder_get(const struct labels_builder *b, struct str name)
{
    const struct label *label = builder_find(b, name);
    return label ? label->value : str_make(NULL, 0);
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

struct labels labels_builder_finish(struct labels_builder *b)
{
    if (b->count > 1)
        qsort(b->items, b->count, sizeof(*b->items), by_name);
    return (struct labels){b->items, b->count};
}
