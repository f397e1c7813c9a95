// sort() and friends: the order of an instant vector. A range query's series are ordered by labels,
// whatever these do, and its user is told.
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "eval.h"
#include "families.h"

static int evaluate(struct eval *ev, const struct plan_node *node, struct value *out)
{
    int rc = eval_vector(ev, node->call.args[0], &out->vector);
    if (rc == 0 && node->grid->start_ms != node->grid->end_ms)
        annotate(
            &ev->annotations, ANNOTATION_WARNING, node->expr->position,
            "sort is ineffective for range queries since results are always ordered by labels");
    return rc;
}

struct place {
    struct row row;
    size_t index; // before; decides between equals
};

struct order {
    const struct plan_node *node;
    int direction; // 1 or -1
};

static int order_by(struct eval *ev, const struct plan_node *node, int direction,
                    int (*cmp)(const void *, const void *, void *), struct value *out)
{
    int rc = evaluate(ev, node, out);
    struct vector *v = &out->vector;
    if (rc || node->grid->count != 1)
        return rc;
    struct order order = {node, direction};
    struct place *places = arena_array(ev->arena, v->count, sizeof(*places));
    for (size_t i = 0; i < v->count; i++)
        places[i] = (struct place){v->rows[i], i};
    qsort_r(places, v->count, sizeof(*places), cmp, &order);
    for (size_t i = 0; i < v->count; i++)
        v->rows[i] = places[i].row;
    return 0;
}

// NaN is last in both directions.
static int value_cmp(const void *a, const void *b, void *context)
{
    const struct place *x = a, *y = b;
    const struct order *order = context;
    double left = x->row.values[0], right = y->row.values[0];
    if (isnan(left) != isnan(right))
        return isnan(left) ? 1 : -1;
    if (left < right)
        return -order->direction;
    if (left > right)
        return order->direction;
    return x->index < y->index ? -1 : 1;
}

// The next run of digits, or of anything else.
static struct str next_chunk(struct str *rest)
{
    size_t len = 0;
    bool digits = rest->len && isdigit((unsigned char)rest->ptr[0]);
    while (len < rest->len && (isdigit((unsigned char)rest->ptr[len]) != 0) == digits)
        len++;
    struct str chunk = str_first(*rest, len);
    *rest = str_skip(*rest, len);
    return chunk;
}

// Natural order: runs of digits compare as numbers.
static int natural_cmp(struct str a, struct str b)
{
    while (a.len && b.len) {
        struct str x = next_chunk(&a), y = next_chunk(&b);
        int64_t left, right;
        if (str_to_i64(x, &left) && str_to_i64(y, &right)) {
            if (left != right)
                return left < right ? -1 : 1;
        } else if (!str_eq(x, y)) {
            return str_cmp(x, y);
        }
    }
    return (a.len > 0) - (b.len > 0);
}

static int label_cmp(const void *a, const void *b, void *context)
{
    const struct place *x = a, *y = b;
    const struct order *order = context;
    for (size_t i = 1; i < order->node->call.arg_count; i++) {
        struct str name = order->node->call.args[i]->string;
        struct str left = labels_get(x->row.labels, name), right = labels_get(y->row.labels, name);
        if (str_eq(left, right))
            continue;
        int cmp = natural_cmp(left, right);
        return order->direction * (cmp ? cmp : str_cmp(left, right));
    }
    int cmp = order->direction * labels_cmp(x->row.labels, y->row.labels);
    return cmp ? cmp : (x->index < y->index ? -1 : 1);
}

int sort_sort(struct eval *ev, const struct plan_node *node, struct value *out)
{
    return order_by(ev, node, 1, value_cmp, out);
}

int sort_sort_desc(struct eval *ev, const struct plan_node *node, struct value *out)
{
    return order_by(ev, node, -1, value_cmp, out);
}

int sort_by_label(struct eval *ev, const struct plan_node *node, struct value *out)
{
    return order_by(ev, node, 1, label_cmp, out);
}

int sort_by_label_desc(struct eval *ev, const struct plan_node *node, struct value *out)
{
    return order_by(ev, node, -1, label_cmp, out);
}
