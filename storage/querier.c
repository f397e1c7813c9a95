// Reading one series: the samples of each place where it was found, one after the other. Places
// come in the order of the windows' spans, so mostly each lies behind the one before; where spans
// overlap (samples that came late), two runs are merged, and of two samples at one time the one of
// the later place stands.
//
// What a damaged window doesn't give is missing from the answer; maintenance says so and sets the
// file aside.
#include <stdlib.h>

#include "base/mem.h"
#include "delete.h"
#include "querier_internal.h"
#include "read_cache.h"

int querier_new(struct querier **out, struct storage *s, int64_t min_ms, int64_t max_ms,
                struct error *err)
{
    (void)err;
    struct querier *q = mem_calloc(1, sizeof(*q));
    int64_t floor_ms = retention_floor_ms(s);
    q->storage = s;
    q->hidden = deletions_get(s);
    q->view = view_get(s);
    q->min_ms = min_ms > floor_ms ? min_ms : floor_ms;
    q->max_ms = max_ms;
    *out = q;
    return OK;
}

void querier_free(struct querier *q)
{
    if (!q)
        return;
    view_put(q->storage, q->view);
    tombstones_unref(q->hidden);
    mem_free(q);
}

void querier_be_brief(struct querier *q)
{
    q->brief = true;
}

void columns_init(struct columns *c)
{
    *c = (struct columns){0};
}

void columns_release(struct columns *c)
{
    mem_free(c->times_ms);
    mem_free(c->values);
    read_cache_give(c->cache);
    columns_init(c);
}

void columns_reserve(struct columns *c, size_t capacity)
{
    if (capacity <= c->capacity)
        return;
    c->capacity = capacity > c->capacity * 2 ? capacity : c->capacity * 2;
    c->times_ms = mem_realloc(c->times_ms, c->capacity, sizeof(*c->times_ms));
    c->values = mem_realloc(c->values, c->capacity, sizeof(*c->values));
}

void columns_merge(struct columns *c, size_t second)
{
    if (second == 0 || second == c->count || c->times_ms[second - 1] < c->times_ms[second])
        return;
    int64_t *times_ms = mem_calloc(c->count, sizeof(*times_ms));
    double *values = mem_calloc(c->count, sizeof(*values));
    size_t a = 0, b = second, count = 0;
    while (a < second || b < c->count) {
        bool both = a < second && b < c->count;
        bool take_b = a == second || (both && c->times_ms[b] <= c->times_ms[a]);
        if (both && c->times_ms[a] == c->times_ms[b])
            a++;
        times_ms[count] = c->times_ms[take_b ? b : a];
        values[count++] = c->values[take_b ? b++ : a++];
    }
    memcpy(c->times_ms, times_ms, count * sizeof(*times_ms));
    memcpy(c->values, values, count * sizeof(*values));
    c->count = count;
    mem_free(times_ms);
    mem_free(values);
}

static int read_window(struct window *w, uint32_t id, int64_t min_ms, int64_t max_ms,
                       struct columns *out)
{
    int rc = window_read(w, id, min_ms, max_ms, out);
    if (rc == ERR_CORRUPT) {
        window_mark_corrupt(w);
        rc = OK;
    }
    return rc;
}

int querier_read(struct querier *q, const struct querier_series *series, int64_t min_ms,
                 int64_t max_ms, struct columns *out, struct error *err)
{
    int rc = OK;
    out->count = 0;
    min_ms = min_ms > q->min_ms ? min_ms : q->min_ms;
    max_ms = max_ms < q->max_ms ? max_ms : q->max_ms;
    for (size_t i = 0; i < series->place_count && rc == OK; i++) {
        const struct place *p = &series->places[i];
        size_t before = out->count;
        uint64_t sequence = TOMBSTONE_HEAD;
        if (p->source == q->view->window_count) {
            rc = head_read(&q->storage->head, p->id, &q->view->head, min_ms, max_ms, out);
        } else if (window_reaches(q->view->windows[p->source], min_ms, max_ms)) {
            rc = read_window(q->view->windows[p->source], p->id, min_ms, max_ms, out);
            sequence = window_sequence(q->view->windows[p->source]);
        }
        deletions_apply(series->deleted, sequence, out, before);
        columns_merge(out, before);
    }
    return rc ? error_set(err, rc, "reading a series: %s", err_text(rc)) : OK;
}

int querier_each_value(struct querier *q, struct str name, index_value_fn *each, void *context)
{
    struct head *h = &q->storage->head;
    int rc = OK;
    for (size_t w = 0; w < q->view->window_count && rc == OK; w++) {
        if (!window_reaches(q->view->windows[w], q->min_ms, q->max_ms))
            continue;
        struct series_index index = window_index(q->view->windows[w]);
        rc = index.values(index.context, name, each, context);
        if (rc == ERR_CORRUPT) {
            window_mark_lost(q->view->windows[w]);
            rc = OK;
        }
    }
    pthread_rwlock_rdlock(&h->lock);
    struct series_index index = head_index(h);
    if (rc == OK)
        rc = index.values(index.context, name, each, context);
    pthread_rwlock_unlock(&h->lock);
    return rc;
}
