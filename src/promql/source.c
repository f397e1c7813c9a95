// With a store beneath, what a selection returns as series are pairs of the two stores' series, made
// here and taken apart here: nobody else looks into them. The samples of the lower store come first,
// up to the upper one's first.
#include "source.h"

#include "plan.h"

struct pair {
    const struct querier_series *over, *under; // either may be NULL
    int64_t under_max_ms;
};

int source_open(struct source *s, struct storage *storage, const struct promql_beneath *beneath,
                int64_t min_ms, int64_t max_ms, struct error *err)
{
    *s = (struct source){.beneath = beneath};
    int rc = querier_new(&s->over, storage, min_ms, max_ms, err);
    if (rc == 0 && beneath)
        rc = querier_new(&s->under, beneath->storage, min_ms, max_ms, err);
    return rc;
}

void source_close(struct source *s)
{
    querier_free(s->over);
    querier_free(s->under);
    *s = (struct source){0};
}

static int64_t under_max_ms(const struct promql_beneath *b, struct labels labels)
{
    struct str name = labels_get(labels, STR(LABEL_METRIC_NAME));
    for (size_t i = 0; i < b->ended_count; i++)
        if (str_eq(b->ended[i], name))
            return b->ended_ms;
    return INT64_MAX;
}

static void push(struct arena *arena, struct series_set *out, struct labels labels,
                 struct pair pair)
{
    struct pair *kept = ARENA_NEW(arena, struct pair);
    *kept = pair;
    out->labels[out->count] = labels;
    out->series[out->count++] = (struct querier_series *)kept;
}

// Both sets are sorted by labels, and so is the result.
static void merge(const struct source *s, const struct series_set *over,
                  const struct series_set *under, struct arena *arena, struct series_set *out)
{
    size_t count = over->count + under->count;
    out->labels = arena_array(arena, count, sizeof(*out->labels));
    out->series = arena_array(arena, count, sizeof(struct querier_series *));
    out->count = 0;
    for (size_t o = 0, u = 0; o < over->count || u < under->count;) {
        int order = o == over->count    ? 1
                    : u == under->count ? -1
                                        : labels_cmp(over->labels[o], under->labels[u]);
        struct labels labels = order <= 0 ? over->labels[o] : under->labels[u];
        struct pair pair = {.under_max_ms = under_max_ms(s->beneath, labels)};
        if (order <= 0)
            pair.over = over->series[o++];
        if (order >= 0)
            pair.under = under->series[u++];
        push(arena, out, labels, pair);
    }
}

static int select_all(struct querier *q, const struct selection *w, struct arena *arena,
                      struct series_set *out, struct error *err)
{
    return querier_select(q, w->matchers, w->matcher_count, w->min_ms, w->max_ms, arena, out, err);
}

int source_select(struct source *s, const struct selection *wanted, struct arena *arena,
                  struct series_set *out, struct error *err)
{
    static const struct str none;
    const struct str *labels = wanted->label_count ? wanted->labels : &none;
    if (!s->under && !wanted->all_labels)
        return querier_select_some(s->over, wanted->matchers, wanted->matcher_count, labels,
                                   wanted->label_count, wanted->min_ms, wanted->max_ms, arena, out,
                                   err);
    if (!s->under)
        return select_all(s->over, wanted, arena, out, err);
    struct series_set over, under;
    int rc = select_all(s->over, wanted, arena, &over, err);
    if (rc == 0)
        rc = select_all(s->under, wanted, arena, &under, err);
    if (rc == 0)
        merge(s, &over, &under, arena, out);
    return rc;
}

static void append_from(struct columns *out, const struct columns *over)
{
    while (out->count && out->times_ms[out->count - 1] >= over->times_ms[0])
        out->count--;
    columns_reserve(out, out->count + over->count);
    memcpy(out->times_ms + out->count, over->times_ms, over->count * sizeof(*out->times_ms));
    memcpy(out->values + out->count, over->values, over->count * sizeof(*out->values));
    out->count += over->count;
}

static int read_pair(struct source *s, const struct pair *pair, int64_t min_ms, int64_t max_ms,
                     struct columns *out, struct error *err)
{
    int64_t under_ms = max_ms < pair->under_max_ms ? max_ms : pair->under_max_ms;
    int rc = 0;
    out->count = 0;
    if (pair->under && min_ms <= under_ms)
        rc = querier_read(s->under, pair->under, min_ms, under_ms, out, err);
    if (rc || !pair->over)
        return rc;
    struct columns over;
    columns_init(&over);
    over.markers_only = out->markers_only;
    rc = querier_read(s->over, pair->over, min_ms, max_ms, &over, err);
    if (rc == 0 && over.count)
        append_from(out, &over);
    columns_release(&over);
    return rc;
}

int source_read(struct source *s, const struct querier_series *series, int64_t min_ms,
                int64_t max_ms, struct columns *out, struct error *err)
{
    if (!s->under)
        return querier_read(s->over, series, min_ms, max_ms, out, err);
    return read_pair(s, (const struct pair *)series, min_ms, max_ms, out, err);
}
