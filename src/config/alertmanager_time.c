// time_intervals: named times of day, days and months in which routes are muted or active.
#include <stdlib.h>

#include "alertmanager_sections.h"
#include "base/file.h"

#define ZONE_FOLDER   "/usr/share/zoneinfo"
#define LONGEST_MONTH 31

struct range_list {
    struct config_range *items;
    size_t count;
};

_Static_assert(offsetof(struct time_interval_part, weekday_count) ==
                   offsetof(struct time_interval_part, weekdays) +
                       offsetof(struct range_list, count),
               "a range_list is the two members of a part");

static int read_number(struct str text, int min, int max, int *out)
{
    int64_t number;
    if (!str_to_i64(text, &number) || number < min || number > max)
        return ERR_INVALID;
    *out = (int)number;
    return OK;
}

static int read_name(struct str text, const char *const *names, int first, int *out)
{
    for (int i = 0; names[i]; i++) {
        if (str_eq_nocase(text, str_from(names[i]))) {
            *out = first + i;
            return OK;
        }
    }
    return ERR_INVALID;
}

static int read_weekday(struct str text, int *out)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday",  "wednesday",
                                        "thursday", "friday", "saturday", NULL};
    return read_name(text, names, 0, out);
}

static int read_month(struct str text, int *out)
{
    static const char *const names[] = {"january",  "february", "march",  "april",     "may",
                                        "june",     "july",     "august", "september", "october",
                                        "november", "december", NULL};
    return read_name(text, names, 1, out) == OK ? OK : read_number(text, 1, 12, out);
}

static int read_day(struct str text, int *out)
{
    int rc = read_number(text, -31, 31, out);
    return rc == OK && *out == 0 ? ERR_INVALID : rc;
}

static int read_year(struct str text, int *out)
{
    return read_number(text, 0, 9999, out);
}

// Days of both signs in one range are fine only from the start to the end of the month, if there is
// a month that has any of them.
static bool is_ordered(struct config_range r)
{
    if (r.begin > 0 && r.end < 0)
        return r.begin <= LONGEST_MONTH + 1 + r.end;
    return (r.begin < 0) == (r.end < 0) && r.begin <= r.end;
}

static int decode_range(struct decoder *d, const struct yaml_node *node,
                        int (*read)(struct str text, int *out), const char *expected,
                        struct config_range *range)
{
    struct str text, begin, end;
    int rc = decode_string(d, node, &text);
    if (rc)
        return rc;
    bool pair = str_cut(text, ':', &begin, &end);
    if (read(str_trim(begin), &range->begin) != OK ||
        read(str_trim(pair ? end : begin), &range->end) != OK)
        return decode_fail(d, node, "\"%.*s\" is not %s", STR_ARG(text), expected);
    if (!is_ordered(*range))
        return decode_fail(d, node, "the end of \"%.*s\" is before its start", STR_ARG(text));
    return OK;
}

static int decode_ranges(struct decoder *d, const struct yaml_node *node,
                         int (*read)(struct str text, int *out), const char *expected,
                         struct range_list *out)
{
    if (node->kind != YAML_SEQUENCE)
        return decode_fail(d, node, "expected a list, each %s", expected);
    out->items = arena_calloc(d->arena, node->child_count, sizeof(*out->items));
    for (const struct yaml_node *child = node->child; child; child = child->next) {
        int rc = decode_range(d, child, read, expected, &out->items[out->count++]);
        if (rc)
            return rc;
    }
    return OK;
}

static int decode_weekdays(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_ranges(d, node, read_weekday, "a weekday or a range such as monday:friday", out);
}

static int decode_days(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_ranges(d, node, read_day,
                         "a day of the month (1 to 31, or -31 to -1 from its end) or a range such "
                         "as 1:5",
                         out);
}

static int decode_months(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_ranges(d, node, read_month, "a month or a range such as january:march", out);
}

static int decode_years(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_ranges(d, node, read_year, "a year or a range such as 2026:2028", out);
}

// HH:MM; 24:00 is the day's end.
static int decode_time_of_day(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str text, hours, minutes;
    uint64_t hour, minute;
    int rc = decode_string(d, node, &text);
    if (rc)
        return rc;
    if (!str_cut(text, ':', &hours, &minutes) || hours.len != 2 || minutes.len != 2 ||
        !str_to_u64(hours, &hour) || !str_to_u64(minutes, &minute) || minute > 59 ||
        hour * 60 + minute > 24 * 60)
        return decode_fail(d, node, "couldn't parse timestamp \"%.*s\": expected HH:MM",
                           STR_ARG(text));
    *(int *)out = (int)(hour * 60 + minute);
    return OK;
}

static const struct field time_fields[] = {
    {"start_time", FIELD_CUSTOM, offsetof(struct config_range, begin), decode_time_of_day},
    {"end_time", FIELD_CUSTOM, offsetof(struct config_range, end), decode_time_of_day},
};
static const struct section time_section = SECTION("times", time_fields);

static int decode_time(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct config_range *range = out;
    int rc = decode_section(d, node, &time_section, range);
    if (rc)
        return rc;
    if (!has_key(node, "start_time") || !has_key(node, "end_time"))
        return decode_fail(d, node, "both start and end times must be provided");
    if (range->begin >= range->end)
        return decode_fail(d, node, "start time cannot be equal or greater than end time");
    return OK;
}

static int decode_times(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct range_list *list = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct config_range), decode_time, &items, &list->count);
    list->items = items;
    return rc;
}

static bool is_zone_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("/_+-", c));
        if (!known)
            return false;
    }
    return name.len > 0 && name.ptr[0] != '/';
}

static int decode_location(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct str *location = out;
    int rc = decode_string(d, node, location);
    if (rc || location->len == 0 || str_is(*location, "UTC") || str_is(*location, "Local"))
        return rc;
    struct str path = arena_printf(d->arena, ZONE_FOLDER "/%.*s", STR_ARG(*location));
    if (!is_zone_name(*location) || (file_exists(ZONE_FOLDER) && !file_exists(path.ptr)))
        return decode_fail(d, node, "unknown time zone %.*s", STR_ARG(*location));
    if (!file_exists(ZONE_FOLDER))
        decode_warn(d, node, "the time zone %.*s cannot be checked: " ZONE_FOLDER " is missing",
                    STR_ARG(*location));
    return OK;
}

static const struct field part_fields[] = {
    {"times", FIELD_CUSTOM, offsetof(struct time_interval_part, times), decode_times},
    {"weekdays", FIELD_CUSTOM, offsetof(struct time_interval_part, weekdays), decode_weekdays},
    {"days_of_month", FIELD_CUSTOM, offsetof(struct time_interval_part, days_of_month),
     decode_days},
    {"months", FIELD_CUSTOM, offsetof(struct time_interval_part, months), decode_months},
    {"years", FIELD_CUSTOM, offsetof(struct time_interval_part, years), decode_years},
    {"location", FIELD_CUSTOM, offsetof(struct time_interval_part, location), decode_location},
};
static const struct section part_section = SECTION("time interval", part_fields);

static int decode_part(struct decoder *d, const struct yaml_node *node, void *out)
{
    return decode_section(d, node, &part_section, out);
}

static int decode_parts(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct time_interval_config *interval = out;
    void *items = NULL;
    int rc = decode_list(d, node, sizeof(struct time_interval_part), decode_part, &items,
                         &interval->part_count);
    interval->parts = items;
    return rc;
}

static const struct field interval_fields[] = {
    {"name", FIELD_STRING, offsetof(struct time_interval_config, name), NULL},
    {"time_intervals", FIELD_CUSTOM, 0, decode_parts},
};
static const struct section interval_section = SECTION("time_interval", interval_fields);

static int decode_interval(struct decoder *d, const struct yaml_node *node, void *out)
{
    struct time_interval_config *interval = out;
    int rc = decode_section(d, node, &interval_section, interval);
    if (rc == OK && interval->name.len == 0)
        rc = decode_fail(d, node, "missing name in time interval");
    return rc;
}

static int check_unique(struct decoder *d, const struct yaml_node *list,
                        const struct time_interval_config *all, size_t old_count, size_t count)
{
    const struct yaml_node *node = list->child;
    for (size_t i = old_count; i < count; i++, node = node->next) {
        for (size_t j = 0; j < i; j++) {
            if (str_eq(all[i].name, all[j].name))
                return decode_fail(d, yaml_get(node, "name"),
                                   "time interval \"%.*s\" is not unique", STR_ARG(all[i].name));
        }
    }
    return OK;
}

int decode_time_intervals(struct decoder *d, const struct yaml_node *node,
                          struct alertmanager_config *config)
{
    void *items = NULL;
    size_t added = 0;
    int rc =
        decode_list(d, node, sizeof(struct time_interval_config), decode_interval, &items, &added);
    if (rc || added == 0)
        return rc;
    size_t old_count = config->time_interval_count;
    size_t count = old_count + added;
    struct time_interval_config *all = arena_array(d->arena, count, sizeof(*all));
    if (old_count)
        memcpy(all, config->time_intervals, old_count * sizeof(*all));
    memcpy(all + old_count, items, added * sizeof(*all));
    config->time_intervals = all;
    config->time_interval_count = count;
    return check_unique(d, node, all, old_count, count);
}

int time_interval_config_parse(struct time_interval_config *out, struct str text,
                               struct arena *arena, struct error *err)
{
    struct decoder d;
    struct yaml_node *root;
    *out = (struct time_interval_config){0};
    config_decoder_init(&d, arena, text, "time interval", "", NULL, err);
    int rc = decoder_parse(&d, &root);
    if (rc == OK)
        rc = decode_parts(&d, root, out);
    decoder_release(&d);
    return rc;
}
