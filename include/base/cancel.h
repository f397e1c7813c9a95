// A flag that another thread raises to stop long work: polled at checkpoints.
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

struct cancel {
    atomic_bool raised;
};

static inline void cancel_init(struct cancel *c)
{
    atomic_init(&c->raised, false);
}

static inline void cancel_raise(struct cancel *c)
{
    atomic_store_explicit(&c->raised, true, memory_order_relaxed);
}

// False for NULL.
static inline bool cancel_raised(const struct cancel *c)
{
    return c && atomic_load_explicit(&c->raised, memory_order_relaxed);
}

#endif
