#include "store.h"

#include <assert.h>
#include <stdlib.h>

#include "base/mem.h"

struct view *view_get(struct storage *s)
{
    pthread_mutex_lock(&s->view_mutex);
    struct view *v = s->view;
    v->references++;
    pthread_mutex_unlock(&s->view_mutex);
    return v;
}

// Caller holds view_mutex; true when nobody has it any more and it is out of the list.
static bool release(struct storage *s, struct view *v)
{
    assert(v->references > 0);
    if (--v->references)
        return false;
    struct view **at = &s->views;
    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    return true;
}

static void view_free(struct view *v)
{
    for (size_t i = 0; i < v->window_count; i++)
        window_unref(v->windows[i]);
    mem_free(v->windows);
    mem_free(v);
}

void view_put(struct storage *s, struct view *v)
{
    pthread_mutex_lock(&s->view_mutex);
    bool last = release(s, v);
    pthread_mutex_unlock(&s->view_mutex);
    if (last)
        view_free(v);
}

void view_publish(struct storage *s, struct window **windows, size_t count, struct head_view head)
{
    struct view *v = mem_calloc(1, sizeof(*v));
    *v = (struct view){1, NULL, head, windows, count};
    pthread_mutex_lock(&s->view_mutex);
    struct view *old = s->view;
    v->next = s->views;
    s->views = v;
    s->view = v;
    bool last = old && release(s, old);
    pthread_mutex_unlock(&s->view_mutex);
    if (last)
        view_free(old);
}

static bool is_among(const struct window *w, struct window *const *windows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (windows[i] == w)
            return true;
    }
    return false;
}

static int by_span(const void *a, const void *b)
{
    const struct window *x = *(struct window *const *)a, *y = *(struct window *const *)b;
    if (window_min_ms(x) != window_min_ms(y))
        return window_min_ms(x) < window_min_ms(y) ? -1 : 1;
    return (window_sequence(x) > window_sequence(y)) - (window_sequence(x) < window_sequence(y));
}

void windows_sort(struct window **windows, size_t count)
{
    if (count)
        qsort(windows, count, sizeof(*windows), by_span);
}

void view_replace(struct storage *s, struct window *const *removed, size_t removed_count,
                  struct window *added, struct head_view head)
{
    struct view *old = view_get(s);
    struct window **windows = mem_calloc(old->window_count + 1, sizeof(*windows));
    size_t count = 0;
    for (size_t i = 0; i < old->window_count; i++) {
        if (!is_among(old->windows[i], removed, removed_count))
            windows[count++] = window_ref(old->windows[i]);
    }
    if (added)
        windows[count++] = added;
    windows_sort(windows, count);
    view_publish(s, windows, count, head);
    view_put(s, old);
}

struct head_view views_head(struct storage *s)
{
    struct head_view least = {INT64_MAX, UINT64_MAX};
    pthread_mutex_lock(&s->view_mutex);
    for (const struct view *v = s->views; v; v = v->next) {
        if (v->head.min_ms < least.min_ms)
            least.min_ms = v->head.min_ms;
        if (v->head.late_generation < least.late_generation)
            least.late_generation = v->head.late_generation;
    }
    pthread_mutex_unlock(&s->view_mutex);
    return least;
}
