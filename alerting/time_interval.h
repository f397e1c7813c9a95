// Named time intervals: when a route is muted or active.
#ifndef ALERTING_TIME_INTERVAL_H
#define ALERTING_TIME_INTERVAL_H

#include "config/alertmanager.h"

struct zone;

struct time_interval {
    const struct time_interval_config *config; // borrowed
    struct zone **zones;                       // owned, one per part
};

// Loads the parts' zones; the error names the interval and the zone.
int time_interval_init(struct time_interval *t, const struct time_interval_config *config,
                       struct error *err);
void time_interval_release(struct time_interval *t);
// Any of its parts contains the time.
bool time_interval_contains(const struct time_interval *t, int64_t now_ms);

#endif
