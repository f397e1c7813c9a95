// label_replace() and label_join(): they change label sets, not values.
#include "eval.h"
#include "families.h"

// Sets a label of a row; what becomes the metric name stays.
static void set_label(struct eval *ev, struct row *row, struct str name, struct str value)
{
    struct labels_builder b;
    labels_builder_init(&b, ev->arena, row->labels);
    labels_builder_set(&b, name, value);
    row->labels = labels_builder_finish(&b);
    if (str_is(name, LABEL_METRIC_NAME))
        row->drop_name = false;
}

static struct str string_arg(const struct plan_node *node, size_t i)
{
    return node->call.args[i]->string;
}

static int replace_rows(struct eval *ev, const struct plan_node *node, const struct regex *re,
                        struct vector *v)
{
    struct str target = string_arg(node, 1), source = string_arg(node, 3);
    struct buf value = BUF_INIT;
    int rc = eval_vector(ev, node->call.args[0], v);
    for (size_t i = 0; rc == 0 && i < v->count; i++) {
        buf_reset(&value);
        if (regex_expand(re, labels_get(v->rows[i].labels, source), string_arg(node, 2), &value))
            set_label(ev, &v->rows[i], target, arena_copy(ev->arena, buf_view(&value)));
        rc = eval_check(ev);
    }
    buf_release(&value);
    return rc ? rc : vector_merge(ev, v, node->grid->count);
}

int label_replace(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct str target = string_arg(node, 1), pattern = string_arg(node, 4);
    struct regex *re;
    if (regex_new(&re, pattern, NULL))
        return eval_fail(ev, "invalid regular expression in label_replace(): %.*s",
                         STR_ARG(pattern));
    int rc = label_name_is_valid(target)
                 ? replace_rows(ev, node, re, &out->vector)
                 : eval_fail(ev, "invalid destination label name in label_replace(): %.*s",
                             STR_ARG(target));
    regex_free(re);
    return rc;
}

static void join_labels(const struct plan_node *node, struct labels labels, struct buf *out)
{
    for (size_t i = 3; i < node->call.arg_count; i++) {
        if (i > 3)
            buf_str(out, string_arg(node, 2));
        buf_str(out, labels_get(labels, string_arg(node, i)));
    }
}

int label_join(struct eval *ev, const struct plan_node *node, struct value *out)
{
    struct str target = string_arg(node, 1);
    for (size_t i = 3; i < node->call.arg_count; i++)
        if (!label_name_is_valid(string_arg(node, i)))
            return eval_fail(ev, "invalid source label name in label_join(): %.*s",
                             STR_ARG(string_arg(node, i)));
    if (!label_name_is_valid(target))
        return eval_fail(ev, "invalid destination label name in label_join(): %.*s",
                         STR_ARG(target));
    struct vector *v = &out->vector;
    struct buf value = BUF_INIT;
    int rc = eval_vector(ev, node->call.args[0], v);
    for (size_t i = 0; rc == 0 && i < v->count; i++) {
        buf_reset(&value);
        join_labels(node, v->rows[i].labels, &value);
        set_label(ev, &v->rows[i], target, arena_copy(ev->arena, buf_view(&value)));
        rc = eval_check(ev);
    }
    buf_release(&value);
    return rc ? rc : vector_merge(ev, v, node->grid->count);
}
