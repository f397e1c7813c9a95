// Answers are compared by what they say, not by their bytes: targets order series and labels
// differently and print floats differently. Both sides are sorted by labels and walked in step,
// and so are the samples of each series.
#include "answer.h"

#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/float_text.h"
#include "base/json.h"

struct pair {
    struct str name, value;
};

#define PAIRS_MAX 64

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static struct str label_text(struct arena *arena, const struct json *metric)
{
    struct pair pairs[PAIRS_MAX];
    size_t count = 0;
    for (const struct json *m = json_child(metric); m && count < PAIRS_MAX; m = json_next(m))
        pairs[count++] = (struct pair){json_name(m), json_text(m)};
    qsort(pairs, count, sizeof(*pairs), by_name);
    struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "%s%.*s=\"%.*s\"", i ? "," : "", STR_ARG(pairs[i].name),
                   STR_ARG(pairs[i].value));
    struct str copy = arena_copy(arena, buf_view(&text));
    buf_release(&text);
    return copy;
}

// [1700000000.123, "1.5"]
static bool read_sample(const struct json *pair, struct sample *out)
{
    const struct json *time = json_child(pair), *value = time ? json_next(time) : NULL;
    if (!value || json_kind(time) != JSON_NUMBER || !float_parse(json_text(value), &out->value))
        return false;
    out->t_ms = llround(json_number(time) * 1000);
    return true;
}

static bool read_samples(struct answer *a, struct answer_series *s, const struct json *values)
{
    size_t capacity = 0;
    for (const struct json *v = json_child(values); v; v = json_next(v)) {
        ARENA_GROW(&a->arena, s->samples, s->count, capacity);
        if (!read_sample(v, &s->samples[s->count]))
            return false;
        s->count++;
    }
    return true;
}

static bool read_series(struct answer *a, struct answer_series *s, const struct json *item)
{
    const struct json *value = json_get(item, "value"), *values = json_get(item, "values");
    *s = (struct answer_series){.labels = label_text(&a->arena, json_get(item, "metric"))};
    if (values)
        return read_samples(a, s, values);
    s->samples = arena_alloc(&a->arena, sizeof(*s->samples));
    s->count = 1;
    return value && read_sample(value, s->samples);
}

static int by_labels(const void *a, const void *b)
{
    return str_cmp(((const struct answer_series *)a)->labels,
                   ((const struct answer_series *)b)->labels);
}

static bool read_result(struct answer *a, const struct json *data)
{
    struct str type = json_text(json_get(data, "resultType"));
    const struct json *result = json_get(data, "result");
    size_t capacity = 0;
    if (!result)
        return false;
    if (str_is(type, "scalar")) {
        a->series = ARENA_NEW(&a->arena, struct answer_series);
        a->series->samples = arena_alloc(&a->arena, sizeof(struct sample));
        a->series->count = a->count = a->sample_count = 1;
        return read_sample(result, a->series->samples);
    }
    for (const struct json *item = json_child(result); item; item = json_next(item)) {
        ARENA_GROW(&a->arena, a->series, a->count, capacity);
        if (!read_series(a, &a->series[a->count], item))
            return false;
        a->sample_count += a->series[a->count++].count;
    }
    if (a->count)
        qsort(a->series, a->count, sizeof(*a->series), by_labels);
    return true;
}

int answer_parse(struct answer *a, struct str text, struct error *err)
{
    struct json *document;
    if (json_parse(&document, text, err))
        return error_set(err, ERR_INVALID, "no JSON: %.*s", (int)(text.len < 200 ? text.len : 200),
                         text.ptr ? text.ptr : "");
    *a = (struct answer){0};
    arena_init(&a->arena, 0);
    int result = OK;
    if (!str_is(json_text(json_get(document, "status")), "success"))
        result = error_set(err, ERR_EXECUTION, "%.*s: %.*s",
                           STR_ARG(json_text(json_get(document, "errorType"))),
                           STR_ARG(json_text(json_get(document, "error"))));
    else if (!read_result(a, json_get(document, "data")))
        result = error_set(err, ERR_INVALID, "no vector, matrix or scalar in the answer");
    json_free(document);
    if (result)
        answer_release(a);
    return result;
}

void answer_release(struct answer *a)
{
    arena_release(&a->arena);
}

// By how much two values differ, relative to the larger.
static double distance(double a, double b)
{
    if (a == b || (isnan(a) && isnan(b)))
        return 0;
    double larger = fmax(fabs(a), fabs(b));
    return isfinite(a) && isfinite(b) ? fabs(a - b) / larger : INFINITY;
}

static void compare_series(struct answer_difference *d, const struct answer_series *reference,
                           const struct answer_series *other, double tolerance)
{
    size_t i = 0, j = 0;
    while (i < reference->count && j < other->count) {
        const struct sample *a = &reference->samples[i], *b = &other->samples[j];
        d->samples_missing += a->t_ms < b->t_ms;
        d->samples_extra += a->t_ms > b->t_ms;
        i += a->t_ms <= b->t_ms;
        j += b->t_ms <= a->t_ms;
        if (a->t_ms != b->t_ms)
            continue;
        double by = distance(a->value, b->value);
        d->samples_compared++;
        d->samples_unequal += by > tolerance;
        d->relative_max = fmax(d->relative_max, by);
    }
    d->samples_missing += reference->count - i;
    d->samples_extra += other->count - j;
}

void answer_compare(struct answer_difference *d, const struct answer *reference,
                    const struct answer *other, double tolerance)
{
    *d = (struct answer_difference){0};
    size_t i = 0, j = 0;
    while (i < reference->count || j < other->count) {
        int order = i == reference->count ? 1
                    : j == other->count
                        ? -1
                        : str_cmp(reference->series[i].labels, other->series[j].labels);
        if (order == 0)
            compare_series(d, &reference->series[i], &other->series[j], tolerance);
        d->series_missing += order < 0;
        d->series_extra += order > 0;
        i += order <= 0;
        j += order >= 0;
    }
}

bool answer_agrees(const struct answer_difference *d)
{
    return !d->series_missing && !d->series_extra && !d->samples_unequal && !d->samples_missing &&
           !d->samples_extra;
}

static void part(struct buf *out, size_t count, const char *text)
{
    if (count)
        buf_printf(out, "%s%zu %s", out->len ? "; " : "", count, text);
}

void answer_difference_text(struct buf *out, const struct answer_difference *d)
{
    buf_reset(out);
    part(out, d->series_missing, "series are missing");
    part(out, d->series_extra, "series too many");
    part(out, d->samples_missing, "values are missing");
    part(out, d->samples_extra, "values too many");
    if (d->samples_unequal)
        buf_printf(out, "%s%zu of %zu values differ, by at most %.3g %%", out->len ? "; " : "",
                   d->samples_unequal, d->samples_compared, d->relative_max * 100);
}
