#include "duration_expr.h"

#include <math.h>

#define SECONDS_MAX 9223372036.854775807 // of what Prometheus' nanoseconds hold

static int fail(const struct duration_expr *d, const char *what, struct error *err)
{
    return error_set(err, ERR_EXECUTION, "%u:%u: %s", d->position.start, d->position.end, what);
}

static double lesser(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmin(a, b);
}

static double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static double apply(enum duration_kind kind, double a, double b)
{
    switch (kind) {
    case DURATION_ADD:
        return a + b;
    case DURATION_SUB:
        return a - b;
    case DURATION_MUL:
        return a * b;
    case DURATION_DIV:
        return a / b;
    case DURATION_MOD:
        return fmod(a, b);
    case DURATION_POW:
        return pow(a, b);
    case DURATION_MIN_OF:
        return lesser(a, b);
    default:
        return larger(a, b);
    }
}

// In seconds, as Prometheus computes them.
static int seconds(const struct duration_expr *d, const struct duration_context *c, double *out,
                   struct error *err)
{
    double a = 0, b = 0;
    int rc = d->left ? seconds(d->left, c, &a, err) : OK;
    if (rc == OK && d->right)
        rc = seconds(d->right, c, &b, err);
    if (rc)
        return rc;
    switch (d->kind) {
    case DURATION_NONE:
    case DURATION_CONSTANT:
        *out = d->number;
        return OK;
    case DURATION_STEP:
        *out = (double)c->step_ms / 1000;
        return OK;
    case DURATION_RANGE:
        *out = (double)c->range_ms / 1000;
        return OK;
    case DURATION_NEGATE:
        *out = -a;
        return OK;
    default:
        break;
    }
    if (b == 0 && (d->kind == DURATION_DIV || d->kind == DURATION_MOD))
        return fail(d, d->kind == DURATION_DIV ? "division by zero" : "modulo by zero", err);
    *out = apply(d->kind, a, b);
    return OK;
}

int duration_expr_eval(const struct duration_expr *d, const struct duration_context *context,
                       bool may_be_negative, int64_t *ms, struct error *err)
{
    if (d->kind == DURATION_CONSTANT) {
        *ms = d->ms;
        return OK;
    }
    double value;
    int rc = seconds(d, context, &value, err);
    if (rc)
        return rc;
    if (!isfinite(value))
        return fail(d, "duration is NaN or infinite", err);
    if (!may_be_negative && value <= 0)
        return fail(d, "duration must be greater than 0", err);
    if (fabs(value) > SECONDS_MAX)
        return fail(d, "duration is out of range", err);
    *ms = (int64_t)(value * 1000);
    return OK;
}

bool duration_expr_uses_range(const struct duration_expr *d)
{
    return d && (d->kind == DURATION_RANGE || duration_expr_uses_range(d->left) ||
                 duration_expr_uses_range(d->right));
}
