#include "exposition.h"

#include <stdlib.h>

#include "base/float_text.h"
#include "base/mem.h"
#include "model/sample.h"
#include "shapes.h"

static struct str job_of(const struct generator *g, size_t series)
{
    return labels_get(generator_labels(g, 0, series), STR("job"));
}

static struct exposition *find_job(struct exposition *all, size_t count, struct str job)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(all[i].job, job))
            return &all[i];
    return NULL;
}

static int by_family(const void *a, const void *b, void *context)
{
    const struct generator *g = context;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    int order = strcmp(generator_family(g, x)->name, generator_family(g, y)->name);
    return order ? order : (x > y) - (x < y);
}

struct exposition *expositions_new(const struct generator *g, size_t *count)
{
    struct exposition *all = NULL;
    size_t capacity = 0, series_count = generator_series_count(g);
    *count = 0;
    for (size_t i = 0; i < series_count; i++) {
        struct exposition *e = find_job(all, *count, job_of(g, i));
        if (!e) {
            MEM_GROW(all, *count, capacity);
            e = &all[(*count)++];
            *e = (struct exposition){job_of(g, i), mem_calloc(series_count, sizeof(size_t)), 0};
        }
        e->series[e->count++] = i;
    }
    for (size_t i = 0; i < *count; i++)
        qsort_r(all[i].series, all[i].count, sizeof(size_t), by_family, (void *)g);
    return all;
}

void expositions_free(struct exposition *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        mem_free(all[i].series);
    mem_free(all);
}

static const char *type_of(enum value_kind kind)
{
    switch (kind) {
    case VALUE_COUNTER:
    case VALUE_SECONDS:
    case VALUE_NANOSECONDS:
    case VALUE_FLOAT_SUM:
        return "counter";
    case VALUE_HISTOGRAM:
    case VALUE_SIZES:
        return "histogram";
    case VALUE_SUMMARY:
        return "summary";
    default:
        return "gauge";
    }
}

static void write_head(struct buf *out, const struct family *f)
{
    buf_printf(out, "# HELP %s What %s tells of the host.\n# TYPE %s %s\n", f->name, f->name,
               f->name, type_of(f->kind));
}

static void write_series(struct buf *out, struct labels labels, double value)
{
    bool first = true;
    buf_str(out, labels_get(labels, STR(LABEL_METRIC_NAME)));
    for (size_t i = 0; i < labels.count; i++) {
        struct label l = labels.items[i];
        if (str_is(l.name, LABEL_METRIC_NAME) || str_is(l.name, "job") ||
            str_is(l.name, "instance"))
            continue;
        buf_printf(out, "%c%.*s=", first ? '{' : ',', STR_ARG(l.name));
        str_quote(out, l.value);
        first = false;
    }
    buf_cstr(out, first ? " " : "} ");
    buf_float(out, value, FLOAT_G);
    buf_char(out, '\n');
}

bool exposition_write(const struct exposition *e, const struct generator *g, size_t host,
                      const struct scrape *scrape, struct buf *out)
{
    const struct family *last = NULL;
    size_t before = out->len;
    bool any = false;
    for (size_t i = 0; i < e->count; i++) {
        size_t series = e->series[i];
        const struct family *f = generator_family(g, series);
        if (scrape->states[series] == SAMPLE_NONE || sample_is_stale(scrape->values[series]))
            continue;
        if (!last || strcmp(last->name, f->name) != 0)
            write_head(out, f);
        last = f;
        any = true;
        write_series(out, generator_labels(g, host, series), scrape->values[series]);
    }
    if (!any)
        buf_truncate(out, before);
    return any;
}
