// A batch is an array of entries; nothing else of the store knows of them before the commit. Checks
// are made twice: when a sample is added, for the caller's sake, and at the commit, since another
// batch may have come between. What was overtaken is dropped then, and counted.
//
// A series that a batch refers to is kept for a while (head_touch()); should one have been
// forgotten all the same, by a batch that stayed open for long, the commit fails and says so: what
// a commit accepts is stored.
#include "storage/appender.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "store.h"

struct appender {
    struct storage *storage;
    struct entry *entries;
    size_t count;
    size_t capacity;
    int64_t future_ms; // samples after this are refused; of this batch
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
    if (!labels_are_sound(labels))
        return ERR_INVALID;
    int rc = OK;
    pthread_rwlock_wrlock(&h->lock);
    struct series *series = head_find(h, labels, hash);
    if (!series && s->options.series_max && h->series_count >= s->options.series_max) {
        rc = ERR_LIMIT;
        metric_add(s->metrics.series_refused, 1);
    } else if (!series) {
        series = head_create(h, labels, hash);
        metric_add(s->metrics.series_created, 1);
    }
    if (series)
        *out = (series_ref)series->id + 1;
    pthread_rwlock_unlock(&h->lock);
    return rc;
}

int appender_series(struct appender *a, struct labels labels, series_ref *out)
{
    struct head *h = &a->storage->head;
    uint64_t hash = labels_hash(labels);
    pthread_rwlock_rdlock(&h->lock);
    struct series *series = head_find(h, labels, hash);
    if (series) {
        head_touch(h, series);
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

// Against the clock and what is sealed already.
static int check_bounds(struct appender *a, int64_t t_ms)
{
    struct storage *s = a->storage;
    if (!sample_time_is_sane(t_ms))
        return refuse(s->metrics.out_of_bounds, ERR_OUT_OF_BOUNDS);
    if (s->options.future_limit_ms) {
        if (t_ms > a->future_ms)
            a->future_ms = clock_wall_ms(s->options.clock) + s->options.future_limit_ms;
        if (t_ms > a->future_ms)
            return refuse(s->metrics.too_far_ahead, ERR_TOO_FAR_AHEAD);
    }
    if (t_ms < atomic_load_explicit(&s->sealed_ms, memory_order_relaxed))
        return refuse(s->metrics.out_of_bounds, ERR_OUT_OF_BOUNDS);
    return OK;
}

// ERR_END: the very sample is there already.
static int check_order(struct storage *s, int64_t last_ms, double last, int64_t t_ms, double value)
{
    if (t_ms > last_ms)
        return OK;
    if (t_ms < last_ms)
        return refuse(s->metrics.out_of_order, ERR_OUT_OF_ORDER);
    if (double_bits(last) == double_bits(value))
        return ERR_END;
    return refuse(s->metrics.duplicate, ERR_DUPLICATE);
}

static int check_series(struct storage *s, uint32_t id, int64_t t_ms, double value)
{
    struct head *h = &s->head;
    int rc = ERR_NOT_FOUND;
    pthread_rwlock_rdlock(&h->lock);
    struct series *series = head_get(h, id);
    if (series) {
        head_touch(h, series);
        pthread_mutex_lock(head_stripe(h, id));
        rc = series->has_sample ? check_order(s, series->last_ms, series->last_value, t_ms, value)
                                : OK;
        pthread_mutex_unlock(head_stripe(h, id));
    }
    pthread_rwlock_unlock(&h->lock);
    return rc;
}

int appender_add(struct appender *a, series_ref series, int64_t t_ms, double value)
{
    if (series == 0 || series > HMAP_NONE)
        return ERR_NOT_FOUND;
    uint32_t id = (uint32_t)(series - 1);
    int rc = check_bounds(a, t_ms);
    if (rc)
        return rc;
    const struct entry *last = a->count ? &a->entries[a->count - 1] : NULL;
    if (last && last->id == id)
        rc = check_order(a->storage, last->t_ms, last->value, t_ms, value);
    else
        rc = check_series(a->storage, id, t_ms, value);
    if (rc)
        return rc == ERR_END ? OK : rc;
    MEM_GROW(a->entries, a->count, a->capacity);
    a->entries[a->count++] = (struct entry){id, false, t_ms, value};
    return OK;
}

// Marks entries that another batch overtook. Only commits change what is looked at, and the caller
// holds the commit lock. ERR_NOT_FOUND when a series is gone.
static int drop_overtaken(struct storage *s, struct entry *entries, size_t count)
{
    int64_t sealed_ms = atomic_load(&s->sealed_ms);
    for (size_t i = 0; i < count; i++) {
        const struct series *series = head_get(&s->head, entries[i].id);
        if (!series)
            return ERR_NOT_FOUND;
        bool late = series->has_sample && entries[i].t_ms <= series->last_ms;
        entries[i].dropped = late || entries[i].t_ms < sealed_ms;
        if (late)
            metric_add(s->metrics.out_of_order, 1);
        else if (entries[i].dropped)
            metric_add(s->metrics.out_of_bounds, 1);
    }
    return OK;
}

static size_t apply(struct storage *s, struct entry *entries, size_t count)
{
    size_t stored = 0;
    for (size_t i = 0; i < count; i++) {
        struct entry *e = &entries[i];
        if (e->dropped)
            continue;
        struct series *series = head_get(&s->head, e->id);
        pthread_mutex_lock(head_stripe(&s->head, e->id));
        // A series may stand in the batch twice, not side by side.
        if (!series->has_sample || e->t_ms > series->last_ms) {
            head_append(&s->head, series, e->t_ms, e->value);
            stored++;
        } else {
            metric_add(s->metrics.out_of_order, 1);
        }
        pthread_mutex_unlock(head_stripe(&s->head, e->id));
    }
    return stored;
}

static enum durability durability(const struct storage *s, bool durable)
{
    if (s->options.journal_sync_ms == 0)
        return DURABLE_DISK;
    return durable ? DURABLE_KERNEL : DURABLE_LATER;
}

static int commit_locked(struct appender *a, bool durable, struct error *err)
{
    struct storage *s = a->storage;
    pthread_rwlock_rdlock(&s->head.lock);
    int rc = drop_overtaken(s, a->entries, a->count);
    if (rc)
        error_set(err, rc, "a series of the batch was forgotten meanwhile: look it up again");
    else if (s->journal && (rc = journal_append(s->journal, &s->head, a->entries, a->count,
                                                durability(s, durable), err)))
        metric_add(s->metrics.journal_failures, 1);
    if (rc == OK)
        metric_add(s->metrics.samples, apply(s, a->entries, a->count));
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

int appender_commit(struct appender *a, bool durable, struct error *err)
{
    struct storage *s = a->storage;
    int rc = OK;
    if (a->count) {
        pthread_mutex_lock(&s->commit);
        rc = commit_locked(a, durable, err);
        if (rc == OK)
            change_log_note(&s->change_log, oldest_ms(a));
        pthread_mutex_unlock(&s->commit);
    }
    appender_rollback(a);
    return rc;
}

void appender_rollback(struct appender *a)
{
    a->count = 0;
    a->future_ms = INT64_MIN;
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
