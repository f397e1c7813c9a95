// Merging: the windows of a finished day become one file.
//
//     window window window ... late window      sources, each sorted by labels
//           |      |      |        |
//         series by series, in the order of labels        a slice of time at each maintenance
//                   |
//                  day        then the view changes over, then the sources are unlinked
//
// Longer columns compress better, and a query over days opens fewer files. Each sample is written
// once more, so a day is merged once: when nothing can be added to it any more but by an exception,
// or when nothing comes any more at all. What comes after that stays beside it until it amounts to
// something. Until then small windows (memory was short, the process stopped) are merged in slots of
// two hours.
//
// The work is cut into slices, because the same thread syncs the journal. A new file lists those it
// was made of: after a crash between its rename and their removal they are known to be dead.
//
// A damaged window is rescued the same way: what can be read of it is written to a file in its place,
// and it is set aside. That comes first, so that nothing is merged with damage.
#include "base/log.h"
#include "base/mem.h"
#include "delete.h"
#include "model/duration.h"
#include "store.h"

#define DAY_MS   INT64_C(86400000)
#define SLOT_MS  INT64_C(7200000)
#define SLICE_NS INT64_C(200000000)
// In a store to which nothing comes, a day that isn't over is merged when it has more windows.
#define IDLE_WINDOWS_MAX 4
// Late windows are merged into their day once they are so many, or so large a part of it.
#define LATE_WINDOWS_MAX 8
#define LATE_PART        4

struct cursor {
    struct window *window; // a reference
    uint32_t id;
    struct arena arena; // of the labels
    struct labels labels;
};

struct merge {
    struct window_writer *writer;
    struct window_span span;
    struct cursor *cursors;
    size_t count;
    struct columns columns;
    struct tombstones *hidden; // left out
    int64_t spent_ns;
    bool rescue;   // of one window, damaged
    bool has_data; // a series has been written
};

// The windows [first, end) of a view that begin within one span of time.
struct run {
    size_t first, end;
};

static struct run next_run(const struct view *v, size_t from, int64_t span_ms)
{
    struct run r = {from, from + 1};
    int64_t start_ms = time_floor(window_min_ms(v->windows[from]), span_ms);
    while (r.end < v->window_count &&
           time_floor(window_min_ms(v->windows[r.end]), span_ms) == start_ms)
        r.end++;
    return r;
}

// What may be merged: spans that end by `settled_ms`, or, in a store to which nothing comes any
// more, every one that consists of too many windows.
struct due {
    int64_t settled_ms;
    bool idle;
};

static bool day_is_due(const struct view *v, struct run r, bool over)
{
    uint64_t merged_bytes = 0, late_bytes = 0;
    size_t late_count = 0;
    for (size_t i = r.first; i < r.end; i++) {
        const struct window *w = v->windows[i];
        // A slot of the day isn't the day.
        if (window_is_merged(w) && window_max_ms(w) - window_min_ms(w) > SLOT_MS) {
            merged_bytes += window_bytes(w);
        } else {
            late_bytes += window_bytes(w);
            late_count++;
        }
    }
    if (merged_bytes == 0)
        return over || late_count > IDLE_WINDOWS_MAX;
    return late_count > LATE_WINDOWS_MAX || late_bytes > merged_bytes / LATE_PART;
}

// Days don't take part, though they may begin in the slot.
static bool slot_is_due(const struct view *v, struct run r)
{
    for (size_t i = r.first; i < r.end; i++) {
        if (window_max_ms(v->windows[i]) - window_min_ms(v->windows[i]) > SLOT_MS)
            return false;
    }
    return true;
}

static bool run_is_due(const struct view *v, struct run r, int64_t span_ms, struct due due)
{
    bool over = time_floor(window_min_ms(v->windows[r.first]), span_ms) + span_ms <= due.settled_ms;
    if (r.end - r.first < 2 || !(over || due.idle))
        return false;
    return span_ms == SLOT_MS ? slot_is_due(v, r) : day_is_due(v, r, over);
}

static bool find_due(const struct view *v, int64_t span_ms, struct due due, struct run *out)
{
    for (size_t i = 0; i < v->window_count; i = out->end) {
        *out = next_run(v, i, span_ms);
        if (run_is_due(v, *out, span_ms, due))
            return true;
    }
    return false;
}

static int load_labels(struct cursor *c)
{
    arena_reset(&c->arena);
    return c->id < window_series_count(c->window)
               ? window_labels(c->window, c->id, &c->arena, &c->labels)
               : OK;
}

static void merge_free(struct merge *m)
{
    window_writer_abort(m->writer);
    for (size_t i = 0; i < m->count; i++) {
        arena_release(&m->cursors[i].arena);
        window_unref(m->cursors[i].window);
    }
    columns_release(&m->columns);
    tombstones_unref(m->hidden);
    mem_free(m->cursors);
    mem_free(m);
}

void merge_abort(struct storage *s)
{
    if (s->merge)
        merge_free(s->merge);
    s->merge = NULL;
}

static void failed(struct storage *s, const struct error *err)
{
    metric_add(s->metrics.merge_failures, 1);
    // Damage is rescued at once.
    s->merge_failed_ns = err->code == ERR_CORRUPT ? 0 : clock_mono_ns(s->options.clock);
    if (s->merge->rescue && err->code == ERR_CORRUPT)
        window_mark_lost(s->merge->cursors[0].window);
    log_error("windows could not be merged; they stay as they are, and it is tried again",
              LOG_ERR(err));
    merge_abort(s);
}

static int open_cursors(struct merge *m, const struct view *v, struct run r, struct error *err)
{
    int rc = OK;
    m->cursors = mem_calloc(r.end - r.first, sizeof(*m->cursors));
    for (size_t i = r.first; i < r.end && rc == OK; i++) {
        struct cursor *c = &m->cursors[m->count++];
        c->window = window_ref(v->windows[i]);
        arena_init(&c->arena, 0);
        rc = window_load(c->window);
        if (rc == OK)
            rc = load_labels(c);
        if (rc == ERR_CORRUPT)
            window_mark_corrupt(c->window);
        if (rc)
            error_set(err, rc, "%s: %s", window_path(c->window), err_text(rc));
    }
    return rc;
}

static struct window_span span_of(const struct view *v, struct run r)
{
    struct window_span span = {window_min_ms(v->windows[r.first]), INT64_MIN, 0, true, 0};
    uint64_t sample_count = 0, series_count = 1;
    for (size_t i = r.first; i < r.end; i++) {
        int64_t max_ms = window_max_ms(v->windows[i]);
        span.max_ms = max_ms > span.max_ms ? max_ms : span.max_ms;
        sample_count += window_sample_count(v->windows[i]);
        if (window_series_count(v->windows[i]) > series_count)
            series_count = window_series_count(v->windows[i]);
    }
    span.slice_count = window_slice_count(sample_count / series_count);
    return span;
}

static void start(struct storage *s, const struct view *v, struct run r)
{
    struct merge *m = mem_calloc(1, sizeof(*m));
    struct error err;
    uint64_t *sources = mem_calloc(r.end - r.first, sizeof(*sources));
    s->merge = m;
    columns_init(&m->columns);
    m->rescue = r.end - r.first == 1;
    m->span = m->rescue ? window_span(v->windows[r.first]) : span_of(v, r);
    for (size_t i = r.first; i < r.end; i++)
        sources[i - r.first] = window_sequence(v->windows[i]);
    int rc = open_cursors(m, v, r, &err);
    if (rc == OK) {
        m->hidden = deletions_begin_file(s, &m->span.sequence);
        rc = window_writer_new(&m->writer, s->path, m->span, sources, r.end - r.first, &err);
    }
    mem_free(sources);
    if (rc)
        failed(s, &err);
}

// The first in the order of labels among the cursors that are not at their end.
static const struct cursor *least(const struct merge *m)
{
    const struct cursor *found = NULL;
    for (size_t i = 0; i < m->count; i++) {
        const struct cursor *c = &m->cursors[i];
        if (c->id < window_series_count(c->window) &&
            (!found || labels_cmp(c->labels, found->labels) < 0))
            found = c;
    }
    return found;
}

static int read_cursor(struct merge *m, struct cursor *c, struct deletions deleted,
                       struct error *err)
{
    size_t before = m->columns.count;
    int rc = window_read(c->window, c->id, INT64_MIN, INT64_MAX, &m->columns);
    if (rc == ERR_CORRUPT)
        window_mark_corrupt(c->window);
    if (rc && !(rc == ERR_CORRUPT && m->rescue))
        return error_set(err, rc, "%s: %s", window_path(c->window), err_text(rc));
    deletions_apply(deleted, window_sequence(c->window), &m->columns, before);
    columns_merge(&m->columns, before);
    return OK;
}

// Writes the series that `first` stands at and moves on every cursor that stands there.
static int merge_series(struct merge *m, const struct cursor *first, struct error *err)
{
    struct arena arena;
    int rc = OK;
    arena_init(&arena, 0);
    struct labels labels = labels_copy(&arena, first->labels);
    struct deletions deleted = tombstones_match(m->hidden, labels, &arena);
    m->columns.count = 0;
    for (size_t i = 0; i < m->count && rc == OK; i++) {
        struct cursor *c = &m->cursors[i];
        if (c->id >= window_series_count(c->window) || !labels_eq(c->labels, labels))
            continue;
        rc = read_cursor(m, c, deleted, err);
        c->id++;
        if (rc == OK && (rc = load_labels(c)))
            error_set(err, rc, "%s: %s", window_path(c->window), err_text(rc));
    }
    if (rc == OK && m->columns.count) {
        rc = window_writer_add(m->writer, labels, &m->columns, err);
        m->has_data = true;
    }
    arena_release(&arena);
    return rc;
}

static int open_merged(struct storage *s, struct merge *m, struct window **out, struct error *err)
{
    struct buf name = BUF_INIT;
    window_name(m->span, &name);
    int rc = window_open(out, s->path, buf_text(&name), err);
    buf_release(&name);
    return rc;
}

static void change_over(struct storage *s, struct merge *m, struct window *merged)
{
    struct error err;
    struct window **removed = mem_calloc(m->count, sizeof(*removed));
    struct view *v = view_get(s);
    for (size_t i = 0; i < m->count; i++)
        removed[i] = m->cursors[i].window;
    view_replace(s, removed, m->count, merged, v->head);
    view_put(s, v);
    for (size_t i = 0; i < m->count; i++) {
        if (window_remove(removed[i], &err))
            log_warn("a merged window could not be removed", LOG_ERR(&err));
    }
    mem_free(removed);
}

static void finish_rescue(struct storage *s)
{
    struct merge *m = s->merge;
    struct error err = {.text = ""};
    struct window *w = m->cursors[0].window, *rest = NULL;
    int rc = OK;
    if (m->has_data) {
        rc = window_writer_finish(m->writer, &err);
        m->writer = NULL;
        if (rc == OK)
            rc = open_merged(s, m, &rest, &err);
    }
    if (rc) {
        // What was just written cannot be read: that says nothing of the old file.
        err.code = ERR_IO;
        failed(s, &err);
        return;
    }
    uint64_t had = window_sample_count(w), left = rest ? window_sample_count(rest) : 0;
    atomic_fetch_add(&s->window_bytes_written, rest ? window_bytes(rest) : 0);
    struct buf why = BUF_INIT;
    buf_printf(&why, "%llu of its %llu samples are left", (unsigned long long)left,
               (unsigned long long)had);
    set_aside_log(s, window_path(w), buf_text(&why));
    buf_release(&why);
    struct view *v = view_get(s);
    view_replace(s, &w, 1, rest, v->head);
    view_put(s, v);
    if (window_set_aside(w, &err))
        log_error("setting it aside failed", LOG_ERR(&err));
    change_log_note(&s->change_log, window_min_ms(w));
    merge_abort(s);
}

static void finish(struct storage *s)
{
    struct merge *m = s->merge;
    struct error err;
    struct window *merged = NULL;
    int rc = window_writer_finish(m->writer, &err);
    m->writer = NULL;
    if (rc == OK)
        rc = open_merged(s, m, &merged, &err);
    if (rc) {
        failed(s, &err);
        return;
    }
    atomic_fetch_add(&s->window_bytes_written, window_bytes(merged));
    metric_add(s->metrics.merges, 1);
    metric_observe(s->metrics.merge_seconds, (double)m->spent_ns / 1e9);
    log_info("windows merged", LOG_CSTR("file", window_path(merged)),
             LOG_INT("windows", (int64_t)m->count),
             LOG_INT("samples", (int64_t)window_sample_count(merged)),
             LOG_INT("bytes", (int64_t)window_bytes(merged)));
    change_over(s, m, merged);
    merge_abort(s);
}

static bool sources_are_served(const struct merge *m, const struct view *v)
{
    size_t served = 0;
    for (size_t i = 0; i < v->window_count; i++) {
        for (size_t c = 0; c < m->count; c++)
            served += v->windows[i] == m->cursors[c].window;
    }
    return served == m->count;
}

// One slice of the merge under way.
static void go_on(struct storage *s)
{
    struct merge *m = s->merge;
    struct error err;
    int rc = OK;
    int64_t start_ns = clock_mono_ns(s->options.clock), spent_ns = 0;
    const struct cursor *first = NULL;
    while (rc == OK && spent_ns < SLICE_NS && (first = least(m))) {
        rc = merge_series(m, first, &err);
        spent_ns = clock_mono_ns(s->options.clock) - start_ns;
    }
    m->spent_ns += spent_ns;
    for (size_t i = 0; i < m->count; i++)
        window_forget_pages(m->cursors[i].window);
    if (rc)
        failed(s, &err);
    else if (!least(m) && m->rescue)
        finish_rescue(s);
    else if (!least(m))
        finish(s);
}

static bool head_is_empty(struct storage *s)
{
    return atomic_load(&s->head.min_ms) == INT64_MAX && !atomic_load(&s->head.late.sample_count);
}

static bool find_damaged(const struct view *v, struct run *out)
{
    for (size_t i = 0; i < v->window_count; i++) {
        *out = (struct run){i, i + 1};
        if (window_is_corrupt(v->windows[i]) && !window_is_lost(v->windows[i]))
            return true;
    }
    return false;
}

static bool find_any(struct storage *s, const struct view *v, struct run *out)
{
    if (find_damaged(v, out))
        return true;
    int64_t sealed_ms = atomic_load(&s->sealed_ms), late_ms = atomic_load(&s->out_of_order_ms);
    struct due day = {sealed_ms > INT64_MIN / 2 ? sealed_ms - late_ms : sealed_ms,
                      head_is_empty(s)};
    struct due slot = {sealed_ms, false};
    return find_due(v, DAY_MS, day, out) || find_due(v, SLOT_MS, slot, out);
}

// On a full disk a day would be read in vain each second.
static bool failed_lately(const struct storage *s)
{
    return s->merge_failed_ns &&
           clock_mono_ns(s->options.clock) - s->merge_failed_ns < STORE_RETRY_NS;
}

void merge_due(struct storage *s)
{
    struct view *v = view_get(s);
    struct run r;
    if (s->merge && !sources_are_served(s->merge, v))
        merge_abort(s);
    if (!s->merge && !failed_lately(s) && find_any(s, v, &r))
        start(s, v, r);
    view_put(s, v);
    if (s->merge)
        go_on(s);
}
