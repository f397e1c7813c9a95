// Inbound heartbeats, kept in META_CURSORS.
#ifndef ALERTING_HEARTBEATS_H
#define ALERTING_HEARTBEATS_H

#include "alerting/heartbeat.h"
#include "base/strmap.h"
#include "unsaved.h"

struct heartbeats {
    struct strmap by_name; // struct heartbeat, owned
    struct unsaved *changes;
};

void heartbeats_init(struct heartbeats *h, struct unsaved *changes);
void heartbeats_release(struct heartbeats *h);
int heartbeats_load(struct heartbeats *h, int64_t now_ms);

#endif
