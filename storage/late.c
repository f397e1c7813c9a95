#include "late.h"

#include <string.h>

#include "base/mem.h"

static struct late_set *set_new(uint64_t generation, struct late_set *older)
{
    struct late_set *set = mem_calloc(1, sizeof(*set));
    set->generation = generation;
    set->older = older;
    hmap_init(&set->by_id);
    return set;
}

static void set_free(struct late_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        mem_free(set->series[i].samples);
    mem_free(set->series);
    hmap_release(&set->by_id);
    mem_free(set);
}

void late_init(struct late *l)
{
    pthread_mutex_init(&l->mutex, NULL);
    l->sets = set_new(1, NULL);
    atomic_init(&l->sample_count, 0);
}

static void free_sets(struct late *l, struct late_set *set)
{
    while (set) {
        struct late_set *older = set->older;
        for (uint32_t i = 0; i < set->count; i++)
            atomic_fetch_sub(&l->sample_count, set->series[i].count);
        set_free(set);
        set = older;
    }
}

void late_release(struct late *l)
{
    free_sets(l, l->sets);
    pthread_mutex_destroy(&l->mutex);
}

static bool is_series(const void *context, uint32_t at, const void *key)
{
    return ((const struct late_set *)context)->series[at].id == *(const uint32_t *)key;
}

// Numbers are as good as hashes here.
static struct late_series *find(const struct late_set *set, uint32_t id)
{
    uint32_t at = hmap_find(&set->by_id, id, is_series, set, &id);
    return at == HMAP_NONE ? NULL : &set->series[at];
}

static struct late_series *find_or_add(struct late_set *set, uint32_t id)
{
    struct late_series *s = find(set, id);
    if (s)
        return s;
    MEM_GROW(set->series, set->count, set->capacity);
    hmap_insert(&set->by_id, id, set->count);
    s = &set->series[set->count++];
    *s = (struct late_series){.id = id};
    return s;
}

// The first sample at or after t_ms.
static uint32_t place_of(const struct late_series *s, int64_t t_ms)
{
    uint32_t low = 0, high = s->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->samples[middle].t_ms < t_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void set_add(struct late *l, struct late_set *set, uint32_t id, int64_t t_ms, double value)
{
    struct late_series *s = find_or_add(set, id);
    uint32_t at = place_of(s, t_ms);
    if (at < s->count && s->samples[at].t_ms == t_ms)
        return;
    MEM_GROW(s->samples, s->count, s->capacity);
    memmove(s->samples + at + 1, s->samples + at, (s->count - at) * sizeof(*s->samples));
    s->samples[at] = (struct sample){t_ms, value};
    s->count++;
    atomic_fetch_add(&l->sample_count, 1);
}

void late_add(struct late *l, uint32_t id, int64_t t_ms, double value)
{
    pthread_mutex_lock(&l->mutex);
    set_add(l, l->sets, id, t_ms, value);
    pthread_mutex_unlock(&l->mutex);
}

bool late_has(struct late *l, uint32_t id)
{
    bool has = false;
    if (!atomic_load(&l->sample_count))
        return false;
    pthread_mutex_lock(&l->mutex);
    for (const struct late_set *set = l->sets; set && !has; set = set->older)
        has = find(set, id);
    pthread_mutex_unlock(&l->mutex);
    return has;
}

bool late_reaches(struct late *l, uint32_t id, uint64_t generation, int64_t min_ms, int64_t max_ms)
{
    bool reaches = false;
    if (!atomic_load(&l->sample_count))
        return false;
    pthread_mutex_lock(&l->mutex);
    for (const struct late_set *set = l->sets; set && set->generation >= generation && !reaches;
         set = set->older) {
        const struct late_series *s = find(set, id);
        reaches = s && s->samples[0].t_ms <= max_ms && s->samples[s->count - 1].t_ms >= min_ms;
    }
    pthread_mutex_unlock(&l->mutex);
    return reaches;
}

// Merges sorted samples into columns: from the back, so that nothing is moved twice.
static void merge(const struct sample *samples, size_t count, struct columns *out, size_t from)
{
    size_t extra = 0;
    for (size_t i = 0, at = from; i < count; i++) {
        while (at < out->count && out->times_ms[at] < samples[i].t_ms)
            at++;
        extra += at == out->count || out->times_ms[at] != samples[i].t_ms;
    }
    columns_reserve(out, out->count + extra);
    size_t write = out->count + extra, read = out->count;
    out->count = write;
    for (size_t i = count; write > read; write--) {
        const struct sample *s = &samples[i - 1];
        if (read > from && out->times_ms[read - 1] >= s->t_ms) {
            i -= out->times_ms[read - 1] == s->t_ms;
            read--;
            out->times_ms[write - 1] = out->times_ms[read];
            out->values[write - 1] = out->values[read];
        } else {
            i--;
            out->times_ms[write - 1] = s->t_ms;
            out->values[write - 1] = s->value;
        }
    }
}

void late_read(struct late *l, uint32_t id, uint64_t generation, int64_t min_ms, int64_t max_ms,
               struct columns *out, size_t from)
{
    if (!atomic_load(&l->sample_count))
        return;
    pthread_mutex_lock(&l->mutex);
    for (const struct late_set *set = l->sets; set && set->generation >= generation;
         set = set->older) {
        const struct late_series *s = find(set, id);
        if (!s)
            continue;
        uint32_t first = place_of(s, min_ms);
        uint32_t end = max_ms == INT64_MAX ? s->count : place_of(s, max_ms + 1);
        if (end > first)
            merge(s->samples + first, end - first, out, from);
    }
    pthread_mutex_unlock(&l->mutex);
}

int64_t late_min_ms(struct late *l)
{
    int64_t min_ms = INT64_MAX;
    if (!atomic_load(&l->sample_count))
        return min_ms;
    pthread_mutex_lock(&l->mutex);
    for (const struct late_set *set = l->sets; set; set = set->older) {
        for (uint32_t i = 0; i < set->count; i++) {
            if (set->series[i].samples[0].t_ms < min_ms)
                min_ms = set->series[i].samples[0].t_ms;
        }
    }
    pthread_mutex_unlock(&l->mutex);
    return min_ms;
}

uint64_t late_freeze(struct late *l, int64_t keep_ms)
{
    pthread_mutex_lock(&l->mutex);
    const struct late_set *old = l->sets;
    l->sets = set_new(l->sets->generation + 1, l->sets);
    for (uint32_t i = 0; i < old->count; i++) {
        const struct late_series *s = &old->series[i];
        for (uint32_t k = place_of(s, keep_ms); k < s->count; k++)
            set_add(l, l->sets, s->id, s->samples[k].t_ms, s->samples[k].value);
    }
    uint64_t generation = l->sets->generation;
    pthread_mutex_unlock(&l->mutex);
    return generation;
}

void late_drop(struct late *l, uint64_t generation)
{
    pthread_mutex_lock(&l->mutex);
    struct late_set **at = &l->sets->older;
    while (*at && (*at)->generation >= generation)
        at = &(*at)->older;
    struct late_set *gone = *at;
    *at = NULL;
    free_sets(l, gone);
    pthread_mutex_unlock(&l->mutex);
}
