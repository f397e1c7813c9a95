// The table of functions: one row in functions.c is all that the parser, the checker and the engine
// know of a function.
#ifndef PROMQL_FUNCTIONS_H
#define PROMQL_FUNCTIONS_H

#include "ast.h"

struct eval;
struct plan_node;
struct row;
struct step_windows;
struct value;
struct window;

#define FUNCTION_ARGS_MAX 8

// How the engine computes a function.
enum function_shape {
    FUNCTION_MAP,       // each float of its first argument on its own
    FUNCTION_MAP_STEPS, // the same with the step's scalar arguments
    FUNCTION_RANGE,     // each window of its range vector on its own
    FUNCTION_CUSTOM,    // everything else
};

enum function_flags {
    FUNCTION_KEEPS_NAME = 1 << 0,       // the result is the metric still
    FUNCTION_USES_TIME = 1 << 1,        // the step's time matters even when @ pins its argument
    FUNCTION_USES_SAMPLE_TIME = 1 << 2, // so it does unless the argument is a selector
    FUNCTION_READS_INFO = 1 << 3,       // selects info series besides
    FUNCTION_ANCHORED = 1 << 4,         // may be used with anchored
    FUNCTION_SMOOTHED = 1 << 5,         // may be used with smoothed
    FUNCTION_OF_COUNTERS = 1 << 6,      // says so when the metric doesn't look like a counter
    FUNCTION_SORTS = 1 << 7,            // decides the order of an instant vector
    FUNCTION_OF_QUERY = 1 << 8,         // depends on where the query starts or ends
    FUNCTION_OF_QUANTILE = 1 << 9,      // says so when its first argument is no quantile
    FUNCTION_USES_STARTS = 1 << 10,     // when counters began, where that is known
    FUNCTION_IGNORES_VALUES = 1 << 11,  // of its argument: there are samples or not
};

// False: no value at this step.
typedef bool function_map_steps_fn(double value, const double *params, double *out);
// > 0: *out is the value; 0: none; < 0: an error.
typedef int function_range_fn(struct window *w, double *out);
// The same for all windows of a series at once, which sets the row's values and returns their count:
// beside a function_range_fn, where much of the work depends on the times alone.
typedef int function_row_fn(struct window *w, struct step_windows *s, struct row *row);
typedef int function_custom_fn(struct eval *ev, const struct plan_node *node, struct value *out);

struct function {
    const char *name;
    enum expr_type returns;
    enum expr_type
        args[FUNCTION_ARGS_MAX]; // the first arg_count; a repeated one has the last's type
    uint8_t arg_count;           // declared
    int8_t variadic;  // 0: exactly arg_count arguments; n > 0: arg_count - 1 to arg_count - 1 + n;
                      // < 0: arg_count - 1 or more
    unsigned feature; // promql_feature bit it needs; 0: stable
    unsigned flags;
    enum function_shape shape;
    union {
        double (*map)(double value);
        function_map_steps_fn *map_steps;
        function_range_fn *range;
        function_custom_fn *custom;
    };
    function_row_fn *row; // NULL: none
};

// NULL when there is none of this name.
const struct function *function_find(struct str name);
// Row `index` of the table, which is sorted by name; NULL past its end.
const struct function *function_at(size_t index);

#endif
