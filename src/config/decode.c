// The typed layer between the YAML tree and the configuration's structs.
//
// It does what a decoder by reflection does elsewhere, by tables: strict keys, types, defaults that
// survive what is missing. A table's row writes at an offset of the caller's struct; whatever has
// rules of its own is a FIELD_CUSTOM whose function gets the node and so can say where it failed.
#include "decode.h"

#include "base/mem.h"
#include "model/duration.h"
#include "model/size.h"

void config_decoder_init(struct decoder *d, struct arena *arena, struct str text, const char *name,
                         const char *folder, struct buf *warnings, struct error *err)
{
    *d = (struct decoder){
        .text = text,
        .name = name,
        .folder = str_from(folder),
        .arena = arena,
        .warnings = warnings,
        .err = err,
    };
    strmap_init(&d->regexes);
}

void decoder_release(struct decoder *d)
{
    for (size_t i = 0; i < d->regexes.count; i++)
        regex_free(d->regexes.entries[i].value);
    strmap_release(&d->regexes);
}

int decoder_parse(struct decoder *d, struct yaml_node **root)
{
    struct error inner = {0};
    int rc = yaml_parse(root, d->text, d->arena, &inner);
    if (rc)
        error_set_at(d->err, rc, inner.line, inner.column, "%s:%d:%d: %s", d->name, inner.line,
                     inner.column, inner.text);
    return rc;
}

struct regex **decoder_take_regexes(struct decoder *d, size_t *count)
{
    *count = d->regexes.count;
    struct regex **array = arena_array(d->arena, *count, sizeof(*array));
    for (size_t i = 0; i < *count; i++)
        array[i] = d->regexes.entries[i].value;
    strmap_release(&d->regexes);
    strmap_init(&d->regexes);
    return array;
}

__attribute__((format(printf, 4, 0))) static int fail_with(struct decoder *d, int code,
                                                           const struct yaml_node *node,
                                                           const char *format, va_list args)
{
    char text[ERROR_TEXT_SIZE];
    vsnprintf(text, sizeof(text), format, args);
    return error_set_at(d->err, code, node->line, node->column, "%s:%d:%d: %s", d->name, node->line,
                        node->column, text);
}

int decode_fail(struct decoder *d, const struct yaml_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_with(d, ERR_INVALID, node, format, args);
    va_end(args);
    return ERR_INVALID;
}

int decode_refuse(struct decoder *d, const struct yaml_node *node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail_with(d, ERR_UNSUPPORTED, node, format, args);
    va_end(args);
    return ERR_UNSUPPORTED;
}

void decode_warn(struct decoder *d, const struct yaml_node *node, const char *format, ...)
{
    if (!d->warnings)
        return;
    va_list args;
    va_start(args, format);
    buf_printf(d->warnings, "%s:%d:%d: ", d->name, node->line, node->column);
    buf_vprintf(d->warnings, format, args);
    buf_char(d->warnings, '\n');
    va_end(args);
}

bool node_is_given(const struct yaml_node *node)
{
    return node && node->kind != YAML_NULL;
}

bool has_key(const struct yaml_node *mapping, const char *key)
{
    return node_is_given(yaml_get(mapping, key));
}

struct str path_folder(struct str path)
{
    size_t slash = str_find_last(path, '/');
    if (slash == path.len)
        return str_make(NULL, 0);
    return str_first(path, slash ? slash : 1);
}

struct str path_resolve(struct decoder *d, struct str path)
{
    if (path.len == 0 || path.ptr[0] == '/' || d->folder.len == 0 || str_is(d->folder, "."))
        return path;
    bool slash = d->folder.ptr[d->folder.len - 1] == '/';
    return arena_printf(d->arena, "%.*s%s%.*s", STR_ARG(d->folder), slash ? "" : "/",
                        STR_ARG(path));
}

bool url_is_valid(struct str url, bool http_only)
{
    size_t at = str_search(url, STR("://"));
    if (at == url.len || at == 0)
        return false;
    struct str scheme = str_first(url, at);
    if (http_only && !str_eq_nocase(scheme, STR("http")) && !str_eq_nocase(scheme, STR("https")))
        return false;
    struct str rest = str_skip(url, at + 3);
    for (size_t i = 0; i < rest.len; i++) {
        if ((unsigned char)rest.ptr[i] <= ' ')
            return false;
    }
    struct str host, path;
    str_cut(rest, '/', &host, &path);
    return host.len > 0;
}

static const char *kind_name(const struct yaml_node *node)
{
    static const char *const names[] = {"nothing", "text", "a list", "a mapping"};
    return names[node->kind];
}

static int expect_scalar(struct decoder *d, const struct yaml_node *node, const char *expected)
{
    if (node->kind == YAML_SCALAR)
        return OK;
    return decode_fail(d, node, "expected %s, got %s", expected, kind_name(node));
}

int decode_string(struct decoder *d, const struct yaml_node *node, struct str *out)
{
    int rc = expect_scalar(d, node, "text");
    if (rc == OK)
        *out = node->text;
    return rc;
}

int decode_bool(struct decoder *d, const struct yaml_node *node, bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "n", "y"};
    for (size_t i = 0; !node->quoted && i < sizeof(words) / sizeof(words[0]); i++) {
        if (node->kind == YAML_SCALAR && str_eq_nocase(node->text, str_from(words[i]))) {
            *out = i % 2;
            return OK;
        }
    }
    if (node->kind != YAML_SCALAR)
        return decode_fail(d, node, "expected true or false, got %s", kind_name(node));
    return decode_fail(d, node, "expected true or false, got \"%.*s\"%s", STR_ARG(node->text),
                       node->quoted ? " in quotes" : "");
}

int decode_u64(struct decoder *d, const struct yaml_node *node, uint64_t *out)
{
    int rc = expect_scalar(d, node, "a whole number");
    if (rc)
        return rc;
    if (node->quoted || !str_to_u64(node->text, out))
        return decode_fail(d, node, "expected a whole number from 0, got \"%.*s\"%s",
                           STR_ARG(node->text), node->quoted ? " in quotes" : "");
    return OK;
}

int decode_duration(struct decoder *d, const struct yaml_node *node, int64_t *ms)
{
    int rc = expect_scalar(d, node, "a duration such as 15s");
    if (rc)
        return rc;
    if (!duration_parse(node->text, ms))
        return decode_fail(d, node, "expected a duration such as 15s or 1h30m, got \"%.*s\"",
                           STR_ARG(node->text));
    return OK;
}

int decode_size(struct decoder *d, const struct yaml_node *node, uint64_t *bytes)
{
    int rc = expect_scalar(d, node, "a size such as 512MB");
    if (rc)
        return rc;
    if (!size_parse(node->text, bytes))
        return decode_fail(d, node,
                           "expected a size with its unit, such as 512MB or 2GiB, got \"%.*s\"",
                           STR_ARG(node->text));
    return OK;
}

int decode_strings(struct decoder *d, const struct yaml_node *node, struct string_list *out)
{
    if (node->kind == YAML_NULL)
        return OK;
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list of texts, got %s", kind_name(node));
    struct string_list list = {arena_array(d->arena, node->child_count, sizeof(struct str)), 0};
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        int rc = decode_string(d, child, &list.items[list.count++]);
        if (rc)
            return rc;
    }
    *out = list;
    return OK;
}

static int decode_label(struct decoder *d, const struct yaml_node *member,
                        struct labels_builder *set)
{
    if (!label_name_is_valid(member->key->text))
        return decode_fail(d, member->key, "\"%.*s\" is not a valid label name",
                           STR_ARG(member->key->text));
    if (member->kind == YAML_NULL)
        return OK;
    int rc = expect_scalar(d, member, "a label's value");
    if (rc == OK && member->text.len) {
        // Keys of a mapping are unique: the builder's search for an earlier one is not needed.
        ARENA_GROW(set->arena, set->items, set->count, set->capacity);
        set->items[set->count++] = (struct label){member->key->text, member->text};
    }
    return rc;
}

int decode_labels(struct decoder *d, const struct yaml_node *node, struct labels *out)
{
    if (node->kind == YAML_NULL)
        return OK;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping of label names to values, got %s",
                           kind_name(node));
    struct labels_builder set;
    labels_builder_init(&set, d->arena, (struct labels){0});
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        int rc = decode_label(d, child, &set);
        if (rc)
            return rc;
    }
    *out = labels_builder_finish(&set);
    return OK;
}

int decode_regex(struct decoder *d, const struct yaml_node *node, struct str pattern,
                 struct regex **out)
{
    struct regex *known = strmap_get(&d->regexes, pattern);
    if (!known) {
        struct error inner;
        if (regex_new(&known, pattern, &inner))
            return decode_fail(d, node, "%s", inner.text);
        strmap_put(&d->regexes, pattern, known);
    }
    *out = known;
    return OK;
}

int decode_list(struct decoder *d, const struct yaml_node *node, size_t size,
                int (*each)(struct decoder *d, const struct yaml_node *node, void *out),
                void **items, size_t *count)
{
    if (node->kind == YAML_NULL)
        return OK;
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list, got %s", kind_name(node));
    char *array = arena_calloc(d->arena, node->child_count, size);
    size_t done = 0;
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        if (child->kind != YAML_MAPPING)
            return decode_fail(d, child, "expected a mapping as element of the list, got %s",
                               kind_name(child));
        int rc = each(d, child, array + size * done);
        if (rc)
            return rc;
        done++;
    }
    *items = array;
    *count = done;
    return OK;
}

// An empty list or mapping asks for nothing.
static bool asks_for_something(const struct yaml_node *node)
{
    bool is_collection = node->kind == YAML_SEQUENCE || node->kind == YAML_MAPPING;
    return is_collection ? node->child_count > 0 : node->kind == YAML_SCALAR;
}

static int decode_secret(struct decoder *d, const struct yaml_node *node, struct config_secret *out)
{
    mask_node(d, node);
    return decode_string(d, node, &out->value);
}

static int decode_path(struct decoder *d, const struct yaml_node *node, struct str *out)
{
    struct str path;
    int rc = decode_string(d, node, &path);
    if (rc == OK)
        *out = path_resolve(d, path);
    return rc;
}

static int decode_switch(struct decoder *d, const struct yaml_node *node, const char *key)
{
    bool on;
    int rc = decode_bool(d, node, &on);
    if (rc == OK && on)
        decode_warn(d, node->key, "%s is accepted but has no effect", key);
    return rc;
}

static int decode_value(struct decoder *d, const struct yaml_node *node, const struct field *field,
                        void *out)
{
    switch (field->kind) {
    case FIELD_STRING:
        return decode_string(d, node, out);
    case FIELD_PATH:
        return decode_path(d, node, out);
    case FIELD_BOOL:
        return decode_bool(d, node, out);
    case FIELD_U64:
        return decode_u64(d, node, out);
    case FIELD_DURATION:
        return decode_duration(d, node, out);
    case FIELD_SIZE:
        return decode_size(d, node, out);
    case FIELD_STRINGS:
        return decode_strings(d, node, out);
    case FIELD_SECRET:
        return decode_secret(d, node, out);
    case FIELD_SECRET_FILE:
        return decode_path(d, node, &((struct config_secret *)out)->file);
    case FIELD_CUSTOM:
        return field->decode(d, node, out);
    case FIELD_LATER:
        return OK;
    case FIELD_IGNORED:
        mask_by_name(d, node);
        return OK;
    case FIELD_NO_EFFECT:
        mask_by_name(d, node);
        if (asks_for_something(node))
            decode_warn(d, node->key, "%s is accepted but has no effect", field->key);
        return OK;
    case FIELD_SWITCH_NO_EFFECT:
        return decode_switch(d, node, field->key);
    case FIELD_UNSUPPORTED:
        if (!asks_for_something(node))
            return OK;
        return decode_refuse(d, node->key, "%s is not supported yet: remove it", field->key);
    }
    return OK;
}

static const struct field *find_field(const struct section *section, struct str key, size_t *base)
{
    *base = 0;
    for (size_t i = 0; i < section->field_count; i++) {
        if (str_is(key, section->fields[i].key))
            return &section->fields[i];
    }
    for (size_t i = 0; i < SECTION_INLINED_MAX && section->inlined[i].section; i++) {
        const struct field *field = find_field(section->inlined[i].section, key, base);
        *base += section->inlined[i].offset;
        if (field)
            return field;
    }
    return NULL;
}

// Letters to change, insert, drop or swap with the next one to make `b` of `a`; both short.
static size_t edit_distance(struct str a, struct str b)
{
    enum { SIZE = 48 };
    size_t rows[3][SIZE + 1];
    if (a.len > SIZE || b.len > SIZE)
        return SIZE;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            if (above[j] + 1 < best)
                best = above[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                two_above[j - 2] + 1 < best)
                best = two_above[j - 2] + 1;
            row[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

static void find_nearest(const struct section *section, struct str key, const char **nearest,
                         size_t *nearest_distance)
{
    for (size_t i = 0; i < section->field_count; i++) {
        size_t distance = edit_distance(key, str_from(section->fields[i].key));
        if (distance < *nearest_distance) {
            *nearest = section->fields[i].key;
            *nearest_distance = distance;
        }
    }
    for (size_t i = 0; i < SECTION_INLINED_MAX && section->inlined[i].section; i++)
        find_nearest(section->inlined[i].section, key, nearest, nearest_distance);
}

static const char *nearest_field(const struct section *section, struct str key)
{
    const char *nearest = NULL;
    size_t distance = key.len > 4 ? 3 : 2;
    find_nearest(section, key, &nearest, &distance);
    return nearest;
}

static int unknown_field(struct decoder *d, const struct yaml_node *node,
                         const struct section *section)
{
    const char *nearest = nearest_field(section, node->key->text);
    if (nearest)
        return decode_fail(d, node->key, "field %.*s not found in %s: did you mean %s?",
                           STR_ARG(node->key->text), section->type, nearest);
    return decode_fail(d, node->key, "field %.*s not found in %s", STR_ARG(node->key->text),
                       section->type);
}

int decode_section(struct decoder *d, const struct yaml_node *node, const struct section *section,
                   void *out)
{
    if (node->kind == YAML_NULL)
        return OK;
    if (node->kind != YAML_MAPPING)
        return decode_fail(d, node, "expected a mapping as %s, got %s", section->type,
                           kind_name(node));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        size_t base;
        const struct field *field = find_field(section, child->key->text, &base);
        if (!field)
            return unknown_field(d, child, section);
        if (child->kind == YAML_NULL)
            continue;
        int rc = decode_value(d, child, field, (char *)out + base + field->offset);
        if (rc)
            return rc;
    }
    return OK;
}
