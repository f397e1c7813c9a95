// Compares what a query gave with what its case expects.
//
// Values are equal when both are NaN, or when they differ by less than a millionth of their sum of
// magnitudes, as in Prometheus' own runner. Annotations are compared without their position.
#include <math.h>

#include "base/float_text.h"
#include "base/regex.h"
#include "cli/script.h"
#include "model/sample.h"

#define EPSILON 0.000001

static bool nearly_equal(double a, double b)
{
    if (sample_is_stale(a) || sample_is_stale(b))
        return sample_is_stale(a) && sample_is_stale(b);
    if (isnan(a) && isnan(b))
        return true;
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), difference = fabs(a - b);
    if (a == 0 || b == 0 || sum < 0x1p-1022)
        return difference < EPSILON * 0x1p-1022;
    return difference / fmin(sum, 0x1.fffffffffffffp+1023) < EPSILON;
}

static bool fail_value(struct buf *why, struct labels labels, double want, double got)
{
    buf_cstr(why, "expected ");
    buf_float(why, want, FLOAT_G);
    buf_cstr(why, " for ");
    labels_format(why, labels);
    buf_cstr(why, ", got ");
    buf_float(why, got, FLOAT_G);
    return false;
}

static bool fail_labels(struct buf *why, const char *text, struct labels labels)
{
    buf_cstr(why, text);
    labels_format(why, labels);
    return false;
}

// ---- messages

bool eval_case_expects(const struct eval_case *c, enum expect_kind kind)
{
    for (size_t i = 0; i < c->expectation_count; i++)
        if (c->expectations[i].kind == kind)
            return true;
    return false;
}

// Without " (1:5)" at the end, and how often there was cause for it.
static struct str without_position(struct str text)
{
    size_t details = str_search(text, STR(", from buckets "));
    if (details < text.len)
        return str_first(text, details);
    size_t open = str_find_last(text, '(');
    if (open < text.len && open > 0 && text.ptr[text.len - 1] == ')' &&
        str_find(str_skip(text, open), ':') < text.len - open)
        text = str_first(text, open - 1);
    if (str_has_suffix(text, STR(" occurrences)")))
        text = str_first(text, str_find_last(text, '(') - 1);
    return text;
}

static bool text_matches(const struct expectation *x, struct str text)
{
    if (!x->text.len || !x->is_regex)
        return !x->text.len || str_eq(x->text, text);
    struct regex *re;
    struct error err;
    struct buf anywhere = BUF_INIT;
    buf_printf(&anywhere, "(?s:.*)(?:%.*s)(?s:.*)", STR_ARG(x->text));
    bool matches = false;
    if (regex_new(&re, buf_view(&anywhere), &err) == OK) {
        matches = regex_match(re, text);
        regex_free(re);
    }
    buf_release(&anywhere);
    return matches;
}

static bool fail_notes(struct buf *why, const char *what, struct str text)
{
    buf_printf(why, "%s%.*s", what, STR_ARG(text));
    return false;
}

// Each expectation is met by a note, and, where there are any, each note by an expectation.
static bool notes_hold(const struct eval_case *c, enum expect_kind kind, enum expect_kind none,
                       const struct str *notes, size_t count, struct buf *why)
{
    if (eval_case_expects(c, none) && count)
        return fail_notes(why, "unexpected annotation: ", notes[0]);
    for (size_t i = 0; i < c->expectation_count; i++) {
        const struct expectation *x = &c->expectations[i];
        bool met = x->kind != kind;
        for (size_t n = 0; n < count && !met; n++)
            met = text_matches(x, without_position(notes[n]));
        if (!met)
            return fail_notes(why, "expected annotation is missing: ", x->text);
    }
    for (size_t n = 0; n < count && eval_case_expects(c, kind); n++) {
        bool met = false;
        for (size_t i = 0; i < c->expectation_count && !met; i++)
            met = c->expectations[i].kind == kind &&
                  text_matches(&c->expectations[i], without_position(notes[n]));
        if (!met)
            return fail_notes(why, "unexpected annotation: ", notes[n]);
    }
    return true;
}

static bool failure_holds(const struct eval_case *c, const struct error *failure, struct buf *why)
{
    struct str text = str_from(failure->text);
    if (!c->old_fail && !eval_case_expects(c, EXPECT_FAIL))
        return fail_notes(why, "the query failed: ", text);
    for (size_t i = 0; i < c->expectation_count; i++)
        if (c->expectations[i].kind == EXPECT_FAIL && !text_matches(&c->expectations[i], text)) {
            fail_notes(why, "the query failed with another error: ", text);
            return fail_notes(why, "; expected ", c->expectations[i].text);
        }
    return true;
}

// ---- values

static const struct series_text *find_expected(const struct eval_case *c, struct labels labels,
                                               size_t *index)
{
    for (size_t i = 0; i < c->series_count; i++) {
        if (labels_eq(c->series[i].labels, labels)) {
            *index = i;
            return &c->series[i];
        }
    }
    return NULL;
}

static bool every_expected_is_there(const struct eval_case *c, const struct promql_result *r,
                                    struct buf *why)
{
    for (size_t i = 0; i < c->series_count; i++) {
        bool found = false;
        for (size_t s = 0; s < r->series_count && !found; s++)
            found = labels_eq(c->series[i].labels, r->series[s].labels);
        if (!found)
            return fail_labels(why, "expected series is missing: ", c->series[i].labels);
    }
    return true;
}

static bool histogram_in_the_way(struct buf *why, struct labels labels)
{
    return fail_labels(why, "native histograms are not supported yet: ", labels);
}

static bool vector_holds(const struct eval_case *c, const struct promql_result *r, struct buf *why)
{
    for (size_t s = 0; s < r->series_count; s++) {
        size_t index = 0;
        const struct promql_series *got = &r->series[s];
        const struct series_text *want = find_expected(c, got->labels, &index);
        if (!want)
            return fail_labels(why, "unexpected series in the result: ", got->labels);
        if (c->ordered && c->places[index] != s + 1)
            return fail_labels(why,
                               "a series stands in another place than expected: ", got->labels);
        if (want->count != 1)
            return fail_labels(why, "an instant query needs one expected point for ", want->labels);
        if (want->points[0].kind == POINT_HISTOGRAM)
            return histogram_in_the_way(why, want->labels);
        if (!nearly_equal(want->points[0].value, got->values[0]))
            return fail_value(why, got->labels, want->points[0].value, got->values[0]);
    }
    return every_expected_is_there(c, r, why);
}

static bool points_hold(const struct series_text *want, const struct promql_series *got,
                        int64_t start_ms, int64_t step_ms, struct buf *why)
{
    size_t at = 0;
    for (size_t i = 0; i < want->count; i++) {
        int64_t t_ms = start_ms + (int64_t)i * step_ms;
        bool present = at < got->count && got->times_ms[at] == t_ms;
        if (want->points[i].kind == POINT_HISTOGRAM)
            return histogram_in_the_way(why, want->labels);
        if (present != (want->points[i].kind == POINT_FLOAT)) {
            buf_printf(why, "%s point at %lld ms in ", present ? "unexpected" : "missing",
                       (long long)t_ms);
            labels_format(why, got->labels);
            return false;
        }
        if (present && !nearly_equal(want->points[i].value, got->values[at]))
            return fail_value(why, got->labels, want->points[i].value, got->values[at]);
        at += present;
    }
    return at == got->count ||
           fail_labels(why, "more points than expected, or at other times, in ", got->labels);
}

// No more points are expected than the times have room for.
static bool times_hold(const struct eval_case *c, const struct series_text *want, struct buf *why)
{
    if (!want->count || c->start_ms + (int64_t)(want->count - 1) * c->step_ms <= c->end_ms)
        return true;
    return fail_labels(why, "more points are expected than the times have for ", want->labels);
}

static bool matrix_holds(const struct eval_case *c, const struct promql_result *r, struct buf *why)
{
    if (c->ordered) {
        buf_cstr(why, "the result is a matrix, which has no order to expect");
        return false;
    }
    for (size_t s = 0; s < r->series_count; s++) {
        size_t index;
        const struct series_text *want = find_expected(c, r->series[s].labels, &index);
        if (!want)
            return fail_labels(why, "unexpected series in the result: ", r->series[s].labels);
        if (!times_hold(c, want, why) ||
            !points_hold(want, &r->series[s], c->start_ms, c->step_ms, why))
            return false;
    }
    return every_expected_is_there(c, r, why);
}

static bool fail_type(const struct promql_result *r, const char *want, struct buf *why)
{
    buf_printf(why, "the result is a %s, expected a %s", promql_type_name(r->type), want);
    return false;
}

static bool value_holds(const struct eval_case *c, const struct promql_result *r, struct buf *why)
{
    if (r->type == PROMQL_STRING) {
        if (!c->has_string)
            return fail_type(r, "vector or scalar", why);
        return str_eq(r->string, c->string) || fail_notes(why, "the string is ", r->string);
    }
    if (r->type == PROMQL_SCALAR) {
        if (!c->has_number)
            return fail_type(r, "vector", why);
        return nearly_equal(c->number, r->scalar.value) ||
               fail_value(why, (struct labels){0}, c->number, r->scalar.value);
    }
    if (c->has_number)
        return fail_type(r, "scalar", why);
    if (r->type == PROMQL_VECTOR)
        return vector_holds(c, r, why);
    if (c->instant && !c->has_range && !c->has_string)
        return fail_type(r, "vector (expect range vector says where one is meant)", why);
    return matrix_holds(c, r, why);
}

bool eval_case_holds(const struct eval_case *c, int rc, const struct error *failure,
                     const struct promql_result *result, struct buf *why)
{
    if (rc)
        return failure_holds(c, failure, why);
    if (c->old_fail || eval_case_expects(c, EXPECT_FAIL)) {
        buf_cstr(why, "the query was expected to fail and did not");
        return false;
    }
    if ((c->old_warn && !result->warning_count) || (c->old_info && !result->info_count)) {
        buf_cstr(why, "the query was expected to give annotations and did not");
        return false;
    }
    return notes_hold(c, EXPECT_WARN, EXPECT_NO_WARN, result->warnings, result->warning_count,
                      why) &&
           notes_hold(c, EXPECT_INFO, EXPECT_NO_INFO, result->infos, result->info_count, why) &&
           value_holds(c, result, why);
}

bool eval_case_holds_at(const struct eval_case *c, int64_t t_ms, const struct promql_result *result,
                        struct arena *arena, struct buf *why)
{
    struct promql_result at = {.type = c->has_number ? PROMQL_SCALAR : PROMQL_VECTOR};
    at.series = arena_array(arena, result->series_count + 1, sizeof(*at.series));
    for (size_t s = 0; s < result->series_count; s++) {
        const struct promql_series *from = &result->series[s];
        for (size_t i = 0; i < from->count; i++) {
            if (from->times_ms[i] != t_ms)
                continue;
            at.scalar = (struct sample){t_ms, from->values[i]};
            at.series[at.series_count++] =
                (struct promql_series){from->labels, &from->times_ms[i], &from->values[i], 1};
        }
    }
    return value_holds(c, &at, why);
}
