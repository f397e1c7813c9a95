// The table of functions: one row in functions.c is all that the parser, the checker and the engine
// know of a function.
#ifndef PROMQL_FUNCTIONS_H
#define PROMQL_FUNCTIONS_H

#include "ast.h"

#define FUNCTION_ARGS_MAX 8

struct function {
    const char *name;
    enum expr_type returns;
    enum expr_type args[FUNCTION_ARGS_MAX]; // the first arg_count; a repeated one has the last's type
    uint8_t arg_count;                      // declared
    int8_t variadic;  // 0: exactly arg_count arguments; n > 0: arg_count - 1 to arg_count - 1 + n;
                      // < 0: arg_count - 1 or more
    unsigned feature; // promql_feature bit it needs; 0: stable
};

// NULL when there is none of this name.
const struct function *function_find(struct str name);
// Row `index` of the table, which is sorted by name; NULL past its end.
const struct function *function_at(size_t index);

#endif
