// Rows, vectors and label sets: what evaluation passes from node to node.
//
// Labels are looked at once per series and node, never per step. Grouping and matching go through
// label_index, which numbers label sets by what a filter leaves of them, hashing into scratch
// memory and keeping a copy only of sets it has not seen.
#include "eval.h"

#include <stdlib.h>

#include "base/mem.h"

int row_init(struct eval *ev, struct row *row, struct labels labels, size_t step_count)
{
    size_t size = step_count * (sizeof(double) + 1);
    if (!arena_fits(ev->arena, size)) {
        ev->arena->exceeded = true;
        return eval_check(ev);
    }
    *row = (struct row){.labels = labels, .values = arena_alloc(ev->arena, size)};
    row->present = (uint8_t *)(row->values + step_count);
    memset(row->present, 0, step_count);
    return 0;
}

bool row_is_empty(const struct row *row, size_t step_count)
{
    return !memchr(row->present, 1, step_count);
}

size_t row_point_count(const struct row *row, size_t step_count)
{
    size_t count = 0;
    for (size_t i = 0; i < step_count; i++)
        count += row->present[i];
    return count;
}

static bool is_metadata_label(struct str name)
{
    return str_eq(name, STR(LABEL_METRIC_NAME)) || str_eq(name, STR("__type__")) ||
           str_eq(name, STR("__unit__"));
}

struct labels labels_drop_name(struct arena *a, struct labels set)
{
    size_t dropped = 0;
    bool first = false;
    for (size_t i = 0; i < set.count; i++) {
        if (is_metadata_label(set.items[i].name)) {
            dropped++;
            first = first || i == 0;
        }
    }
    if (dropped == 0)
        return set;
    if (dropped == 1 && first)
        return (struct labels){set.items + 1, set.count - 1};
    struct label *items = arena_array(a, set.count, sizeof(*items));
    size_t count = 0;
    for (size_t i = 0; i < set.count; i++)
        if (!is_metadata_label(set.items[i].name))
            items[count++] = set.items[i];
    return (struct labels){items, count};
}

void row_drop_name(struct eval *ev, struct row *row)
{
    row->drop_name = true;
    if (!ev->delayed_names)
        row->labels = labels_drop_name(ev->arena, row->labels);
}

void vector_push(struct eval *ev, struct vector *v, const struct row *row)
{
    ARENA_GROW(ev->arena, v->rows, v->count, v->capacity);
    v->rows[v->count++] = *row;
}

int collect_row(void *context, struct row *row)
{
    struct collector *c = context;
    struct row copy;
    int rc = row_init(c->ev, &copy, row->labels, c->step_count);
    if (rc)
        return rc;
    copy.drop_name = row->drop_name;
    memcpy(copy.values, row->values, c->step_count * sizeof(double));
    memcpy(copy.present, row->present, c->step_count);
    vector_push(c->ev, c->vector, &copy);
    return eval_hold(c->ev, row_point_count(&copy, c->step_count));
}

static int merge_rows(struct eval *ev, struct row *into, const struct row *from, size_t step_count)
{
    for (size_t i = 0; i < step_count; i++) {
        if (!from->present[i])
            continue;
        if (into->present[i])
            return eval_fail_duplicate(ev);
        into->present[i] = 1;
        into->values[i] = from->values[i];
    }
    return 0;
}

int vector_merge(struct eval *ev, struct vector *v, size_t step_count)
{
    if (v->count < 2)
        return 0;
    struct label_index index;
    label_index_init(&index);
    size_t kept = 0;
    int rc = 0;
    for (size_t i = 0; i < v->count && rc == 0; i++) {
        uint32_t at = label_index_add(&index, ev->arena, v->rows[i].labels);
        if (at < kept)
            rc = merge_rows(ev, &v->rows[at], &v->rows[i], step_count);
        else
            v->rows[kept++] = v->rows[i];
    }
    v->count = kept;
    label_index_release(&index);
    return rc;
}

int vector_check_unique(struct eval *ev, const struct vector *v)
{
    struct label_index index;
    label_index_init(&index);
    for (size_t i = 0; i < v->count; i++)
        label_index_add(&index, ev->arena, v->rows[i].labels);
    bool unique = index.count == v->count;
    label_index_release(&index);
    return unique ? 0 : eval_fail_duplicate(ev);
}

static int row_cmp(const void *a, const void *b)
{
    return labels_cmp(((const struct row *)a)->labels, ((const struct row *)b)->labels);
}

void vector_sort(struct vector *v)
{
    bool sorted = true;
    for (size_t i = 1; i < v->count && sorted; i++)
        sorted = row_cmp(&v->rows[i - 1], &v->rows[i]) <= 0;
    if (!sorted)
        qsort(v->rows, v->count, sizeof(*v->rows), row_cmp);
}

size_t label_filter_apply(const struct label_filter *f, struct labels set, struct label *out)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < set.count; i++) {
        int order = 1;
        while (at < f->name_count && (order = str_cmp(f->names[at], set.items[i].name)) < 0)
            at++;
        bool listed = at < f->name_count && order == 0;
        if (!f->keep && f->drop_metric_name && str_eq(set.items[i].name, STR(LABEL_METRIC_NAME)))
            continue;
        if (listed == f->keep)
            out[count++] = set.items[i];
    }
    return count;
}

struct labels label_filter_labels(struct arena *a, const struct label_filter *f, struct labels set)
{
    struct label *items = arena_array(a, set.count, sizeof(*items));
    return (struct labels){items, label_filter_apply(f, set, items)};
}

void label_index_init(struct label_index *x)
{
    *x = (struct label_index){0};
    hmap_init(&x->map);
}

void label_index_release(struct label_index *x)
{
    hmap_release(&x->map);
    mem_free(x->scratch);
}

static bool set_equal(const void *context, uint32_t value, const void *key)
{
    const struct label_index *x = context;
    return labels_eq(x->sets[value], *(const struct labels *)key);
}

static uint32_t index_insert(struct label_index *x, struct arena *a, uint64_t hash,
                             struct labels set)
{
    ARENA_GROW(a, x->sets, x->count, x->capacity);
    x->sets[x->count] = set;
    hmap_insert(&x->map, hash, (uint32_t)x->count);
    return (uint32_t)x->count++;
}

uint32_t label_index_add(struct label_index *x, struct arena *a, struct labels set)
{
    uint64_t hash = labels_hash(set);
    uint32_t found = hmap_find(&x->map, hash, set_equal, x, &set);
    return found != HMAP_NONE ? found : index_insert(x, a, hash, set);
}

uint32_t label_index_find(const struct label_index *x, struct labels set)
{
    return hmap_find(&x->map, labels_hash(set), set_equal, x, &set);
}

static bool are_same_texts(struct labels a, struct labels b)
{
    if (a.count != b.count)
        return false;
    for (size_t i = 0; i < a.count; i++) {
        const struct label *x = &a.items[i], *y = &b.items[i];
        if (x->value.ptr != y->value.ptr || x->name.ptr != y->name.ptr ||
            x->value.len != y->value.len || x->name.len != y->name.len)
            return false;
    }
    return true;
}

static size_t recent_place(struct labels set)
{
    uintptr_t sum = 0;
    for (size_t i = 0; i < set.count; i++)
        sum = sum * 31 + (uintptr_t)set.items[i].value.ptr;
    return (sum * UINT64_C(0x9e3779b97f4a7c15) >> 32) % LABEL_INDEX_RECENT;
}

static uint32_t add_filtered(struct label_index *x, struct arena *a,
                             const struct label_filter *filter, struct labels set)
{
    if (x->scratch_capacity < set.count) {
        x->scratch_capacity = set.count * 2;
        x->scratch = mem_realloc(x->scratch, x->scratch_capacity, sizeof(*x->scratch));
    }
    struct labels left = {x->scratch, label_filter_apply(filter, set, x->scratch)};
    uint64_t hash = labels_hash(left);
    uint32_t found = hmap_find(&x->map, hash, set_equal, x, &left);
    if (found != HMAP_NONE)
        return found;
    struct label *kept = arena_array(a, left.count + 1, sizeof(*kept));
    if (left.count)
        memcpy(kept, left.items, left.count * sizeof(*kept));
    return index_insert(x, a, hash, (struct labels){kept, left.count});
}

uint32_t label_index_filtered(struct label_index *x, struct arena *a,
                              const struct label_filter *filter, struct labels set)
{
    if (set.count == 0)
        return add_filtered(x, a, filter, set);
    size_t place = recent_place(set);
    if (!are_same_texts(x->recent[place], set)) {
        x->recent_numbers[place] = add_filtered(x, a, filter, set);
        x->recent[place] = set;
    }
    return x->recent_numbers[place];
}
