// One unit test: a store in memory, an engine and a rule manager on it, and a virtual clock.
//
// The clock goes from the start to the last time that is asked for, evaluation interval by
// evaluation interval. Before each evaluation the input series' samples up to that moment are
// stored, so rules see nothing of the future; what alerts fire is looked at right after the
// evaluation at or before the time asked for. Expressions are evaluated at the end.
#include <math.h>
#include <stdio.h>

#include "alerting/rule_manager.h"
#include "base/float_text.h"
#include "base/mem.h"
#include "cli/rule_test.h"
#include "cli/series_text.h"
#include "model/duration.h"
#include "storage/appender.h"

struct input {
    struct series_text text;
    size_t next; // point to be stored
    series_ref ref;
};

struct run {
    const struct rule_tests_config *file;
    const char *path;
    const struct rule_test *test;
    const struct rule_test_options *options;
    struct failures *failures;
    struct arena arena; // of the whole run
    struct input *inputs;
    size_t input_count;
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct rule_manager *rules;
};

// Begins a failure: where it is, and of which test.
static void begin_failure(const struct run *r, int line, struct buf *out)
{
    buf_printf(out, "    %s:%d:\n", r->path, line);
    if (r->test->name.len)
        buf_printf(out, "    name: %.*s,\n", STR_ARG(r->test->name));
}

static void end_failure(const struct run *r, struct buf *text)
{
    failures_add(r->failures, text);
    buf_release(text);
}

static void fail_plainly(const struct run *r, int line, const char *what)
{
    struct buf text = BUF_INIT;
    begin_failure(r, line, &text);
    buf_printf(&text, "    err: %s", what);
    end_failure(r, &text);
}

// ---- setting up

// The label set given twice holds what was given last.
static struct input *place_of(struct run *r, struct labels labels)
{
    for (size_t i = 0; i < r->input_count; i++)
        if (labels_eq(r->inputs[i].text.labels, labels))
            return &r->inputs[i];
    return &r->inputs[r->input_count++];
}

static int read_series(struct run *r, const struct rule_test_series *s, struct error *err)
{
    struct series_text text = {0};
    int rc = series_text_labels(&r->arena, str_trim(s->series), &text.labels, err);
    if (rc == OK)
        rc = series_text_points(&r->arena, s->values, &text, err);
    for (size_t i = 0; i < text.count && rc == OK; i++)
        if (text.points[i].kind == POINT_HISTOGRAM)
            rc = error_set(err, ERR_UNSUPPORTED, "native histograms are not supported yet");
    if (rc == OK)
        *place_of(r, text.labels) = (struct input){.text = text};
    return rc;
}

static bool read_inputs(struct run *r)
{
    struct error err;
    r->inputs = arena_calloc(&r->arena, r->test->series_count + 1, sizeof(*r->inputs));
    for (size_t i = 0; i < r->test->series_count; i++) {
        const struct rule_test_series *s = &r->test->series[i];
        if (read_series(r, s, &err)) {
            error_prefix(&err, "series \"%.*s\": ", STR_ARG(s->series));
            fail_plainly(r, s->line, err.text);
            return false;
        }
    }
    return true;
}

static int open_parts(struct run *r, const struct rules_config *rules, struct error *err)
{
    struct storage_options so;
    struct promql_options po;
    r->metrics = metrics_new();
    storage_options_init(&so);
    so.clock = &r->clock.clock;
    so.metrics = r->metrics;
    so.retention_ms = 0;
    so.future_limit_ms = 0;
    int rc = storage_open(&r->storage, &so, err);
    if (rc)
        return rc;
    promql_options_init(&po);
    po.storage = r->storage;
    po.clock = &r->clock.clock;
    po.metrics = r->metrics;
    po.features = r->options->features;
    po.default_subquery_step_ms = r->file->evaluation_interval_ms;
    r->engine = promql_engine_new(&po);
    const struct rule_manager_options mo = {.storage = r->storage,
                                            .engine = r->engine,
                                            .clock = &r->clock.clock,
                                            .metrics = r->metrics,
                                            .external_url = r->test->external_url};
    r->rules = rule_manager_new(&mo);
    return rule_manager_apply(r->rules, rules, r->file->evaluation_interval_ms, 0,
                              r->test->external_labels, err);
}

static void close_parts(struct run *r)
{
    rule_manager_free(r->rules);
    promql_engine_free(r->engine);
    storage_close(r->storage);
    metrics_free(r->metrics);
    arena_release(&r->arena);
}

// ---- evaluations

static void store_input(struct run *r, struct appender *a, struct input *in, int64_t until_ms)
{
    while (in->next < in->text.count) {
        const struct point *p = &in->text.points[in->next];
        int64_t t_ms = r->test->start_ms + (int64_t)in->next * r->test->interval_ms;
        if (t_ms > until_ms)
            return;
        if (p->kind == POINT_FLOAT &&
            (in->ref || appender_series(a, in->text.labels, &in->ref) == OK))
            appender_add(a, in->ref, t_ms, p->value);
        in->next++;
    }
}

static int store_until(struct run *r, int64_t until_ms, struct error *err)
{
    struct appender *a = appender_new(r->storage);
    for (size_t i = 0; i < r->input_count; i++)
        store_input(r, a, &r->inputs[i], until_ms);
    int rc = appender_commit(a, false, err);
    appender_free(a);
    return rc;
}

static void report_rules(struct run *r, int64_t t_ms)
{
    struct arena arena;
    struct rule_group_status *groups;
    size_t count;
    arena_init(&arena, 0);
    rule_manager_status(r->rules, &arena, &groups, &count);
    for (size_t g = 0; g < count; g++)
        for (size_t i = 0; i < groups[g].rule_count; i++) {
            const struct rule_status *rule = &groups[g].rules[i];
            if (rule->health != RULE_ERROR)
                continue;
            struct buf text = BUF_INIT;
            begin_failure(r, r->test->line, &text);
            buf_printf(&text, "    rule: %.*s, time: ", STR_ARG(rule->name));
            duration_format_go(&text, t_ms);
            buf_printf(&text, ", err: %.*s", STR_ARG(rule->last_error));
            end_failure(r, &text);
        }
    arena_release(&arena);
}

struct fired_list {
    struct fired *items;
    size_t count;
    size_t capacity;
};

static struct fired_list firing_now(struct run *r, struct str alert_name, struct arena *arena)
{
    struct rule_group_status *groups;
    struct fired_list list = {0};
    size_t count;
    rule_manager_status(r->rules, arena, &groups, &count);
    for (size_t g = 0; g < count; g++)
        for (size_t i = 0; i < groups[g].rule_count; i++) {
            const struct rule_status *rule = &groups[g].rules[i];
            if (!rule->is_alert || !str_eq(rule->name, alert_name))
                continue;
            for (size_t a = 0; a < rule->alert_count; a++) {
                if (rule->alerts[a].state != ALERT_FIRING)
                    continue;
                ARENA_GROW(arena, list.items, list.count, list.capacity);
                list.items[list.count++] =
                    (struct fired){rule->alerts[a].labels, rule->alerts[a].annotations};
            }
        }
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), fired_cmp);
    return list;
}

// The alert's name is a label that the test doesn't give.
static struct fired_list expected(const struct rule_test_alert_case *c, struct arena *arena)
{
    struct fired_list list = {.items = arena_calloc(arena, c->alert_count + 1, sizeof(*list.items)),
                              .count = c->alert_count};
    for (size_t i = 0; i < c->alert_count; i++) {
        struct labels_builder b;
        labels_builder_init(&b, arena, c->alerts[i].labels);
        labels_builder_set(&b, STR("alertname"), c->alert_name);
        list.items[i] = (struct fired){labels_builder_finish(&b), c->alerts[i].annotations};
    }
    if (list.count)
        qsort(list.items, list.count, sizeof(*list.items), fired_cmp);
    return list;
}

static bool same_alerts(const struct fired_list *a, const struct fired_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (fired_cmp(&a->items[i], &b->items[i]) != 0)
            return false;
    return true;
}

static void check_alerts(struct run *r, const struct rule_test_alert_case *c)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct fired_list want = expected(c, &arena);
    struct fired_list got = firing_now(r, c->alert_name, &arena);
    if (!same_alerts(&want, &got)) {
        struct buf text = BUF_INIT;
        begin_failure(r, c->line, &text);
        buf_printf(&text, "    alertname: %.*s, time: ", STR_ARG(c->alert_name));
        duration_format(&text, c->eval_ms);
        if (r->options->diff) {
            buf_cstr(&text, ", \n        diff (- expected, + got):");
            fired_print_diff(&text, want.items, want.count, got.items, got.count);
        } else {
            buf_cstr(&text, ", \n        exp:");
            fired_print(&text, want.items, want.count);
            buf_cstr(&text, ", \n        got:");
            fired_print(&text, got.items, got.count);
        }
        end_failure(r, &text);
    }
    arena_release(&arena);
}

static int64_t last_eval_ms(const struct rule_test *t)
{
    int64_t last_ms = 0;
    for (size_t i = 0; i < t->alert_case_count; i++)
        if (t->alert_cases[i].eval_ms > last_ms)
            last_ms = t->alert_cases[i].eval_ms;
    for (size_t i = 0; i < t->expr_case_count; i++)
        if (t->expr_cases[i].eval_ms > last_ms)
            last_ms = t->expr_cases[i].eval_ms;
    return last_ms;
}

static bool evaluate_rules(struct run *r)
{
    int64_t interval_ms = r->file->evaluation_interval_ms, last_ms = last_eval_ms(r->test);
    for (int64_t t_ms = 0; t_ms <= last_ms; t_ms += interval_ms) {
        struct error err;
        int64_t now_ms = r->test->start_ms + t_ms;
        r->clock.now_ms = now_ms;
        if (store_until(r, now_ms, &err)) {
            fail_plainly(r, r->test->line, err.text);
            return false;
        }
        if (rule_manager_evaluate(r->rules, r->file->group_eval_order, r->file->group_count,
                                  now_ms)) {
            report_rules(r, t_ms);
            return false;
        }
        for (size_t i = 0; i < r->test->alert_case_count; i++) {
            const struct rule_test_alert_case *c = &r->test->alert_cases[i];
            if (t_ms <= c->eval_ms && c->eval_ms < t_ms + interval_ms)
                check_alerts(r, c);
        }
    }
    return true;
}

// ---- expressions

struct value {
    struct labels labels;
    double value;
};

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(((const struct value *)a)->labels, ((const struct value *)b)->labels);
}

static void print_values(struct buf *out, const struct value *values, size_t count)
{
    if (!count)
        buf_cstr(out, "nil");
    for (size_t i = 0; i < count; i++) {
        buf_cstr(out, i ? ", " : "");
        labels_format(out, values[i].labels);
        buf_char(out, ' ');
        buf_float(out, values[i].value, FLOAT_G);
    }
}

static bool same_value(const struct run *r, double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    return r->file->fuzzy_compare &&
           (nextafter(a, -(double)INFINITY) == b || nextafter(a, (double)INFINITY) == b);
}

static int ask(struct run *r, const struct rule_test_expr_case *c, struct arena *arena,
               struct value **out, size_t *count, struct error *err)
{
    struct promql_expr *expr;
    struct promql_result result;
    int64_t at_ms = r->test->start_ms + c->eval_ms;
    int rc = promql_parse(&expr, c->expr, r->options->features, arena, err);
    if (rc)
        return rc;
    struct promql_query q = {.expr = expr, .text = c->expr, .start_ms = at_ms, .end_ms = at_ms};
    rc = promql_run(r->engine, &q, arena, &result, err);
    if (rc == OK && result.type != PROMQL_VECTOR && result.type != PROMQL_SCALAR)
        rc = error_set(err, ERR_EXECUTION, "rule result is not a vector or scalar");
    *count = rc ? 0 : result.type == PROMQL_SCALAR ? 1 : result.series_count;
    *out = arena_calloc(arena, *count + 1, sizeof(**out));
    for (size_t i = 0; i < *count; i++)
        (*out)[i] = result.type == PROMQL_SCALAR
                        ? (struct value){.value = result.scalar.value}
                        : (struct value){result.series[i].labels, result.series[i].values[0]};
    promql_expr_free(expr);
    return rc;
}

static int read_samples(const struct rule_test_expr_case *c, struct arena *arena,
                        struct value **out, struct error *err)
{
    *out = arena_calloc(arena, c->sample_count + 1, sizeof(**out));
    for (size_t i = 0; i < c->sample_count; i++) {
        const struct rule_test_sample *s = &c->samples[i];
        struct str labels = str_trim(s->labels);
        int rc = labels.len ? series_text_labels(arena, labels, &(*out)[i].labels, err) : OK;
        if (rc)
            return error_prefix(err, "labels \"%.*s\": ", STR_ARG(labels));
        if (s->histogram.len)
            return error_set(err, ERR_UNSUPPORTED, "native histograms are not supported yet");
        (*out)[i].value = s->value;
    }
    return OK;
}

static void begin_expr_failure(const struct run *r, const struct rule_test_expr_case *c,
                               struct buf *text)
{
    begin_failure(r, c->line, text);
    buf_cstr(text, "    expr: ");
    str_quote(text, c->expr);
    buf_cstr(text, ", time: ");
    duration_format(text, c->eval_ms);
    buf_char(text, ',');
}

static void compare_values(struct run *r, const struct rule_test_expr_case *c, struct value *want,
                           struct value *got, size_t got_count)
{
    bool same = got_count == c->sample_count;
    qsort(want, c->sample_count, sizeof(*want), by_labels);
    qsort(got, got_count, sizeof(*got), by_labels);
    for (size_t i = 0; i < got_count && same; i++)
        same =
            labels_eq(want[i].labels, got[i].labels) && same_value(r, want[i].value, got[i].value);
    if (same)
        return;
    struct buf text = BUF_INIT;
    begin_expr_failure(r, c, &text);
    buf_cstr(&text, "\n        exp: ");
    print_values(&text, want, c->sample_count);
    buf_cstr(&text, "\n        got: ");
    print_values(&text, got, got_count);
    end_failure(r, &text);
}

static void check_expr(struct run *r, const struct rule_test_expr_case *c)
{
    struct arena arena;
    struct value *want, *got;
    struct error err;
    size_t got_count;
    arena_init(&arena, 0);
    int rc = ask(r, c, &arena, &got, &got_count, &err);
    if (rc == OK)
        rc = read_samples(c, &arena, &want, &err);
    if (rc) {
        struct buf text = BUF_INIT;
        begin_expr_failure(r, c, &text);
        buf_printf(&text, " err: %s", err.text);
        end_failure(r, &text);
    } else {
        compare_values(r, c, want, got, got_count);
    }
    arena_release(&arena);
}

// ---- what is stored

static void dump(struct run *r)
{
    struct arena arena;
    struct promql_expr *expr;
    struct promql_result result;
    struct error err;
    arena_init(&arena, 0);
    int64_t span_ms = last_eval_ms(r->test) + 1000, at_ms = r->test->start_ms + span_ms;
    struct str text = arena_printf(&arena, "{__name__!=\"\"}[%lldms]", (long long)span_ms + 1000);
    if (promql_parse(&expr, text, 0, &arena, &err) == OK) {
        struct promql_query q = {.expr = expr, .start_ms = at_ms, .end_ms = at_ms};
        printf("DEBUG: stored:\n");
        if (promql_run(r->engine, &q, &arena, &result, &err))
            printf("  %s\n", err.text);
        else
            for (size_t s = 0; s < result.series_count; s++) {
                struct buf line = BUF_INIT;
                labels_format(&line, result.series[s].labels);
                for (size_t i = 0; i < result.series[s].count; i++) {
                    buf_char(&line, ' ');
                    buf_float(&line, result.series[s].values[i], FLOAT_G);
                    buf_printf(&line, "@%.3f", (double)result.series[s].times_ms[i] / 1000);
                }
                printf("  %s\n", buf_text(&line));
                buf_release(&line);
            }
        promql_expr_free(expr);
    }
    arena_release(&arena);
}

void rule_test_run(const struct rule_tests_config *file, const char *path,
                   const struct rule_test *test, const struct rules_config *rules,
                   const struct rule_test_options *options, struct failures *failures)
{
    struct run r = {
        .file = file, .path = path, .test = test, .options = options, .failures = failures};
    struct error err;
    arena_init(&r.arena, 0);
    clock_virtual_init(&r.clock, test->start_ms);
    if (read_inputs(&r)) {
        if (open_parts(&r, rules, &err))
            fail_plainly(&r, test->line, err.text);
        else if (evaluate_rules(&r))
            for (size_t i = 0; i < test->expr_case_count; i++)
                check_expr(&r, &test->expr_cases[i]);
        if (options->debug && r.rules)
            dump(&r);
    }
    close_parts(&r);
}
