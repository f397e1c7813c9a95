// The journal is read first and the files are listed after it: what the server moves from one to the
// other meanwhile is met twice, which does no harm, and never not at all. A file that was removed
// between listing and opening has a successor: the listing is begun again.
//
// Series come out of all sources in the order of their labels, as each source has them in that order:
//
//     file file file ... journal        the least label set at the cursors
//        |   |    |         |
//        samples of that set, deleted ones left out, merged by time
#include "storage/archive.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "archive_journal.h"
#include "base/file.h"
#include "base/mem.h"
#include "tombstones.h"
#include "window.h"

#define OPEN_TRIES 10

enum journal_part_index { IN_ORDER, LATE, JOURNAL_PARTS };

struct archive {
    char *path;
    struct journal_part {
        struct bulk *bulk;
        struct bulk_series **series; // by labels
        size_t count;
    } journal[JOURNAL_PARTS]; // what came in order, what came late
    struct journal_counts journal_counts;
    struct window **windows;
    size_t window_count;
    size_t window_capacity;
    struct tombstones *tombstones;
    uint64_t set_aside;
    struct buf damage;
    struct error *err; // while the folder is listed
};

// What is read of a window may be damaged again and again: it is said once.
static void note_window(struct archive *a, struct window *w)
{
    if (!window_is_corrupt(w))
        buf_printf(&a->damage, "%s: some of it is damaged and left out\n", window_path(w));
    window_mark_corrupt(w);
}

struct str archive_damage(const struct archive *a)
{
    return buf_view(&a->damage);
}

static int open_entry(void *context, const char *name)
{
    struct archive *a = context;
    struct window_span span;
    struct window *w;
    a->set_aside += str_has_suffix(str_from(name), STR(".corrupt"));
    if (!window_parse_name(name, &span))
        return OK;
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/%s", a->path, name);
    int rc = window_open(&w, a->path, name, a->err);
    if (rc && !file_exists(buf_text(&path)))
        rc = ERR_NOT_FOUND;
    buf_release(&path);
    if (rc == ERR_CORRUPT) {
        buf_printf(&a->damage, "%s; it is left out\n", a->err->text);
        return OK;
    }
    if (rc)
        return rc;
    MEM_GROW(a->windows, a->window_count, a->window_capacity);
    a->windows[a->window_count++] = w;
    return OK;
}

static bool is_replaced(const struct archive *a, uint64_t sequence)
{
    for (size_t i = 0; i < a->window_count; i++) {
        size_t count;
        const uint64_t *sources = window_sources(a->windows[i], &count);
        for (size_t k = 0; k < count; k++) {
            if (sources[k] == sequence)
                return true;
        }
    }
    return false;
}

// Files that a merged one stands for.
static void drop_replaced(struct archive *a)
{
    size_t kept = 0;
    bool *replaced = mem_calloc(a->window_count ? a->window_count : 1, sizeof(*replaced));
    for (size_t i = 0; i < a->window_count; i++)
        replaced[i] = is_replaced(a, window_sequence(a->windows[i]));
    for (size_t i = 0; i < a->window_count; i++) {
        if (replaced[i])
            window_unref(a->windows[i]);
        else
            a->windows[kept++] = a->windows[i];
    }
    a->window_count = kept;
    mem_free(replaced);
}

static int by_time(const void *a, const void *b)
{
    const struct window *x = *(struct window *const *)a, *y = *(struct window *const *)b;
    if (window_min_ms(x) != window_min_ms(y))
        return window_min_ms(x) < window_min_ms(y) ? -1 : 1;
    return window_sequence(x) < window_sequence(y) ? -1 : 1;
}

static void forget(struct archive *a)
{
    for (size_t i = 0; i < a->window_count; i++)
        window_unref(a->windows[i]);
    a->window_count = 0;
    a->set_aside = 0;
    buf_release(&a->damage);
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        mem_free(a->journal[i].series);
        bulk_free(a->journal[i].bulk);
        a->journal[i] = (struct journal_part){.bulk = NULL};
    }
    tombstones_unref(a->tombstones);
    a->tombstones = NULL;
}

static void keep_damage(void *context, const char *text)
{
    struct archive *a = context;
    buf_printf(&a->damage, "%s\n", text);
}

// Without them, what they hide is there.
static int load_tombstones(struct archive *a)
{
    int rc = tombstones_load(&a->tombstones, a->path, a->err);
    if (rc != ERR_CORRUPT)
        return rc;
    buf_printf(&a->damage, "%s/%s: deleted samples are not left out\n", a->path, a->err->text);
    return OK;
}

static int read_folder(struct archive *a)
{
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        a->journal[i].bulk = bulk_new(NULL, SIZE_MAX);
        bulk_take_future(a->journal[i].bulk);
    }
    // Which of the samples in order count is known once the files are.
    const struct journal_target to = {.in_order = a->journal[IN_ORDER].bulk,
                                      .late = a->journal[LATE].bulk,
                                      .in_order_min_ms = INT64_MIN,
                                      .say = keep_damage,
                                      .torn_is_normal = true,
                                      .context = a};
    int rc = journal_load(&to, a->path, &a->journal_counts, a->err);
    if (rc == OK)
        rc = load_tombstones(a);
    if (rc == OK)
        rc = dir_each(a->path, open_entry, a, a->err);
    if (rc)
        return rc;
    drop_replaced(a);
    if (a->window_count)
        qsort(a->windows, a->window_count, sizeof(struct window *), by_time);
    for (int i = 0; i < JOURNAL_PARTS; i++)
        a->journal[i].series = bulk_collect(a->journal[i].bulk, &a->journal[i].count);
    return OK;
}

bool archive_is_store(const char *path)
{
    struct buf name = BUF_INIT;
    buf_printf(&name, "%s/meta", path);
    bool found = file_exists(buf_text(&name));
    buf_reset(&name);
    buf_printf(&name, "%s/lock", path);
    found = found || file_exists(buf_text(&name));
    buf_release(&name);
    return found;
}

int archive_open(struct archive **out, const char *path, struct error *err)
{
    if (!archive_is_store(path))
        return error_set(err, ERR_NOT_FOUND, "%s: there is no store in this folder", path);
    struct archive *a = mem_calloc(1, sizeof(*a));
    a->path = mem_copy_str(str_from(path));
    a->err = err;
    int rc = read_folder(a);
    for (int i = 1; i < OPEN_TRIES && rc == ERR_NOT_FOUND; i++) {
        forget(a);
        rc = read_folder(a);
    }
    if (rc) {
        archive_free(a);
        return rc;
    }
    *out = a;
    return OK;
}

void archive_free(struct archive *a)
{
    if (!a)
        return;
    forget(a);
    mem_free(a->windows);
    mem_free(a->path);
    mem_free(a);
}

struct cursor {
    struct window *window;     // NULL: the journal
    struct journal_part *part; // of it
    int64_t min_ms;            // older ones are in files
    uint32_t id;
    uint32_t count;
    struct arena arena;
    struct labels labels;
};

struct scan {
    struct archive *archive;
    struct cursor *cursors;
    size_t count;
    struct columns columns;
    struct arena arena; // of the series at hand
    int64_t min_ms, max_ms;
    struct error *err;
};

static int load_labels(struct scan *s, struct cursor *c)
{
    int rc = OK;
    if (c->id >= c->count)
        return OK;
    arena_reset(&c->arena);
    if (c->window)
        rc = window_labels(c->window, c->id, &c->arena, &c->labels);
    else
        c->labels = bulk_series_labels(c->part->series[c->id]);
    return rc ? error_set(s->err, rc, "%s: %s", window_path(c->window), err_text(rc)) : OK;
}

static int open_window(struct scan *s, struct window *w)
{
    struct cursor *c = &s->cursors[s->count++];
    bool is_known = window_is_lost(w);
    int rc = window_load(w);
    *c = (struct cursor){.window = w};
    arena_init(&c->arena, 0);
    if (rc == ERR_CORRUPT && !is_known)
        buf_printf(&s->archive->damage, "%s: its index is damaged; it is left out\n",
                   window_path(w));
    if (rc == ERR_CORRUPT)
        return OK;
    if (rc)
        return error_set(s->err, rc, "%s: %s", window_path(w), err_text(rc));
    c->count = window_series_count(w);
    return load_labels(s, c);
}

static int open_journal(struct scan *s, struct journal_part *part, int64_t min_ms)
{
    struct cursor *c = &s->cursors[s->count++];
    *c = (struct cursor){.part = part, .min_ms = min_ms, .count = (uint32_t)part->count};
    arena_init(&c->arena, 0);
    return load_labels(s, c);
}

static int open_cursors(struct scan *s)
{
    struct archive *a = s->archive;
    int rc = OK;
    int64_t sealed_ms = INT64_MIN;
    s->cursors = mem_calloc(a->window_count + JOURNAL_PARTS, sizeof(*s->cursors));
    for (size_t i = 0; i < a->window_count && rc == OK; i++) {
        struct window *w = a->windows[i];
        if (window_min_ms(w) <= s->max_ms && window_max_ms(w) > s->min_ms)
            rc = open_window(s, w);
        sealed_ms = window_max_ms(w) > sealed_ms ? window_max_ms(w) : sealed_ms;
    }
    if (rc == OK)
        rc = open_journal(s, &a->journal[LATE], INT64_MIN);
    return rc ? rc : open_journal(s, &a->journal[IN_ORDER], sealed_ms);
}

static const struct cursor *least(const struct scan *s)
{
    const struct cursor *found = NULL;
    for (size_t i = 0; i < s->count; i++) {
        const struct cursor *c = &s->cursors[i];
        if (c->id < c->count && (!found || labels_cmp(c->labels, found->labels) < 0))
            found = c;
    }
    return found;
}

static void keep_range(struct scan *s, int64_t min_ms, size_t from)
{
    struct columns *c = &s->columns;
    size_t kept = from;
    for (size_t i = from; i < c->count; i++) {
        if (c->times_ms[i] < min_ms || c->times_ms[i] > s->max_ms)
            continue;
        c->times_ms[kept] = c->times_ms[i];
        c->values[kept++] = c->values[i];
    }
    c->count = kept;
}

static int read_cursor(struct scan *s, const struct cursor *c, struct deletions deleted)
{
    size_t before = s->columns.count;
    int rc = OK;
    if (c->window) {
        rc = window_read(c->window, c->id, s->min_ms, s->max_ms, &s->columns);
        if (rc == ERR_CORRUPT) {
            note_window(s->archive, c->window);
            rc = OK;
        }
    } else {
        bulk_series_read(c->part->series[c->id], INT64_MAX, &s->columns);
        keep_range(s, c->min_ms > s->min_ms ? c->min_ms : s->min_ms, before);
    }
    if (rc)
        return error_set(s->err, rc, "%s: %s", window_path(c->window), err_text(rc));
    deletions_apply(deleted, c->window ? window_sequence(c->window) : TOMBSTONE_HEAD, &s->columns,
                    before);
    columns_merge(&s->columns, before);
    return OK;
}

// Reads what `labels` has in all sources and moves on the cursors that stand there.
static int read_series(struct scan *s, struct labels labels, bool wanted)
{
    int rc = OK;
    struct deletions deleted = {NULL, 0};
    if (wanted)
        deleted = tombstones_match(s->archive->tombstones, labels, &s->arena);
    s->columns.count = 0;
    for (size_t i = 0; i < s->count && rc == OK; i++) {
        struct cursor *c = &s->cursors[i];
        if (c->id >= c->count || !labels_eq(c->labels, labels))
            continue;
        if (wanted)
            rc = read_cursor(s, c, deleted);
        c->id++;
        if (rc == OK)
            rc = load_labels(s, c);
    }
    return rc;
}

static void scan_release(struct scan *s)
{
    for (size_t i = 0; i < s->count; i++)
        arena_release(&s->cursors[i].arena);
    arena_release(&s->arena);
    columns_release(&s->columns);
    mem_free(s->cursors);
    // The journal's readers are at their ends: another scan begins anew.
    for (int i = 0; i < JOURNAL_PARTS; i++) {
        struct journal_part *part = &s->archive->journal[i];
        mem_free(part->series);
        part->series = bulk_collect(part->bulk, &part->count);
    }
}

int archive_each(struct archive *a, bool (*wanted)(void *context, struct labels labels),
                 int (*each)(void *context, struct labels labels, const struct columns *samples),
                 void *context, int64_t min_ms, int64_t max_ms, struct error *err)
{
    struct scan s = {.archive = a, .min_ms = min_ms, .max_ms = max_ms, .err = err};
    const struct cursor *first;
    columns_init(&s.columns);
    arena_init(&s.arena, 0);
    int rc = open_cursors(&s);
    while (rc == OK && (first = least(&s))) {
        arena_reset(&s.arena);
        struct labels labels = labels_copy(&s.arena, first->labels);
        rc = read_series(&s, labels, !wanted || wanted(context, labels));
        if (rc == OK && s.columns.count)
            rc = each(context, labels, &s.columns);
    }
    scan_release(&s);
    return rc;
}

size_t archive_file_count(const struct archive *a)
{
    return a->window_count;
}

void archive_file(const struct archive *a, size_t index, struct archive_file *out)
{
    const struct window *w = a->windows[index];
    const char *slash = strrchr(window_path(w), '/');
    *out = (struct archive_file){.name = slash ? slash + 1 : window_path(w),
                                 .min_ms = window_min_ms(w),
                                 .max_ms = window_max_ms(w),
                                 .series = window_series_count(w),
                                 .samples = window_sample_count(w),
                                 .bytes = window_bytes(w)};
}

// A server holds flock(2) on its lock file.
static bool is_in_use(const char *path)
{
    struct buf name = BUF_INIT;
    buf_printf(&name, "%s/lock", path);
    int fd = open(buf_text(&name), O_RDONLY | O_CLOEXEC);
    buf_release(&name);
    bool used = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (fd >= 0)
        close(fd);
    return used;
}

void archive_summary(const struct archive *a, struct archive_summary *out)
{
    struct buf meta = BUF_INIT;
    buf_printf(&meta, "%s/meta", a->path);
    *out = (struct archive_summary){.in_use = is_in_use(a->path),
                                    .journal_segments = a->journal_counts.segments,
                                    .journal_bytes = a->journal_counts.bytes,
                                    .journal_series = a->journal[IN_ORDER].count,
                                    .journal_samples = a->journal_counts.samples,
                                    .meta_bytes = dir_size(buf_text(&meta)),
                                    .tombstones = tombstones_count(a->tombstones),
                                    .set_aside = a->set_aside,
                                    .bytes = dir_size(a->path)};
    buf_release(&meta);
}
