// Binary operators on floats.
#include "operators.h"

#include <assert.h>
#include <math.h>

double operator_apply(enum binary_op op, double left, double right)
{
    switch (op) {
    case OP_ADD:
        return left + right;
    case OP_SUB:
        return left - right;
    case OP_MUL:
        return left * right;
    case OP_DIV:
        return left / right;
    case OP_MOD:
        return fmod(left, right);
    case OP_POW:
        return pow(left, right);
    case OP_ATAN2:
        return atan2(left, right);
    case OP_EQ:
        return left == right;
    case OP_NE:
        return left != right;
    case OP_LT:
        return left < right;
    case OP_GT:
        return left > right;
    case OP_LE:
        return left <= right;
    case OP_GE:
        return left >= right;
    case OP_AND:
    case OP_OR:
    case OP_UNLESS:
    case OP_COUNT:
        break;
    }
    assert(!"a set operator has no float result");
    return 0;
}

double float_max(double a, double b)
{
    if ((isinf(a) && a > 0) || (isinf(b) && b > 0))
        return INFINITY;
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == 0 && a == b)
        return signbit(a) ? b : a;
    return a > b ? a : b;
}

double float_min(double a, double b)
{
    if ((isinf(a) && a < 0) || (isinf(b) && b < 0))
        return -INFINITY;
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == 0 && a == b)
        return signbit(a) ? a : b;
    return a < b ? a : b;
}
