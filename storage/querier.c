// A selection asks each source (the view's windows, then the head) for its matching series, and
// merges them by label set. A querier_series is then a list of places: a series number in a source
// each.
#include "storage/querier.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store.h"

struct querier {
    struct storage *storage;
    struct view *view;
    int64_t min_ms, max_ms; // inclusive
};

// The head is the source behind the last window.
struct place {
    uint32_t source; // index into view->windows, or window_count for the head
    uint32_t id;
};

struct querier_series {
    size_t place_count;
    struct place places[]; // by time
};

struct found {
    struct labels labels;
    struct place place;
};

struct found_list {
    struct found *items;
    size_t count;
    size_t capacity;
};

int querier_new(struct querier **out, struct storage *s, int64_t min_ms, int64_t max_ms,
                struct error *err)
{
    (void)err;
    struct querier *q = mem_calloc(1, sizeof(*q));
    int64_t floor_ms = retention_floor_ms(s);
    *q = (struct querier){s, view_get(s), min_ms > floor_ms ? min_ms : floor_ms, max_ms};
    *out = q;
    return OK;
}

void querier_free(struct querier *q)
{
    if (!q)
        return;
    view_put(q->storage, q->view);
    mem_free(q);
}

static void found_add(struct found_list *list, struct labels labels, uint32_t source, uint32_t id)
{
    MEM_GROW(list->items, list->count, list->capacity);
    list->items[list->count++] = (struct found){labels, {source, id}};
}

// Without looking into chunks: from the oldest to the newest sample, gaps unseen.
static bool series_reaches(struct head *h, const struct series *s, int64_t min_ms, int64_t max_ms)
{
    pthread_mutex_lock(head_stripe(h, s->id));
    bool reaches = s->has_sample && s->last_ms >= min_ms && series_min_ms(s) <= max_ms;
    pthread_mutex_unlock(head_stripe(h, s->id));
    return reaches;
}

static void find_in_head(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                         int64_t min_ms, int64_t max_ms, struct arena *arena,
                         struct found_list *list)
{
    struct head *h = &q->storage->head;
    struct ids ids = {0};
    uint32_t source = (uint32_t)q->view->window_count;
    if (min_ms < q->view->head_min_ms)
        min_ms = q->view->head_min_ms;
    pthread_rwlock_rdlock(&h->lock);
    struct series_index index = head_index(h);
    index_match(&index, matchers, matcher_count, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        const struct series *s = head_get(h, ids.items[i]);
        if (series_reaches(h, s, min_ms, max_ms))
            found_add(list, head_labels(h, s, arena), source, s->id);
    }
    pthread_rwlock_unlock(&h->lock);
    ids_release(&ids);
}

static int find_in_window(struct querier *q, uint32_t source, const struct matcher *matchers,
                          size_t matcher_count, struct arena *arena, struct found_list *list)
{
    struct window *w = q->view->windows[source];
    struct series_index index = window_index(w);
    struct ids ids = {0};
    int rc = OK;
    index_match(&index, matchers, matcher_count, &ids);
    for (size_t i = 0; i < ids.count && rc == OK; i++) {
        struct labels labels;
        rc = window_labels(w, ids.items[i], arena, &labels);
        if (rc == OK)
            found_add(list, labels, source, ids.items[i]);
    }
    ids_release(&ids);
    return rc;
}

static bool window_reaches(const struct window *w, int64_t min_ms, int64_t max_ms)
{
    return window_max_ms(w) > min_ms && window_min_ms(w) <= max_ms;
}

static int by_labels(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int order = labels_cmp(x->labels, y->labels);
    return order ? order
                 : (x->place.source > y->place.source) - (x->place.source < y->place.source);
}

// One entry a label set, its places in order of time.
static void merge(struct found_list *list, struct arena *arena, struct series_set *out)
{
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), by_labels);
    out->labels = arena_array(arena, list->count, sizeof(*out->labels));
    out->series = arena_array(arena, list->count, sizeof(struct querier_series *));
    out->count = 0;
    for (size_t i = 0, end; i < list->count; i = end) {
        for (end = i + 1;
             end < list->count && labels_eq(list->items[i].labels, list->items[end].labels);)
            end++;
        struct querier_series *s =
            arena_alloc(arena, sizeof(*s) + (end - i) * sizeof(s->places[0]));
        s->place_count = end - i;
        for (size_t p = i; p < end; p++)
            s->places[p - i] = list->items[p].place;
        out->labels[out->count] = list->items[i].labels;
        out->series[out->count++] = s;
    }
}

static int find_all(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                    int64_t min_ms, int64_t max_ms, struct arena *arena, struct found_list *list,
                    struct error *err)
{
    for (uint32_t w = 0; w < q->view->window_count; w++) {
        if (!window_reaches(q->view->windows[w], min_ms, max_ms))
            continue;
        int rc = find_in_window(q, w, matchers, matcher_count, arena, list);
        if (rc)
            return error_set(err, rc, "reading a window's index: %s", err_text(rc));
        if (arena->exceeded)
            return error_set(err, ERR_LIMIT, "the selected series need too much memory");
    }
    find_in_head(q, matchers, matcher_count, min_ms, max_ms, arena, list);
    if (arena->exceeded)
        return error_set(err, ERR_LIMIT, "the selected series need too much memory");
    return OK;
}

int querier_select(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                   int64_t min_ms, int64_t max_ms, struct arena *arena, struct series_set *out,
                   struct error *err)
{
    struct found_list list = {0};
    min_ms = min_ms > q->min_ms ? min_ms : q->min_ms;
    max_ms = max_ms < q->max_ms ? max_ms : q->max_ms;
    int rc = find_all(q, matchers, matcher_count, min_ms, max_ms, arena, &list, err);
    if (rc == OK)
        merge(&list, arena, out);
    mem_free(list.items);
    return rc;
}

void columns_init(struct columns *c)
{
    *c = (struct columns){0};
}

void columns_release(struct columns *c)
{
    mem_free(c->times_ms);
    mem_free(c->values);
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

static int read_head(const struct querier *q, uint32_t id, int64_t min_ms, int64_t max_ms,
                     struct columns *out)
{
    struct head *h = &q->storage->head;
    int rc = OK;
    if (min_ms < q->view->head_min_ms)
        min_ms = q->view->head_min_ms;
    pthread_rwlock_rdlock(&h->lock);
    const struct series *s = head_get(h, id);
    if (s) {
        pthread_mutex_lock(head_stripe(h, id));
        rc = series_read(s, min_ms, max_ms, out);
        pthread_mutex_unlock(head_stripe(h, id));
    }
    pthread_rwlock_unlock(&h->lock);
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
        if (p->source == q->view->window_count)
            rc = read_head(q, p->id, min_ms, max_ms, out);
        else if (window_reaches(q->view->windows[p->source], min_ms, max_ms))
            rc = window_read(q->view->windows[p->source], p->id, min_ms, max_ms, out);
    }
    return rc ? error_set(err, rc, "reading a series: %s", err_text(rc)) : OK;
}

void querier_each_value(struct querier *q, struct str name, index_value_fn *each, void *context)
{
    struct head *h = &q->storage->head;
    for (size_t w = 0; w < q->view->window_count; w++) {
        if (!window_reaches(q->view->windows[w], q->min_ms, q->max_ms))
            continue;
        struct series_index index = window_index(q->view->windows[w]);
        index.values(index.context, name, each, context);
    }
    pthread_rwlock_rdlock(&h->lock);
    struct series_index index = head_index(h);
    index.values(index.context, name, each, context);
    pthread_rwlock_unlock(&h->lock);
}
