// Takes notifications out of the outbox and sends them, several receivers at a time.
#ifndef ALERTING_DELIVER_H
#define ALERTING_DELIVER_H

#include "engine.h"

// Sends the next notification that is due, if any, and writes down how it went. False when nothing
// was due.
bool deliver_one(struct alertmanager *a);
// The same without sending anything: as if it had arrived.
bool deliver_pretended(struct alertmanager *a);

// Under the engine's lock.
struct deliverer *deliverer_start(struct alertmanager *a);
void deliverer_wake(struct deliverer *d); // NULL is allowed, as in the next
// Waits for what is being sent.
void deliverer_stop(struct deliverer *d);

#endif
