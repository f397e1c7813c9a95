// What leaves the view: windows past retention by time or by size, and damaged ones. Those of which
// something can be read leave when that has been written again (merge.c).
//
// Time is measured behind the newest sample, or behind the clock where that is earlier: a clock
// that jumps ahead must not empty the store, and neither does one that starts in 1970.
#include "base/log.h"
#include "base/mem.h"
#include "store.h"

int64_t storage_newest_ms(struct storage *s)
{
    struct view *v = view_get(s);
    int64_t newest = atomic_load(&s->head.max_ms);
    for (size_t i = 0; i < v->window_count; i++)
        newest =
            window_max_ms(v->windows[i]) - 1 > newest ? window_max_ms(v->windows[i]) - 1 : newest;
    view_put(s, v);
    return newest;
}

int64_t retention_floor_ms(struct storage *s)
{
    int64_t retention_ms = atomic_load(&s->retention_ms);
    int64_t newest = storage_newest_ms(s);
    if (!retention_ms || !s->path || newest == INT64_MIN)
        return INT64_MIN;
    int64_t now_ms = clock_wall_ms(s->options.clock);
    return (now_ms < newest ? now_ms : newest) - retention_ms;
}

static uint64_t bytes_on_disk(const struct storage *s, const struct view *v)
{
    uint64_t bytes = journal_bytes(s->journal);
    for (size_t i = 0; i < v->window_count; i++)
        bytes += window_bytes(v->windows[i]);
    return bytes;
}

// How many windows, from the oldest on, are past retention by time or too much by size.
static size_t count_retired(struct storage *s, const struct view *v)
{
    int64_t floor_ms = retention_floor_ms(s);
    uint64_t limit = atomic_load(&s->retention_bytes);
    uint64_t bytes = bytes_on_disk(s, v);
    size_t count = 0;
    while (count < v->window_count) {
        const struct window *w = v->windows[count];
        if (window_max_ms(w) > floor_ms && !(limit && bytes > limit))
            break;
        bytes -= window_bytes(w);
        count++;
    }
    return count;
}

void set_aside_log(struct storage *s, const char *path, const char *why)
{
    log_error("a window is corrupt and is set aside; the rest is served", LOG_CSTR("file", path),
              LOG_CSTR("err", why));
    metric_add(s->metrics.corrupt_windows, 1);
}

static bool retire(struct storage *s, struct window *w)
{
    struct error err;
    if (window_remove(w, &err)) {
        log_error("a window past retention could not be removed", LOG_ERR(&err));
        return false;
    }
    metric_add(s->metrics.retention_drops, 1);
    log_info("a window past retention was removed", LOG_CSTR("file", window_path(w)));
    return true;
}

static bool is_lost(struct storage *s, struct window *w)
{
    struct error err;
    if (!window_is_lost(w))
        return false;
    set_aside_log(s, window_path(w), "a checksum is wrong");
    if (window_set_aside(w, &err))
        log_error("setting it aside failed", LOG_ERR(&err));
    return true;
}

void retire_windows(struct storage *s)
{
    struct view *old = view_get(s);
    size_t retired = count_retired(s, old), kept = 0;
    int64_t gone_ms = INT64_MAX;
    struct window **windows = mem_calloc(old->window_count, sizeof(*windows));
    for (size_t i = 0; i < old->window_count; i++) {
        struct window *w = old->windows[i];
        bool gone = i < retired ? retire(s, w) : is_lost(s, w);
        if (!gone)
            windows[kept++] = window_ref(w);
        else if (window_min_ms(w) < gone_ms)
            gone_ms = window_min_ms(w);
    }
    if (kept < old->window_count) {
        view_publish(s, windows, kept, old->head);
        change_log_note(&s->change_log, gone_ms);
    } else {
        for (size_t i = 0; i < kept; i++)
            window_unref(windows[i]);
        mem_free(windows);
    }
    view_put(s, old);
}
