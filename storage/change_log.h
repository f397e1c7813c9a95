// A log of changes that answers: what is the oldest time that changed since version V?
#ifndef STORAGE_CHANGE_LOG_H
#define STORAGE_CHANGE_LOG_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define CHANGE_LOG_MAX 512

struct change_mark {
    uint64_t version;
    int64_t oldest_ms;
};

struct change_log {
    pthread_mutex_t mutex; // guards the rest; a leaf
    uint64_t version;
    size_t count;
    struct change_mark items[CHANGE_LOG_MAX]; // version and oldest_ms both grow strictly
};

void change_log_init(struct change_log *c);
void change_log_release(struct change_log *c);
// Call once the change is visible to readers: who asks for the version before that and misses the
// change is told of it afterwards.
void change_log_note(struct change_log *c, int64_t oldest_ms);
uint64_t change_log_version(struct change_log *c);
int64_t change_log_since(struct change_log *c, uint64_t version);

#endif
