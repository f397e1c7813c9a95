#include "time_interval.h"

#include "base/mem.h"
#include "zone.h"

int time_interval_init(struct time_interval *t, const struct time_interval_config *config,
                       struct error *err)
{
    *t = (struct time_interval){.config = config};
    t->zones = mem_calloc(config->part_count + 1, sizeof(*t->zones));
    for (size_t i = 0; i < config->part_count; i++) {
        int rc = zone_load(&t->zones[i], config->parts[i].location, err);
        if (rc) {
            (void)error_prefix(err, "time interval \"%.*s\": ", STR_ARG(config->name));
            time_interval_release(t);
            return rc;
        }
    }
    return 0;
}

void time_interval_release(struct time_interval *t)
{
    for (size_t i = 0; t->zones && i < t->config->part_count; i++)
        zone_free(t->zones[i]);
    mem_free(t->zones);
    *t = (struct time_interval){0};
}

// No ranges at all means no condition.
static bool any_range(const struct config_range *ranges, size_t count, int value)
{
    for (size_t i = 0; i < count; i++)
        if (value >= ranges[i].begin && value <= ranges[i].end)
            return true;
    return count == 0;
}

static bool any_time(const struct config_range *ranges, size_t count, int minute)
{
    for (size_t i = 0; i < count; i++)
        if (minute >= ranges[i].begin && minute < ranges[i].end)
            return true;
    return count == 0;
}

// Negative days count from the month's end; what lies outside this month is clamped to it, but a
// range that begins after its end never matches.
static bool any_day(const struct config_range *ranges, size_t count, const struct zone_time *at)
{
    for (size_t i = 0; i < count; i++) {
        int last = at->days_in_month;
        int begin = ranges[i].begin < 0 ? last + ranges[i].begin + 1 : ranges[i].begin;
        int end = ranges[i].end < 0 ? last + ranges[i].end + 1 : ranges[i].end;
        if (begin <= last && at->day >= begin && at->day <= end)
            return true;
    }
    return count == 0;
}

static bool part_contains(const struct time_interval_part *part, const struct zone_time *at)
{
    return any_time(part->times, part->time_count, at->minute) &&
           any_day(part->days_of_month, part->day_count, at) &&
           any_range(part->months, part->month_count, at->month) &&
           any_range(part->weekdays, part->weekday_count, at->weekday) &&
           any_range(part->years, part->year_count, at->year);
}

bool time_interval_contains(const struct time_interval *t, int64_t now_ms)
{
    int64_t now_s = now_ms / 1000 - (now_ms % 1000 < 0);
    for (size_t i = 0; i < t->config->part_count; i++) {
        struct zone_time at;
        zone_time(t->zones[i], now_s, &at);
        if (part_contains(&t->config->parts[i], &at))
            return true;
    }
    return false;
}
