// Outbound heartbeats: pings to URLs as long as all is well here.
#ifndef ALERTING_PINGS_H
#define ALERTING_PINGS_H

#include <stdbool.h>
#include <stdint.h>

struct alertmanager;

struct ping {
    int64_t next_ms;
    bool busy;
    bool failing; // the latest failed, or was left out
};

// All under the engine's lock but pings_send(), which takes it.
struct pings {
    struct ping *items; // one per heartbeat_config of the routing, in its order; owned
    size_t count;
    int64_t rules_deadline_ms; // the rules are to have been evaluated again by then; 0: no rules
};

void pings_release(struct pings *p);
// For a new configuration: everybody is pinged at once.
void pings_reset(struct alertmanager *a, int64_t now_ms);
// When pings_send() has something to do, or INT64_MAX.
int64_t pings_next_ms(const struct alertmanager *a);
// Sends one ping that is due; false when none was.
bool pings_send(struct alertmanager *a);

#endif
