#include "muting.h"

static bool any_contains(struct time_interval *const *intervals, size_t count, int64_t now_ms)
{
    for (size_t i = 0; i < count; i++)
        if (intervals[i] && time_interval_contains(intervals[i], now_ms))
            return true;
    return false;
}

enum mute_reason route_mute_reason(const struct route *route, int64_t now_ms)
{
    const struct route_config *config = route->config;
    size_t active_count = config->active_time_interval_count;
    if (active_count && !any_contains(route->active, active_count, now_ms))
        return MUTE_INACTIVE;
    return any_contains(route->mute, config->mute_time_interval_count, now_ms) ? MUTE_INTERVAL
                                                                               : MUTE_NOT;
}

struct str *route_muted_by(const struct route *route, int64_t now_ms, struct arena *arena,
                           size_t *count)
{
    enum mute_reason reason = route_mute_reason(route, now_ms);
    const struct route_config *config = route->config;
    bool inactive = reason == MUTE_INACTIVE;
    size_t all = reason == MUTE_NOT ? 0
                 : inactive         ? config->active_time_interval_count
                                    : config->mute_time_interval_count;
    struct time_interval *const *intervals = inactive ? route->active : route->mute;
    struct str *names = arena_array(arena, all + 1, sizeof(*names));
    *count = 0;
    for (size_t i = 0; i < all; i++)
        if (intervals[i] && (inactive || time_interval_contains(intervals[i], now_ms)))
            names[(*count)++] = intervals[i]->config->name;
    return names;
}
