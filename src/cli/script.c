// Runs a script: a store in memory that `load` fills and `clear` empties, and an engine on it with
// the settings of Prometheus' own runner: 5 minutes of lookback, subqueries every minute, delayed
// name removal and every experimental feature on.
#include "cli/script.h"

#include <stdio.h>

#include "base/hmap.h"
#include "base/mem.h"
#include "cli/script_parse.h"
#include "cli/script_starts.h"
#include "storage/appender.h"

#define FEATURES                                                                                   \
    (PROMQL_EXPERIMENTAL_FUNCTIONS | PROMQL_DURATION_EXPRESSIONS |                                 \
     PROMQL_EXTENDED_RANGE_SELECTORS | PROMQL_BINOP_FILL_MODIFIERS | PROMQL_DELAYED_NAME_REMOVAL)

#define STEP_MS INT64_C(60000)

struct script {
    const char *name;
    struct str rest; // lines not read yet
    unsigned line;   // of the last one read
    struct script_counts *counts;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
    struct script_starts *starts;
};

static void open_store(struct script *s)
{
    struct storage_options so;
    struct promql_options po;
    struct error err;
    s->metrics = metrics_new();
    storage_options_init(&so);
    so.clock = &clock_system;
    so.metrics = s->metrics;
    so.retention_ms = 0;
    so.future_limit_ms = 0;
    if (storage_open(&s->storage, &so, &err)) {
        fprintf(stderr, "lapwing: a store in memory: %s\n", err.text);
        s->storage = NULL;
        return;
    }
    promql_options_init(&po);
    po.storage = s->storage;
    po.clock = &clock_system;
    po.metrics = s->metrics;
    po.features = FEATURES;
    po.points_max = 0;
    s->starts = script_starts_new();
    po.start_times = script_starts_view(s->starts);
    s->engine = promql_engine_new(&po);
}

static void close_store(struct script *s)
{
    promql_engine_free(s->engine);
    storage_close(s->storage);
    script_starts_free(s->starts);
    s->starts = NULL;
    metrics_free(s->metrics);
    s->engine = NULL;
    s->storage = NULL;
    s->metrics = NULL;
}

static void fail_at(struct script *s, unsigned line, const char *text)
{
    printf("%s:%u: %s\n", s->name, line, text);
    s->counts->failed++;
}

// The next line, trimmed; a comment is an empty line. False at the end.
static bool next_line(struct script *s, struct str *line)
{
    if (!s->rest.len || !str_next(&s->rest, '\n', line))
        return false;
    s->line++;
    *line = str_trim(*line);
    if (str_has_prefix(*line, STR("#")))
        line->len = 0;
    return true;
}

static void skip_block(struct script *s)
{
    struct str line;
    while (next_line(s, &line) && line.len)
        ;
}

// ---- load

// The series of one `load`, which is stored as a whole.
struct load {
    int64_t step_ms;
    struct arena arena;
    struct loaded_series {
        struct series_text text;
        struct start_offsets starts; // count 0: none
    } * series;
    size_t count, capacity;
    struct hmap index; // of the labels
};

static int store_series(struct appender *a, const struct series_text *series, int64_t step_ms,
                        struct error *err)
{
    series_ref ref;
    if (!series->labels.count)
        return error_set(err, ERR_INVALID, "a series without labels can't be stored");
    int rc = appender_series(a, series->labels, &ref);
    for (size_t i = 0; i < series->count && rc == OK; i++)
        if (series->points[i].kind == POINT_FLOAT)
            rc = appender_add(a, ref, (int64_t)i * step_ms, series->points[i].value);
    return rc ? error_set(err, rc, "a sample was refused: %s", err_text(rc)) : OK;
}

static int store_load(struct script *s, const struct load *l, struct error *err)
{
    struct appender *a = appender_new(s->storage);
    int rc = OK;
    for (size_t i = 0; i < l->count && rc == OK; i++)
        rc = store_series(a, &l->series[i].text, l->step_ms, err);
    if (rc == OK)
        rc = appender_commit(a, false, err);
    appender_free(a);
    for (size_t i = 0; i < l->count && rc == OK; i++)
        if (l->series[i].starts.count)
            script_starts_add(s->starts, l->series[i].text.labels, l->step_ms, &l->series[i].text,
                              &l->series[i].starts);
    return rc;
}

static bool has_labels(const void *context, uint32_t value, const void *key)
{
    const struct load *l = context;
    return labels_eq(l->series[value].text.labels, *(const struct labels *)key);
}

// A series said twice is as said last.
static void keep_series(struct load *l, const struct series_text *series,
                        const struct start_offsets *starts)
{
    uint64_t hash = labels_hash(series->labels);
    uint32_t i = hmap_find(&l->index, hash, has_labels, l, &series->labels);
    if (i == HMAP_NONE) {
        i = (uint32_t)l->count;
        ARENA_GROW(&l->arena, l->series, l->count, l->capacity);
        l->count++;
        hmap_insert(&l->index, hash, i);
    }
    l->series[i] = (struct loaded_series){*series, *starts};
}

static int fail_starts(struct error *err)
{
    return error_set(err, ERR_INVALID,
                     "expected, behind a line of start timestamps, the samples of the same series, "
                     "as many");
}

// The line that was read, and of a line of start timestamps the next one with it.
static int load_line(struct script *s, struct str line, struct load *l, struct error *err)
{
    struct arena *arena = &l->arena;
    struct series_text series;
    struct start_offsets offsets = {0};
    struct labels labels = {0};
    bool starts = start_offsets_are(line);
    int rc = starts ? start_offsets_parse(arena, line, &labels, &offsets, err) : OK;
    if (rc == OK && starts && (!next_line(s, &line) || !line.len || start_offsets_are(line)))
        rc = fail_starts(err);
    if (rc == OK)
        rc = series_text_parse(arena, line, &series, err);
    if (rc == OK && starts && (!labels_eq(labels, series.labels) || offsets.count != series.count))
        rc = fail_starts(err);
    if (rc == OK)
        keep_series(l, &series, &offsets);
    return rc;
}

static void run_load(struct script *s, struct str head)
{
    struct load l = {0};
    struct str rest = head, line;
    struct error err;
    unsigned start = s->line;
    script_word(&rest);
    if (!script_time(rest, &l.step_ms) || l.step_ms < 0) {
        fail_at(s, start, "expected load DURATION");
        skip_block(s);
        return;
    }
    arena_init(&l.arena, 0);
    hmap_init(&l.index);
    while (next_line(s, &line) && line.len)
        if (load_line(s, line, &l, &err))
            fail_at(s, s->line, err.text);
    if (store_load(s, &l, &err))
        fail_at(s, start, err.text);
    hmap_release(&l.index);
    arena_release(&l.arena);
}

// ---- eval

// Whether a case's expression says something else when the query has other ends or steps.
static bool depends_on_query(struct str expression)
{
    static const struct str calls[] = {STR_INIT("start()"), STR_INIT("end()"), STR_INIT("range()"),
                                       STR_INIT("step()")};
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (str_search(expression, calls[i]) < expression.len)
            return true;
    return false;
}

// An instant query is the middle step of a range query, too.
static bool holds_as_a_step(struct script *s, const struct eval_case *c,
                            const struct promql_query *instant, struct arena *arena,
                            struct buf *why)
{
    struct promql_query q = *instant;
    struct promql_result result = {0};
    struct error err;
    q.start_ms -= STEP_MS;
    q.end_ms += STEP_MS;
    q.step_ms = STEP_MS;
    if (promql_run(s->engine, &q, arena, &result, &err)) {
        buf_printf(why, "the query failed as a range query: %s", err.text);
        return false;
    }
    buf_cstr(why, "as a step of a range query: ");
    return c->ordered || eval_case_holds_at(c, instant->start_ms, &result, arena, why);
}

static bool case_holds(struct script *s, const struct eval_case *c, const struct promql_query *q,
                       struct arena *arena, struct buf *why)
{
    struct promql_result result = {0};
    struct error err = {0};
    int rc = promql_run(s->engine, q, arena, &result, &err);
    if (!eval_case_holds(c, rc, &err, &result, why))
        return false;
    bool instant = c->instant && !c->has_range && !c->has_string;
    if (rc || !instant || result.type == PROMQL_MATRIX || depends_on_query(c->expression))
        return true;
    return holds_as_a_step(s, c, q, arena, why);
}

static void judge(struct script *s, const struct eval_case *c, struct arena *arena)
{
    struct promql_expr *expr = NULL;
    struct error err = {0};
    struct buf why = BUF_INIT;
    struct promql_query q = {.text = c->expression,
                             .start_ms = c->instant ? c->end_ms : c->start_ms,
                             .end_ms = c->end_ms,
                             .step_ms = c->instant ? 0 : c->step_ms};
    int rc = promql_parse(&expr, c->expression, FEATURES, arena, &err);
    q.expr = expr;
    if (rc ? eval_case_holds(c, rc, &err, NULL, &why) : case_holds(s, c, &q, arena, &why)) {
        s->counts->passed++;
    } else {
        printf("%s:%u: %s: %.*s\n", s->name, c->line, buf_text(&why), STR_ARG(c->expression));
        s->counts->failed++;
    }
    promql_expr_free(expr);
    buf_release(&why);
}

static void run_eval(struct script *s, struct str head)
{
    struct arena arena;
    struct error err;
    struct eval_case c = {.line = s->line};
    struct str line;
    arena_init(&arena, 0);
    int rc = script_read_eval(head, &c, &err);
    while (!c.complete && next_line(s, &line) && line.len)
        if (rc == OK)
            rc = script_read_case_line(&arena, line, &c, &err);
    if (rc)
        fail_at(s, c.line, err.text);
    else
        judge(s, &c, &arena);
    arena_release(&arena);
}

void script_run(const char *name, struct str text, struct script_counts *counts)
{
    struct script s = {.name = name, .rest = text, .counts = counts};
    struct str line;
    open_store(&s);
    while (s.storage && next_line(&s, &line)) {
        struct str rest = line, word = script_word(&rest);
        if (!word.len)
            continue;
        if (str_eq_nocase(word, STR("clear"))) {
            close_store(&s);
            open_store(&s);
        } else if (str_is(word, "load") || str_is(word, "load_with_nhcb")) {
            run_load(&s, line);
        } else if (str_has_prefix(word, STR("eval"))) {
            run_eval(&s, line);
        } else {
            fail_at(&s, s.line, "expected load, clear or eval");
        }
    }
    counts->failed += !s.storage;
    close_store(&s);
}
