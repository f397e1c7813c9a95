#include "archive_journal.h"

#include "base/file.h"
#include "base/mem.h"
#include "journal.h"
#include "journal_frame.h"

struct loading {
    const struct journal_target *to;
    const char *folder;
    struct numbers {
        uint32_t in_order, late; // of the loads
    } * series;
    size_t series_count;
    size_t series_capacity;
    struct journal_counts *counts;
    struct error *err;
    int rc;
};

static uint32_t take_series(void *context, struct labels labels)
{
    struct loading *l = context;
    MEM_GROW(l->series, l->series_count, l->series_capacity);
    l->series[l->series_count] =
        (struct numbers){bulk_series(l->to->in_order, labels), bulk_series(l->to->late, labels)};
    return (uint32_t)l->series_count++;
}

static void add(struct loading *l, struct bulk *to, uint32_t series, int64_t t_ms, double value)
{
    l->counts->samples++;
    if (l->rc == OK && sample_time_is_sane(t_ms))
        l->rc = bulk_add(to, series, t_ms, value, l->err);
}

static void take_sample(void *context, uint32_t series, int64_t t_ms, double value)
{
    struct loading *l = context;
    if (t_ms >= l->to->in_order_min_ms)
        add(l, l->to->in_order, l->series[series].in_order, t_ms, value);
}

static void take_late(void *context, uint32_t series, int64_t t_ms, double value)
{
    struct loading *l = context;
    add(l, l->to->late, l->series[series].late, t_ms, value);
}

static void say(struct loading *l, struct buf *text)
{
    if (l->to->say)
        l->to->say(l->to->context, buf_text(text));
    buf_release(text);
}

static void tell(struct loading *l, const char *name, const struct segment_report *r)
{
    struct buf text = BUF_INIT;
    l->counts->damaged += r->torn || r->damages;
    if (r->damages) {
        buf_printf(&text,
                   "%s/%s: %llu bytes are damaged, at %llu places from byte %llu on, and %llu "
                   "samples behind that can't be read for it",
                   l->folder, name, (unsigned long long)r->damage_bytes,
                   (unsigned long long)r->damages, (unsigned long long)r->damage_first,
                   (unsigned long long)r->lost_samples);
        say(l, &text);
    }
    if (r->torn && !l->to->torn_is_normal) {
        buf_printf(&text,
                   "%s/%s: at byte %zu: the end is torn or damaged, and what follows is lost",
                   l->folder, name, r->sound);
        say(l, &text);
    }
}

static int load_bytes(struct loading *l, const char *name, struct str bytes)
{
    const struct journal_replay replay = {
        .context = l, .series = take_series, .sample = take_sample, .late = take_late};
    struct str magic = STR(SEGMENT_MAGIC);
    struct segment_report report;
    l->counts->segments++;
    l->counts->bytes += bytes.len;
    if (!str_has_prefix(bytes, magic) && str_has_prefix(bytes, str_first(magic, magic.len - 2)))
        return error_set(l->err, ERR_UNSUPPORTED, "%s/%s: expected a segment that begins with %s",
                         l->folder, name, SEGMENT_MAGIC);
    journal_replay_segment(bytes, &replay, &report);
    tell(l, name, &report);
    return l->rc;
}

static int load_segment(void *context, const char *name)
{
    struct loading *l = context;
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    uint64_t number;
    if (!str_to_u64(str_from(name), &number))
        return OK;
    buf_printf(&path, "%s/%s", l->folder, name);
    int rc = journal_read_segment(buf_text(&path), &bytes, l->err);
    if (rc == ERR_CORRUPT) {
        struct buf text = BUF_INIT;
        buf_cstr(&text, l->err->text);
        l->counts->damaged++;
        say(l, &text);
        rc = OK;
    } else if (rc == OK) {
        rc = load_bytes(l, name, buf_view(&bytes));
    }
    buf_release(&bytes);
    buf_release(&path);
    return rc;
}

int journal_load(const struct journal_target *to, const char *path, struct journal_counts *out,
                 struct error *err)
{
    struct buf folder = BUF_INIT;
    buf_printf(&folder, "%s/journal", path);
    *out = (struct journal_counts){.segments = 0};
    struct loading l = {.to = to, .folder = buf_text(&folder), .counts = out, .err = err};
    int rc = file_exists(l.folder) ? dir_each(l.folder, load_segment, &l, err) : OK;
    mem_free(l.series);
    buf_release(&folder);
    return rc;
}
