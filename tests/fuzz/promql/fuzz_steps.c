// A range query is its instant queries: whatever expression, at each step both give the same.
//
// The input decides what the expression is, piece by piece, and at which steps it is evaluated; the
// data is fixed. Left out is what is about the query rather than the step: start(), end(), step(),
// range(), and choices between equals among series whose order depends on the step (topk and the
// like get selectors only).
#include <assert.h>
#include <math.h>

#include "base/buf.h"
#include "base/mem.h"
#include "promql/promql.h"
#include "storage/appender.h"

struct input {
    const uint8_t *bytes;
    size_t size;
};

static unsigned choose(struct input *in, unsigned count)
{
    if (in->size == 0)
        return 0;
    in->size--;
    return *in->bytes++ % count;
}

static const char *choose_word(struct input *in, const char *const *words, unsigned count)
{
    return words[choose(in, count)];
}

#define WORD(in, ...)                                                                              \
    choose_word((in), (const char *const[]){__VA_ARGS__},                                          \
                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static void put_vector(struct input *in, struct buf *b, unsigned depth);

static void put_selector(struct input *in, struct buf *b, const char *range)
{
    buf_cstr(b,
             WORD(in, "m_total", "m_total{a=\"1\"}", "g", "g{b!=\"x\"}", "{a=\"2\"}", "h_bucket"));
    buf_cstr(b, range);
    buf_cstr(b, WORD(in, "", "", "", " offset 70s", " offset -1m", " @ 300", " @ 200 offset 1m"));
}

static void put_scalar(struct input *in, struct buf *b, unsigned depth)
{
    switch (choose(in, depth ? 6 : 2)) {
    case 0:
        buf_cstr(b, WORD(in, "0", "1", "2", "0.5", "-3", "NaN", "Inf", "100"));
        break;
    case 1:
        buf_cstr(b, "time()");
        break;
    case 2:
        buf_cstr(b, "scalar(");
        put_vector(in, b, depth - 1);
        buf_cstr(b, ")");
        break;
    default:
        buf_cstr(b, "(");
        put_scalar(in, b, depth - 1);
        buf_cstr(b, WORD(in, " + ", " * ", " / ", " - ", " > bool ", " % "));
        put_scalar(in, b, depth - 1);
        buf_cstr(b, ")");
        break;
    }
}

static void put_range(struct input *in, struct buf *b, unsigned depth)
{
    if (depth == 0 || choose(in, 3)) {
        put_selector(in, b, WORD(in, "[1m]", "[90s]", "[5m]", "[7s]", "[10m]"));
        return;
    }
    buf_cstr(b, "(");
    put_vector(in, b, depth - 1);
    buf_cstr(b, ")");
    buf_cstr(b, WORD(in, "[3m:1m]", "[2m:13s]", "[5m:]", "[4m:30s] offset 1m", "[2m:20s] @ 250"));
}

static void put_call(struct input *in, struct buf *b, unsigned depth)
{
    switch (choose(in, 8)) {
    case 0:
        buf_printf(b, "%s(",
                   WORD(in, "abs", "floor", "sgn", "exp", "minute", "timestamp", "round"));
        put_vector(in, b, depth - 1);
        break;
    case 1:
        buf_cstr(b, "clamp(");
        put_vector(in, b, depth - 1);
        buf_cstr(b, ", ");
        put_scalar(in, b, depth - 1);
        buf_cstr(b, ", 50");
        break;
    case 2:
        buf_cstr(b, "label_replace(");
        put_vector(in, b, depth - 1);
        buf_cstr(b, WORD(in, ", \"n\", \"$1\", \"a\", \"(.*)\"", ", \"b\", \"\", \"a\", \"1\"",
                         ", \"__name__\", \"k\", \"b\", \".+\""));
        break;
    case 3:
        buf_cstr(b, "histogram_quantile(");
        put_scalar(in, b, depth - 1);
        buf_cstr(b, ", ");
        put_selector(in, b, "");
        break;
    case 4:
        buf_cstr(b, WORD(in, "absent(", "histogram_fraction(0, 3, ", "sort("));
        put_vector(in, b, depth - 1);
        break;
    case 5:
        buf_cstr(b, WORD(in, "quantile_over_time(0.3, ", "absent_over_time(", "deriv("));
        put_range(in, b, depth - 1);
        break;
    case 6:
        buf_cstr(b, "predict_linear(");
        put_range(in, b, depth - 1);
        buf_cstr(b, ", 60");
        break;
    default:
        buf_printf(b, "%s(",
                   WORD(in, "rate", "increase", "delta", "irate", "idelta", "changes", "resets",
                        "sum_over_time", "avg_over_time", "min_over_time", "max_over_time",
                        "count_over_time", "last_over_time", "first_over_time", "stddev_over_time",
                        "present_over_time", "ts_of_max_over_time", "mad_over_time"));
        put_range(in, b, depth - 1);
        break;
    }
    buf_cstr(b, ")");
}

static void put_aggregate(struct input *in, struct buf *b, unsigned depth)
{
    const char *by =
        WORD(in, "", "", " by (a)", " without (a)", " by (a, b, le)", " by (__name__)");
    if (choose(in, 4) == 0) {
        buf_printf(b, "%s%s (", WORD(in, "topk", "bottomk", "limitk"), by);
        buf_cstr(b, WORD(in, "1", "2", "time() / 100"));
        buf_cstr(b, ", ");
        put_selector(in, b, "");
    } else {
        buf_printf(b, "%s%s (", WORD(in, "sum", "avg", "count", "min", "max", "group", "stddev"),
                   by);
        put_vector(in, b, depth - 1);
    }
    buf_cstr(b, ")");
}

static void put_binary(struct input *in, struct buf *b, unsigned depth)
{
    const char *on = WORD(in, "", "", "on (a) ", "ignoring (b) ", "on () ", "on (a, b, le) ");
    buf_cstr(b, "(");
    put_vector(in, b, depth - 1);
    if (choose(in, 3) == 0) {
        buf_printf(b, " %s %s", WORD(in, "and", "or", "unless"), on);
    } else {
        buf_printf(b, " %s %s", WORD(in, "+", "-", "*", "/", ">", "<=", "==", "!= bool"), on);
        if (on[0])
            buf_cstr(b, WORD(in, "", "group_left () ", "group_right () ", "fill (1) ",
                             "fill_left (2) "));
    }
    put_vector(in, b, depth - 1);
    buf_cstr(b, ")");
}

static void put_vector(struct input *in, struct buf *b, unsigned depth)
{
    if (depth == 0) {
        put_selector(in, b, "");
        return;
    }
    switch (choose(in, 6)) {
    case 0:
        put_selector(in, b, "");
        break;
    case 1:
        put_aggregate(in, b, depth);
        break;
    case 2:
        put_binary(in, b, depth);
        break;
    case 3:
        buf_cstr(b, "(");
        put_vector(in, b, depth - 1);
        buf_printf(b, " %s ", WORD(in, "+", "*", ">", "< bool", "^"));
        put_scalar(in, b, depth - 1);
        buf_cstr(b, ")");
        break;
    default:
        put_call(in, b, depth);
        break;
    }
}

// ---- the data

struct world {
    struct clock_virtual clock;
    struct metrics *metrics;
    struct storage *storage;
    struct promql_engine *engine;
};

static void add_series(struct world *w, const char *name, const char *a, const char *label,
                       const char *value, unsigned seed)
{
    struct label labels[] = {{STR("__name__"), str_from(name)},
                             {STR("a"), str_from(a)},
                             {str_from(label), str_from(value)}};
    struct appender *app = appender_new(w->storage);
    series_ref ref;
    struct error err;
    int rc = appender_series(app, (struct labels){labels, 3}, &ref);
    assert(rc == 0);
    double v = seed % 7;
    for (unsigned i = 0; i < 60; i++) {
        seed = seed * 1103515245 + 12345;
        unsigned odd = seed >> 16 & 31;
        v += (seed >> 21) % 5;
        if (odd == 3)
            v = 0;
        if (odd > 26)
            continue;
        double stored = odd == 1 ? sample_stale() : odd == 2 ? NAN : v;
        rc = appender_add(app, ref, (int64_t)i * 15000 + seed % 3000, stored);
        assert(rc == 0);
    }
    rc = appender_commit(app, false, &err);
    assert(rc == 0);
    appender_free(app);
}

static void world_init(struct world *w)
{
    struct storage_options so;
    struct promql_options o;
    struct error err;
    clock_virtual_init(&w->clock, 1000000000);
    w->metrics = metrics_new();
    storage_options_init(&so);
    so.clock = &w->clock.clock;
    so.metrics = w->metrics;
    so.retention_ms = 0;
    int rc = storage_open(&w->storage, &so, &err);
    assert(rc == 0);
    promql_options_init(&o);
    o.storage = w->storage;
    o.clock = &w->clock.clock;
    o.metrics = w->metrics;
    o.features = ~0U & ~(unsigned)PROMQL_DELAYED_NAME_REMOVAL;
    w->engine = promql_engine_new(&o);
    add_series(w, "g", "1", "b", "x", 1);
    add_series(w, "g", "1", "b", "y", 2);
    add_series(w, "g", "2", "b", "x", 3);
    add_series(w, "h_bucket", "1", "le", "+Inf", 4);
    add_series(w, "h_bucket", "1", "le", "1", 5);
    add_series(w, "h_bucket", "1", "le", "2", 6);
    add_series(w, "m_total", "1", "b", "x", 7);
    add_series(w, "m_total", "2", "b", "x", 8);
    add_series(w, "m_total", "3", "b", "z", 9);
}

// ---- the comparison

static bool same_value(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return true;
    return fabs(a - b) <= 1e-9 * fmax(fabs(a), fabs(b)) + 1e-12;
}

static size_t points_at(const struct promql_result *r, int64_t t_ms)
{
    size_t count = 0;
    for (size_t s = 0; s < r->series_count; s++)
        for (size_t i = 0; i < r->series[s].count; i++)
            count += r->series[s].times_ms[i] == t_ms;
    return count;
}

static bool has_point(const struct promql_result *r, const struct promql_series *series,
                      int64_t t_ms)
{
    for (size_t s = 0; s < r->series_count; s++) {
        if (!labels_eq(r->series[s].labels, series->labels))
            continue;
        for (size_t i = 0; i < r->series[s].count; i++)
            if (r->series[s].times_ms[i] == t_ms)
                return same_value(r->series[s].values[i], series->values[0]);
    }
    return false;
}

static void compare(struct world *w, const struct promql_expr *e, const char *text,
                    const struct promql_query *range, const struct promql_result *whole,
                    struct arena *arena)
{
    for (int64_t t = range->start_ms; t <= range->end_ms; t += range->step_ms) {
        struct promql_query q = {.expr = e, .start_ms = t, .end_ms = t};
        struct promql_result at;
        struct error err = {0};
        int rc = promql_run(w->engine, &q, arena, &at, &err);
        bool same = rc == 0 && points_at(whole, t) == at.series_count;
        for (size_t s = 0; same && s < at.series_count; s++)
            same = has_point(whole, &at.series[s], t);
        if (!same)
            fprintf(stderr, "%s\n differs at %lld: %s\n", text, (long long)t, err.text);
        assert(same);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    if (!world.engine)
        world_init(&world);
    struct input in = {data, size};
    struct promql_query q = {.start_ms = (int64_t)choose(&in, 200) * 3000,
                             .step_ms = 1000 + (int64_t)choose(&in, 250) * 700};
    q.end_ms = q.start_ms + (int64_t)choose(&in, 12) * q.step_ms;
    struct buf text = BUF_INIT;
    put_vector(&in, &text, 1 + choose(&in, 4));
    struct arena arena;
    arena_init(&arena, 0);
    struct promql_expr *e;
    struct promql_result result;
    struct error err = {0};
    int rc = promql_parse(&e, buf_view(&text), ~0U, &arena, &err);
    if (rc)
        fprintf(stderr, "%s\n does not parse: %s\n", buf_text(&text), err.text);
    assert(rc == 0);
    q.expr = e;
    if (promql_run(world.engine, &q, &arena, &result, &err) == 0)
        compare(&world, e, buf_text(&text), &q, &result, &arena);
    promql_expr_free(e);
    arena_release(&arena);
    buf_release(&text);
    return 0;
}
