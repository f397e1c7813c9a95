// An entry says: some batch up to `version` touched samples from oldest_ms on. One that is followed
// by an older or equal time says nothing any more, as every question that it answers is answered by
// the later one; so the list stays sorted both ways, and the answer for a version is the first entry
// behind it. When the list is full, its two oldest entries become one that claims the older time for
// the later version, which is never too little.
#include "change_log.h"

#include <string.h>

#include "storage/changes.h"
#include "store.h"

void change_log_init(struct change_log *c)
{
    pthread_mutex_init(&c->mutex, NULL);
    c->version = 0;
    c->count = 0;
}

void change_log_release(struct change_log *c)
{
    pthread_mutex_destroy(&c->mutex);
}

static void make_room(struct change_log *c)
{
    if (c->count < CHANGE_LOG_MAX)
        return;
    c->items[1].oldest_ms = c->items[0].oldest_ms;
    memmove(c->items, c->items + 1, --c->count * sizeof(c->items[0]));
}

void change_log_note(struct change_log *c, int64_t oldest_ms)
{
    pthread_mutex_lock(&c->mutex);
    while (c->count && c->items[c->count - 1].oldest_ms >= oldest_ms)
        c->count--;
    make_room(c);
    c->items[c->count++] = (struct change_mark){++c->version, oldest_ms};
    pthread_mutex_unlock(&c->mutex);
}

uint64_t change_log_version(struct change_log *c)
{
    pthread_mutex_lock(&c->mutex);
    uint64_t version = c->version;
    pthread_mutex_unlock(&c->mutex);
    return version;
}

int64_t change_log_since(struct change_log *c, uint64_t version)
{
    pthread_mutex_lock(&c->mutex);
    size_t low = 0, high = c->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->items[middle].version > version)
            high = middle;
        else
            low = middle + 1;
    }
    int64_t oldest_ms = low < c->count ? c->items[low].oldest_ms : INT64_MAX;
    pthread_mutex_unlock(&c->mutex);
    return oldest_ms;
}

uint64_t storage_version(struct storage *s)
{
    return change_log_version(&s->change_log);
}

int64_t storage_changed_since(struct storage *s, uint64_t version)
{
    return change_log_since(&s->change_log, version);
}

int64_t storage_floor_ms(struct storage *s)
{
    return retention_floor_ms(s);
}
