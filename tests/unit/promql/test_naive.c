// The engine against the naive evaluator (naive.h): random queries over random series, whole
// results compared. LAPWING_LONG=1 in the environment asks many more, with a seed of the day's; other
// numbers, other seeds.
//
// Values are multiples of an eighth, so that sums are exact and comparisons cannot hang on the last
// bit. A query that differs is reported as the smallest of its parts that does.
#include "fixture.h"
#include "unit.h"

#include <stdlib.h>
#include <time.h>

#include "base/rng.h"
#include "naive.h"

#define SERIES_MAX  64
#define SAMPLES_MAX 60
#define QUERY_COUNT 4000
#define PIN         "600.5"

struct world {
    struct fixture f;
    struct rng rng;
    struct arena arena; // of the series
    struct naive_series series[SERIES_MAX];
    size_t count;
    size_t answered; // queries with a result that isn't empty
};

// ---- data

static double random_value(struct rng *r, const char *kind, double before)
{
    if (strcmp(kind, "counter") == 0)
        return rng_below(r, 20) == 0 ? (double)rng_below(r, 3) : before + (double)rng_below(r, 9);
    if (rng_below(r, 60) == 0)
        return rng_below(r, 2) ? NAN : rng_below(r, 2) ? INFINITY : -INFINITY;
    return (double)rng_below(r, 400) / 8 - 20;
}

static void add_series(struct world *w, const char *notation, const char *kind)
{
    struct naive_series *s = &w->series[w->count++];
    struct matcher *matchers;
    struct labels_builder b;
    struct error err;
    size_t count;
    assert_int_equal(promql_parse_selector(str_from(notation), &matchers, &count, &err), 0);
    labels_builder_init(&b, &w->arena, (struct labels){0});
    for (size_t i = 0; i < count; i++) {
        labels_builder_set(&b, arena_copy(&w->arena, matchers[i].name),
                           arena_copy(&w->arena, matchers[i].value));
        matcher_release(&matchers[i]);
    }
    mem_free(matchers);
    s->labels = labels_builder_finish(&b);
    s->samples = arena_array(&w->arena, SAMPLES_MAX, sizeof(*s->samples));
    int64_t t_ms = (int64_t)rng_below(&w->rng, 40) * 500;
    double value = (double)rng_below(&w->rng, 20);
    while (s->count < SAMPLES_MAX) {
        value = random_value(&w->rng, kind, value);
        bool ends = rng_below(&w->rng, 25) == 0;
        s->samples[s->count++] = (struct sample){t_ms, ends ? sample_stale() : value};
        t_ms += rng_below(&w->rng, 12) ? 30000 : 500 * (int64_t)rng_below(&w->rng, 1200) + 500;
    }
}

static int by_labels(const void *a, const void *b)
{
    return labels_cmp(((const struct naive_series *)a)->labels,
                      ((const struct naive_series *)b)->labels);
}

static void store(struct world *w)
{
    struct appender *a = appender_new(w->f.storage);
    struct error err;
    qsort(w->series, w->count, sizeof(*w->series), by_labels);
    for (size_t i = 0; i < w->count; i++) {
        series_ref ref;
        assert_int_equal(appender_series(a, w->series[i].labels, &ref), 0);
        for (size_t p = 0; p < w->series[i].count; p++)
            assert_int_equal(
                appender_add(a, ref, w->series[i].samples[p].t_ms, w->series[i].samples[p].value),
                0);
    }
    if (appender_commit(a, false, &err))
        fail_msg("%s", err.text);
    appender_free(a);
}

static void make_world(struct world *w, uint64_t seed)
{
    static const char *const pairs[] = {"a=\"1\",b=\"x\"", "a=\"1\",b=\"y\"", "a=\"2\",b=\"x\"",
                                        "a=\"3\""};
    static const char *const bounds[] = {"-1", "0.5", "1", "4", "+Inf"};
    char text[96];
    *w = (struct world){.count = 0};
    arena_init(&w->arena, 0);
    rng_seed(&w->rng, seed);
    fixture_init(&w->f);
    w->f.options.features = FEATURES_ALL | PROMQL_DELAYED_NAME_REMOVAL;
    w->f.options.points_max = 0;
    fixture_restart(&w->f);
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        snprintf(text, sizeof(text), "c_total{%s}", pairs[i]);
        add_series(w, text, "counter");
        snprintf(text, sizeof(text), "g{%s}", pairs[i]);
        add_series(w, text, "gauge");
        snprintf(text, sizeof(text), "o{%s,n=\"%zu\",__type__=\"gauge\"}", pairs[i], i % 2);
        add_series(w, text, "gauge");
    }
    add_series(w, "one{a=\"1\",n=\"n1\"}", "gauge");
    add_series(w, "one{a=\"2\",n=\"n2\"}", "gauge");
    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        snprintf(text, sizeof(text), "h_bucket{a=\"1\",le=\"%s\"}", bounds[i]);
        add_series(w, text, "counter");
    }
    store(w);
}

static void release_world(struct world *w)
{
    fixture_release(&w->f);
    arena_release(&w->arena);
}

// ---- queries

static struct rng *dice;

static const char *one_of(const char *const *list, size_t count)
{
    return list[rng_below(dice, count)];
}

#define PICK(...)                                                                                  \
    one_of((const char *const[]){__VA_ARGS__},                                                     \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void put_vector(struct buf *out, int depth);

static void put_selector(struct buf *out, const char *range)
{
    buf_cstr(out, PICK("c_total", "g", "g", "o", "one", "h_bucket", "c_total{b=\"x\"}",
                       "g{a=~\"1|3\"}", "{a=\"1\",b!=\"\"}", "{__name__=~\"g|o\"}", "g{b=\"\"}",
                       "nothing", "o{n!~\"1\"}"));
    buf_cstr(out, range);
    if (range[0] && rng_below(dice, 5) == 0)
        buf_cstr(out, PICK(" anchored", " smoothed"));
    if (rng_below(dice, 3) == 0)
        buf_cstr(out, PICK(" offset 45s", " offset -1m", " @ " PIN, " @ start()", " @ end()",
                           " @ " PIN " offset 30s", " offset +(step() + 10s)",
                           " offset -min_of(range(), 1m)"));
}

static void put_scalar(struct buf *out, int depth)
{
    switch (rng_below(dice, depth > 0 ? 7 : 3)) {
    case 0:
        buf_cstr(out, PICK("0", "1", "2", "0.5", "-3", "NaN", "Inf", "8"));
        break;
    case 1:
        buf_cstr(out, PICK("time()", "pi()", "step()", "start()", "end()", "range()", "1m"));
        break;
    case 2:
        buf_cstr(out, PICK("max_of(1, time())", "min_of(step(), 4)", "-1", "0.25"));
        break;
    case 3:
    case 4:
        buf_cstr(out, "scalar(");
        put_vector(out, depth - 1);
        buf_char(out, ')');
        break;
    default:
        buf_char(out, '(');
        put_scalar(out, depth - 1);
        buf_printf(out, " %s ",
                   PICK("+", "-", "*", "/", "%", "> bool", "== bool", "<= bool", "!= bool"));
        put_scalar(out, depth - 1);
        buf_char(out, ')');
    }
}

// With no modifier that only some functions take.
static void put_plain_range(struct buf *out, int depth)
{
    if (depth <= 0 || rng_below(dice, 10) < 7) {
        struct buf text = BUF_INIT;
        put_selector(&text, PICK("[1m]", "[100s]", "[5m]", "[2s]", "[10m]", "[2m + 15s]",
                                 "[max_of(step(), 1m)]"));
        size_t cut = str_search(buf_view(&text), STR(" anchored"));
        size_t other = str_search(buf_view(&text), STR(" smoothed"));
        size_t at = cut < other ? cut : other;
        buf_str(out, str_first(buf_view(&text), at));
        if (at < text.len)
            buf_str(out, str_skip(buf_view(&text), at + strlen(" anchored")));
        buf_release(&text);
        return;
    }
    buf_char(out, '(');
    put_vector(out, depth - 1);
    buf_printf(out, ")%s",
               PICK("[3m:1m]", "[2m:13s]", "[5m:]", "[4m:30s] offset 1m", "[100s:20s] @ end()",
                    "[4m:30s] @ " PIN));
}

// NAME([scalar, ]range vector[, numbers])
static void put_windows(struct buf *out, int depth, const char *name, bool has_scalar,
                        const char *numbers)
{
    buf_printf(out, "%s(", name);
    if (has_scalar) {
        put_scalar(out, depth - 1);
        buf_cstr(out, ", ");
    }
    put_plain_range(out, depth - 1);
    buf_printf(out, "%s)", numbers);
}

static void put_over_time(struct buf *out, int depth)
{
    const char *name =
        PICK("irate", "idelta", "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
             "count_over_time", "last_over_time", "first_over_time", "deriv", "stddev_over_time",
             "stdvar_over_time", "present_over_time", "absent_over_time", "mad_over_time",
             "ts_of_min_over_time", "ts_of_max_over_time", "ts_of_first_over_time",
             "ts_of_last_over_time", "changes", "resets", "rate", "increase", "delta");
    put_windows(out, depth, name, false, "");
}

// NAME(vector, further scalars)
static void put_mapped(struct buf *out, int depth, const char *name, size_t scalars)
{
    buf_printf(out, "%s(", name);
    put_vector(out, depth - 1);
    for (size_t i = 0; i < scalars; i++) {
        buf_cstr(out, ", ");
        put_scalar(out, depth - 1);
    }
    buf_char(out, ')');
}

static void put_labels_call(struct buf *out, int depth)
{
    bool joins = rng_below(dice, 2);
    buf_cstr(out, joins ? "label_join(" : "label_replace(");
    put_vector(out, depth - 1);
    buf_printf(out, ", \"%s\", ", PICK("n", "a", "__name__", "z"));
    if (joins)
        buf_cstr(out, "\"-\", \"a\", \"b\")");
    else
        buf_printf(out, "\"%s\", \"%s\", \"%s\")", PICK("$1", "x-$1-$2", ""),
                   PICK("a", "b", "__name__"), PICK("(.*)", "(.)(.?)", "1|x", ""));
}

static void put_map(struct buf *out, int depth)
{
    switch (rng_below(dice, 6)) {
    case 0:
        put_mapped(out, depth, PICK("clamp_min", "clamp_max", "round"), 1);
        return;
    case 1:
        put_mapped(out, depth, "clamp", 2);
        return;
    case 2:
        put_labels_call(out, depth);
        return;
    case 3:
        // Of finite times only.
        buf_printf(out, "%s(%s",
                   PICK("minute", "hour", "day_of_week", "days_in_month", "year", "day_of_year",
                        "month", "day_of_month"),
                   PICK(")", "c_total * 86413)", "-c_total * 1e6)"));
        return;
    default:
        put_mapped(out, depth,
                   PICK("abs", "floor", "ceil", "sgn", "sqrt", "ln", "timestamp", "deg", "round",
                        "sort", "absent", "-", "+", "acosh", "atan", "log2", "log10", "exp", "sinh",
                        "tanh", "asinh", "rad"),
                   0);
    }
}

static void put_call(struct buf *out, int depth)
{
    switch (rng_below(dice, 18)) {
    case 0:
    case 1:
        buf_cstr(out, "histogram_quantile(");
        put_scalar(out, depth - 1);
        buf_printf(
            out, ", %s)",
            PICK("h_bucket", "rate(h_bucket[5m])", "sum by (le) (increase(h_bucket[3m]))", "g"));
        return;
    case 2:
        buf_cstr(out, "vector(");
        put_scalar(out, depth - 1);
        buf_char(out, ')');
        return;
    case 3:
        put_windows(out, depth, "quantile_over_time", true, "");
        return;
    case 4:
        put_windows(out, depth, "double_exponential_smoothing", false, ", 0.5, 0.25");
        return;
    case 5:
        put_windows(out, 0, "predict_linear", false, ", 60");
        return;
    case 6:
    case 7:
        buf_printf(out, "%s(", PICK("rate", "increase", "delta", "changes", "resets"));
        put_selector(out, PICK("[1m]", "[100s]", "[5m]"));
        buf_char(out, ')');
        return;
    case 8:
    case 9:
    case 10:
    case 11:
        put_map(out, depth);
        return;
    default:
        put_over_time(out, depth);
    }
}

static void put_grouping(struct buf *out)
{
    if (rng_below(dice, 3))
        buf_printf(out, " %s (%s)", PICK("by", "without"),
                   PICK("", "a", "b", "a, b", "a, le", "n", "nope", "a, __name__", "__name__"));
}

static void put_aggregate(struct buf *out, int depth)
{
    switch (rng_below(dice, 8)) {
    case 0:
        buf_cstr(out, "quantile");
        put_grouping(out);
        buf_cstr(out, " (");
        put_scalar(out, depth - 1);
        buf_cstr(out, ", ");
        break;
    case 1:
        buf_cstr(out, "count_values");
        put_grouping(out);
        buf_printf(out, " (\"%s\", floor(g))", PICK("v", "n"));
        return;
    default:
        buf_cstr(out, PICK("sum", "avg", "count", "min", "max", "group"));
        put_grouping(out);
        buf_cstr(out, " (");
    }
    put_vector(out, depth - 1);
    buf_char(out, ')');
}

static void put_binary(struct buf *out, int depth)
{
    const char *on = PICK("", "", "on (a) ", "ignoring (b) ", "on () ", "on (a, b) ",
                          "ignoring (b, n, le) ", "ignoring (a, b, n, le) ", "on (nope) ");
    buf_char(out, '(');
    put_vector(out, depth - 1);
    if (rng_below(dice, 10) < 3) {
        buf_printf(out, " %s %s", PICK("and", "or", "unless"), on);
    } else {
        buf_printf(out, " %s %s",
                   PICK("+", "-", "*", "/", "%", "^", "atan2", ">", "<",
                        ">=", "<=", "==", "!=", "> bool", "!= bool", "== bool"),
                   on);
        if (on[0])
            buf_cstr(out, PICK("", "", "group_left () ", "group_right () ", "group_left (n) ",
                               "group_right (z) "));
        buf_cstr(out, PICK("", "", "", "fill (0) ", "fill_left (2) ", "fill_right (-1) "));
    }
    put_vector(out, depth - 1);
    buf_char(out, ')');
}

static void put_vector(struct buf *out, int depth)
{
    switch (depth > 0 ? rng_below(dice, 9) : 0) {
    case 0:
        put_selector(out, "");
        return;
    case 1:
    case 2:
        put_aggregate(out, depth);
        return;
    case 3:
    case 4:
        put_binary(out, depth);
        return;
    case 5:
        buf_char(out, '(');
        put_vector(out, depth - 1);
        buf_printf(out, " %s ", PICK("+", "-", "*", "/", "%", ">", "<", "==", "!=", ">= bool"));
        put_scalar(out, depth - 1);
        buf_char(out, ')');
        return;
    default:
        put_call(out, depth);
    }
}

// ---- comparing

static bool close_to(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b)) + 1e-9;
}

static bool value_at(const struct promql_result *r, struct labels labels, int64_t t_ms, double *out)
{
    for (size_t s = 0; s < r->series_count; s++)
        for (size_t i = 0; i < r->series[s].count && labels_eq(r->series[s].labels, labels); i++)
            if (r->series[s].times_ms[i] == t_ms) {
                *out = r->series[s].values[i];
                return true;
            }
    return false;
}

static bool step_holds(const struct elements *want, const struct promql_result *r, int64_t t_ms,
                       size_t *points, struct buf *why)
{
    for (size_t i = 0; i < want->count; i++) {
        double got;
        bool there = value_at(r, want->items[i].labels, t_ms, &got);
        (*points)++;
        if (there && close_to(want->items[i].value, got))
            continue;
        labels_format(why, want->items[i].labels);
        buf_printf(why, " at %.3f: want %.17g, got ", (double)t_ms / 1000, want->items[i].value);
        buf_printf(why, there ? "%.17g" : "none", there ? got : 0);
        return false;
    }
    return true;
}

static bool result_holds(struct naive *n, const struct promql_expr *e, int rc,
                         const struct promql_result *r, const struct error *err, struct buf *why)
{
    int64_t step_ms = n->step_ms ? n->step_ms : 1;
    size_t points = 0, got = 0, steps = (size_t)((n->end_ms - n->start_ms) / step_ms) + 1;
    struct elements *want = arena_array(n->arena, steps, sizeof(*want));
    bool same = true;
    for (size_t i = 0; i < steps && !n->failed; i++)
        want[i] = naive_result(n, e, n->start_ms + (int64_t)i * step_ms);
    if (n->unsure)
        return true;
    for (size_t i = 0; i < steps && same && !n->failed && rc == 0; i++)
        same = step_holds(&want[i], r, n->start_ms + (int64_t)i * step_ms, &points, why);
    if (n->failed || rc) {
        if (n->failed != (rc != 0))
            buf_printf(why, rc ? "failed: %s" : "was to fail", err->text);
        return n->failed == (rc != 0);
    }
    for (size_t s = 0; s < r->series_count; s++)
        got += r->series[s].count;
    if (same && got != points)
        buf_printf(why, "%zu points too many", got - points);
    return same && got == points;
}

// Whether both agree about the query, which is run from its tree.
static bool agree(struct world *w, const struct promql_expr *e, struct promql_query q,
                  struct buf *why)
{
    struct arena arena;
    struct promql_result result;
    struct error err = {0};
    arena_init(&arena, 0);
    q.expr = e;
    q.step_ms = q.step_ms ? q.step_ms : 1;
    int rc = promql_run(w->f.engine, &q, &arena, &result, &err);
    struct naive n = {.arena = &arena,
                      .series = w->series,
                      .series_count = w->count,
                      .start_ms = q.start_ms,
                      .end_ms = q.end_ms,
                      .step_ms = q.step_ms,
                      .lookback_ms = w->f.options.lookback_ms,
                      .subquery_step_ms = w->f.options.default_subquery_step_ms};
    bool same = result_holds(&n, e, rc, &result, &err, why);
    w->answered += rc == 0 && result.series_count > 0;
    arena_release(&arena);
    return same;
}

static size_t children(const struct promql_expr *e, const struct promql_expr *out[8])
{
    size_t count = 0;
    if (e->kind == EXPR_PAREN || e->kind == EXPR_UNARY || e->kind == EXPR_SUBQUERY ||
        e->kind == EXPR_AGGREGATE)
        out[count++] = e->kind == EXPR_PAREN      ? e->inner
                       : e->kind == EXPR_UNARY    ? e->unary.inner
                       : e->kind == EXPR_SUBQUERY ? e->subquery.inner
                                                  : e->aggregate.inner;
    if (e->kind == EXPR_AGGREGATE && e->aggregate.param)
        out[count++] = e->aggregate.param;
    for (size_t i = 0; e->kind == EXPR_CALL && i < e->call.arg_count; i++)
        out[count++] = e->call.args[i];
    if (e->kind == EXPR_BINARY) {
        out[count++] = e->binary.left;
        out[count++] = e->binary.right;
    }
    return count;
}

// The smallest part for which they don't.
static const struct promql_expr *culprit(struct world *w, const struct promql_expr *e,
                                         struct promql_query q)
{
    const struct promql_expr *parts[8];
    size_t count = children(e, parts);
    for (size_t i = 0; i < count; i++) {
        struct buf why = BUF_INIT;
        const struct promql_expr *found = NULL;
        if (parts[i]->type == TYPE_VECTOR || parts[i]->type == TYPE_SCALAR)
            found = agree(w, parts[i], q, &why) ? NULL : culprit(w, parts[i], q);
        else if (parts[i]->kind == EXPR_SUBQUERY)
            found = agree(w, parts[i]->subquery.inner, q, &why)
                        ? NULL
                        : culprit(w, parts[i]->subquery.inner, q);
        buf_release(&why);
        if (found)
            return found;
    }
    return e;
}

static void report(struct world *w, const struct promql_expr *e, struct promql_query q,
                   const char *text)
{
    struct buf printed = BUF_INIT, why = BUF_INIT;
    const struct promql_expr *smallest = culprit(w, e, q);
    promql_print(&printed, smallest);
    agree(w, smallest, q, &why);
    print_error("%s\n  from %lld to %lld step %lld: %s\n  in %s\n", buf_text(&printed),
                (long long)q.start_ms, (long long)q.end_ms, (long long)q.step_ms, buf_text(&why),
                text);
    buf_release(&printed);
    buf_release(&why);
}

static bool compare_one(struct world *w, const char *text)
{
    struct arena arena;
    struct promql_expr *e;
    struct error err;
    struct buf why = BUF_INIT;
    int64_t start_ms = (int64_t)rng_below(&w->rng, 3600) * 500;
    int64_t step_ms = 500 * (1 + (int64_t)rng_below(&w->rng, 300));
    struct promql_query q = {.start_ms = start_ms, .end_ms = start_ms, .step_ms = step_ms};
    if (rng_below(&w->rng, 3))
        q.end_ms += step_ms * (int64_t)rng_below(&w->rng, 8);
    arena_init(&arena, 0);
    if (promql_parse(&e, str_from(text), w->f.options.features, &arena, &err))
        fail_msg("%s: %s", text, err.text);
    bool same = agree(w, e, q, &why);
    if (!same)
        report(w, e, q, text);
    promql_expr_free(e);
    arena_release(&arena);
    buf_release(&why);
    return same;
}

static void test_random_queries(void **state)
{
    const char *is_long = getenv("LAPWING_LONG");
    uint64_t seed = is_long ? (uint64_t)time(NULL) / 86400 * 1000 : 1, more = 0;
    size_t differ = 0, count = is_long ? 50 : 4;
    (void)state;
    if (str_to_u64(str_from(is_long), &more))
        seed += more * 1000000;
    for (size_t round = 0; round < count; round++) {
        struct world w;
        make_world(&w, seed + round);
        dice = &w.rng;
        for (size_t i = 0; i < QUERY_COUNT / 4 && differ < 10; i++) {
            struct buf text = BUF_INIT;
            put_vector(&text, 1 + (int)rng_below(dice, 3));
            differ += !compare_one(&w, buf_text(&text));
            buf_release(&text);
        }
        assert_true(w.answered > QUERY_COUNT / 4 / 3);
        release_world(&w);
    }
    assert_int_equal(differ, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_queries),
    };
    return UNIT_RUN(tests);
}
