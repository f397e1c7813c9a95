// Where a series is heading: linear regression and double exponential smoothing.
#include <math.h>

#include "families.h"
#include "operators.h"
#include "window.h"

struct sum {
    double sum, c;
};

static void sum_add(struct sum *s, double value)
{
    kahan_add(value, &s->sum, &s->c);
}

struct line {
    double slope;
    double intercept; // at the time asked for
};

// Least squares over the window's samples, with compensated sums.
static struct line regression(const struct window *w, int64_t origin_ms)
{
    struct sum x = {0}, y = {0}, xy = {0}, x2 = {0};
    double first = w->values[w->first];
    bool constant = true;
    for (size_t i = w->first; i < w->end; i++) {
        double value = w->values[i];
        if (i > w->first && value != first)
            constant = false;
        double t = (double)(w->times_ms[i] - origin_ms) / 1e3;
        sum_add(&x, t);
        sum_add(&y, value);
        sum_add(&xy, t * value);
        sum_add(&x2, t * t);
    }
    if (constant && isinf(first))
        return (struct line){NAN, NAN};
    if (constant)
        return (struct line){0, first};
    double n = (double)window_count(w);
    double sum_x = x.sum + x.c, sum_y = y.sum + y.c;
    double covariance = xy.sum + xy.c - sum_x * sum_y / n;
    double variance = x2.sum + x2.c - sum_x * sum_x / n;
    double slope = covariance / variance;
    return (struct line){slope, sum_y / n - slope * sum_x / n};
}

int range_deriv(struct window *w, double *out)
{
    if (window_count(w) < 2)
        return 0;
    *out = regression(w, w->times_ms[w->first]).slope;
    return 1;
}

int range_predict_linear(struct window *w, double *out)
{
    if (window_count(w) < 2)
        return 0;
    struct line l = regression(w, w->t_ms);
    *out = l.slope * w->params[0] + l.intercept;
    return 1;
}

// As Go's %f has it.
static int fail_factor(struct window *w, const char *expected, double factor)
{
    if (isinf(factor))
        return eval_fail(w->ev, "invalid %s, got: %s", expected, factor > 0 ? "+Inf" : "-Inf");
    return eval_fail(w->ev, "invalid %s, got: %f", expected, factor);
}

int range_double_exponential_smoothing(struct window *w, double *out)
{
    double smoothing = w->params[0], trend = w->params[1];
    if (smoothing <= 0 || smoothing >= 1)
        return fail_factor(w, "smoothing factor. Expected: 0 < sf < 1", smoothing);
    if (trend <= 0 || trend >= 1)
        return fail_factor(w, "trend factor. Expected: 0 < tf < 1", trend);
    if (window_count(w) < 2)
        return 0;
    const double *v = w->values + w->first;
    double before = 0, level = v[0], slope = v[1] - v[0];
    for (size_t i = 1; i < window_count(w); i++) {
        if (i > 1)
            slope = trend * (level - before) + (1 - trend) * slope;
        double smoothed = smoothing * v[i] + (1 - smoothing) * (level + slope);
        before = level;
        level = smoothed;
    }
    *out = level;
    return 1;
}
