// Takes notifications out of the outbox and sends them, several receivers at a time.
#ifndef ALERTING_DELIVER_H
#define ALERTING_DELIVER_H

#include "engine.h"

#define DELIVER_THREADS_MAX 32

// Sends the next notification that is due, if any, and writes down how it went. False when nothing
// was due.
bool deliver_one(struct alertmanager *a);
// The same without sending anything: as if it had arrived.
bool deliver_pretended(struct alertmanager *a);

// Once the state is loaded: takes back what an earlier process knew to have arrived and could not
// write down.
void deliver_recover(struct alertmanager *a, int64_t now_ms);

// Under the engine's lock.
struct deliverer *deliverer_start(struct alertmanager *a);
void deliverer_wake(struct deliverer *d); // NULL is allowed, as in the next
// The calling thread has something to send; it has sent it.
void deliverer_busy(struct deliverer *d);
void deliverer_idle(struct deliverer *d);
// Waits for what is being sent.
void deliverer_stop(struct deliverer *d);

#endif
