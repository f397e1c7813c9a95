// Mathematical functions of one value, beyond those of math.h.
#include <math.h>

#include "eval.h"
#include "families.h"
#include "operators.h"

double math_degrees(double value)
{
    return value * 180 / M_PI;
}

double math_radians(double value)
{
    return value * M_PI / 180;
}

double math_sign(double value)
{
    if (value < 0)
        return -1;
    return value > 0 ? 1 : value;
}

static bool clamp(double value, double low, double high, double *out)
{
    if (high < low)
        return false;
    *out = float_max(low, float_min(high, value));
    return true;
}

bool math_clamp(double value, const double *params, double *out)
{
    return clamp(value, params[0], params[1], out);
}

bool math_clamp_max(double value, const double *params, double *out)
{
    return clamp(value, -INFINITY, params[0], out);
}

bool math_clamp_min(double value, const double *params, double *out)
{
    return clamp(value, params[0], INFINITY, out);
}

// To a multiple of params[0], halves up. The inverse is exact for 0.1, 0.01 and the like.
bool math_round(double value, const double *params, double *out)
{
    double inverse = 1 / params[0];
    *out = floor(value * inverse + 0.5) / inverse;
    return true;
}

int math_pi(struct eval *ev, const struct plan_node *node, struct value *out)
{
    (void)ev;
    (void)node;
    out->number = M_PI;
    return 0;
}

static int of_two(struct eval *ev, const struct plan_node *node, double (*of)(double, double),
                  struct value *out)
{
    struct value left, right;
    int rc = eval_scalar(ev, node->call.args[0], &left);
    if (rc == 0)
        rc = eval_scalar(ev, node->call.args[1], &right);
    if (rc)
        return rc;
    double *values = arena_array(ev->arena, node->grid->count, sizeof(double));
    for (size_t i = 0; i < node->grid->count; i++)
        values[i] = of(scalar_at(&left, i), scalar_at(&right, i));
    out->scalar = values;
    return 0;
}

int math_max_of(struct eval *ev, const struct plan_node *node, struct value *out)
{
    return of_two(ev, node, float_max, out);
}

int math_min_of(struct eval *ev, const struct plan_node *node, struct value *out)
{
    return of_two(ev, node, float_min, out);
}
