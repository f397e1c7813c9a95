#include "duration_expr.h"

#include <math.h>

// In seconds, as Prometheus computes them.
static double seconds(const struct duration_expr *d, const struct duration_context *c)
{
    switch (d->kind) {
    case DURATION_NONE:
        return 0;
    case DURATION_CONSTANT:
        return d->number;
    case DURATION_STEP:
        return (double)c->step_ms / 1000;
    case DURATION_RANGE:
        return (double)c->range_ms / 1000;
    case DURATION_NEGATE:
        return -seconds(d->left, c);
    default:
        break;
    }
    double a = seconds(d->left, c), b = seconds(d->right, c);
    switch (d->kind) {
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
        return fmin(a, b);
    default:
        return fmax(a, b);
    }
}

// Zero divisors that only the evaluation knows.
static bool divides_by_zero(const struct duration_expr *d, const struct duration_context *c)
{
    if (!d || !d->left)
        return false;
    if ((d->kind == DURATION_DIV || d->kind == DURATION_MOD) && seconds(d->right, c) == 0)
        return true;
    return divides_by_zero(d->left, c) || divides_by_zero(d->right, c);
}

int duration_expr_eval(const struct duration_expr *d, const struct duration_context *context,
                       bool may_be_negative, int64_t *ms, struct error *err)
{
    if (d->kind == DURATION_CONSTANT) {
        *ms = d->ms;
        return OK;
    }
    unsigned at = d->position.start + 1;
    if (divides_by_zero(d, context))
        return error_set(err, ERR_EXECUTION, "1:%u: division by zero", at);
    double value = seconds(d, context);
    if (!may_be_negative && value <= 0)
        return error_set(err, ERR_EXECUTION, "1:%u: duration must be greater than 0", at);
    if (!isfinite(value) || fabs(value) > 9223372036.0)
        return error_set(err, ERR_EXECUTION, "1:%u: duration is out of range", at);
    *ms = (int64_t)(value * 1000);
    return OK;
}

bool duration_expr_uses_range(const struct duration_expr *d)
{
    return d && (d->kind == DURATION_RANGE || duration_expr_uses_range(d->left) ||
                 duration_expr_uses_range(d->right));
}
