// What keeps a route's groups silent at a time.
#ifndef ALERTING_MUTING_H
#define ALERTING_MUTING_H

#include "route.h"
#include "time_interval.h"

enum mute_reason {
    MUTE_NOT,
    MUTE_INTERVAL, // one of its mute_time_intervals
    MUTE_INACTIVE, // none of its active_time_intervals
};

enum mute_reason route_mute_reason(const struct route *route, int64_t now_ms);
// The names of the intervals behind the reason, in the arena; the strings are borrowed.
struct str *route_muted_by(const struct route *route, int64_t now_ms, struct arena *arena,
                           size_t *count);

#endif
