// A batch is an array of entries; nothing else of the store knows of them before the commit, which
// goes over them three times, the series being fetched ahead: what becomes of each entry is decided,
// what is kept is journaled, then it is put into the head. Only commits change what the first pass
// looks at, and they come one at a time.
//
// What becomes of a sample, as Prometheus has it:
//
//     newer than the series' newest    in order, even when it is late against other series, down to
//                                      LATE_MAX_MS behind the newest of all
//     the newest once more             nothing; with another value it is refused as a duplicate
//     older                            late, within the out-of-order window, else refused
//
// In order but before the sealed edge, it can't go to the series' chunks any more: it is kept with
// the late ones.
//
// A series that a batch refers to is kept for a while (head_mark()); should one have been forgotten
// all the same, by a batch that stayed open for long, the commit fails and says so: what a commit
// accepts is stored.
#include "storage/appender.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "store.h"

// Entries ahead of the one being looked at whose series are fetched into the cache.
#define PREFETCH_COUNT 6

struct appender {
    struct storage *storage;
    struct entry *entries;
    size_t count;
    size_t capacity;
    int64_t future_ms; // samples after this are refused; of this batch
    bool unordered;    // ids do not ascend: a series may stand in the batch twice, not side by side
    struct append_refusals refusals;
};

struct appender *appender_new(struct storage *s)
{
    struct appender *a = mem_calloc(1, sizeof(*a));
    a->storage = s;
    a->future_ms = INT64_MIN;
    return a;
}

void appender_free(struct appender *a)
{
    if (!a)
        return;
    mem_free(a->entries);
    mem_free(a);
}

static bool labels_are_sound(struct labels labels)
{
    for (size_t i = 0; i < labels.count; i++) {
        const struct label *l = &labels.items[i];
        if (!label_name_is_valid(l->name) || !l->value.len || !utf8_valid(l->value) ||
            (i && str_cmp(labels.items[i - 1].name, l->name) >= 0))
            return false;
    }
    return labels.count > 0 && labels.count <= UINT16_MAX;
}

static int create_series(struct storage *s, struct labels labels, uint64_t hash, series_ref *out)
{
    struct head *h = &s->head;
    struct series *series = NULL;
    if (!labels_are_sound(labels))
        return ERR_INVALID;
    pthread_rwlock_wrlock(&h->lock);
    series = head_find(h, labels, hash);
    if (!series && storage_takes_series(s)) {
        series = head_create(h, labels, hash);
        metric_add(s->metrics.series_created, 1);
    }
    if (series)
        *out = (series_ref)series->id + 1;
    pthread_rwlock_unlock(&h->lock);
    if (series)
        return OK;
    metric_add(s->metrics.series_refused, 1);
    return ERR_LIMIT;
}

int appender_series(struct appender *a, struct labels labels, series_ref *out)
{
    struct head *h = &a->storage->head;
    uint64_t hash = labels_hash(labels);
    pthread_rwlock_rdlock(&h->lock);
    const struct series *series = head_find(h, labels, hash);
    if (series) {
        head_mark(h, series->id);
        *out = (series_ref)series->id + 1;
    }
    pthread_rwlock_unlock(&h->lock);
    return series ? OK : create_series(a->storage, labels, hash, out);
}

static int refuse(struct metric *metric, int rc)
{
    metric_add(metric, 1);
    return rc;
}

// Against the clock.
static int check_bounds(struct appender *a, int64_t t_ms)
{
    struct storage *s = a->storage;
    if (!sample_time_is_sane(t_ms))
        return refuse(s->metrics.out_of_bounds, ERR_OUT_OF_BOUNDS);
    if (s->options.future_limit_ms && t_ms > a->future_ms) {
        a->future_ms = clock_wall_ms(s->options.clock) + s->options.future_limit_ms;
        if (t_ms > a->future_ms)
            return refuse(s->metrics.too_far_ahead, ERR_TOO_FAR_AHEAD);
    }
    return OK;
}

int appender_add(struct appender *a, series_ref series, int64_t t_ms, double value)
{
    if (series == 0 || series > SERIES_IDS_MAX ||
        !head_mark(&a->storage->head, (uint32_t)(series - 1)))
        return ERR_NOT_FOUND;
    int rc = check_bounds(a, t_ms);
    if (rc)
        return rc;
    if (a->count == ENTRY_PLACE_MAX)
        return ERR_LIMIT;
    MEM_GROW(a->entries, a->count, a->capacity);
    a->unordered |= a->count && a->entries[a->count - 1].id >= series;
    a->entries[a->count] = (struct entry){.id = (uint32_t)(series - 1),
                                          .place = a->count & ENTRY_PLACE_MAX,
                                          .t_ms = t_ms,
                                          .value = value};
    a->count++;
    return OK;
}

// What the entries of one batch are measured by.
struct limits {
    int64_t sealed_ms;
    int64_t in_order_ms; // newer samples of their series are taken from here on
    int64_t late_ms;     // ... and older ones from here; INT64_MAX: none are
};

static struct limits limits_of(struct storage *s, const struct entry *first)
{
    int64_t newest_ms = atomic_load(&s->head.max_ms);
    int64_t window_ms = atomic_load(&s->out_of_order_ms), sealed_ms = atomic_load(&s->sealed_ms);
    // After a start what windows have counts, too.
    if (newest_ms < sealed_ms)
        newest_ms = sealed_ms - 1;
    if (newest_ms == INT64_MIN)
        newest_ms = first->t_ms;
    return (struct limits){
        .sealed_ms = sealed_ms,
        // Without a folder nothing is ever sealed.
        .in_order_ms = s->path ? newest_ms - LATE_MAX_MS : INT64_MIN,
        .late_ms = window_ms ? newest_ms - window_ms : INT64_MAX,
    };
}

// The entry against the series' newest sample, stored or of this batch. ERR_END: it is there.
static int judge(struct entry *e, bool has_last, int64_t last_ms, double last,
                 const struct limits *limits)
{
    bool in_order = !has_last || e->t_ms > last_ms;
    e->kind = ENTRY_LATE;
    if (has_last && e->t_ms == last_ms)
        return double_bits(last) == double_bits(e->value) ? ERR_END : ERR_DUPLICATE;
    if (in_order && e->t_ms >= limits->in_order_ms) {
        if (e->t_ms >= limits->sealed_ms)
            e->kind = ENTRY_IN_ORDER;
        return OK;
    }
    if (e->t_ms >= limits->late_ms)
        return OK;
    if (limits->late_ms != INT64_MAX)
        return ERR_TOO_OLD;
    return in_order || e->t_ms < limits->in_order_ms ? ERR_OUT_OF_BOUNDS : ERR_OUT_OF_ORDER;
}

static void drop(struct appender *a, struct entry *e, int rc)
{
    struct append_refusals *r = &a->refusals;
    e->kind = ENTRY_DROPPED;
    if (rc == ERR_END)
        return;
    r->out_of_order += rc == ERR_OUT_OF_ORDER;
    r->duplicate += rc == ERR_DUPLICATE;
    r->out_of_bounds += rc == ERR_OUT_OF_BOUNDS;
    r->too_old += rc == ERR_TOO_OLD;
    if (!r->first) {
        r->first = (series_ref)e->id + 1;
        r->first_rc = rc;
        r->first_t_ms = e->t_ms;
    }
}

static inline void prefetch(const struct head *h, const struct entry *e)
{
    const char *series = (const char *)head_get(h, e->id);
    __builtin_prefetch(series, 1);
    __builtin_prefetch(series + 56, 1);
}

static void clear_marks(struct storage *s, const struct entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct series *series = head_get(&s->head, entries[i].id);
        if (series)
            series->in_batch = false;
    }
}

// Decides what becomes of each entry. ERR_NOT_FOUND: a series is gone; ERR_END: a series stands in
// the batch twice, not side by side.
static int check_entries(struct appender *a)
{
    struct storage *s = a->storage;
    struct limits limits = limits_of(s, &a->entries[0]);
    const struct entry *before = NULL; // newest kept of the series before
    for (size_t i = 0; i < a->count; i++) {
        struct entry *e = &a->entries[i];
        if (i + PREFETCH_COUNT < a->count)
            prefetch(&s->head, &a->entries[i + PREFETCH_COUNT]);
        struct series *series = head_get(&s->head, e->id);
        if (!series)
            return ERR_NOT_FOUND;
        bool again = i && a->entries[i - 1].id == e->id;
        if (!again && a->unordered && series->in_batch)
            return ERR_END;
        if (a->unordered)
            series->in_batch = true;
        if (!again)
            before = NULL;
        int rc = before ? judge(e, true, before->t_ms, before->value, &limits)
                        : judge(e, series->has_sample, series->open.t_last_ms, series->open.last,
                                &limits);
        if (rc)
            drop(a, e, rc);
        else if (!(before ? e->t_ms < before->t_ms
                          : series->has_sample && e->t_ms < series->open.t_last_ms))
            before = e;
    }
    return OK;
}

static int by_series(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->place < y->place ? -1 : 1;
}

static int check(struct appender *a, struct error *err)
{
    int rc = check_entries(a);
    if (a->unordered)
        clear_marks(a->storage, a->entries, a->count);
    if (rc == ERR_END) {
        qsort(a->entries, a->count, sizeof(*a->entries), by_series);
        a->unordered = false;
        a->refusals = (struct append_refusals){0};
        rc = check_entries(a);
    }
    if (rc)
        error_set(err, rc, "a series of the batch was forgotten meanwhile: look it up again");
    return rc;
}

// Neighbours share a stripe: it is let go only when another one comes.
static size_t apply(struct storage *s, const struct entry *entries, size_t count)
{
    struct head *h = &s->head;
    pthread_mutex_t *held = NULL;
    int64_t min_ms = INT64_MAX, max_ms = INT64_MIN;
    size_t stored = 0;
    for (size_t i = 0; i < count; i++) {
        const struct entry *e = &entries[i];
        if (e->kind == ENTRY_DROPPED)
            continue;
        struct series *series = head_get(h, e->id);
        pthread_mutex_t *stripe = head_stripe(h, e->id);
        if (stripe != held) {
            if (held)
                pthread_mutex_unlock(held);
            pthread_mutex_lock(stripe);
            held = stripe;
        }
        if (e->kind == ENTRY_IN_ORDER) {
            head_append(h, series, e->t_ms, e->value);
            min_ms = e->t_ms < min_ms ? e->t_ms : min_ms;
            max_ms = e->t_ms > max_ms ? e->t_ms : max_ms;
        } else {
            head_append_late(h, series, e->t_ms, e->value);
            metric_add(s->metrics.late_samples, 1);
        }
        stored++;
    }
    if (held)
        pthread_mutex_unlock(held);
    head_widen(h, min_ms, max_ms);
    return stored;
}

static enum durability durability(const struct storage *s, bool durable)
{
    if (s->options.journal_sync_ms == 0)
        return DURABLE_DISK;
    return durable ? DURABLE_KERNEL : DURABLE_LATER;
}

static void count_refused(const struct appender *a)
{
    const struct storage_metrics *m = &a->storage->metrics;
    const struct append_refusals *r = &a->refusals;
    if (!r->first)
        return;
    metric_add(m->out_of_order, r->out_of_order);
    metric_add(m->duplicate, r->duplicate);
    metric_add(m->out_of_bounds, r->out_of_bounds);
    metric_add(m->too_old, r->too_old);
}

// Maintenance reports it: its own writes may fit where this one doesn't.
static void note_failure(struct storage *s, const struct error *err)
{
    metric_add(s->metrics.journal_failures, 1);
    s->commit_failed_ns = clock_mono_ns(s->options.clock);
    if (err)
        s->commit_error = *err;
}

static int commit_locked(struct appender *a, bool durable, struct error *err)
{
    struct storage *s = a->storage;
    pthread_rwlock_rdlock(&s->head.lock);
    int rc = check(a, err);
    if (rc == OK && s->journal &&
        (rc = journal_append(s->journal, &s->head, a->entries, a->count, durability(s, durable),
                             err)))
        note_failure(s, err);
    if (rc == OK) {
        metric_add(s->metrics.samples, apply(s, a->entries, a->count));
        count_refused(a);
    }
    pthread_rwlock_unlock(&s->head.lock);
    return rc;
}

static int64_t oldest_ms(const struct appender *a)
{
    int64_t oldest = INT64_MAX;
    for (size_t i = 0; i < a->count; i++)
        oldest = a->entries[i].t_ms < oldest ? a->entries[i].t_ms : oldest;
    return oldest;
}

// Long gaps are forgotten slowly: a store that is written to once a minute isn't idle in between.
static void note_time(struct storage *s, int64_t start_ns)
{
    int64_t now_ns = clock_mono_ns(s->options.clock);
    metric_observe(s->metrics.commit_seconds, (double)(now_ns - start_ns) / 1e9);
    int64_t gap_ns = now_ns - atomic_load(&s->committed_ns),
            old_ns = atomic_load(&s->commit_gap_ns);
    old_ns -= old_ns / 16;
    atomic_store(&s->commit_gap_ns, gap_ns > old_ns ? gap_ns : old_ns);
    atomic_store(&s->committed_ns, now_ns);
}

int appender_commit(struct appender *a, bool durable, struct error *err)
{
    struct storage *s = a->storage;
    int rc = OK;
    a->refusals = (struct append_refusals){0};
    if (a->count) {
        int64_t start_ns = clock_mono_ns(s->options.clock);
        pthread_mutex_lock(&s->commit);
        rc = commit_locked(a, durable, err);
        if (rc == OK) {
            note_time(s, start_ns);
            change_log_note(&s->change_log, oldest_ms(a));
        }
        pthread_mutex_unlock(&s->commit);
    }
    appender_rollback(a);
    return rc;
}

const struct append_refusals *appender_refusals(const struct appender *a)
{
    return &a->refusals;
}

void appender_rollback(struct appender *a)
{
    a->count = 0;
    a->future_ms = INT64_MIN;
    a->unordered = false;
}

size_t appender_sample_count(const struct appender *a)
{
    return a->count;
}

int appender_labels(struct appender *a, series_ref series, struct arena *arena, struct labels *out)
{
    struct head *h = &a->storage->head;
    pthread_rwlock_rdlock(&h->lock);
    const struct series *found = series ? head_get(h, series - 1) : NULL;
    if (found)
        *out = head_labels(h, found, arena);
    pthread_rwlock_unlock(&h->lock);
    return found ? OK : ERR_NOT_FOUND;
}
