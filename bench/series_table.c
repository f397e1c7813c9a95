// Expands the short text of label dimensions into series: "cpu:0-7 mode:idle,user" is 16 of them.
// The last dimension turns fastest, so that neighbours differ in one label, as in a real exporter's
// output.
#include "series_table.h"

#include "base/mem.h"

static const char *const QUANTILES[] = {"0", "0.25", "0.5", "0.75", "1"};
#define QUANTILE_COUNT (sizeof(QUANTILES) / sizeof(QUANTILES[0]))

struct expansion {
    struct series_table *table;
    const struct shape *shape;
    const struct family *family;
    unsigned unit; // 0 is the first, without a label
    struct label labels[SERIES_LABELS_MAX];
    size_t label_count;
};

static void add(struct expansion *x, enum series_part part, unsigned index, const char *suffix,
                const char *name, const char *value)
{
    struct series_table *t = x->table;
    MEM_GROW(t->plans, t->count, t->capacity);
    struct series_plan *p = &t->plans[t->count++];
    *p = (struct series_plan){.family = x->family,
                              .part = part,
                              .index = index,
                              .group = t->group_count,
                              .job = x->shape->job,
                              .port = x->shape->port};
    p->labels[p->label_count++] = (struct label){
        STR(LABEL_METRIC_NAME), arena_printf(&t->arena, "%s%s", x->family->name, suffix)};
    for (size_t i = 0; i < x->label_count; i++)
        p->labels[p->label_count++] = x->labels[i];
    if (name)
        p->labels[p->label_count++] = (struct label){str_from(name), str_from(value)};
    if (x->unit)
        p->labels[p->label_count++] =
            (struct label){STR("unit"), arena_printf(&t->arena, "%u", x->unit)};
}

// One combination of labels: a series, or those of a histogram or summary.
static void add_group(struct expansion *x)
{
    bool histogram = value_is_histogram(x->family->kind);
    bool summary = x->family->kind == VALUE_SUMMARY;
    for (unsigned i = 0; histogram && i < shape_bound_count; i++)
        add(x, PART_BUCKET, i, "_bucket", "le", shape_bounds[i]);
    for (unsigned i = 0; summary && i < QUANTILE_COUNT; i++)
        add(x, PART_QUANTILE, i, "", "quantile", QUANTILES[i]);
    if (histogram || summary) {
        add(x, PART_SUM, 0, "_sum", NULL, NULL);
        add(x, PART_COUNT, 0, "_count", NULL, NULL);
    } else {
        add(x, PART_VALUE, 0, "", NULL, NULL);
    }
    x->table->group_count++;
}

static void expand(struct expansion *x, struct str dimensions);

static void expand_value(struct expansion *x, struct str name, struct str value, struct str rest)
{
    x->labels[x->label_count++] = (struct label){name, value};
    expand(x, rest);
    x->label_count--;
}

// "0-7": true, and its ends; such values have one digit.
static bool is_range(struct str value)
{
    return value.len == 3 && value.ptr[1] == '-' && value.ptr[0] >= '0' && value.ptr[2] <= '9';
}

static void expand(struct expansion *x, struct str dimensions)
{
    struct str dimension, name, values, value;
    if (!str_next(&dimensions, ' ', &dimension)) {
        add_group(x);
        return;
    }
    str_cut(dimension, ':', &name, &values);
    while (str_next(&values, ',', &value)) {
        if (!is_range(value)) {
            expand_value(x, name, value, dimensions);
            continue;
        }
        for (char c = value.ptr[0]; c <= value.ptr[2]; c++)
            expand_value(x, name, arena_copy(&x->table->arena, str_make(&c, 1)), dimensions);
    }
}

// Takes back whole groups past the limit; true once it is reached.
static bool trim(struct series_table *t, unsigned limit)
{
    if (!limit || t->count < limit)
        return false;
    while (t->count > limit) {
        unsigned group = t->plans[t->count - 1].group;
        while (t->count && t->plans[t->count - 1].group == group)
            t->count--;
        t->group_count = group;
    }
    return true;
}

static int add_shapes(struct series_table *t, const char *shapes, unsigned unit, unsigned limit,
                      struct error *err)
{
    struct str rest = str_from(shapes), name;
    while (str_next(&rest, ',', &name)) {
        const struct shape *shape = shape_find(name);
        if (!shape)
            return error_set(err, ERR_NOT_FOUND, "no shape is called \"%.*s\"", STR_ARG(name));
        for (size_t i = 0; i < shape->count; i++) {
            struct expansion x = {
                .table = t, .shape = shape, .family = &shape->families[i], .unit = unit};
            expand(&x, str_from(x.family->labels));
            if (trim(t, limit))
                return OK;
        }
    }
    return OK;
}

int series_table_init(struct series_table *t, const char *shapes, unsigned limit, struct error *err)
{
    *t = (struct series_table){0};
    arena_init(&t->arena, 0);
    unsigned unit = 0;
    do {
        size_t before = t->count;
        int result = add_shapes(t, shapes, unit++, limit, err);
        if (!result && t->count == 0)
            result = error_set(err, ERR_INVALID, "no series: --shapes=\"%s\"", shapes);
        if (result) {
            series_table_release(t);
            return result;
        }
        if (t->count == before)
            break; // the next group is larger than what is left
    } while (t->count < limit);
    return OK;
}

void series_table_release(struct series_table *t)
{
    arena_release(&t->arena);
    mem_free(t->plans);
}
