// A log of changes that answers: what is the oldest time that changed since version V?
#ifndef STORAGE_CHANGES_LOG_H
#define STORAGE_CHANGES_LOG_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#define CHANGES_MAX 512

struct change_mark {
    uint64_t version;
    int64_t oldest_ms;
};

struct changes {
    pthread_mutex_t mutex; // guards the rest; a leaf
    uint64_t version;
    size_t count;
    struct change_mark items[CHANGES_MAX]; // version and oldest_ms both grow strictly
};

void changes_init(struct changes *c);
void changes_release(struct changes *c);
// Call once the change is visible to readers: who asks for the version before that and misses the
// change is told of it afterwards.
void changes_note(struct changes *c, int64_t oldest_ms);
uint64_t changes_version(struct changes *c);
int64_t changes_since(struct changes *c, uint64_t version);

#endif
