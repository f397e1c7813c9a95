#include "base/clock.h"

#include <time.h>

static int64_t system_wall_ms(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_mono_ns(void *context)
{
    (void)context;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

const struct clock clock_system = {.wall_ms = system_wall_ms, .mono_ns = system_mono_ns};

static int64_t virtual_wall_ms(void *context)
{
    return ((struct clock_virtual *)context)->now_ms;
}

static int64_t virtual_mono_ns(void *context)
{
    return ((struct clock_virtual *)context)->now_ms * 1000000;
}

void clock_virtual_init(struct clock_virtual *v, int64_t now_ms)
{
    v->now_ms = now_ms;
    v->clock = (struct clock){virtual_wall_ms, virtual_mono_ns, v};
}

void clock_virtual_advance(struct clock_virtual *v, int64_t by_ms)
{
    v->now_ms += by_ms;
}
