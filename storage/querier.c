// A selection asks each source (the view's windows, then the head) for its matching series, and
// merges them by label set. A querier_series is then a list of places: a series number in a source
// each.
//
// While sources are asked, labels are views of the head's symbols or of a window's map, in scratch
// memory; the table lock is held and the view pinned until the sets found are copied to the
// caller's arena, which may live longer than the querier. Neighbours in a result share most of
// their texts, and so do the copies.
//
// A window found corrupt fails the query that meets it; maintenance then sets it aside, and the
// next query is answered from the rest.
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

// Caller holds the table lock.
static int find_in_head(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                        int64_t min_ms, int64_t max_ms, struct arena *scratch,
                        struct found_list *list)
{
    struct head *h = &q->storage->head;
    struct ids ids = {0};
    uint32_t source = (uint32_t)q->view->window_count;
    if (min_ms < q->view->head_min_ms)
        min_ms = q->view->head_min_ms;
    struct series_index index = head_index(h);
    int rc = index_match(&index, matchers, matcher_count, &ids);
    for (size_t i = 0; i < ids.count; i++) {
        const struct series *s = head_get(h, ids.items[i]);
        if (series_reaches(h, s, min_ms, max_ms))
            found_add(list, head_labels(h, s, scratch), source, s->id);
    }
    ids_release(&ids);
    return rc;
}

static int find_in_window(struct querier *q, uint32_t source, const struct matcher *matchers,
                          size_t matcher_count, struct arena *scratch, struct found_list *list)
{
    struct window *w = q->view->windows[source];
    struct series_index index = window_index(w);
    struct ids ids = {0};
    int rc = index_match(&index, matchers, matcher_count, &ids);
    for (size_t i = 0; i < ids.count && rc == OK; i++) {
        struct labels labels;
        rc = window_labels(w, ids.items[i], scratch, &labels);
        if (rc == OK)
            found_add(list, labels, source, ids.items[i]);
    }
    ids_release(&ids);
    if (rc == ERR_CORRUPT)
        window_mark_corrupt(w);
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

static struct str share_or_copy(struct str text, struct str before, struct arena *arena)
{
    return str_eq(text, before) && text.len ? before : arena_copy(arena, text);
}

// A deep copy that takes over the texts that stand at the same place in the set before.
static struct labels copy_labels(struct labels set, struct labels before, struct arena *arena)
{
    struct label *items = arena_array(arena, set.count, sizeof(*items));
    for (size_t i = 0; i < set.count; i++) {
        static const struct label none;
        const struct label *b = i < before.count ? &before.items[i] : &none;
        items[i].name = share_or_copy(set.items[i].name, b->name, arena);
        items[i].value = share_or_copy(set.items[i].value, b->value, arena);
    }
    return (struct labels){items, set.count};
}

// One entry a label set, its places in order of time. ERR_LIMIT when the arena is full.
static int merge(struct found_list *list, struct arena *arena, struct series_set *out)
{
    if (list->count)
        qsort(list->items, list->count, sizeof(*list->items), by_labels);
    out->labels = arena_array(arena, list->count, sizeof(*out->labels));
    out->series = arena_array(arena, list->count, sizeof(struct querier_series *));
    out->count = 0;
    struct labels before = {NULL, 0};
    for (size_t i = 0, end; i < list->count; i = end) {
        if (arena->exceeded)
            return ERR_LIMIT;
        for (end = i + 1;
             end < list->count && labels_eq(list->items[i].labels, list->items[end].labels);)
            end++;
        struct querier_series *s =
            arena_alloc(arena, sizeof(*s) + (end - i) * sizeof(s->places[0]));
        s->place_count = end - i;
        for (size_t p = i; p < end; p++)
            s->places[p - i] = list->items[p].place;
        before = copy_labels(list->items[i].labels, before, arena);
        out->labels[out->count] = before;
        out->series[out->count++] = s;
    }
    return arena->exceeded ? ERR_LIMIT : OK;
}

static int find_in_windows(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                           int64_t min_ms, int64_t max_ms, struct arena *scratch,
                           struct found_list *list)
{
    for (uint32_t w = 0; w < q->view->window_count; w++) {
        if (!window_reaches(q->view->windows[w], min_ms, max_ms))
            continue;
        int rc = find_in_window(q, w, matchers, matcher_count, scratch, list);
        if (rc || scratch->exceeded)
            return rc ? rc : ERR_LIMIT;
    }
    return OK;
}

static int find_all(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                    int64_t min_ms, int64_t max_ms, struct arena *arena, struct series_set *out)
{
    struct head *h = &q->storage->head;
    struct found_list list = {0};
    struct arena scratch;
    // The views take no more room than the copies may.
    arena_init(&scratch, arena->limit);
    int rc = find_in_windows(q, matchers, matcher_count, min_ms, max_ms, &scratch, &list);
    pthread_rwlock_rdlock(&h->lock);
    if (rc == OK)
        rc = find_in_head(q, matchers, matcher_count, min_ms, max_ms, &scratch, &list);
    if (rc == OK)
        rc = scratch.exceeded ? ERR_LIMIT : merge(&list, arena, out);
    pthread_rwlock_unlock(&h->lock);
    mem_free(list.items);
    arena_release(&scratch);
    return rc;
}

int querier_select(struct querier *q, const struct matcher *matchers, size_t matcher_count,
                   int64_t min_ms, int64_t max_ms, struct arena *arena, struct series_set *out,
                   struct error *err)
{
    min_ms = min_ms > q->min_ms ? min_ms : q->min_ms;
    max_ms = max_ms < q->max_ms ? max_ms : q->max_ms;
    int rc = find_all(q, matchers, matcher_count, min_ms, max_ms, arena, out);
    if (rc == ERR_LIMIT)
        return error_set(err, rc, "the selected series need too much memory");
    return rc ? error_set(err, rc, "reading a window's index: %s", err_text(rc)) : OK;
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

static int read_window(struct window *w, uint32_t id, int64_t min_ms, int64_t max_ms,
                       struct columns *out)
{
    int rc = window_read(w, id, min_ms, max_ms, out);
    // The number came out of the index: that it leads nowhere is damage, too.
    if (rc == ERR_NOT_FOUND)
        rc = ERR_CORRUPT;
    if (rc == ERR_CORRUPT)
        window_mark_corrupt(w);
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
            rc = read_window(q->view->windows[p->source], p->id, min_ms, max_ms, out);
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
        if (rc == ERR_CORRUPT)
            window_mark_corrupt(q->view->windows[w]);
    }
    pthread_rwlock_rdlock(&h->lock);
    struct series_index index = head_index(h);
    if (rc == OK)
        rc = index.values(index.context, name, each, context);
    pthread_rwlock_unlock(&h->lock);
    return rc;
}
