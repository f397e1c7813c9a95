// All functions of the language, sorted by name: signatures first, then how the engine computes
// them. To add a function, add its row here, its few lines of C to the file of its family
// (functions_*.c) and a script to tests/promql.
#include "functions.h"

#include <math.h>

#include "families.h"

#define V            TYPE_VECTOR
#define M            TYPE_MATRIX
#define S            TYPE_SCALAR
#define T            TYPE_STRING
#define EXPERIMENTAL PROMQL_EXPERIMENTAL_FUNCTIONS
#define TIME         FUNCTION_USES_TIME
#define EXTENDED     (FUNCTION_ANCHORED | FUNCTION_SMOOTHED)

// clang-format off
#define MAP(f)              FUNCTION_MAP, {.map = (f)}, NULL
#define STEPS(f)            FUNCTION_MAP_STEPS, {.map_steps = (f)}, NULL
#define RANGE(f)            FUNCTION_RANGE, {.range = (f)}, NULL
#define RANGE_AND_ROW(f, g) FUNCTION_RANGE, {.range = (f)}, (g)
#define CUSTOM(f)           FUNCTION_CUSTOM, {.custom = (f)}, NULL

static const struct function functions[] = {
    // name, returns, arguments, their count, variadic, feature, flags, how
    {"abs", V, {V}, 1, 0, 0, 0, MAP(fabs)},
    {"absent", V, {V}, 1, 0, 0, FUNCTION_IGNORES_VALUES, CUSTOM(absent_absent)},
    {"absent_over_time", V, {M}, 1, 0, 0, FUNCTION_IGNORES_VALUES, CUSTOM(absent_over_time)},
    {"acos", V, {V}, 1, 0, 0, 0, MAP(acos)},
    {"acosh", V, {V}, 1, 0, 0, 0, MAP(acosh)},
    {"asin", V, {V}, 1, 0, 0, 0, MAP(asin)},
    {"asinh", V, {V}, 1, 0, 0, 0, MAP(asinh)},
    {"atan", V, {V}, 1, 0, 0, 0, MAP(atan)},
    {"atanh", V, {V}, 1, 0, 0, 0, MAP(atanh)},
    {"avg_over_time", V, {M}, 1, 0, 0, 0, RANGE(range_avg)},
    {"ceil", V, {V}, 1, 0, 0, 0, MAP(ceil)},
    {"changes", V, {M}, 1, 0, 0, FUNCTION_ANCHORED, RANGE(range_changes)},
    {"clamp", V, {V, S, S}, 3, 0, 0, 0, STEPS(math_clamp)},
    {"clamp_max", V, {V, S}, 2, 0, 0, 0, STEPS(math_clamp_max)},
    {"clamp_min", V, {V, S}, 2, 0, 0, 0, STEPS(math_clamp_min)},
    {"cos", V, {V}, 1, 0, 0, 0, MAP(cos)},
    {"cosh", V, {V}, 1, 0, 0, 0, MAP(cosh)},
    {"count_over_time", V, {M}, 1, 0, 0, FUNCTION_IGNORES_VALUES, RANGE(range_count)},
    {"day_of_month", V, {V}, 1, 1, 0, TIME, MAP(time_day_of_month)},
    {"day_of_week", V, {V}, 1, 1, 0, TIME, MAP(time_day_of_week)},
    {"day_of_year", V, {V}, 1, 1, 0, TIME, MAP(time_day_of_year)},
    {"days_in_month", V, {V}, 1, 1, 0, TIME, MAP(time_days_in_month)},
    {"deg", V, {V}, 1, 0, 0, 0, MAP(math_degrees)},
    {"delta", V, {M}, 1, 0, 0, EXTENDED, RANGE_AND_ROW(range_delta, row_delta)},
    {"deriv", V, {M}, 1, 0, 0, 0, RANGE(range_deriv)},
    {"double_exponential_smoothing", V, {M, S, S}, 3, 0, EXPERIMENTAL, 0, RANGE(range_double_exponential_smoothing)},
    {"end", S, {0}, 0, 0, EXPERIMENTAL, FUNCTION_OF_QUERY, CUSTOM(time_end)},
    {"exp", V, {V}, 1, 0, 0, 0, MAP(exp)},
    {"first_over_time", V, {M}, 1, 0, 0, FUNCTION_KEEPS_NAME, RANGE(range_first)},
    {"floor", V, {V}, 1, 0, 0, 0, MAP(floor)},
    {"histogram_avg", V, {V}, 1, 0, 0, 0, CUSTOM(histogram_none)},
    {"histogram_count", V, {V}, 1, 0, 0, 0, CUSTOM(histogram_none)},
    {"histogram_fraction", V, {S, S, V}, 3, 0, 0, 0, CUSTOM(histogram_fraction)},
    {"histogram_quantile", V, {S, V}, 2, 0, 0, 0, CUSTOM(histogram_quantile)},
    {"histogram_quantiles", V, {V, T, S, S}, 4, 9, EXPERIMENTAL, 0, CUSTOM(histogram_quantiles)},
    {"histogram_stddev", V, {V}, 1, 0, 0, 0, CUSTOM(histogram_none)},
    {"histogram_stdvar", V, {V}, 1, 0, 0, 0, CUSTOM(histogram_none)},
    {"histogram_sum", V, {V}, 1, 0, 0, 0, CUSTOM(histogram_none)},
    {"hour", V, {V}, 1, 1, 0, TIME, MAP(time_hour)},
    {"idelta", V, {M}, 1, 0, 0, 0, RANGE(range_idelta)},
    {"increase", V, {M}, 1, 0, 0, EXTENDED | FUNCTION_OF_COUNTERS | FUNCTION_USES_STARTS, RANGE_AND_ROW(range_increase, row_increase)},
    {"info", V, {V, V}, 2, 1, EXPERIMENTAL, FUNCTION_READS_INFO, CUSTOM(info_info)},
    {"irate", V, {M}, 1, 0, 0, FUNCTION_USES_STARTS, RANGE(range_irate)},
    {"label_join", V, {V, T, T, T}, 4, -1, 0, 0, CUSTOM(label_join)},
    {"label_replace", V, {V, T, T, T, T}, 5, 0, 0, 0, CUSTOM(label_replace)},
    {"last_over_time", V, {M}, 1, 0, 0, FUNCTION_KEEPS_NAME, RANGE(range_last)},
    {"ln", V, {V}, 1, 0, 0, 0, MAP(log)},
    {"log10", V, {V}, 1, 0, 0, 0, MAP(log10)},
    {"log2", V, {V}, 1, 0, 0, 0, MAP(log2)},
    {"mad_over_time", V, {M}, 1, 0, EXPERIMENTAL, 0, RANGE(range_mad)},
    {"max_of", S, {S, S}, 2, 0, EXPERIMENTAL, 0, CUSTOM(math_max_of)},
    {"max_over_time", V, {M}, 1, 0, 0, 0, RANGE(range_max)},
    {"min_of", S, {S, S}, 2, 0, EXPERIMENTAL, 0, CUSTOM(math_min_of)},
    {"min_over_time", V, {M}, 1, 0, 0, 0, RANGE(range_min)},
    {"minute", V, {V}, 1, 1, 0, TIME, MAP(time_minute)},
    {"month", V, {V}, 1, 1, 0, TIME, MAP(time_month)},
    {"pi", S, {0}, 0, 0, 0, 0, CUSTOM(math_pi)},
    {"predict_linear", V, {M, S}, 2, 0, 0, TIME, RANGE(range_predict_linear)},
    {"present_over_time", V, {M}, 1, 0, 0, FUNCTION_IGNORES_VALUES, RANGE(range_present)},
    {"quantile_over_time", V, {S, M}, 2, 0, 0, FUNCTION_OF_QUANTILE, RANGE(range_quantile)},
    {"rad", V, {V}, 1, 0, 0, 0, MAP(math_radians)},
    {"range", S, {0}, 0, 0, EXPERIMENTAL, FUNCTION_OF_QUERY, CUSTOM(time_range)},
    {"rate", V, {M}, 1, 0, 0, EXTENDED | FUNCTION_OF_COUNTERS | FUNCTION_USES_STARTS, RANGE_AND_ROW(range_rate, row_rate)},
    {"resets", V, {M}, 1, 0, 0, FUNCTION_ANCHORED | FUNCTION_USES_STARTS, RANGE(range_resets)},
    {"round", V, {V, S}, 2, 1, 0, 0, STEPS(math_round)},
    {"scalar", S, {V}, 1, 0, 0, 0, CUSTOM(convert_scalar)},
    {"sgn", V, {V}, 1, 0, 0, 0, MAP(math_sign)},
    {"sin", V, {V}, 1, 0, 0, 0, MAP(sin)},
    {"sinh", V, {V}, 1, 0, 0, 0, MAP(sinh)},
    {"sort", V, {V}, 1, 0, 0, FUNCTION_SORTS, CUSTOM(sort_sort)},
    {"sort_by_label", V, {V, T}, 2, -1, EXPERIMENTAL, FUNCTION_SORTS, CUSTOM(sort_by_label)},
    {"sort_by_label_desc", V, {V, T}, 2, -1, EXPERIMENTAL, FUNCTION_SORTS, CUSTOM(sort_by_label_desc)},
    {"sort_desc", V, {V}, 1, 0, 0, FUNCTION_SORTS, CUSTOM(sort_sort_desc)},
    {"sqrt", V, {V}, 1, 0, 0, 0, MAP(sqrt)},
    {"start", S, {0}, 0, 0, EXPERIMENTAL, FUNCTION_OF_QUERY, CUSTOM(time_start)},
    {"start_timestamp", V, {V}, 1, 0, EXPERIMENTAL, FUNCTION_USES_SAMPLE_TIME, CUSTOM(time_start_timestamp)},
    {"stddev_over_time", V, {M}, 1, 0, 0, 0, RANGE(range_stddev)},
    {"stdvar_over_time", V, {M}, 1, 0, 0, 0, RANGE(range_stdvar)},
    {"step", S, {0}, 0, 0, EXPERIMENTAL, 0, CUSTOM(time_step)},
    {"sum_over_time", V, {M}, 1, 0, 0, 0, RANGE(range_sum)},
    {"tan", V, {V}, 1, 0, 0, 0, MAP(tan)},
    {"tanh", V, {V}, 1, 0, 0, 0, MAP(tanh)},
    {"time", S, {0}, 0, 0, 0, TIME, CUSTOM(time_time)},
    {"timestamp", V, {V}, 1, 0, 0, FUNCTION_USES_SAMPLE_TIME | FUNCTION_IGNORES_VALUES, CUSTOM(time_timestamp)},
    {"ts_of_first_over_time", V, {M}, 1, 0, EXPERIMENTAL, 0, RANGE(range_ts_of_first)},
    {"ts_of_last_over_time", V, {M}, 1, 0, EXPERIMENTAL, 0, RANGE(range_ts_of_last)},
    {"ts_of_max_over_time", V, {M}, 1, 0, EXPERIMENTAL, 0, RANGE(range_ts_of_max)},
    {"ts_of_min_over_time", V, {M}, 1, 0, EXPERIMENTAL, 0, RANGE(range_ts_of_min)},
    {"vector", V, {S}, 1, 0, 0, 0, CUSTOM(convert_vector)},
    {"year", V, {V}, 1, 1, 0, TIME, MAP(time_year)},
};
// clang-format on

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

const char *promql_function(size_t index, unsigned *needed)
{
    const struct function *f = function_at(index);
    *needed = f ? f->feature : 0;
    return f ? f->name : NULL;
}
