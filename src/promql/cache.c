// Entries stand in a list by use and are found by walking it: there are few, each is large, and
// what a hit saves is far more than a walk over some dozens of keys. An entry that is in use when it
// is dropped lives until its last user puts it back.
//
// Lock: one mutex for the list, the counts and the sightings; it is not held while a result is
// copied or read.
#include "cache.h"

#include <pthread.h>

#include "base/hash.h"
#include "base/mem.h"

// Remembered keys that were asked once.
#define SIGHTING_COUNT 512

struct result_cache {
    pthread_mutex_t lock;
    struct cached_result *newest, *oldest;
    size_t size, size_max;
    uint64_t sightings[SIGHTING_COUNT]; // hashes of keys, by hash
    struct metric *bytes;
};

struct result_cache *result_cache_new(size_t size_max, struct metrics *m)
{
    struct result_cache *c = mem_calloc(1, sizeof(*c));
    pthread_mutex_init(&c->lock, NULL);
    c->size_max = size_max;
    if (m)
        c->bytes =
            metrics_gauge(m, "lapwing_query_cache_bytes", "Memory of kept query results.", "");
    return c;
}

static void unlink_entry(struct result_cache *c, struct cached_result *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void push_newest(struct result_cache *c, struct cached_result *e)
{
    e->newer = NULL;
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void entry_free(struct cached_result *e)
{
    arena_release(&e->arena);
    mem_free(e);
}

// The list's own reference counts as one.
static void drop_reference(struct cached_result *e)
{
    if (--e->references == 0)
        entry_free(e);
}

static void evict(struct result_cache *c, struct cached_result *e)
{
    unlink_entry(c, e);
    c->size -= e->size;
    drop_reference(e);
}

void result_cache_free(struct result_cache *c)
{
    if (!c)
        return;
    while (c->oldest)
        evict(c, c->oldest);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static bool key_eq(const struct cache_key *a, const struct cache_key *b)
{
    return a->step_ms == b->step_ms && a->phase_ms == b->phase_ms &&
           a->lookback_ms == b->lookback_ms && a->subquery_step_ms == b->subquery_step_ms &&
           str_eq(a->text, b->text);
}

static uint64_t key_hash(const struct cache_key *k)
{
    int64_t numbers[] = {k->step_ms, k->phase_ms, k->lookback_ms, k->subquery_step_ms};
    return hash64(k->text.ptr, k->text.len, hash64(numbers, sizeof(numbers), 0));
}

static struct cached_result *find(struct result_cache *c, const struct cache_key *key)
{
    struct cached_result *e = c->newest;
    while (e && !key_eq(&e->key, key))
        e = e->older;
    return e;
}

struct cached_result *result_cache_get(struct result_cache *c, const struct cache_key *key)
{
    pthread_mutex_lock(&c->lock);
    struct cached_result *e = find(c, key);
    if (e) {
        unlink_entry(c, e);
        push_newest(c, e);
        e->references++;
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

void result_cache_put_back(struct result_cache *c, struct cached_result *entry)
{
    pthread_mutex_lock(&c->lock);
    drop_reference(entry);
    pthread_mutex_unlock(&c->lock);
}

bool result_cache_wants(struct result_cache *c, const struct cache_key *key)
{
    uint64_t hash = key_hash(key);
    pthread_mutex_lock(&c->lock);
    uint64_t *seen = &c->sightings[hash % SIGHTING_COUNT];
    bool again = *seen == hash;
    *seen = hash;
    pthread_mutex_unlock(&c->lock);
    return again;
}

static struct str *copy_texts(struct arena *a, const struct str *texts, size_t count)
{
    struct str *copies = arena_array(a, count, sizeof(*copies));
    for (size_t i = 0; i < count; i++)
        copies[i] = arena_copy(a, texts[i]);
    return copies;
}

static void *copy_array(struct arena *a, const void *array, size_t count, size_t size)
{
    void *copy = arena_array(a, count, size);
    if (count)
        memcpy(copy, array, count * size);
    return copy;
}

// Rows without gaps share their times in the copy as they do in the original.
static void copy_series(struct arena *a, const struct promql_result *from, struct promql_result *to)
{
    const int64_t *shared = NULL, *shared_copy = NULL;
    to->series = arena_array(a, from->series_count, sizeof(*to->series));
    for (size_t i = 0; i < from->series_count; i++) {
        const struct promql_series *s = &from->series[i];
        if (s->times_ms != shared || !shared) {
            shared = s->times_ms;
            shared_copy = copy_array(a, s->times_ms, s->count, sizeof(*s->times_ms));
        }
        to->series[i] = (struct promql_series){
            .labels = labels_copy(a, s->labels),
            .times_ms = shared_copy,
            .values = copy_array(a, s->values, s->count, sizeof(*s->values)),
            .count = s->count,
        };
    }
}

// What the copy will take at least; a look before the leap.
static size_t least_size(const struct promql_result *r)
{
    size_t size = 0;
    for (size_t i = 0; i < r->series_count; i++)
        size += r->series[i].count * sizeof(double) +
                r->series[i].labels.count * sizeof(struct label) + sizeof(struct promql_series);
    return size;
}

static struct cached_result *entry_new(const struct cached_result *from)
{
    const struct promql_result *r = &from->result;
    struct cached_result *e = mem_alloc(sizeof(*e));
    *e = *from;
    e->references = 1;
    e->newer = e->older = NULL;
    arena_init(&e->arena, 0);
    e->key.text = arena_copy(&e->arena, from->key.text);
    e->result.warnings = copy_texts(&e->arena, r->warnings, r->warning_count);
    e->result.infos = copy_texts(&e->arena, r->infos, r->info_count);
    copy_series(&e->arena, r, &e->result);
    e->size = sizeof(*e) + e->arena.used;
    return e;
}

void result_cache_keep(struct result_cache *c, const struct cached_result *from)
{
    // One result may take a quarter.
    if (least_size(&from->result) > c->size_max / 4)
        return;
    struct cached_result *e = entry_new(from);
    pthread_mutex_lock(&c->lock);
    struct cached_result *old = find(c, &e->key);
    if (old)
        evict(c, old);
    push_newest(c, e);
    c->size += e->size;
    while (c->size > c->size_max && c->oldest)
        evict(c, c->oldest);
    if (c->bytes)
        metric_set(c->bytes, (double)c->size);
    pthread_mutex_unlock(&c->lock);
}
