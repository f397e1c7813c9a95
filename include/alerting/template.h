// Templates: Go's text/template language, as rule annotations and notification texts use it.
//
// A template set holds named templates (those of files, and for notifications Alertmanager's
// default ones) and a set of functions. Executing parses a text in the set's name space and runs it
// over data; a set that nobody adds to any more may be used by many threads at once.
//
//     struct template_set *set = template_set_new(TEMPLATE_NOTIFICATION);
//     template_set_add(set, file_text, "my.tmpl", &err);
//     struct template_input in = {.now_ms = now_ms, .notification = &data};
//     template_execute(set, TEMPLATE_TEXT, STR("{{ template \"slack.default.title\" . }}"), &in,
//                      &out, &err);
//
// A missing label is "", another missing map key prints "<no value>". Errors read as Go's:
// `template: NAME:LINE:COLUMN: executing "NAME" at <.Foo>: can't evaluate field Foo in type ...`;
// err->line and column (1-based, in the text) are set too.
#ifndef ALERTING_TEMPLATE_H
#define ALERTING_TEMPLATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "model/labels.h"

// Which functions exist: those of Prometheus' annotations or those of Alertmanager's templates.
enum template_functions { TEMPLATE_RULE, TEMPLATE_NOTIFICATION };

// In HTML what actions print is escaped, unless safeHtml or safeUrl made it.
enum template_mode { TEMPLATE_TEXT, TEMPLATE_HTML };

// One alert of a notification.
struct notification_alert {
    struct str status; // "firing" or "resolved"
    struct labels labels;
    struct labels annotations;
    int64_t starts_ms;
    int64_t ends_ms; // 0: Go's zero time
    struct str generator_url;
    struct str fingerprint; // 16 hex digits
};

// What a notification template sees: {{ .Receiver }}, {{ .Status }}, {{ .Alerts.Firing }},
// {{ .GroupLabels }}, {{ .CommonLabels }}, {{ .CommonAnnotations }}, {{ .ExternalURL }}.
struct notification_data {
    struct str receiver;
    struct str status;
    const struct notification_alert *alerts;
    size_t alert_count;
    struct labels group_labels;
    struct labels common_labels;
    struct labels common_annotations;
    struct str external_url;
};

// What a rule's label and annotation templates see: {{ $labels }}, {{ $value }},
// {{ $externalLabels }}, {{ $externalURL }} and the same as .Labels, .Value, ...
struct rule_template_data {
    struct labels labels;
    double value;
    struct labels external_labels;
    struct str external_url; // its path is what pathPrefix returns
};

// One element of what the function `query` returns.
struct template_sample {
    struct labels labels;
    double value;
};

// Runs an instant query at now_ms; results live in the arena.
typedef int template_query_fn(void *context, struct str expr, int64_t now_ms, struct arena *arena,
                              struct template_sample **out, size_t *count, struct error *err);

#define TEMPLATE_OUTPUT_MAX_DEFAULT ((size_t)1 << 20)

struct template_input {
    const char *name; // in errors; NULL is ""
    int64_t now_ms;
    const struct notification_data *notification; // the data of TEMPLATE_NOTIFICATION, or
    const struct rule_template_data *rule;        // the data of TEMPLATE_RULE
    template_query_fn *query;                     // NULL: `query` fails
    void *query_context;
    size_t output_max; // bytes; 0 is TEMPLATE_OUTPUT_MAX_DEFAULT
};

struct template_set;

struct template_set *template_set_new(enum template_functions functions);
void template_set_free(struct template_set *s); // NULL is allowed
// Parses a file's text: its {{ define }}d templates, and the whole as template `name`. Later
// definitions replace earlier ones, the defaults included. On error nothing is added.
int template_set_add(struct template_set *s, struct str text, const char *name, struct error *err);
bool template_set_has(const struct template_set *s, struct str name);

// Parses `text` and says what is wrong with it: syntax and functions, not data.
int template_check(const struct template_set *s, struct str text, const char *name,
                   struct error *err);
// Appends what `text` makes of the data. On error *out is as before. ERR_INVALID: it does not parse;
// ERR_EXECUTION: it fails on this data; ERR_LIMIT: too much output, memory or work.
int template_execute(const struct template_set *s, enum template_mode mode, struct str text,
                     const struct template_input *in, struct buf *out, struct error *err);

// A text parsed once, for many executions. It borrows from the set and lives in the arena.
struct template;

int template_parse(struct template **out, const struct template_set *s, struct str text,
                   const char *name, struct arena *arena, struct error *err);
int template_run(const struct template *t, enum template_mode mode, const struct template_input *in,
                 struct buf *out, struct error *err);

#endif
