// Trees to structs: each section of a file is a table of its fields.
//
//     static const struct field fields[] = {
//         {"interval", FIELD_DURATION, offsetof(struct group, interval_ms), NULL},
//         {"rules", FIELD_CUSTOM, 0, decode_rules},
//     };
//     static const struct section section = SECTION("rule group", fields, NULL);
//     rc = decode_section(d, node, &section, &group);
//
// A key that no table knows, a value of another type and a value out of its range are errors that
// name file, line and column. A field that is missing or null keeps what the struct held before:
// defaults are set first. Everything decoded lives in the decoder's arena.
#ifndef CONFIG_DECODE_H
#define CONFIG_DECODE_H

#include "base/strmap.h"
#include "config/common.h"
#include "config/yaml.h"
#include "model/matcher.h"

// Bytes of the source to be shown as `text` instead.
struct masked_span {
    size_t offset;
    size_t size;
    const char *text;
};

struct decoder {
    struct str text;      // the source
    const char *name;     // for messages
    struct str folder;    // what relative paths are relative to
    struct arena *arena;  // borrowed
    struct buf *warnings; // may be NULL
    struct error *err;
    struct strmap regexes; // pattern -> struct regex, owned until decoder_take_regexes()
    struct masked_span *masked;
    size_t masked_count;
    size_t masked_capacity;
    void *context; // of the file's own decoding functions
};

void config_decoder_init(struct decoder *d, struct arena *arena, struct str text, const char *name,
                         const char *folder, struct buf *warnings, struct error *err);
void decoder_release(struct decoder *d);
// Parses the source; errors are prefixed with name, line and column.
int decoder_parse(struct decoder *d, struct yaml_node **root);
// Hands over the compiled expressions, as an array in the arena.
struct regex **decoder_take_regexes(struct decoder *d, size_t *count);
// The source with every secret replaced, in the arena.
struct str decoder_masked_text(struct decoder *d);

enum field_kind {
    FIELD_STRING,           // struct str
    FIELD_PATH,             // struct str, relative ones resolved
    FIELD_BOOL,             // bool
    FIELD_U64,              // uint64_t
    FIELD_DURATION,         // int64_t, milliseconds
    FIELD_SIZE,             // uint64_t, bytes: 100MB
    FIELD_STRINGS,          // struct string_list
    FIELD_SECRET,           // config_secret, the value
    FIELD_SECRET_FILE,      // config_secret, the file
    FIELD_CUSTOM,           // .decode()
    FIELD_LATER,            // decoded apart, before or after the section
    FIELD_IGNORED,          // any value, no effect worth a word
    FIELD_NO_EFFECT,        // any value; a warning says that it does nothing
    FIELD_SWITCH_NO_EFFECT, // a boolean; on, it gives that warning
    FIELD_UNSUPPORTED,      // refused by name unless empty
};

struct field {
    const char *key;
    enum field_kind kind;
    size_t offset;
    // `out` is the struct plus the offset.
    int (*decode)(struct decoder *d, const struct yaml_node *node, void *out);
};

#define SECTION_INLINED_MAX 2

struct section {
    const char *type; // "scrape_config", for messages
    const struct field *fields;
    size_t field_count;
    // Further fields of the same mapping, each section's of a struct at `offset`.
    struct inlined_section {
        const struct section *section;
        size_t offset;
    } inlined[SECTION_INLINED_MAX];
};

#define SECTION(type, fields)                                                                      \
    {                                                                                              \
        type, fields, sizeof(fields) / sizeof((fields)[0]), {{NULL, 0}},                           \
    }
#define SECTION_WITH(type, fields, ...)                                                            \
    {                                                                                              \
        type, fields, sizeof(fields) / sizeof((fields)[0]), {__VA_ARGS__},                         \
    }

struct string_list {
    struct str *items;
    size_t count;
};

// Null decodes as an empty mapping.
int decode_section(struct decoder *d, const struct yaml_node *node, const struct section *section,
                   void *out);
// A list of mappings into an array of structs of `size` bytes, each decoded by `each` (which gets
// zeroed memory). Null is an empty list, a null element an error.
int decode_list(struct decoder *d, const struct yaml_node *node, size_t size,
                int (*each)(struct decoder *d, const struct yaml_node *node, void *out),
                void **items, size_t *count);

int decode_string(struct decoder *d, const struct yaml_node *node, struct str *out);
int decode_bool(struct decoder *d, const struct yaml_node *node, bool *out);
int decode_u64(struct decoder *d, const struct yaml_node *node, uint64_t *out);
int decode_duration(struct decoder *d, const struct yaml_node *node, int64_t *ms);
int decode_size(struct decoder *d, const struct yaml_node *node, uint64_t *bytes);
int decode_strings(struct decoder *d, const struct yaml_node *node, struct string_list *out);
// A mapping of label names to values, sorted; empty values are left out.
int decode_labels(struct decoder *d, const struct yaml_node *node, struct labels *out);
// Compiled once per pattern; the decoder owns it.
int decode_regex(struct decoder *d, const struct yaml_node *node, struct str pattern,
                 struct regex **out);
// Any value; in it, what keys of well-known names hold (token, password, ...) is masked.
void mask_by_name(struct decoder *d, const struct yaml_node *node);
void mask_node(struct decoder *d, const struct yaml_node *scalar);
// Masks the password of a URL with one.
void mask_url(struct decoder *d, const struct yaml_node *scalar);
// Masks all of a URL behind its host: the rest stays a URL, which readers of the text insist on.
void mask_secret_url(struct decoder *d, const struct yaml_node *scalar);

bool node_is_given(const struct yaml_node *node); // not NULL, not null
// The mapping has the key, and not null.
bool has_key(const struct yaml_node *mapping, const char *key);
// What relative paths in the file `path` are relative to; empty for the current folder.
struct str path_folder(struct str path);
struct str path_resolve(struct decoder *d, struct str path);
// scheme://host..., the scheme http or https when `http_only`.
bool url_is_valid(struct str url, bool http_only);

// Fills the error: "NAME:LINE:COLUMN: text".
int decode_fail(struct decoder *d, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same for what is not built; `what` ends in "is not supported yet" or the like.
int decode_refuse(struct decoder *d, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// Adds a line to the warnings.
void decode_warn(struct decoder *d, const struct yaml_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
