// Arithmetic and comparison between two vectors.
//
// Series are numbered by their match signature once. Below, "many" is the side that may have
// several series to a signature (the left one, or the right one with group_right) and "one" the
// other. At each step a signature has at most one series of the one side: its owner. A many-side
// series joined with an owner gives a result series for the steps they share; results with equal
// labels become one series if they never meet.
//
// The errors are about steps, as Prometheus evaluates step by step: two series of a signature may
// take turns.
#include "eval.h"
#include "operators.h"

#define NONE UINT32_MAX

struct joined {
    struct row row;
    uint8_t *touched; // steps with a match; row.present are those that a comparison kept
    uint32_t signature;
};

struct join {
    struct eval *ev;
    const struct plan_node *node;
    const struct vector_matching *matching;
    enum binary_op op;
    bool swapped; // many is the right side
    bool returns_bool;
    bool filters;
    size_t steps;
    struct vector many, one;
    struct label_index signatures;
    uint32_t *many_signatures, *one_signatures; // of each series
    uint32_t *one_first, *one_next;             // the one side's series by signature, in order
    uint32_t **owners; // by signature and step; NULL: one_first, whenever it has a value
    uint8_t **matched; // by signature and step: the many side had a value and the one side, too
    uint8_t *active;   // steps that are looked at at all
    struct joined *out;
    size_t count;
    size_t capacity;
};

// ---- signatures

static void mark_present(const struct vector *v, uint8_t *steps, size_t count)
{
    for (size_t r = 0; r < v->count; r++)
        for (size_t i = 0; i < count; i++)
            steps[i] |= v->rows[r].present[i];
}

static void find_active(struct join *j)
{
    uint8_t *one = arena_calloc(j->ev->arena, j->steps, 1);
    j->active = arena_calloc(j->ev->arena, j->steps, 1);
    mark_present(&j->many, j->active, j->steps);
    mark_present(&j->one, one, j->steps);
    bool fills = j->matching->has_fill_left || j->matching->has_fill_right;
    for (size_t i = 0; i < j->steps; i++)
        j->active[i] = fills ? j->active[i] | one[i] : j->active[i] & one[i];
}

static uint32_t *number_series(struct join *j, const struct vector *v)
{
    uint32_t *numbers = arena_array(j->ev->arena, v->count, sizeof(*numbers));
    for (size_t i = 0; i < v->count; i++)
        numbers[i] = label_index_filtered(&j->signatures, j->ev->arena, &j->node->binary.signature,
                                          v->rows[i].labels);
    return numbers;
}

static void chain_one_side(struct join *j)
{
    size_t count = j->signatures.count;
    j->one_first = arena_array(j->ev->arena, count, sizeof(*j->one_first));
    j->one_next = arena_array(j->ev->arena, j->one.count, sizeof(*j->one_next));
    j->owners = arena_calloc(j->ev->arena, count, sizeof(*j->owners));
    j->matched = arena_calloc(j->ev->arena, count, sizeof(*j->matched));
    for (size_t i = 0; i < count; i++)
        j->one_first[i] = NONE;
    for (size_t i = j->one.count; i-- > 0;) {
        uint32_t signature = j->one_signatures[i];
        j->one_next[i] = j->one_first[signature];
        j->one_first[signature] = (uint32_t)i;
    }
}

static int fail_many_to_many(struct join *j, const struct row *later, const struct row *earlier)
{
    struct label_filter f = j->node->binary.signature;
    struct buf group = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
    labels_format_all(&group, label_filter_labels(j->ev->arena, &f, later->labels));
    labels_format_all(&a, later->labels);
    labels_format_all(&b, earlier->labels);
    int rc = eval_fail(j->ev,
                       "found duplicate series for the match group %s on the %s hand-side of the "
                       "operation: [%s, %s];many-to-many matching not allowed: matching labels "
                       "must be unique on one side",
                       buf_text(&group), j->swapped ? "left" : "right", buf_text(&a), buf_text(&b));
    buf_release(&group);
    buf_release(&a);
    buf_release(&b);
    return rc;
}

static int find_owners(struct join *j, uint32_t signature)
{
    uint32_t first = j->one_first[signature];
    if (first == NONE || j->one_next[first] == NONE)
        return 0;
    uint32_t *owners = arena_array(j->ev->arena, j->steps, sizeof(*owners));
    for (size_t i = 0; i < j->steps; i++)
        owners[i] = NONE;
    for (uint32_t r = first; r != NONE; r = j->one_next[r]) {
        const struct row *row = &j->one.rows[r];
        for (size_t i = 0; i < j->steps; i++) {
            if (!row->present[i] || !j->active[i])
                continue;
            if (owners[i] != NONE)
                return fail_many_to_many(j, row, &j->one.rows[owners[i]]);
            owners[i] = r;
        }
    }
    j->owners[signature] = owners;
    return eval_check(j->ev);
}

static uint32_t owner_at(const struct join *j, uint32_t signature, size_t step)
{
    if (j->owners[signature])
        return j->owners[signature][step];
    uint32_t first = j->one_first[signature];
    return first != NONE && j->one.rows[first].present[step] ? first : NONE;
}

// ---- results

static struct labels join_labels(struct join *j, struct labels many, struct labels one)
{
    struct arena *a = j->ev->arena;
    struct labels labels = many;
    if (!binary_op_is_comparison(j->op) || (j->returns_bool && !j->ev->delayed_names))
        labels = labels_drop_name(a, labels);
    if (j->matching->card == CARD_ONE_TO_ONE) {
        struct label_filter f = j->node->binary.signature;
        f.drop_metric_name = false;
        labels = label_filter_labels(a, &f, labels);
    }
    if (j->matching->include_count == 0)
        return labels;
    struct labels_builder b;
    labels_builder_init(&b, a, labels);
    for (size_t i = 0; i < j->matching->include_count; i++) {
        struct str name = j->matching->include[i];
        labels_builder_set(&b, name, labels_get(one, name));
    }
    return labels_builder_finish(&b);
}

// A result series; its labels are of a series of the many side, or of a match group.
static int add_joined(struct join *j, uint32_t signature, struct labels many, struct labels one,
                      struct joined **out)
{
    struct row row;
    int rc = row_init(j->ev, &row, join_labels(j, many, one), j->steps);
    if (rc)
        return rc;
    row.drop_name = j->returns_bool;
    ARENA_GROW(j->ev->arena, j->out, j->count, j->capacity);
    *out = &j->out[j->count++];
    **out = (struct joined){.row = row, .touched = row.present, .signature = signature};
    if (j->filters)
        (*out)->touched = arena_calloc(j->ev->arena, j->steps, 1);
    return 0;
}

static void join_value(const struct join *j, struct joined *to, size_t step, double many,
                       double one)
{
    double left = j->swapped ? one : many, right = j->swapped ? many : one;
    double result = operator_apply(j->op, left, right);
    to->touched[step] = 1;
    to->row.present[step] = !j->filters || result != 0;
    to->row.values[step] = j->filters ? left : result;
}

// Notes that a signature has a match at a step; one-to-one allows one.
static int note_match(struct join *j, uint32_t signature, size_t step)
{
    bool one_to_one = j->matching->card == CARD_ONE_TO_ONE;
    if (!one_to_one && !j->matching->has_fill_left)
        return 0;
    if (!j->matched[signature])
        j->matched[signature] = arena_calloc(j->ev->arena, j->steps, 1);
    if (one_to_one && j->matched[signature][step])
        return eval_fail(j->ev, "multiple matches for labels: many-to-one matching must be "
                                "explicit (group_left/group_right)");
    j->matched[signature][step] = 1;
    return 0;
}

static struct labels group_labels(struct join *j, struct labels of)
{
    return label_filter_labels(j->ev->arena, &j->node->binary.signature, of);
}

// Joins a series of the many side with one owner, or with the fill value (owner NONE), at the steps
// where that is what it meets.
static int join_pair(struct join *j, const struct row *many, uint32_t signature, uint32_t owner)
{
    const struct row *one = owner == NONE ? NULL : &j->one.rows[owner];
    struct joined *out = NULL;
    for (size_t i = 0; i < j->steps; i++) {
        if (!many->present[i] || owner_at(j, signature, i) != owner)
            continue;
        int rc = out ? 0
                     : add_joined(j, signature, many->labels,
                                  one ? one->labels : group_labels(j, many->labels), &out);
        if (rc || (rc = note_match(j, signature, i)))
            return rc;
        join_value(j, out, i, many->values[i], one ? one->values[i] : j->matching->fill_right);
    }
    return 0;
}

static int join_series(struct join *j, size_t index)
{
    const struct row *many = &j->many.rows[index];
    uint32_t signature = j->many_signatures[index];
    int rc = eval_check(j->ev);
    for (uint32_t r = j->one_first[signature]; r != NONE && rc == 0; r = j->one_next[r])
        rc = join_pair(j, many, signature, r);
    if (rc == 0 && j->matching->has_fill_right)
        rc = join_pair(j, many, signature, NONE);
    return rc;
}

// What the one side has and the many side misses.
static int fill_unmatched(struct join *j, size_t index)
{
    const struct row *one = &j->one.rows[index];
    uint32_t signature = j->one_signatures[index];
    struct joined *out = NULL;
    for (size_t i = 0; i < j->steps; i++) {
        const uint8_t *matched = j->matched[signature];
        if (!one->present[i] || (matched && matched[i]))
            continue;
        int rc =
            out ? 0 : add_joined(j, signature, group_labels(j, one->labels), one->labels, &out);
        if (rc)
            return rc;
        join_value(j, out, i, j->matching->fill_left, one->values[i]);
    }
    return 0;
}

static int merge_joined(struct join *j, struct joined *into, const struct joined *from)
{
    bool grouped = j->matching->card != CARD_ONE_TO_ONE && into->signature == from->signature;
    for (size_t i = 0; i < j->steps; i++) {
        if (grouped && into->touched[i] && from->touched[i])
            return eval_fail(
                j->ev, "multiple matches for labels: grouping labels must ensure unique matches");
        into->touched[i] |= from->touched[i];
        if (!from->row.present[i])
            continue;
        if (into->row.present[i] && into->signature != from->signature)
            return eval_fail_duplicate(j->ev);
        into->row.present[i] = 1;
        into->row.values[i] = from->row.values[i];
    }
    return 0;
}

// Results with equal labels become one.
static int merge_results(struct join *j, struct vector *out)
{
    struct label_index index;
    label_index_init(&index);
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < j->count && rc == 0; i++) {
        uint32_t at = label_index_add(&index, j->ev->arena, j->out[i].row.labels);
        if (at < kept)
            rc = merge_joined(j, &j->out[at], &j->out[i]);
        else
            j->out[kept++] = j->out[i];
    }
    label_index_release(&index);
    for (size_t i = 0; i < kept && rc == 0; i++) {
        if (row_is_empty(&j->out[i].row, j->steps))
            continue;
        vector_push(j->ev, out, &j->out[i].row);
        rc = eval_hold(j->ev, row_point_count(&j->out[i].row, j->steps));
    }
    return rc;
}

static int join_all(struct join *j, struct vector *out)
{
    find_active(j);
    j->many_signatures = number_series(j, &j->many);
    j->one_signatures = number_series(j, &j->one);
    chain_one_side(j);
    int rc = eval_check(j->ev);
    for (uint32_t s = 0; s < j->signatures.count && rc == 0; s++)
        rc = find_owners(j, s);
    for (size_t i = 0; i < j->many.count && rc == 0; i++)
        rc = join_series(j, i);
    for (size_t i = 0; j->matching->has_fill_left && i < j->one.count && rc == 0; i++)
        rc = fill_unmatched(j, i);
    return rc ? rc : merge_results(j, out);
}

// The values of a vector from a step on.
static struct vector vector_from(struct arena *a, const struct vector *v, size_t step)
{
    struct vector from = {.rows = arena_array(a, v->count, sizeof(*from.rows)), .count = v->count};
    for (size_t i = 0; i < v->count; i++) {
        from.rows[i] = v->rows[i];
        from.rows[i].values += step;
        from.rows[i].present += step;
    }
    return from;
}

// A larger join isn't tried again.
#define RETRY_POINTS_MAX 1000000

// A join that failed fails with the reason of the first step at which it does, as it would step by
// step.
static int fail_first(const struct join *failed, int rc)
{
    struct eval *ev = failed->ev;
    if (failed->steps * (failed->many.count + failed->one.count) > RETRY_POINTS_MAX)
        return rc;
    for (size_t step = 0; step < failed->steps; step++) {
        struct vector none = {0};
        struct join j = {.ev = ev,
                         .node = failed->node,
                         .matching = failed->matching,
                         .op = failed->op,
                         .swapped = failed->swapped,
                         .returns_bool = failed->returns_bool,
                         .filters = failed->filters,
                         .steps = 1,
                         .many = vector_from(ev->arena, &failed->many, step),
                         .one = vector_from(ev->arena, &failed->one, step)};
        label_index_init(&j.signatures);
        int first = join_all(&j, &none);
        label_index_release(&j.signatures);
        if (first)
            return first;
    }
    return rc;
}

int eval_binary_vectors(struct eval *ev, const struct plan_node *n, struct vector *out)
{
    const struct promql_expr *e = n->expr;
    struct join j = {.ev = ev,
                     .node = n,
                     .matching = &e->binary.matching,
                     .op = e->binary.op,
                     .swapped = e->binary.matching.card == CARD_ONE_TO_MANY,
                     .returns_bool = e->binary.return_bool,
                     .filters = binary_op_is_comparison(e->binary.op) && !e->binary.return_bool,
                     .steps = n->grid->count};
    struct vector left, right;
    int rc = eval_vector(ev, n->binary.left, &left);
    if (rc || (rc = eval_vector(ev, n->binary.right, &right)))
        return rc;
    j.many = j.swapped ? right : left;
    j.one = j.swapped ? left : right;
    label_index_init(&j.signatures);
    rc = join_all(&j, out);
    label_index_release(&j.signatures);
    return rc == ERR_EXECUTION && j.steps > 1 ? fail_first(&j, rc) : rc;
}
