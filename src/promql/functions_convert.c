// scalar() and vector().
#include <math.h>

#include "eval.h"
#include "families.h"

struct only {
    double *values;
    uint8_t *seen; // how many series have a value at the step: 0, 1, or 2 for more
    size_t count;
};

static int only_row(void *context, struct row *row)
{
    struct only *only = context;
    for (size_t i = 0; i < only->count; i++) {
        if (!row->present[i])
            continue;
        only->values[i] = only->seen[i] ? NAN : row->values[i];
        only->seen[i] = only->seen[i] ? 2 : 1;
    }
    return 0;
}

// The value of the only series there is; NaN for none or several.
int convert_scalar(struct eval *ev, const struct plan_node *node, struct value *out)
{
    size_t count = node->grid->count;
    struct only only = {.values = arena_array(ev->arena, count, sizeof(double)),
                        .seen = arena_calloc(ev->arena, count, 1),
                        .count = count};
    for (size_t i = 0; i < count; i++)
        only.values[i] = NAN;
    int rc = eval_stream(ev, node->call.args[0], only_row, &only);
    out->scalar = only.values;
    return rc;
}

int convert_vector(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct value scalar;
    struct row row;
    int rc = eval_scalar(ev, node->call.args[0], &scalar);
    if (rc || (rc = row_init(ev, &row, (struct labels){0}, node->grid->count)))
        return rc;
    for (size_t i = 0; i < node->grid->count; i++) {
        row.values[i] = scalar_at(&scalar, i);
        row.present[i] = 1;
    }
    vector_push(ev, &out->vector, &row);
    return eval_hold(ev, node->grid->count);
}
