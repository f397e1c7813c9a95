// The notification engine's state: what alertmanager.c, pipeline.c and deliver.c share.
//
// One lock guards all of it. It is held while groups are flushed and state is committed, never
// while something is sent.
#ifndef ALERTING_ENGINE_H
#define ALERTING_ENGINE_H

#include <pthread.h>

#include "alerting/alertmanager.h"
#include "arrivals.h"
#include "group.h"
#include "heartbeats.h"
#include "inhibit.h"
#include "ledger.h"
#include "nflog.h"
#include "outbox.h"
#include "pings.h"
#include "pipeline_metrics.h"
#include "routing.h"
#include "silences.h"
#include "wire.h"

struct deliverer;
struct wire_transfer;

struct alertmanager {
    struct alertmanager_options options;
    struct wire wire; // how things are sent; set before the first alertmanager_apply()
    struct wire_transfer *transfer; // the network's wire, owned
    void (*wake)(void *context);
    void *wake_context;
    struct pipeline_metrics metrics;
    struct deliverer *deliverer; // NULL until something is applied, or when not delivering
    struct arrivals arrivals;

    pthread_mutex_t lock; // guards all below
    struct unsaved changes;
    struct alert_store store;
    struct groups groups;
    struct nflog nflog;
    struct outbox outbox;
    struct inhibitor inhibitor;
    struct silences silences;
    struct ledger ledger;
    struct heartbeats heartbeats;
    struct pings pings;
    struct routing *routing; // NULL before the first configuration
    struct rng rng;
    int64_t last_tick_ms;
    int64_t deadline_ms;   // when the owner was told that the next tick is due
    int64_t commit_ms;     // when what changed is written at the latest; INT64_MAX: nothing did
    int64_t heartbeats_ms; // when heartbeats_tick() is due
    int64_t silencing_ms;  // when silencing_tick() is due
    int64_t expire_ms;     // when the notification log is next cleaned
    bool commit_failing;
};

// As alertmanager_put(), under the lock; nobody is woken.
void engine_put(struct alertmanager *a, const struct alert *alert, int64_t now_ms);
// Under the lock: what changed is to be written soon, and timers may be due earlier.
void engine_changed(struct alertmanager *a, int64_t now_ms);
// Outside of the lock: the owner is to tick.
void engine_wake(const struct alertmanager *a);
// Fires the alerts of heartbeats that have stopped; returns when it is next due.
int64_t heartbeats_tick(struct alertmanager *a, int64_t now_ms);
size_t heartbeats_missing(const struct alertmanager *a, int64_t now_ms);
// What silences do by themselves: they end with their alerts, and remind of their end.
void silencing_tick(struct alertmanager *a, int64_t now_ms);

// Writes down what changed. A failure is logged, counted, and tried again later.
void engine_commit(struct alertmanager *a, int64_t now_ms);
// Flushes the group: decides what each of its receiver's integrations is to be told, and puts it
// into the outbox. The group may be gone afterwards.
void pipeline_flush(struct alertmanager *a, struct group *group, int64_t now_ms);
// Nothing is left to be delivered for the group: it may let go of what has ended.
bool pipeline_is_told(const struct alertmanager *a, const struct group *group);

#endif
