// The route tree, compiled: where an alert goes, and under which key it is grouped there.
#ifndef ALERTING_ROUTE_H
#define ALERTING_ROUTE_H

#include "config/alertmanager.h"
#include "model/labels.h"

struct receiver;
struct time_interval;

// Strings live in the tree's arena, configuration is borrowed.
struct route {
    const struct route_config *config;
    struct str key; // {}/{severity="critical"}: begins a group key as Alertmanager spells it
    struct str id;  // as `key`, and with the place among siblings: unique in the tree
    struct route *children;
    size_t child_count;
    // Filled in by the engine:
    struct receiver *receiver;
    struct time_interval **mute, **active; // as many as the configuration names
};

// Builds the tree in the arena.
struct route *route_new(struct arena *arena, const struct route_config *config);
// Calls each(context, route) for every route that an alert with these labels takes, in tree order.
void route_match(struct route *route, struct labels labels,
                 void (*each)(void *context, struct route *route), void *context);
// Calls each() for the route and everything below it, parents first, until it returns non-zero.
int route_each(struct route *route, int (*each)(void *context, struct route *route), void *context);
// The labels that this route groups by, out of an alert's; in the arena, strings borrowed.
struct labels route_group_labels(const struct route *route, struct labels labels,
                                 struct arena *arena);

#endif
