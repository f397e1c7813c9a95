// A thread that runs one function when it is due: timers of the store, the rules, the dispatcher.
#ifndef BASE_TICKER_H
#define BASE_TICKER_H

#include "base/clock.h"

struct ticker;

// Called with the wall time; returns how long to wait before the next call, in milliseconds
// (0 calls again at once, values past an hour are cut to one). Time is waited on the monotonic clock.
typedef int64_t tick_fn(void *context, int64_t now_ms);

// Starts the thread with a first call at once. `name` (up to 15 bytes) shows in thread lists.
struct ticker *ticker_start(const char *name, const struct clock *clock, tick_fn *tick,
                            void *context);
// Makes it due now, from any thread.
void ticker_wake(struct ticker *t);
// Waits for a running call, ends the thread and frees the ticker; NULL is allowed.
void ticker_stop(struct ticker *t);

#endif
