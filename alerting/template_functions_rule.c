// The functions of rule annotations alone, and those of notifications that stand beside them.
#include "base/float_text.h"
#include "model/duration.h"
#include "template_humanize.h"
#include "template_tree.h"

static struct value owned(struct execution *ex, struct buf *text)
{
    struct value v = value_text(arena_copy(ex->arena, buf_view(text)));
    buf_release(text);
    return v;
}

static int number_of(struct execution *ex, const struct value *v, double *out)
{
    if (value_to_number(v, out))
        return OK;
    return call_error(ex, "can't convert %s to float", value_type_name(v));
}

#define HUMANIZER(name, print)                                                                     \
    static int fn_##name(struct execution *ex, const struct value *args, size_t count,             \
                         struct value *out)                                                        \
    {                                                                                              \
        double v;                                                                                  \
        struct buf text = BUF_INIT;                                                                \
        (void)count;                                                                               \
        int rc = number_of(ex, &args[0], &v);                                                      \
        if (rc)                                                                                    \
            return rc;                                                                             \
        print(&text, v);                                                                           \
        *out = owned(ex, &text);                                                                   \
        return OK;                                                                                 \
    }
HUMANIZER(humanize, humanize)
HUMANIZER(humanize1024, humanize1024)
HUMANIZER(humanize_duration, humanize_duration)
HUMANIZER(humanize_percentage, humanize_percentage)

static void print_timestamp(struct buf *out, double seconds)
{
    timestamp_format_nano(out, (int64_t)(seconds * 1000));
    // As Go prints a time: 2023-11-14 22:13:20 +0000 UTC
    out->ptr[10] = ' ';
    buf_truncate(out, out->len - 1);
    buf_cstr(out, " +0000 UTC");
}
HUMANIZER(humanize_timestamp, print_timestamp)

static int fn_to_time(struct execution *ex, const struct value *args, size_t count,
                      struct value *out)
{
    double v;
    (void)count;
    int rc = number_of(ex, &args[0], &v);
    if (rc == OK)
        *out = (struct value){.kind = VALUE_TIME, .integer = (int64_t)(v * 1000)};
    return rc;
}

static int fn_to_duration(struct execution *ex, const struct value *args, size_t count,
                          struct value *out)
{
    double v;
    (void)count;
    int rc = number_of(ex, &args[0], &v);
    if (rc == OK)
        *out = (struct value){.kind = VALUE_DURATION, .integer = (int64_t)(v * 1000)};
    return rc;
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
    *out = (struct value){.kind = VALUE_LIST, .list = {items, found}};
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
    *out = (struct value){.kind = VALUE_MAP, .list = {pairs, count * 2}};
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
    *out = owned(ex, &text);
    return rc;
}

static int fn_strip_port(struct execution *ex, const struct value *args, size_t count,
                         struct value *out)
{
    struct str s = value_string(ex->arena, &args[0]);
    size_t colon = str_find_last(s, ':');
    (void)count;
    if (s.len && s.ptr[0] == '[')
        s = str_make(s.ptr + 1, str_find(s, ']') - 1);
    else if (colon < s.len && str_find(s, ':') == colon)
        s = str_first(s, colon);
    *out = value_text(s);
    return OK;
}

static int fn_strip_domain(struct execution *ex, const struct value *args, size_t count,
                           struct value *out)
{
    struct str s = value_string(ex->arena, &args[0]), host, port;
    bool ported = str_cut(s, ':', &host, &port);
    (void)count;
    struct str name = str_first(host, str_find(host, '.'));
    bool address = host.len && host.ptr[0] >= '0' && host.ptr[0] <= '9';
    if (address)
        *out = value_text(s);
    else
        *out = value_text(
            arena_printf(ex->arena, "%.*s%s%.*s", STR_ARG(name), ported ? ":" : "", STR_ARG(port)));
    return OK;
}

static int graph_link(struct execution *ex, const struct value *args, int tab, struct value *out)
{
    struct value escaped;
    template_function_find(TEMPLATE_RULE, STR("urlquery"))->call(ex, args, 1, &escaped);
    *out = value_text(
        arena_printf(ex->arena, "/graph?g0.expr=%.*s&g0.tab=%d", STR_ARG(escaped.text), tab));
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
    *out = (struct value){.kind = VALUE_LIST, .list = {items, length}};
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

static int fn_urlquery(struct execution *ex, const struct value *args, size_t count,
                       struct value *out)
{
    return template_function_find(TEMPLATE_RULE, STR("urlquery"))->call(ex, args, count, out);
}

static const struct template_function functions[] = {
    {"humanize", 1, 1, fn_humanize},
    {"humanize1024", 1, 1, fn_humanize1024},
    {"humanizeDuration", 1, 1, fn_humanize_duration},
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
    {"urlQueryEscape", 1, 1, fn_urlquery},
};

const struct template_function *rule_function_find(struct str name)
{
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (str_is(name, functions[i].name))
            return &functions[i];
    }
    return NULL;
}
