// What a template is parsed into, and the values it computes with. Private to template_*.c.
#ifndef ALERTING_TEMPLATE_TREE_H
#define ALERTING_TEMPLATE_TREE_H

#include "alerting/template.h"

struct zone;

enum value_kind {
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_SAFE,     // a string that HTML mode prints as it is
    VALUE_SAFE_URL, // a string that HTML mode trusts as (part of) a URL
    VALUE_LABELS,   // a rule's: a plain map
    VALUE_KV,       // a notification's: a map with methods
    VALUE_PAIR,     // one label: .Name, .Value
    VALUE_LIST,
    VALUE_MAP, // in .list, sorted by key: key, value, key, value ...
    VALUE_ALERT,
    VALUE_NOTIFICATION,
    VALUE_RULE,
    VALUE_SAMPLE,
    VALUE_TIME,
    VALUE_DURATION, // integer: nanoseconds
};

enum list_type { LIST_ANY, LIST_STRING, LIST_PAIRS, LIST_ALERTS, LIST_SAMPLES };

// January 1 of year 1 in seconds since 1970.
#define GO_ZERO_TIME INT64_C(-62135596800)

struct template_time {
    int64_t seconds; // since 1970 in UTC
    int32_t nanos;
    const struct zone *zone; // NULL: UTC; it lives as long as the execution
};

struct value;

struct value_list {
    const struct value *items;
    size_t count;
    enum list_type type;
};

struct value {
    enum value_kind kind;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct str text;
        struct labels labels;
        struct label pair;
        struct value_list list;
        const struct notification_alert *alert;
        const struct notification_data *notification;
        const struct rule_template_data *rule;
        const struct template_sample *sample;
        struct template_time time;
    };
};

enum term_kind {
    TERM_DOT, // with a chain: .A.B
    TERM_VARIABLE,
    TERM_LITERAL,
    TERM_FUNCTION,
    TERM_PIPE, // parenthesised
};

struct pipe;

struct term {
    enum term_kind kind;
    uint32_t at;     // offset in the text, for errors
    struct str name; // of a variable (with $) or a function
    struct value literal;
    struct pipe *pipe;
    struct str *fields; // the chain behind it
    size_t field_count;
    size_t field_capacity;
};

struct command {
    struct str text; // as written, for errors
    struct term *terms;
    size_t count;
    size_t capacity;
    struct command *next;
};

struct pipe {
    struct str variables[2]; // of := or =
    size_t variable_count;
    bool declares; // :=
    struct command *commands;
    uint32_t at;
};

enum node_kind {
    NODE_TEXT,
    NODE_ACTION,
    NODE_IF,
    NODE_RANGE,
    NODE_WITH,
    NODE_TEMPLATE,
    NODE_BREAK,
    NODE_CONTINUE,
};

struct node {
    enum node_kind kind;
    struct str text;   // NODE_TEXT; the name of NODE_TEMPLATE
    struct pipe *pipe; // NULL in a NODE_TEMPLATE without data
    struct node *body;
    struct node *other; // of else
    struct node *next;
};

struct definition {
    struct str name;
    struct node *body;
    const struct source *source;
    struct definition *next; // older
};

// One parsed text.
struct source {
    const char *name;
    struct str text;
};

// Where a parse puts the templates it defines, newest first.
struct parsed {
    const struct source *source;
    struct node *body;
    struct definition *definitions;
};

int tree_parse(struct parsed *out, const struct source *source, enum template_functions functions,
               struct arena *arena, struct error *err);

// template: NAME:LINE:COLUMN: text
int template_error(struct error *err, int code, const struct source *source, uint32_t at,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

// Where HTML output stands (template_escape.c).
struct html_state {
    uint8_t place;   // enum html_place
    uint8_t content; // enum html_content of the attribute's value
    uint8_t url;     // enum url_part, in a value that is a URL
    bool closing;    // in </tag>
    uint8_t name_len;
    char script_quote;  // of the string literal that is open in a script, or NUL
    bool script_escape; // behind a backslash in it
    uint8_t match;      // of what ends the place: -->, </script
    char name[16];      // of the element
    char attribute[16];
    uint8_t attribute_len;
};

struct loaded_zone {
    struct str name;
    struct zone *zone;
    struct loaded_zone *next;
};

// One execution.
struct execution {
    struct arena *arena;
    struct buf *out;
    enum template_mode mode;
    struct html_state html;
    struct loaded_zone *zones; // freed at the end
    const char *name;          // of the template being executed
    const struct template_set *set;
    const struct template_input *input;
    const struct definition *local; // definitions of the text itself
    const struct source *source;    // being executed
    struct error *err;
    int depth;
    uint64_t steps;
};

// Runs {{ template }} (and `tmpl`): finds the definition and executes it over `dot`.
int execute_named(struct execution *ex, struct str name, struct value dot, uint32_t at);

// Functions. `at` is for errors, which come out as err->text without position (the caller adds it).
typedef int function_fn(struct execution *ex, const struct value *args, size_t count,
                        struct value *out);
struct template_function {
    const char *name;
    int8_t arg_min, arg_max; // arg_max -1: any number
    function_fn *call;
};
// A user of functions who wants them by name: NULL when the set has no such function; `and` and `or` are the executor's own.
const struct template_function *template_function_find(enum template_functions functions,
                                                       struct str name);
const struct template_function *builtin_function_find(struct str name);
const struct template_function *rule_function_find(struct str name);
const struct template_function *notification_function_find(struct str name);
struct value value_owned(struct execution *ex, struct buf *text); // takes the buffer
// A number or text that reads as one; else Go's error.
int call_number(struct execution *ex, const struct value *v, double *out);
int fn_humanize_duration(struct execution *ex, const struct value *args, size_t count,
                         struct value *out);
const struct template_function *text_function_find(struct str name);
enum template_functions template_set_functions(const struct template_set *s);

int call_error(struct execution *ex, const char *format, ...) __attribute__((format(printf, 2, 3)));

// template_functions_text.c
struct str text_title(struct arena *arena, struct str s, bool lowers); // "aa bb" -> "Aa Bb"

// Values.
struct value value_text(struct str s);
struct value value_integer(int64_t i);
struct value value_number(double d);
struct value value_boolean(bool b);
bool value_is_text(const struct value *v);                // string or safe
bool value_to_number(const struct value *v, double *out); // numbers, and text that reads as one
bool value_is_true(const struct value *v);
// As fmt prints it with %v.
void value_print(struct buf *out, const struct value *v);
struct str value_string(struct arena *arena, const struct value *v);
const char *value_type_name(const struct value *v);
// A field. ERR_NOT_FOUND when the type has none of this name.
int value_field(struct arena *arena, const struct value *v, struct str name, struct value *out);
// A method with arguments; ERR_NOT_FOUND likewise, ERR_INVALID for unsuitable ones.
int value_method(struct arena *arena, const struct value *v, struct str name,
                 const struct value *args, size_t count, struct value *out);
// Sorts `count` pairs of key and value in place.
struct value value_map(struct value *pairs, size_t count);
struct value value_list(const struct value *items, size_t count, enum list_type type);
// As encoding/json would.
void value_json(struct buf *out, const struct value *v);

// template_data.c: what notifications are made of.
struct value notification_value(const struct notification_data *d);
int notification_field(struct arena *arena, const struct notification_data *d, struct str name,
                       struct value *out);
int alert_field(const struct notification_alert *a, struct str name, struct value *out);
int list_field(struct arena *arena, struct value_list list, struct str name, struct value *out);
int kv_field(struct arena *arena, struct labels labels, struct str name, struct value *out);
int kv_remove(struct arena *arena, struct labels labels, const struct value *args, size_t count,
              struct value *out);
void kv_print(struct buf *out, struct labels labels);
void notification_print(struct buf *out, const struct notification_data *d);
void alert_print(struct buf *out, const struct notification_alert *a);
void notification_json(struct buf *out, const struct notification_data *d);
void alert_json(struct buf *out, const struct notification_alert *a);

// template_time.c
struct value value_time_ms(int64_t ms);
void time_print(struct buf *out, const struct template_time *t);
void time_print_rfc3339(struct buf *out, const struct template_time *t);
void time_format(struct buf *out, const struct template_time *t, struct str layout);
bool time_parse(struct str layout, struct str text, struct template_time *out);
void duration_print(struct buf *out, int64_t ns);
// Fields and methods in one: ERR_NOT_FOUND, ERR_INVALID for unsuitable arguments.
int time_method(struct arena *arena, const struct template_time *t, struct str name,
                const struct value *args, size_t count, struct value *out);
int duration_method(struct arena *arena, int64_t ns, struct str name, const struct value *args,
                    size_t count, struct value *out);

// template_escape.c
// Appends a template's own text, comments left out, and follows where it leads.
void html_text(struct html_state *state, struct buf *out, struct str text);
// Appends a value escaped for the place.
void html_value(struct html_state *state, struct buf *out, const struct value *v);
void url_escape(struct buf *out, struct str s); // as a query's part: url.QueryEscape

extern const char template_default_text[];
size_t value_length(const struct value *v);
// The index-th element (and its key for a map) of something one can range over.
struct value value_at(const struct value *v, size_t index, struct value *key);
bool value_is_iterable(const struct value *v);
// Go's fmt.Sprintf.
void template_printf(struct execution *ex, struct buf *out, struct str format,
                     const struct value *args, size_t count);
void html_escape(struct buf *out, struct str s);

// Go's escapes in quoted strings: appends what the one behind a backslash stands for and returns its
// bytes, 0 where it is none.
size_t template_unescape(struct str s, struct buf *out);

#endif
