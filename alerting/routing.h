// One applied configuration: route tree, receivers, time intervals, templates. Immutable and
// counted, so that what is being sent keeps the configuration that it is sent with.
#ifndef ALERTING_ROUTING_H
#define ALERTING_ROUTING_H

#include <stdatomic.h>

#include "alerting/template.h"
#include "integration.h"
#include "route.h"
#include "time_interval.h"

struct pipeline_metrics;

struct routing {
    atomic_int references;
    struct arena arena;
    struct alertmanager_config *config; // a reference
    struct route *root;
    struct receiver *receivers;
    size_t receiver_count;
    struct time_interval *intervals; // as many as the configuration has
    size_t interval_count;
    struct template_set *templates;
};

// Fails on a bad template file or time zone.
int routing_new(struct routing **out, struct alertmanager_config *config,
                struct pipeline_metrics *metrics, struct error *err);
struct routing *routing_ref(struct routing *r);
void routing_unref(struct routing *r); // NULL is allowed
// The default templates and those of the configuration's files. The caller owns *out.
int routing_templates(struct template_set **out, const struct alertmanager_config *config,
                      struct error *err);
// NULL when the configuration has no such integration (any more).
const struct integration *routing_find(const struct routing *r, struct str receiver,
                                       struct str kind, size_t index);

#endif
