// Tasks wait in one ring under one mutex; workers sleep on `work`.
#include "base/pool.h"

#include <pthread.h>
#include <stdio.h>

#include "base/error.h"
#include "base/mem.h"

struct pool_task {
    pool_task_fn *run;
    void *argument;
};

struct pool {
    pthread_mutex_t mutex; // guards everything below
    pthread_cond_t work;
    struct pool_task *ring;
    size_t ring_size;
    size_t head;
    size_t queued;
    bool stopping;
    pthread_t *threads;
    size_t thread_count;
    char name[16];
};

static bool take(struct pool *p, struct pool_task *task)
{
    pthread_mutex_lock(&p->mutex);
    while (!p->queued && !p->stopping)
        pthread_cond_wait(&p->work, &p->mutex);
    bool some = p->queued > 0;
    if (some) {
        *task = p->ring[p->head];
        p->head = (p->head + 1) % p->ring_size;
        p->queued--;
    }
    pthread_mutex_unlock(&p->mutex);
    return some;
}

static void *worker(void *argument)
{
    struct pool_task task;
    while (take(argument, &task))
        task.run(task.argument);
    return NULL;
}

struct pool *pool_new(const char *name, size_t thread_count, size_t queue_limit)
{
    struct pool *p = mem_calloc(1, sizeof(*p));
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->work, NULL);
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->ring_size = queue_limit ? queue_limit : 1;
    p->ring = mem_calloc(p->ring_size, sizeof(*p->ring));
    p->threads = mem_calloc(thread_count, sizeof(*p->threads));
    for (size_t i = 0; i < thread_count; i++) {
        if (pthread_create(&p->threads[i], NULL, worker, p) != 0)
            break;
        pthread_setname_np(p->threads[i], p->name);
        p->thread_count++;
    }
    return p;
}

void pool_free(struct pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    pthread_cond_broadcast(&p->work);
    pthread_mutex_unlock(&p->mutex);
    for (size_t i = 0; i < p->thread_count; i++)
        pthread_join(p->threads[i], NULL);
    pthread_cond_destroy(&p->work);
    pthread_mutex_destroy(&p->mutex);
    mem_free(p->threads);
    mem_free(p->ring);
    mem_free(p);
}

size_t pool_thread_count(const struct pool *p)
{
    return p ? p->thread_count : 0;
}

int pool_submit(struct pool *p, pool_task_fn *task, void *argument)
{
    int rc = ERR_LIMIT;
    pthread_mutex_lock(&p->mutex);
    if (p->queued < p->ring_size && p->thread_count) {
        p->ring[(p->head + p->queued++) % p->ring_size] = (struct pool_task){task, argument};
        pthread_cond_signal(&p->work);
        rc = OK;
    }
    pthread_mutex_unlock(&p->mutex);
    return rc;
}
