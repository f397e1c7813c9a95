// and, or, unless: series of either side by whether the other has their match signature at the
// step.
#include "eval.h"

struct sides {
    struct eval *ev;
    const struct plan_node *node;
    size_t steps;
    struct vector left, right;
    struct label_index signatures;
    uint8_t **present; // by signature and step: the deciding side has it; NULL: at no step
};

static uint32_t signature_of(struct sides *s, const struct row *row)
{
    return label_index_filtered(&s->signatures, s->ev->arena, &s->node->binary.signature,
                                row->labels);
}

// Numbers all series and notes where the deciding side has which signature.
static uint32_t *mark_signatures(struct sides *s, const struct vector *deciding,
                                 const struct vector *other)
{
    struct arena *a = s->ev->arena;
    uint32_t *of_deciding = arena_array(a, deciding->count, sizeof(*of_deciding));
    uint32_t *of_other = arena_array(a, other->count, sizeof(*of_other));
    for (size_t i = 0; i < deciding->count; i++)
        of_deciding[i] = signature_of(s, &deciding->rows[i]);
    for (size_t i = 0; i < other->count; i++)
        of_other[i] = signature_of(s, &other->rows[i]);
    s->present = arena_calloc(a, s->signatures.count, sizeof(*s->present));
    for (size_t r = 0; r < deciding->count; r++) {
        uint8_t **steps = &s->present[of_deciding[r]];
        if (!*steps)
            *steps = arena_calloc(a, s->steps, 1);
        for (size_t i = 0; i < s->steps; i++)
            (*steps)[i] |= deciding->rows[r].present[i];
    }
    return of_other;
}

// Keeps of each series the steps at which the deciding side has (or, with `inverse`, lacks) its
// signature.
static void filter_rows(struct sides *s, const struct vector *from, const uint32_t *signatures,
                        bool inverse, struct vector *out)
{
    for (size_t r = 0; r < from->count; r++) {
        struct row *row = &from->rows[r];
        const uint8_t *steps = s->present[signatures[r]];
        for (size_t i = 0; i < s->steps; i++)
            row->present[i] &= (steps && steps[i]) != inverse;
        if (!row_is_empty(row, s->steps))
            vector_push(s->ev, out, row);
    }
}

int eval_binary_set(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    struct sides s = {.ev = ev, .node = n, .steps = n->grid->count};
    int rc = eval_vector(ev, n->binary.left, &s.left);
    if (rc || (rc = eval_vector(ev, n->binary.right, &s.right)))
        return rc;
    enum binary_op op = n->expr->binary.op;
    label_index_init(&s.signatures);
    if (op == OP_OR) {
        const uint32_t *signatures = mark_signatures(&s, &s.left, &s.right);
        for (size_t i = 0; i < s.left.count; i++)
            vector_push(ev, out, &s.left.rows[i]);
        filter_rows(&s, &s.right, signatures, true, out);
        rc = vector_merge(ev, out, s.steps);
    } else {
        const uint32_t *signatures = mark_signatures(&s, &s.right, &s.left);
        filter_rows(&s, &s.left, signatures, op == OP_UNLESS, out);
    }
    label_index_release(&s.signatures);
    return rc ? rc : eval_check(ev);
}
