// What leaves the view: windows past retention by time or by size, and damaged ones. Those of which
// something can be read leave when that has been written again (merge.c).
//
// Time is measured behind the newest sample, or behind the clock where that is earlier: a clock
// that jumps ahead must not empty the store, and neither does one that starts in 1970.
//
// Files set aside age as windows do, and go first where there is too much: what nobody can read must
// not cost what is served. The tables, tombstones and files being written count, too; of
// snapshots, which share their files with the store, nothing does.
#include <stdlib.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "store.h"

#define COUNT_NS INT64_C(10000000000)

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
    uint64_t bytes = journal_bytes(s->journal) + s->other_bytes;
    for (size_t i = 0; i < v->window_count; i++)
        bytes += window_bytes(v->windows[i]);
    return bytes;
}

struct aside {
    char *path; // owned
    int64_t max_ms;
    uint64_t bytes;
};

// What the store has beside journal, windows and snapshots.
struct others {
    const char *folder;
    uint64_t bytes; // of all
    struct aside *asides;
    size_t count;
    size_t capacity;
};

// Whether it is the store's; what is another's must not cost samples.
static bool is_other(const char *name)
{
    static const char *const own[] = {"window-", "day-", "meta", "tombstones", "import"};
    struct window_span span;
    bool found = false;
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        found = found || str_has_prefix(str_from(name), str_from(own[i]));
    return found && !window_parse_name(name, &span);
}

// Notes the file if it is a window set aside. Takes the path.
static void note_aside(struct others *o, const char *name, char *path, uint64_t bytes)
{
    struct str tail = STR(".corrupt"), whole = str_from(name);
    struct window_span span;
    char *window =
        str_has_suffix(whole, tail) ? mem_copy_str(str_first(whole, whole.len - tail.len)) : NULL;
    if (window && window_parse_name(window, &span)) {
        MEM_GROW(o->asides, o->count, o->capacity);
        o->asides[o->count++] = (struct aside){path, span.max_ms, bytes};
    } else {
        mem_free(path);
    }
    mem_free(window);
}

static int note_other(void *context, const char *name)
{
    struct others *o = context;
    struct buf path = BUF_INIT;
    struct stat st;
    if (!is_other(name))
        return OK;
    buf_printf(&path, "%s/%s", o->folder, name);
    if (lstat(buf_text(&path), &st)) {
        buf_release(&path);
        return OK;
    }
    bool folder = S_ISDIR(st.st_mode);
    uint64_t bytes = folder ? dir_size(buf_text(&path)) : (uint64_t)st.st_blocks * 512;
    o->bytes += bytes;
    if (folder)
        buf_release(&path);
    else
        note_aside(o, name, buf_steal(&path), bytes);
    return OK;
}

static int by_age(const void *a, const void *b)
{
    const struct aside *x = a, *y = b;
    return (x->max_ms > y->max_ms) - (x->max_ms < y->max_ms);
}

static bool remove_aside(struct storage *s, const struct aside *a)
{
    if (io_unlink(a->path))
        return false;
    metric_add(s->metrics.retention_drops, 1);
    log_info("a damaged file that was set aside is past retention and was removed",
             LOG_CSTR("file", a->path));
    return true;
}

// Now and then: whatever changes there does so seldom.
static void retire_asides(struct storage *s, const struct view *v)
{
    int64_t now_ns = clock_mono_ns(s->options.clock), floor_ms = retention_floor_ms(s);
    uint64_t limit = atomic_load(&s->retention_bytes);
    struct others o = {.folder = s->path};
    if (s->others_counted_ns && now_ns - s->others_counted_ns < COUNT_NS)
        return;
    s->others_counted_ns = now_ns;
    s->other_bytes = 0;
    dir_each(s->path, note_other, &o, NULL);
    if (o.count)
        qsort(o.asides, o.count, sizeof(*o.asides), by_age);
    uint64_t stored = bytes_on_disk(s, v);
    for (size_t i = 0; i < o.count; i++) {
        const struct aside *a = &o.asides[i];
        bool due = a->max_ms <= floor_ms || (limit && stored + o.bytes > limit);
        if (due && remove_aside(s, a))
            o.bytes -= a->bytes;
        mem_free(a->path);
    }
    mem_free(o.asides);
    s->other_bytes = o.bytes;
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
    if (s->path)
        retire_asides(s, old);
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
