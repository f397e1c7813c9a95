// One epoll set, one thread, one table of slots.
//
// An event carries (generation << 32 | slot), not a pointer: it may have been taken off the queue
// just before the request ended, and is then told by its generation to be stale. The mutex guards
// the table and is held while a flag is raised, so that a request cannot go away under it.
#include "hangup.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/mem.h"

#define STOP_EVENT UINT64_MAX

struct slot {
    struct cancel *cancel; // NULL: free
    int fd;
    uint32_t generation;
    uint32_t next_free;
};

struct hangup_watch {
    int epoll_fd;
    int stop_fd;
    pthread_t thread;
    pthread_mutex_t mutex; // guards what follows
    struct slot *slots;
    size_t slot_count;
    uint32_t free_head;
};

static void raise_event(struct hangup_watch *w, uint64_t data)
{
    struct slot *slot = &w->slots[(uint32_t)data];
    pthread_mutex_lock(&w->mutex);
    if (slot->cancel && slot->generation == (uint32_t)(data >> 32))
        cancel_raise(slot->cancel);
    pthread_mutex_unlock(&w->mutex);
}

static void *watch(void *argument)
{
    struct hangup_watch *w = argument;
    for (;;) {
        struct epoll_event events[16];
        int count = epoll_wait(w->epoll_fd, events, 16, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == STOP_EVENT)
                return NULL;
            raise_event(w, events[i].data.u64);
        }
    }
}

static void slots_init(struct hangup_watch *w, size_t count)
{
    w->slots = mem_calloc(count, sizeof(*w->slots));
    w->slot_count = count;
    for (size_t i = 0; i < count; i++)
        w->slots[i].next_free = i + 1 < count ? (uint32_t)(i + 1) : HANGUP_NONE;
    w->free_head = count ? 0 : HANGUP_NONE;
}

static void watch_close(struct hangup_watch *w)
{
    if (w->epoll_fd >= 0)
        close(w->epoll_fd);
    if (w->stop_fd >= 0)
        close(w->stop_fd);
    pthread_mutex_destroy(&w->mutex);
    mem_free(w->slots);
    mem_free(w);
}

int hangup_watch_new(struct hangup_watch **out, size_t request_max, struct error *err)
{
    struct hangup_watch *w = mem_calloc(1, sizeof(*w));
    pthread_mutex_init(&w->mutex, NULL);
    slots_init(w, request_max);
    w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    w->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event stop = {.events = EPOLLIN, .data.u64 = STOP_EVENT};
    if (w->epoll_fd < 0 || w->stop_fd < 0 ||
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->stop_fd, &stop) ||
        pthread_create(&w->thread, NULL, watch, w)) {
        int code = errno;
        watch_close(w);
        return error_set(err, err_from_errno(code), "watching connections: %s", strerror(code));
    }
    pthread_setname_np(w->thread, "http-hangup");
    *out = w;
    return OK;
}

void hangup_watch_free(struct hangup_watch *w)
{
    if (!w)
        return;
    eventfd_write(w->stop_fd, 1);
    pthread_join(w->thread, NULL);
    watch_close(w);
}

uint32_t hangup_watch_add(struct hangup_watch *w, int fd, struct cancel *cancel)
{
    pthread_mutex_lock(&w->mutex);
    uint32_t number = w->free_head;
    if (number != HANGUP_NONE) {
        struct slot *slot = &w->slots[number];
        w->free_head = slot->next_free;
        slot->cancel = cancel;
        slot->fd = fd;
        // Errors and full closes are always reported; RDHUP is the client's half.
        struct epoll_event event = {.events = EPOLLRDHUP | EPOLLONESHOT,
                                    .data.u64 = (uint64_t)slot->generation << 32 | number};
        epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
    pthread_mutex_unlock(&w->mutex);
    return number;
}

void hangup_watch_remove(struct hangup_watch *w, uint32_t number)
{
    if (number == HANGUP_NONE)
        return;
    pthread_mutex_lock(&w->mutex);
    struct slot *slot = &w->slots[number];
    epoll_ctl(w->epoll_fd, EPOLL_CTL_DEL, slot->fd, NULL);
    slot->cancel = NULL;
    slot->generation++;
    slot->next_free = w->free_head;
    w->free_head = number;
    pthread_mutex_unlock(&w->mutex);
}

void hangup_watch_raise_all(struct hangup_watch *w)
{
    pthread_mutex_lock(&w->mutex);
    for (size_t i = 0; i < w->slot_count; i++) {
        if (w->slots[i].cancel)
            cancel_raise(w->slots[i].cancel);
    }
    pthread_mutex_unlock(&w->mutex);
}
