// Time is passed in: logic takes `now_ms`, loops take a `struct clock`.
//
// Wall time is milliseconds since the Unix epoch and may jump; monotonic time is nanoseconds from
// an arbitrary start and never goes back. Timers use the monotonic one.
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    int64_t (*wall_ms)(void *context);
    int64_t (*mono_ns)(void *context);
    void *context;
};

extern const struct clock clock_system;

static inline int64_t clock_wall_ms(const struct clock *c)
{
    return c->wall_ms(c->context);
}

static inline int64_t clock_mono_ns(const struct clock *c)
{
    return c->mono_ns(c->context);
}

// A clock that moves only when told to, for tests and simulations.
struct clock_virtual {
    struct clock clock;
    int64_t now_ms;
};

void clock_virtual_init(struct clock_virtual *v, int64_t now_ms);
void clock_virtual_advance(struct clock_virtual *v, int64_t by_ms);

#endif
