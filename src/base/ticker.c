#include "base/ticker.h"

#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "base/mem.h"

#define WAIT_MAX_MS (INT64_C(3600) * 1000)

struct ticker {
    pthread_t thread;
    const struct clock *clock;
    tick_fn *tick;
    void *context;
    pthread_mutex_t mutex;  // guards the flags
    pthread_cond_t changed; // on the monotonic clock
    bool woken;
    bool stopping;
};

static struct timespec deadline_after(int64_t ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

// False when the ticker is to end.
static bool wait_for(struct ticker *t, int64_t ms)
{
    struct timespec deadline = deadline_after(ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS);
    pthread_mutex_lock(&t->mutex);
    int rc = 0;
    while (!t->woken && !t->stopping && rc == 0)
        rc = pthread_cond_timedwait(&t->changed, &t->mutex, &deadline);
    t->woken = false;
    bool go_on = !t->stopping;
    pthread_mutex_unlock(&t->mutex);
    return go_on;
}

static void *run(void *argument)
{
    struct ticker *t = argument;
    int64_t wait_ms;
    do {
        wait_ms = t->tick(t->context, clock_wall_ms(t->clock));
    } while (wait_for(t, wait_ms < 0 ? 0 : wait_ms));
    return NULL;
}

struct ticker *ticker_start(const char *name, const struct clock *clock, tick_fn *tick,
                            void *context)
{
    struct ticker *t = mem_calloc(1, sizeof(*t));
    t->clock = clock;
    t->tick = tick;
    t->context = context;
    pthread_mutex_init(&t->mutex, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&t->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&t->thread, NULL, run, t) != 0) {
        fprintf(stderr, "lapwing: cannot start the %s thread\n", name);
        abort();
    }
    pthread_setname_np(t->thread, name);
    return t;
}

static void raise_flag(struct ticker *t, bool *flag)
{
    pthread_mutex_lock(&t->mutex);
    *flag = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->mutex);
}

void ticker_wake(struct ticker *t)
{
    raise_flag(t, &t->woken);
}

void ticker_stop(struct ticker *t)
{
    if (!t)
        return;
    raise_flag(t, &t->stopping);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->mutex);
    mem_free(t);
}
