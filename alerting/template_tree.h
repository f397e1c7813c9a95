// What a template is parsed into, and the values it computes with. Private to template_*.c.
#ifndef ALERTING_TEMPLATE_TREE_H
#define ALERTING_TEMPLATE_TREE_H

#include "alerting/template.h"

enum value_kind {
    VALUE_NIL,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_SAFE, // a string that HTML mode prints as it is
    VALUE_LABELS,
    VALUE_PAIR, // one label: .Name, .Value
    VALUE_LIST,
    VALUE_MAP, // keys in .list as pairs of values: key, value, key, value ...
    VALUE_ALERT,
    VALUE_NOTIFICATION,
    VALUE_RULE,
    VALUE_SAMPLE,
    VALUE_TIME,     // integer: Unix milliseconds
    VALUE_DURATION, // integer: milliseconds
};

struct value;

struct value_list {
    const struct value *items;
    size_t count;
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

// One execution.
struct execution {
    struct arena *arena;
    struct buf *out;
    enum template_mode mode;
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
// NULL when the set has no such function; `and` and `or` are the executor's own.
const struct template_function *template_function_find(enum template_functions functions,
                                                       struct str name);
const struct template_function *rule_function_find(struct str name);
const struct template_function *notification_function_find(struct str name);
enum template_functions template_set_functions(const struct template_set *s);

int call_error(struct execution *ex, const char *format, ...) __attribute__((format(printf, 2, 3)));

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
// A method with arguments; ERR_NOT_FOUND likewise.
int value_method(struct arena *arena, const struct value *v, struct str name,
                 const struct value *args, size_t count, struct value *out);
// template_notification.c
struct value notification_value(const struct notification_data *d);
int notification_field(struct arena *arena, const struct notification_data *d, struct str name,
                       struct value *out);
int alert_field(const struct notification_alert *a, struct str name, struct value *out);
int alerts_field(struct arena *arena, struct value_list list, struct str name, struct value *out);
int label_set_field(struct arena *arena, struct labels labels, struct str name, struct value *out);
extern const char template_default_text[];
size_t value_length(const struct value *v);
// The index-th element (and its key for a map) of something one can range over.
struct value value_at(const struct value *v, size_t index, struct value *key);
bool value_is_iterable(const struct value *v);
// Go's fmt.Sprintf.
void template_printf(struct execution *ex, struct buf *out, struct str format,
                     const struct value *args, size_t count);
void html_escape(struct buf *out, struct str s);

#endif
