// A store in memory, an engine on it, and queries compared as text.
//
// Results read `{job="a"} 1; {job="b"} 2` (vector), `{job="a"} 1@0 2@60; ...` (matrix, times in
// seconds) or `3` (scalar); an error is `error: text`, and annotations follow after ` | `.
#ifndef PROMQL_FIXTURE_H
#define PROMQL_FIXTURE_H

#include "unit.h"

#include "base/float_text.h"
#include "base/mem.h"
#include "promql/promql.h"
#include "promql/selector.h"
#include "storage/appender.h"

#define FEATURES_ALL                                                                               \
    (PROMQL_EXPERIMENTAL_FUNCTIONS | PROMQL_DURATION_EXPRESSIONS |                                 \
     PROMQL_EXTENDED_RANGE_SELECTORS | PROMQL_BINOP_FILL_MODIFIERS)

struct fixture {
    struct promql_expr *expr; // of the last query, until query_done()
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct promql_options options;
};

static inline void fixture_init(struct fixture *f)
{
    struct error err;
    struct storage_options so;
    clock_virtual_init(&f->clock, INT64_C(1000000000));
    f->metrics = metrics_new();
    storage_options_init(&so);
    so.clock = &f->clock.clock;
    so.metrics = f->metrics;
    so.retention_ms = 0;
    so.future_limit_ms = 0;
    if (storage_open(&f->storage, &so, &err))
        fail_msg("%s", err.text);
    promql_options_init(&f->options);
    f->options.storage = f->storage;
    f->options.clock = &f->clock.clock;
    f->options.metrics = f->metrics;
    f->options.features = FEATURES_ALL;
    f->engine = promql_engine_new(&f->options);
}

static inline void fixture_release(struct fixture *f)
{
    promql_engine_free(f->engine);
    storage_close(f->storage);
    metrics_free(f->metrics);
}

// The engine anew, after f->options was changed.
static inline void fixture_restart(struct fixture *f)
{
    promql_engine_free(f->engine);
    f->engine = promql_engine_new(&f->options);
}

static inline void load_value(struct appender *a, series_ref ref, int64_t *t_ms, int64_t step_ms,
                              struct str text)
{
    struct str head, tail, start, by;
    uint64_t repeat = 0;
    double value, increment = 0;
    if (str_cut(text, 'x', &head, &tail))
        assert_true(str_to_u64(tail, &repeat));
    if (str_cut(str_skip(head, 1), '+', &start, &by)) {
        assert_true(float_parse(by, &increment));
        head.len = start.len + 1;
    }
    bool gap = str_is(head, "_"), stale = str_is(head, "stale");
    assert_true(gap || stale || float_parse(head, &value));
    for (uint64_t i = 0; i <= repeat; i++, *t_ms += step_ms) {
        if (!gap)
            assert_int_equal(
                appender_add(a, ref, *t_ms, stale ? sample_stale() : value + (double)i * increment),
                0);
    }
}

// `x{job="a"} 1 2 _ stale 5+10x3 7x2`: samples every step_ms from time 0; 5+10x3 is 5 15 25 35.
static inline void load(struct fixture *f, int64_t step_ms, const char *line)
{
    struct error err;
    struct matcher *matchers;
    size_t count;
    struct str rest = str_from(line), metric, piece;
    size_t end = str_find_last(rest, '}');
    end = end < rest.len ? end + 1 : str_find(rest, ' ');
    metric = str_first(rest, end);
    rest = str_skip(rest, end);
    if (promql_parse_selector(metric, &matchers, &count, &err))
        fail_msg("%s: %s", line, err.text);
    struct arena arena;
    arena_init(&arena, 0);
    struct labels_builder b;
    labels_builder_init(&b, &arena, (struct labels){0});
    for (size_t i = 0; i < count; i++)
        labels_builder_set(&b, matchers[i].name, matchers[i].value);
    struct appender *a = appender_new(f->storage);
    series_ref ref;
    assert_int_equal(appender_series(a, labels_builder_finish(&b), &ref), 0);
    int64_t t_ms = 0;
    while (str_next(&rest, ' ', &piece))
        if (piece.len)
            load_value(a, ref, &t_ms, step_ms, piece);
    if (appender_commit(a, false, &err))
        fail_msg("%s", err.text);
    appender_free(a);
    for (size_t i = 0; i < count; i++)
        matcher_release(&matchers[i]);
    mem_free(matchers);
    arena_release(&arena);
}

static inline void format_result(struct buf *out, const struct promql_result *r)
{
    if (r->type == PROMQL_SCALAR)
        buf_float(out, r->scalar.value, FLOAT_G);
    if (r->type == PROMQL_STRING)
        buf_str(out, r->string);
    for (size_t s = 0; s < r->series_count; s++) {
        if (s)
            buf_cstr(out, "; ");
        labels_format(out, r->series[s].labels);
        for (size_t i = 0; i < r->series[s].count; i++) {
            buf_char(out, ' ');
            buf_float(out, r->series[s].values[i], FLOAT_G);
            if (r->type == PROMQL_MATRIX) {
                buf_char(out, '@');
                buf_float(out, (double)r->series[s].times_ms[i] / 1000, FLOAT_G);
            }
        }
    }
    for (size_t i = 0; i < r->warning_count; i++)
        buf_printf(out, " | %.*s", STR_ARG(r->warnings[i]));
    for (size_t i = 0; i < r->info_count; i++)
        buf_printf(out, " | %.*s", STR_ARG(r->infos[i]));
}

// The query is over: what it parsed and returned goes.
static inline void query_done(struct fixture *f, struct arena *arena)
{
    promql_expr_free(f->expr);
    f->expr = NULL;
    arena_release(arena);
}

static inline int run_query(struct fixture *f, struct promql_query q, const char *text,
                            struct arena *arena, struct promql_result *result, struct error *err)
{
    struct promql_expr *e;
    int rc = promql_parse(&e, str_from(text), f->options.features, arena, err);
    if (rc)
        return rc;
    q.expr = e;
    q.text = str_from(text);
    f->expr = e;
    return promql_run(f->engine, &q, arena, result, err);
}

static inline void expect_query(struct fixture *f, struct promql_query q, const char *text,
                                const char *want)
{
    struct arena arena;
    arena_init(&arena, 0);
    struct promql_result result;
    struct error err;
    struct buf got = BUF_INIT;
    if (run_query(f, q, text, &arena, &result, &err))
        buf_printf(&got, "error: %s", err.text);
    else
        format_result(&got, &result);
    if (!str_is(buf_view(&got), want))
        print_error("%s\n  got  %s\n  want %s\n", text, buf_text(&got), want);
    bool same = str_is(buf_view(&got), want);
    buf_release(&got);
    query_done(f, &arena);
    assert_true(same);
}

static inline void expect(struct fixture *f, int64_t t_ms, const char *text, const char *want)
{
    expect_query(f, (struct promql_query){.start_ms = t_ms, .end_ms = t_ms}, text, want);
}

static inline void expect_range(struct fixture *f, int64_t start_ms, int64_t end_ms,
                                int64_t step_ms, const char *text, const char *want)
{
    expect_query(f,
                 (struct promql_query){.start_ms = start_ms, .end_ms = end_ms, .step_ms = step_ms},
                 text, want);
}

struct query_case {
    const char *text;
    const char *want;
};

#define expect_all(f, t_ms, cases)                                                                 \
    do {                                                                                           \
        for (size_t case_ = 0; case_ < COUNT_OF(cases); case_++)                                   \
            expect((f), (t_ms), (cases)[case_].text, (cases)[case_].want);                         \
    } while (0)

#endif
