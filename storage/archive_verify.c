// Each file on its own, then the journal, the tombstones, the meta tables: one damaged thing does not
// keep the others from being looked at.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "archive_journal.h"
#include "base/file.h"
#include "base/mem.h"
#include "storage/archive.h"
#include "store.h"
#include "tombstones.h"

struct verifying {
    const char *path;
    void (*say)(void *context, const char *text);
    void *context;
    struct archive_verdict *out;
};

static void tell(struct verifying *v, const char *text)
{
    v->out->problems++;
    v->say(v->context, text);
}

static void say_damage(void *context, const char *text)
{
    tell(context, text);
}

// What a file says of itself against what its series say.
static int compare_counts(struct window *w, struct error *err)
{
    struct columns c;
    uint64_t samples = 0;
    int rc = OK;
    columns_init(&c);
    for (uint32_t id = 0; id < window_series_count(w) && rc == OK; id++) {
        c.count = 0;
        rc = window_read(w, id, INT64_MIN, INT64_MAX, &c);
        samples += c.count;
        for (size_t i = 0; i < c.count && rc == OK; i++) {
            if (c.times_ms[i] < window_min_ms(w) || c.times_ms[i] >= window_max_ms(w) ||
                (i && c.times_ms[i] <= c.times_ms[i - 1]))
                rc = ERR_CORRUPT;
        }
    }
    columns_release(&c);
    if (rc)
        return error_set(err, rc, "%s: the times of a series are wrong", window_path(w));
    if (samples != window_sample_count(w))
        return error_set(err, ERR_CORRUPT, "%s: it holds %llu samples and says %llu",
                         window_path(w), (unsigned long long)samples,
                         (unsigned long long)window_sample_count(w));
    return OK;
}

static int compare_labels(struct window *w, struct error *err)
{
    struct arena arenas[2];
    struct labels before = {NULL, 0}, now;
    int rc = OK;
    arena_init(&arenas[0], 0);
    arena_init(&arenas[1], 0);
    for (uint32_t id = 0; id < window_series_count(w) && rc == OK; id++) {
        arena_reset(&arenas[id % 2]);
        rc = window_labels(w, id, &arenas[id % 2], &now);
        if (rc == OK && (now.count == 0 || (id && labels_cmp(before, now) >= 0) ||
                         labels_hash(now) != window_series_hash(w, id)))
            rc = ERR_CORRUPT;
        before = now;
    }
    arena_release(&arenas[0]);
    arena_release(&arenas[1]);
    return rc ? error_set(err, rc, "%s: the labels of a series are wrong", window_path(w)) : OK;
}

static int verify_window(struct verifying *v, const char *name, struct window_span span,
                         struct error *err)
{
    struct window *w;
    int rc = window_open(&w, v->path, name, err);
    if (rc)
        return rc;
    rc = window_verify(w, err);
    if (rc == OK && (window_min_ms(w) != span.min_ms || window_max_ms(w) != span.max_ms ||
                     window_sequence(w) != span.sequence))
        rc = error_set(err, ERR_CORRUPT, "%s: its name and its header differ", window_path(w));
    if (rc == OK)
        rc = compare_labels(w, err);
    if (rc == OK)
        rc = compare_counts(w, err);
    v->out->files++;
    v->out->samples += window_sample_count(w);
    window_unref(w);
    return rc;
}

static int verify_entry(void *context, const char *name)
{
    struct verifying *v = context;
    struct buf path = BUF_INIT;
    struct window_span span;
    struct error err;
    buf_printf(&path, "%s/%s", v->path, name);
    // A server may have merged the file away meanwhile.
    if (window_parse_name(name, &span) && verify_window(v, name, span, &err) &&
        file_exists(buf_text(&path)))
        tell(v, err.text);
    if (str_has_suffix(str_from(name), STR(".corrupt"))) {
        buf_cstr(&path, ": it was found damaged and set aside");
        tell(v, buf_text(&path));
    }
    buf_release(&path);
    return OK;
}

static void verify_journal(struct verifying *v)
{
    struct journal_counts counts = {.segments = 0};
    struct error err = {.code = OK};
    struct bulk *b = bulk_new(NULL, SIZE_MAX);
    const struct journal_target to = {b, b, INT64_MIN, false, say_damage, v};
    bulk_take_future(b);
    int rc = journal_load(&to, v->path, &counts, &err);
    bulk_free(b);
    v->out->journal_segments = counts.segments;
    if (rc && rc != ERR_NOT_FOUND)
        tell(v, err.text);
}

static void verify_tombstones(struct verifying *v)
{
    struct tombstones *t;
    struct error err;
    if (tombstones_load(&t, v->path, &err))
        tell(v, err.text);
    else
        tombstones_unref(t);
}

// The tables change in place while a server has them open: then there is nothing to compare with.
static void verify_meta(struct verifying *v)
{
    struct buf path = BUF_INIT;
    struct error err;
    buf_printf(&path, "%s/lock", v->path);
    int fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC);
    bool alone = fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0;
    buf_reset(&path);
    buf_printf(&path, "%s/meta", v->path);
    v->out->meta_skipped = !alone;
    if (alone && meta_check(buf_text(&path), true, &err))
        tell(v, err.text);
    buf_release(&path);
    if (fd >= 0)
        close(fd);
}

int archive_verify(const char *path, void (*say)(void *context, const char *text), void *context,
                   struct archive_verdict *out, struct error *err)
{
    *out = (struct archive_verdict){.files = 0};
    if (!archive_is_store(path))
        return error_set(err, ERR_NOT_FOUND, "%s: there is no store in this folder", path);
    struct verifying v = {path, say, context, out};
    int rc = dir_each(path, verify_entry, &v, err);
    if (rc)
        return rc;
    verify_journal(&v);
    verify_tombstones(&v);
    verify_meta(&v);
    return OK;
}
