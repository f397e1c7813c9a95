// The functions of rule annotations: what Prometheus offers beside Go's own.
#include <arpa/inet.h>
#include <math.h>

#include "base/float_text.h"
#include "model/duration.h"
#include "template_humanize.h"
#include "template_tree.h"
#include "zone.h"

#define HUMANIZER(name, print)                                                                     \
    static int fn_##name(struct execution *ex, const struct value *args, size_t count,             \
                         struct value *out)                                                        \
    {                                                                                              \
        double v;                                                                                  \
        struct buf text = BUF_INIT;                                                                \
        (void)count;                                                                               \
        int rc = call_number(ex, &args[0], &v);                                                    \
        if (rc)                                                                                    \
            return rc;                                                                             \
        print(&text, v);                                                                           \
        *out = value_owned(ex, &text);                                                             \
        return OK;                                                                                 \
    }
HUMANIZER(humanize, humanize)
HUMANIZER(humanize1024, humanize1024)
HUMANIZER(humanize_percentage, humanize_percentage)

static int seconds_to_ns(struct execution *ex, const struct value *arg, const char *what,
                         int64_t *ns)
{
    double v;
    int rc = call_number(ex, arg, &v);
    if (rc)
        return rc;
    if (!isfinite(v))
        return call_error(ex, "value is NaN or Inf");
    if (fabs(v) * 1e9 >= 9223372036854775807.0) {
        struct value number = value_number(v);
        return call_error(ex,
                          "%.*s cannot be represented as a nanoseconds %s since it overflows int64",
                          STR_ARG(value_string(ex->arena, &number)), what);
    }
    *ns = (int64_t)(v * 1e9);
    return OK;
}

static int fn_to_time(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    int64_t ns;
    (void)count;
    int rc = seconds_to_ns(ex, &args[0], "timestamp", &ns);
    if (rc == OK)
        *out = value_time_ms(ns / 1000000 - (ns % 1000000 < 0));
    return rc;
}

static int fn_humanize_timestamp(struct execution *ex, const struct value *args, size_t count,
                                 struct value *out)
{
    double v;
    struct buf text = BUF_INIT;
    int rc = call_number(ex, &args[0], &v);
    if (rc == OK && isfinite(v))
        rc = fn_to_time(ex, args, count, out);
    if (rc)
        return rc;
    if (isfinite(v))
        value_print(&text, out);
    else
        buf_float(&text, v, FLOAT_G);
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_to_duration(struct execution *ex, const struct value *args, size_t count,
                          struct value *out)
{
    (void)count;
    *out = (struct value){.kind = VALUE_DURATION};
    return seconds_to_ns(ex, &args[0], "duration", &out->integer);
}

static int fn_now(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)args;
    (void)count;
    *out = value_number((double)ex->input->now_ms / 1000);
    return OK;
}

static int fn_parse_duration(struct execution *ex, const struct value *args, size_t count,
                             struct value *out)
{
    int64_t ms;
    struct str text = value_string(ex->arena, &args[0]);
    (void)count;
    if (!duration_parse(text, &ms))
        return call_error(ex, "not a valid duration string: \"%.*s\"", STR_ARG(text));
    *out = value_number((double)ms / 1000);
    return OK;
}

static int fn_query(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct template_sample *samples;
    size_t found;
    (void)count;
    if (!ex->input->query)
        return call_error(ex, "queries are not available here");
    int rc = ex->input->query(ex->input->query_context, value_string(ex->arena, &args[0]),
                              ex->input->now_ms, ex->arena, &samples, &found, ex->err);
    if (rc)
        return rc;
    struct value *items = arena_array(ex->arena, found, sizeof(*items));
    for (size_t i = 0; i < found; i++)
        items[i] = (struct value){.kind = VALUE_SAMPLE, .sample = &samples[i]};
    *out = value_list(items, found, LIST_SAMPLES);
    return OK;
}

static int fn_first(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    if (args[0].kind != VALUE_LIST || args[0].list.count == 0)
        return call_error(ex, "first() called on vector with no elements");
    *out = args[0].list.items[0];
    return OK;
}

static int fn_label(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    if (args[1].kind != VALUE_SAMPLE)
        return call_error(ex, "label needs a sample, got %s", value_type_name(&args[1]));
    *out = value_text(labels_get(args[1].sample->labels, value_string(ex->arena, &args[0])));
    return OK;
}

static int fn_value(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    if (args[0].kind != VALUE_SAMPLE)
        return call_error(ex, "value needs a sample, got %s", value_type_name(&args[0]));
    *out = value_number(args[0].sample->value);
    return OK;
}

static int fn_strvalue(struct execution *ex, const struct value *args, size_t count,
                       struct value *out)
{
    (void)count;
    if (args[0].kind != VALUE_SAMPLE)
        return call_error(ex, "strvalue needs a sample, got %s", value_type_name(&args[0]));
    *out = value_text(labels_get(args[0].sample->labels, STR("__value__")));
    return OK;
}

static int fn_args(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct value *pairs = arena_array(ex->arena, count * 2, sizeof(*pairs));
    for (size_t i = 0; i < count; i++) {
        pairs[i * 2] = value_text(arena_printf(ex->arena, "arg%zu", i));
        pairs[i * 2 + 1] = args[i];
    }
    *out = value_map(pairs, count);
    return OK;
}

static int fn_tmpl(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    struct buf *outer = ex->out;
    (void)count;
    buf_init(&text, TEMPLATE_OUTPUT_MAX_DEFAULT);
    ex->out = &text;
    int rc = execute_named(ex, value_string(ex->arena, &args[0]), args[1], 0);
    ex->out = outer;
    *out = value_owned(ex, &text);
    out->kind = VALUE_SAFE;
    return rc;
}

// host:port or [host]:port; false on anything else.
static bool split_port(struct str s, struct str *host, struct str *port)
{
    size_t colon = str_find_last(s, ':');
    if (colon == s.len)
        return false;
    *host = str_first(s, colon);
    *port = str_skip(s, colon + 1);
    if (host->len >= 2 && host->ptr[0] == '[' && host->ptr[host->len - 1] == ']') {
        *host = str_make(host->ptr + 1, host->len - 2);
        return true;
    }
    return str_find(*host, ':') == host->len;
}

static int fn_strip_port(struct execution *ex, const struct value *args, size_t count,
                         struct value *out)
{
    struct str s = value_string(ex->arena, &args[0]), host, port;
    (void)count;
    *out = value_text(split_port(s, &host, &port) ? host : s);
    return OK;
}

static bool is_address(struct arena *arena, struct str host)
{
    unsigned char bytes[sizeof(struct in6_addr)];
    const char *text = arena_copy(arena, host).ptr;
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

static int fn_strip_domain(struct execution *ex, const struct value *args, size_t count,
                           struct value *out)
{
    struct str s = value_string(ex->arena, &args[0]), host = s, port = STR("");
    (void)count;
    if (!split_port(s, &host, &port)) {
        host = s;
        port = STR("");
    }
    struct str name = str_first(host, str_find(host, '.'));
    if (is_address(ex->arena, host))
        *out = value_text(s);
    else
        *out = value_text(arena_printf(ex->arena, "%.*s%s%.*s", STR_ARG(name), port.len ? ":" : "",
                                       STR_ARG(port)));
    return OK;
}

static int graph_link(struct execution *ex, const struct value *args, int tab, struct value *out)
{
    struct buf text = BUF_INIT;
    buf_cstr(&text, "/graph?g0.expr=");
    url_escape(&text, value_string(ex->arena, &args[0]));
    buf_printf(&text, "&g0.tab=%d", tab);
    *out = value_owned(ex, &text);
    return OK;
}

static int fn_graph_link(struct execution *ex, const struct value *args, size_t count,
                         struct value *out)
{
    (void)count;
    return graph_link(ex, args, 0, out);
}

static int fn_table_link(struct execution *ex, const struct value *args, size_t count,
                         struct value *out)
{
    (void)count;
    return graph_link(ex, args, 1, out);
}

// An insertion sort: query results in annotations are short, and it is stable.
static int fn_sort_by_label(struct execution *ex, const struct value *args, size_t count,
                            struct value *out)
{
    struct str label = value_string(ex->arena, &args[0]);
    size_t length = value_length(&args[1]);
    (void)count;
    if (args[1].kind != VALUE_LIST || length > 10000)
        return call_error(ex, "sortByLabel needs a query's result");
    struct value *items = arena_array(ex->arena, length, sizeof(*items));
    for (size_t i = 0; i < length; i++) {
        struct value v = args[1].list.items[i];
        size_t at = i;
        if (v.kind != VALUE_SAMPLE)
            return call_error(ex, "sortByLabel needs a query's result");
        for (; at > 0 && str_cmp(labels_get(items[at - 1].sample->labels, label),
                                 labels_get(v.sample->labels, label)) > 0;
             at--)
            items[at] = items[at - 1];
        items[at] = v;
    }
    *out = value_list(items, length, LIST_SAMPLES);
    return OK;
}

static int fn_external_url(struct execution *ex, const struct value *args, size_t count,
                           struct value *out)
{
    (void)args;
    (void)count;
    *out = value_text(ex->input->rule ? ex->input->rule->external_url : STR(""));
    return OK;
}

static int fn_path_prefix(struct execution *ex, const struct value *args, size_t count,
                          struct value *out)
{
    int rc = fn_external_url(ex, args, count, out);
    size_t scheme = str_search(out->text, STR("://"));
    struct str rest = scheme < out->text.len ? str_skip(out->text, scheme + 3) : out->text;
    *out = value_text(str_skip(rest, str_find(rest, '/')));
    return rc;
}

static int fn_external_labels(struct execution *ex, const struct value *args, size_t count,
                              struct value *out)
{
    (void)args;
    (void)count;
    *out = (struct value){.kind = VALUE_LABELS};
    if (ex->input->rule)
        out->labels = ex->input->rule->external_labels;
    return OK;
}

static int fn_url_query_escape(struct execution *ex, const struct value *args, size_t count,
                               struct value *out)
{
    struct buf text = BUF_INIT;
    (void)count;
    url_escape(&text, value_string(ex->arena, &args[0]));
    *out = value_owned(ex, &text);
    return OK;
}

// strings.Title: the first letter of each word, the others as they are.
static int fn_title(struct execution *ex, const struct value *args, size_t count, struct value *out)
{
    (void)count;
    *out = value_text(text_title(ex->arena, value_string(ex->arena, &args[0]), false));
    return OK;
}

static const struct template_function functions[] = {
    {"humanize", 1, 1, fn_humanize},
    {"humanize1024", 1, 1, fn_humanize1024},
    {"humanizePercentage", 1, 1, fn_humanize_percentage},
    {"humanizeTimestamp", 1, 1, fn_humanize_timestamp},
    {"toTime", 1, 1, fn_to_time},
    {"toDuration", 1, 1, fn_to_duration},
    {"parseDuration", 1, 1, fn_parse_duration},
    {"query", 1, 1, fn_query},
    {"first", 1, 1, fn_first},
    {"label", 2, 2, fn_label},
    {"value", 1, 1, fn_value},
    {"strvalue", 1, 1, fn_strvalue},
    {"args", 0, -1, fn_args},
    {"tmpl", 2, 2, fn_tmpl},
    {"stripPort", 1, 1, fn_strip_port},
    {"stripDomain", 1, 1, fn_strip_domain},
    {"graphLink", 1, 1, fn_graph_link},
    {"tableLink", 1, 1, fn_table_link},
    {"sortByLabel", 2, 2, fn_sort_by_label},
    {"externalURL", 0, 0, fn_external_url},
    {"pathPrefix", 0, 0, fn_path_prefix},
    {"externalLabels", 0, 0, fn_external_labels},
    {"urlQueryEscape", 1, 1, fn_url_query_escape},
    {"now", 0, 0, fn_now},
    {"title", 1, 1, fn_title},
};

const struct template_function *rule_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return NULL;
}
