// Test files are read by the same strict tables as every other file: a misspelt key must not turn a
// test into one that expects nothing.
#include "config/rule_tests.h"

#include "base/file.h"
#include "base/float_text.h"
#include "base/mem.h"
#include "decode.h"
#include "model/duration.h"

#define FILE_SIZE_MAX       ((size_t)64 << 20)
#define INTERVAL_DEFAULT_MS INT64_C(60000)

// ---- series

static const struct field series_fields[] = {
    {"series", FIELD_STRING, offsetof(struct rule_test_series, series), NULL},
    {"values", FIELD_STRING, offsetof(struct rule_test_series, values), NULL},
};
static const struct section series_section = SECTION("input series", series_fields);

static int decode_one_series(struct decoder *d, const struct yaml_node *node, void *out)
{
    ((struct rule_test_series *)out)->line = node->line;
    return decode_section(d, node, &series_section, out);
}

static int decode_series(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_test *test = out;
    void *items = NULL;
    int rc =
        decode_list(d, node, sizeof(*test->series), decode_one_series, &items, &test->series_count);
    test->series = items;
    return rc;
}

// ---- alerts

static int decode_label_map(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_labels(d, node, out);
}

static const struct field alert_fields[] = {
    {"exp_labels", FIELD_CUSTOM, offsetof(struct rule_test_alert, labels), decode_label_map},
    {"exp_annotations", FIELD_CUSTOM, offsetof(struct rule_test_alert, annotations),
     decode_label_map},
};
static const struct section alert_section = SECTION("expected alert", alert_fields);

static int decode_alert(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &alert_section, out);
}

static int decode_alerts(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_test_alert_case *c = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(*c->alerts), decode_alert, &items, &c->alert_count);
    c->alerts = items;
    return rc;
}

static const struct field alert_case_fields[] = {
    {"eval_time", FIELD_DURATION, offsetof(struct rule_test_alert_case, eval_ms), NULL},
    {"alertname", FIELD_STRING, offsetof(struct rule_test_alert_case, alert_name), NULL},
    {"exp_alerts", FIELD_CUSTOM, 0, decode_alerts},
};
static const struct section alert_case_section = SECTION("alert test", alert_case_fields);

static int decode_alert_case(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_test_alert_case *c = out;
    c->line = node->line;
    int rc = decode_section(d, node, &alert_case_section, c);
    if (rc == OK && !c->alert_name.len)
        return decode_fail(d, node,
                           "an item under alert_rule_test misses required attribute "
                           "alertname");
    return rc;
}

static int decode_alert_cases(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_test *test = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(*test->alert_cases), decode_alert_case, &items,
                         &test->alert_case_count);
    test->alert_cases = items;
    return rc;
}

// ---- expressions

// YAML spells .inf and .nan; what PromQL spells is taken too.
static int decode_value(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str text;
    int rc = decode_string(d, node, &text);
    if (rc)
        return rc;
    struct str number = text;
    bool negative = str_has_prefix(text, STR("-"));
    if (str_has_prefix(str_skip(text, negative), STR(".")) && text.len > 1u + negative &&
        (text.ptr[1 + negative] < '0' || text.ptr[1 + negative] > '9'))
        number = arena_printf(d->arena, "%s%.*s", negative ? "-" : "",
                              STR_ARG(str_skip(text, 1u + negative)));
    if (!float_parse(number, out))
        return decode_fail(d, node, "expected a number, got \"%.*s\"", STR_ARG(text));
    return OK;
}

static const struct field sample_fields[] = {
    {"labels", FIELD_STRING, offsetof(struct rule_test_sample, labels), NULL},
    {"value", FIELD_CUSTOM, offsetof(struct rule_test_sample, value), decode_value},
    {"histogram", FIELD_STRING, offsetof(struct rule_test_sample, histogram), NULL},
};
static const struct section sample_section = SECTION("expected sample", sample_fields);

static int decode_sample(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &sample_section, out);
}

static int decode_samples(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_test_expr_case *c = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(*c->samples), decode_sample, &items, &c->sample_count);
    c->samples = items;
    return rc;
}

static const struct field expr_case_fields[] = {
    {"expr", FIELD_STRING, offsetof(struct rule_test_expr_case, expr), NULL},
    {"eval_time", FIELD_DURATION, offsetof(struct rule_test_expr_case, eval_ms), NULL},
    {"exp_samples", FIELD_CUSTOM, 0, decode_samples},
};
static const struct section expr_case_section = SECTION("expression test", expr_case_fields);

static int decode_expr_case(struct decoder *d, const struct yaml_node *node, void *out)
{
    ((struct rule_test_expr_case *)out)->line = node->line;
    return decode_section(d, node, &expr_case_section, out);
}

static int decode_expr_cases(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_test *test = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(*test->expr_cases), decode_expr_case, &items,
                         &test->expr_case_count);
    test->expr_cases = items;
    return rc;
}

// ---- tests

static int decode_start(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str text;
    int rc = decode_string(d, node, &text);
    if (rc == OK && !timestamp_parse(text, out))
        return decode_fail(d, node, "expected Unix seconds or an RFC 3339 time, got \"%.*s\"",
                           STR_ARG(text));
    return rc;
}

static const struct field test_fields[] = {
    {"name", FIELD_STRING, offsetof(struct rule_test, name), NULL},
    {"interval", FIELD_DURATION, offsetof(struct rule_test, interval_ms), NULL},
    {"start_timestamp", FIELD_CUSTOM, offsetof(struct rule_test, start_ms), decode_start},
    {"input_series", FIELD_CUSTOM, 0, decode_series},
    {"alert_rule_test", FIELD_CUSTOM, 0, decode_alert_cases},
    {"promql_expr_test", FIELD_CUSTOM, 0, decode_expr_cases},
    {"external_labels", FIELD_CUSTOM, offsetof(struct rule_test, external_labels),
     decode_label_map},
    {"external_url", FIELD_STRING, offsetof(struct rule_test, external_url), NULL},
};
static const struct section test_section = SECTION("test", test_fields);

static int decode_test(struct decoder *d, const struct yaml_node *node, void *out)
{
    ((struct rule_test *)out)->line = node->line;
    return decode_section(d, node, &test_section, out);
}

static int decode_tests(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_tests_config *c = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(*c->tests), decode_test, &items, &c->test_count);
    c->tests = items;
    return rc;
}

// ---- the file

static int decode_rule_files(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_tests_config *c = out;
    struct string_list list = {0};
    int rc = decode_strings(d, node, &list);
    for (size_t i = 0; i < list.count && rc == OK; i++)
        list.items[i] = path_resolve(d, list.items[i]);
    c->rule_files = list.items;
    c->rule_file_count = list.count;
    return rc;
}

static int decode_order(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct rule_tests_config *c = out;
    struct string_list list = {0};
    int rc = decode_strings(d, node, &list);
    for (size_t i = 0; i < list.count && rc == OK; i++)
        for (size_t before = 0; before < i && rc == OK; before++)
            if (str_eq(list.items[i], list.items[before]))
                rc = decode_fail(d, node, "group name repeated in evaluation order: %.*s",
                                 STR_ARG(list.items[i]));
    c->group_eval_order = list.items;
    c->group_count = list.count;
    return rc;
}

static const struct field file_fields[] = {
    {"rule_files", FIELD_CUSTOM, 0, decode_rule_files},
    {"evaluation_interval", FIELD_DURATION,
     offsetof(struct rule_tests_config, evaluation_interval_ms), NULL},
    {"fuzzy_compare", FIELD_BOOL, offsetof(struct rule_tests_config, fuzzy_compare), NULL},
    {"group_eval_order", FIELD_CUSTOM, 0, decode_order},
    {"tests", FIELD_CUSTOM, 0, decode_tests},
};
static const struct section file_section = SECTION("unit test file", file_fields);

static void set_defaults(struct rule_tests_config *c)
{
    if (!c->evaluation_interval_ms)
        c->evaluation_interval_ms = INTERVAL_DEFAULT_MS;
    for (size_t i = 0; i < c->test_count; i++)
        if (!c->tests[i].interval_ms)
            c->tests[i].interval_ms = c->evaluation_interval_ms;
}

int rule_tests_parse(struct rule_tests_config *c, struct str text, const char *name,
                     const char *folder, struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    *c = (struct rule_tests_config){0};
    arena_init(&c->arena, 0);
    config_decoder_init(&d, &c->arena, arena_copy(&c->arena, text), name, folder, NULL, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_section(&d, root, &file_section, c);
    if (rc == OK)
        set_defaults(c);
    decoder_release(&d);
    return rc;
}

int rule_tests_load(struct rule_tests_config *c, const char *path, struct error *err)
{
    struct buf bytes = BUF_INIT;
    *c = (struct rule_tests_config){0};
    int rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
    if (rc == OK) {
        char *folder = mem_copy_str(path_folder(str_from(path)));
        rc = rule_tests_parse(c, buf_view(&bytes), path, folder, err);
        mem_free(folder);
    }
    buf_release(&bytes);
    return rc;
}

void rule_tests_release(struct rule_tests_config *c)
{
    arena_release(&c->arena);
    *c = (struct rule_tests_config){0};
}
