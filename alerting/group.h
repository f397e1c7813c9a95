// Aggregation groups: the alerts that one route tells of together, and when it does.
//
// A group begins with its first alert and ends when every alert in it has ended and been told. Its
// first flush comes after group_wait, then one every group_interval, in the same phase over
// restarts: its time is written down when it begins and at its first flush, later ones follow.
#ifndef ALERTING_GROUP_H
#define ALERTING_GROUP_H

#include "alert_store.h"
#include "base/heap.h"
#include "route.h"

struct group {
    struct route *route;  // borrowed
    struct labels labels; // owned, as the two below
    struct str key;       // {}/{severity="critical"}:{alertname="x"}
    struct str id;        // the same with the route's id: unique
    struct heap_node timer;
    bool has_flushed;
    int64_t flushed_ms;       // the latest flush, and
    uint64_t flushed_version; // what it knew: the store's version
    uint64_t decisions;       // digest of what the ledger last recorded of a flush
    struct stored_alert **alerts;
    size_t alert_count;
    size_t alert_capacity;
};

struct groups {
    struct strmap by_id; // struct group, owned
    struct heap timers;
    struct strmap saved;       // timers of groups that have no alert yet, by key bytes; owned
    struct alert_store *store; // borrowed, as the next
    struct unsaved *changes;
};

void groups_init(struct groups *g, struct alert_store *store, struct unsaved *changes);
void groups_release(struct groups *g);
// Reads the timers that were written down.
int groups_load(struct groups *g);
// Puts the alert into its group below this route, which begins when there is none.
void groups_insert(struct groups *g, struct route *route, struct stored_alert *alert,
                   int64_t now_ms);
struct group *groups_find(const struct groups *g, struct str id);
// The group whose flush is due first, or NULL.
struct group *groups_first(const struct groups *g);
// Notes that it was flushed, and when it is due again.
void group_flushed(struct groups *g, struct group *group, int64_t now_ms);
// Lets go of the alerts whose end the latest flush knew, and of the group when none is left.
void group_drop_resolved(struct groups *g, struct group *group, int64_t now_ms);
// For a new route tree: takes all groups apart and keeps their timers; the alerts are then to be
// inserted again, and what is left of the timers dropped.
void groups_detach(struct groups *g);
void groups_drop_saved(struct groups *g);
// After the clock was set back by `by_ms`.
void groups_shift(struct groups *g, int64_t by_ms);

#endif
