// All functions of the language, sorted by name: signatures first, then how the engine computes
// them. To add a function, add its row here, its few lines of C to the file of its family
// (functions_*.c) and a script to tests/promql.
#include "functions.h"

#define V TYPE_VECTOR
#define M TYPE_MATRIX
#define S TYPE_SCALAR
#define T TYPE_STRING
#define EXPERIMENTAL PROMQL_EXPERIMENTAL_FUNCTIONS

static const struct function functions[] = {
    // name, returns, arguments, their count, variadic, feature
    {"abs", V, {V}, 1, 0, 0},
    {"absent", V, {V}, 1, 0, 0},
    {"absent_over_time", V, {M}, 1, 0, 0},
    {"acos", V, {V}, 1, 0, 0},
    {"acosh", V, {V}, 1, 0, 0},
    {"asin", V, {V}, 1, 0, 0},
    {"asinh", V, {V}, 1, 0, 0},
    {"atan", V, {V}, 1, 0, 0},
    {"atanh", V, {V}, 1, 0, 0},
    {"avg_over_time", V, {M}, 1, 0, 0},
    {"ceil", V, {V}, 1, 0, 0},
    {"changes", V, {M}, 1, 0, 0},
    {"clamp", V, {V, S, S}, 3, 0, 0},
    {"clamp_max", V, {V, S}, 2, 0, 0},
    {"clamp_min", V, {V, S}, 2, 0, 0},
    {"cos", V, {V}, 1, 0, 0},
    {"cosh", V, {V}, 1, 0, 0},
    {"count_over_time", V, {M}, 1, 0, 0},
    {"day_of_month", V, {V}, 1, 1, 0},
    {"day_of_week", V, {V}, 1, 1, 0},
    {"day_of_year", V, {V}, 1, 1, 0},
    {"days_in_month", V, {V}, 1, 1, 0},
    {"deg", V, {V}, 1, 0, 0},
    {"delta", V, {M}, 1, 0, 0},
    {"deriv", V, {M}, 1, 0, 0},
    {"double_exponential_smoothing", V, {M, S, S}, 3, 0, EXPERIMENTAL},
    {"end", S, {0}, 0, 0, EXPERIMENTAL},
    {"exp", V, {V}, 1, 0, 0},
    {"first_over_time", V, {M}, 1, 0, 0},
    {"floor", V, {V}, 1, 0, 0},
    {"histogram_avg", V, {V}, 1, 0, 0},
    {"histogram_count", V, {V}, 1, 0, 0},
    {"histogram_fraction", V, {S, S, V}, 3, 0, 0},
    {"histogram_quantile", V, {S, V}, 2, 0, 0},
    {"histogram_quantiles", V, {V, T, S, S}, 4, 9, EXPERIMENTAL},
    {"histogram_stddev", V, {V}, 1, 0, 0},
    {"histogram_stdvar", V, {V}, 1, 0, 0},
    {"histogram_sum", V, {V}, 1, 0, 0},
    {"hour", V, {V}, 1, 1, 0},
    {"idelta", V, {M}, 1, 0, 0},
    {"increase", V, {M}, 1, 0, 0},
    {"info", V, {V, V}, 2, 1, EXPERIMENTAL},
    {"irate", V, {M}, 1, 0, 0},
    {"label_join", V, {V, T, T, T}, 4, -1, 0},
    {"label_replace", V, {V, T, T, T, T}, 5, 0, 0},
    {"last_over_time", V, {M}, 1, 0, 0},
    {"ln", V, {V}, 1, 0, 0},
    {"log10", V, {V}, 1, 0, 0},
    {"log2", V, {V}, 1, 0, 0},
    {"mad_over_time", V, {M}, 1, 0, EXPERIMENTAL},
    {"max_of", S, {S, S}, 2, 0, EXPERIMENTAL},
    {"max_over_time", V, {M}, 1, 0, 0},
    {"min_of", S, {S, S}, 2, 0, EXPERIMENTAL},
    {"min_over_time", V, {M}, 1, 0, 0},
    {"minute", V, {V}, 1, 1, 0},
    {"month", V, {V}, 1, 1, 0},
    {"pi", S, {0}, 0, 0, 0},
    {"predict_linear", V, {M, S}, 2, 0, 0},
    {"present_over_time", V, {M}, 1, 0, 0},
    {"quantile_over_time", V, {S, M}, 2, 0, 0},
    {"rad", V, {V}, 1, 0, 0},
    {"range", S, {0}, 0, 0, EXPERIMENTAL},
    {"rate", V, {M}, 1, 0, 0},
    {"resets", V, {M}, 1, 0, 0},
    {"round", V, {V, S}, 2, 1, 0},
    {"scalar", S, {V}, 1, 0, 0},
    {"sgn", V, {V}, 1, 0, 0},
    {"sin", V, {V}, 1, 0, 0},
    {"sinh", V, {V}, 1, 0, 0},
    {"sort", V, {V}, 1, 0, 0},
    {"sort_by_label", V, {V, T}, 2, -1, EXPERIMENTAL},
    {"sort_by_label_desc", V, {V, T}, 2, -1, EXPERIMENTAL},
    {"sort_desc", V, {V}, 1, 0, 0},
    {"sqrt", V, {V}, 1, 0, 0},
    {"start", S, {0}, 0, 0, EXPERIMENTAL},
    {"start_timestamp", V, {V}, 1, 0, EXPERIMENTAL},
    {"stddev_over_time", V, {M}, 1, 0, 0},
    {"stdvar_over_time", V, {M}, 1, 0, 0},
    {"step", S, {0}, 0, 0, EXPERIMENTAL},
    {"sum_over_time", V, {M}, 1, 0, 0},
    {"tan", V, {V}, 1, 0, 0},
    {"tanh", V, {V}, 1, 0, 0},
    {"time", S, {0}, 0, 0, 0},
    {"timestamp", V, {V}, 1, 0, 0},
    {"ts_of_first_over_time", V, {M}, 1, 0, EXPERIMENTAL},
    {"ts_of_last_over_time", V, {M}, 1, 0, EXPERIMENTAL},
    {"ts_of_max_over_time", V, {M}, 1, 0, EXPERIMENTAL},
    {"ts_of_min_over_time", V, {M}, 1, 0, EXPERIMENTAL},
    {"vector", V, {S}, 1, 0, 0},
    {"year", V, {V}, 1, 1, 0},
};

#define FUNCTION_COUNT (sizeof(functions) / sizeof(functions[0]))
_Static_assert(FUNCTION_COUNT == 90, "the functions of Prometheus 3.14");

const struct function *function_find(struct str name)
{
    size_t low = 0, high = FUNCTION_COUNT;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(name, str_from(functions[middle].name));
        if (order == 0)
            return &functions[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const struct function *function_at(size_t index)
{
    return index < FUNCTION_COUNT ? &functions[index] : NULL;
}
