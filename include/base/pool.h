// A fixed pool of worker threads behind one bounded queue.
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include <stddef.h>

struct pool;

typedef void pool_task_fn(void *argument);

// `name` (up to 15 bytes) shows in thread lists. The caller owns the pool.
struct pool *pool_new(const char *name, size_t thread_count, size_t queue_limit);
// Finishes what is queued, then joins the threads.
void pool_free(struct pool *p);
size_t pool_thread_count(const struct pool *p); // 0 for NULL
// 0, or ERR_LIMIT when the queue is full (the task was not taken).
int pool_submit(struct pool *p, pool_task_fn *task, void *argument);

#endif
