#include "series_keys.h"

#include <sys/random.h>

#include "base/hash.h"
#include "base/mem.h"

#define COUNT_MAX ((size_t)1 << 20)

void series_keys_init(struct series_keys *k)
{
    *k = (struct series_keys){.slots = NULL};
    pthread_rwlock_init(&k->lock, NULL);
    // Without a seed a sender could do no more than confuse its own series.
    if (getrandom(&k->seed, sizeof(k->seed), GRND_NONBLOCK) < 0)
        k->seed = (uint64_t)(uintptr_t)k;
}

void series_keys_release(struct series_keys *k)
{
    mem_free(k->slots);
    pthread_rwlock_destroy(&k->lock);
}

uint64_t series_keys_hash(const struct series_keys *k, struct str labels)
{
    uint64_t hash = hash64(labels.ptr, labels.len, k->seed);
    return hash ? hash : 1;
}

static struct series_key *slot_of(const struct series_keys *k, uint64_t hash)
{
    size_t at = hash & k->mask;
    while (k->slots[at].hash && k->slots[at].hash != hash)
        at = (at + 1) & k->mask;
    return &k->slots[at];
}

series_ref series_keys_find(const struct series_keys *k, uint64_t hash)
{
    return k->slots ? slot_of(k, hash)->series : 0;
}

static void grow(struct series_keys *k)
{
    struct series_keys old = *k;
    size_t capacity = old.slots ? (old.mask + 1) * 2 : 1024;
    k->slots = mem_calloc(capacity, sizeof(*k->slots));
    k->mask = capacity - 1;
    for (size_t i = 0; old.slots && i <= old.mask; i++) {
        if (old.slots[i].hash)
            *slot_of(k, old.slots[i].hash) = old.slots[i];
    }
    mem_free(old.slots);
}

void series_keys_put(struct series_keys *k, uint64_t hash, series_ref series)
{
    if (k->count == COUNT_MAX) { // senders that change their labels all the time: begin anew
        mem_free(k->slots);
        k->slots = NULL;
        k->count = 0;
    }
    if (!k->slots || (k->count + 1) * 4 > (k->mask + 1) * 3)
        grow(k);
    struct series_key *slot = slot_of(k, hash);
    k->count += slot->hash == 0;
    *slot = (struct series_key){hash, series};
}
