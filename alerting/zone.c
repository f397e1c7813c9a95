// A TZif file holds a table of transitions, and behind it, as text, the rule (a POSIX TZ string)
// that goes on after the last one. Small databases ("slim") leave everything since the last change
// of law to that rule, so both are needed.
//
//     header v1 | data v1 (32-bit, skipped) | header v2 | data v2 (64-bit) | \n RULE \n
//     data: transition times | type index each | types: offset i32, is_dst u8, name u8 | ...
//
// Immutable once loaded: any thread may ask.
#include "zone.h"

#include "base/buf.h"
#include "base/coding.h"
#include "base/file.h"
#include "base/mem.h"

#define ZONE_FILE_MAX  ((size_t)1 << 20)
#define ZONE_NAME_MAX  128
#define ZONE_TYPES_MAX 256
// A zone's short name, its terminating NUL included.
#define ZONE_ABBREVIATION_SIZE 8
#define SECONDS_PER_DAY        86400

enum rule_day_kind { DAY_MONTH_WEEK, DAY_JULIAN, DAY_ZERO_BASED };

// When a year's switch happens: Mm.w.d, Jn or n, and the local time of that day.
struct rule_switch {
    enum rule_day_kind kind;
    int month, week, weekday; // DAY_MONTH_WEEK
    int day;                  // the others
    int32_t time_s;
};

struct zone_rule {
    int32_t standard_offset;
    int32_t daylight_offset;
    bool has_daylight;
    struct rule_switch start, end;
    char standard_name[ZONE_ABBREVIATION_SIZE];
    char daylight_name[ZONE_ABBREVIATION_SIZE];
};

struct zone_type {
    int32_t offset;
    char name[ZONE_ABBREVIATION_SIZE];
};

struct zone {
    int64_t *times; // ascending
    uint8_t *types; // indexes of what holds from times[i] on
    size_t count;
    struct zone_type *kinds; // the first holds before times[0]
    bool has_rule;
    struct zone_rule rule;
};

int64_t zone_days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

static bool year_is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && year_is_leap(year) ? 29 : days[month - 1];
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int weekday_of(int64_t days)
{
    return (int)(((days + 4) % 7 + 7) % 7);
}

struct cursor {
    struct str rest;
    bool failed;
};

static char peek(const struct cursor *c)
{
    return c->rest.len ? c->rest.ptr[0] : '\0';
}

static bool take(struct cursor *c, char wanted)
{
    if (peek(c) != wanted)
        return false;
    c->rest = str_skip(c->rest, 1);
    return true;
}

static int take_number(struct cursor *c)
{
    int value = 0;
    size_t digits = 0;
    while (peek(c) >= '0' && peek(c) <= '9' && digits < 4) {
        value = value * 10 + (peek(c) - '0');
        c->rest = str_skip(c->rest, 1);
        digits++;
    }
    c->failed |= digits == 0;
    return value;
}

// [+-]hh[:mm[:ss]]
static int32_t take_time(struct cursor *c)
{
    int sign = take(c, '-') ? -1 : 1;
    if (sign > 0)
        (void)take(c, '+');
    int32_t seconds = take_number(c) * 3600;
    if (take(c, ':'))
        seconds += take_number(c) * 60;
    if (take(c, ':'))
        seconds += take_number(c);
    return sign * seconds;
}

static void name_copy(char out[ZONE_ABBREVIATION_SIZE], struct str name)
{
    size_t len = name.len < ZONE_ABBREVIATION_SIZE - 1 ? name.len : ZONE_ABBREVIATION_SIZE - 1;
    memcpy(out, name.ptr, len);
    out[len] = '\0';
}

// CEST or <+03>
static void take_name(struct cursor *c, char out[ZONE_ABBREVIATION_SIZE])
{
    struct str name = c->rest;
    size_t len = 0;
    if (take(c, '<')) {
        size_t end = str_find(c->rest, '>');
        name_copy(out, str_first(c->rest, end));
        c->failed |= end == c->rest.len;
        c->rest = str_skip(c->rest, end < c->rest.len ? end + 1 : end);
        return;
    }
    while ((peek(c) >= 'A' && peek(c) <= 'Z') || (peek(c) >= 'a' && peek(c) <= 'z')) {
        c->rest = str_skip(c->rest, 1);
        len++;
    }
    name_copy(out, str_first(name, len));
    c->failed |= len < 3;
}

static struct rule_switch take_switch(struct cursor *c)
{
    struct rule_switch s = {.time_s = 2 * 3600};
    if (!take(c, ','))
        c->failed = true;
    if (take(c, 'M')) {
        s.kind = DAY_MONTH_WEEK;
        s.month = take_number(c);
        c->failed |= !take(c, '.');
        s.week = take_number(c);
        c->failed |= !take(c, '.');
        s.weekday = take_number(c);
        c->failed |= s.month < 1 || s.month > 12 || s.week < 1 || s.week > 5 || s.weekday > 6;
    } else {
        s.kind = take(c, 'J') ? DAY_JULIAN : DAY_ZERO_BASED;
        s.day = take_number(c);
        c->failed |= s.day > 365 || (s.kind == DAY_JULIAN && s.day == 0);
    }
    if (take(c, '/'))
        s.time_s = take_time(c);
    return s;
}

static bool rule_parse(struct str text, struct zone_rule *out)
{
    struct cursor c = {.rest = text};
    struct zone_rule rule = {0};
    take_name(&c, rule.standard_name);
    rule.standard_offset = -take_time(&c); // POSIX counts west
    if (c.rest.len) {
        take_name(&c, rule.daylight_name);
        rule.has_daylight = true;
        rule.daylight_offset = rule.standard_offset + 3600;
        if (c.rest.len && peek(&c) != ',')
            rule.daylight_offset = -take_time(&c);
        rule.start = take_switch(&c);
        rule.end = take_switch(&c);
    }
    if (c.failed || c.rest.len)
        return false;
    *out = rule;
    return true;
}

// Seconds since the epoch, in the local time before the switch.
static int64_t switch_at(const struct rule_switch *s, int year)
{
    int64_t days = zone_days_from_date(year, 1, 1);
    switch (s->kind) {
    case DAY_ZERO_BASED:
        days += s->day;
        break;
    case DAY_JULIAN: // February 29 is never counted
        days += s->day - 1 + (year_is_leap(year) && s->day >= 60);
        break;
    case DAY_MONTH_WEEK: {
        int64_t first = zone_days_from_date(year, s->month, 1);
        int day = 1 + (s->weekday - weekday_of(first) + 7) % 7 + (s->week - 1) * 7;
        while (day > days_in_month(year, s->month))
            day -= 7;
        days = first + day - 1;
        break;
    }
    }
    return days * SECONDS_PER_DAY + s->time_s;
}

static bool rule_in_daylight(const struct zone_rule *rule, int64_t unix_s)
{
    if (!rule->has_daylight)
        return false;
    int year, month, day;
    date_from_days(floor_div(unix_s + rule->standard_offset, SECONDS_PER_DAY), &year, &month, &day);
    int64_t start = switch_at(&rule->start, year) - rule->standard_offset;
    int64_t end = switch_at(&rule->end, year) - rule->daylight_offset;
    return start < end ? unix_s >= start && unix_s < end // north
                       : unix_s >= start || unix_s < end;
}

struct tzif_header {
    uint8_t version;
    uint32_t isut_count, isstd_count, leap_count, time_count, type_count, name_size;
};

static bool header_read(struct decoder *d, struct tzif_header *h)
{
    struct str magic = decode_bytes(d, 4);
    h->version = decode_u8(d);
    (void)decode_bytes(d, 15);
    h->isut_count = decode_be32(d);
    h->isstd_count = decode_be32(d);
    h->leap_count = decode_be32(d);
    h->time_count = decode_be32(d);
    h->type_count = decode_be32(d);
    h->name_size = decode_be32(d);
    return !d->failed && str_eq(magic, STR("TZif")) && h->type_count > 0 &&
           h->type_count <= ZONE_TYPES_MAX && h->time_count <= ZONE_FILE_MAX / 5;
}

static size_t data_size(const struct tzif_header *h, size_t time_size)
{
    return h->time_count * (time_size + 1) + (size_t)h->type_count * 6 + h->name_size +
           h->leap_count * (time_size + 4) + h->isstd_count + (size_t)h->isut_count;
}

// Offsets and, from the block of NUL-terminated texts behind them, names.
static bool types_read(struct decoder *d, const struct tzif_header *h, struct zone *z)
{
    uint8_t names[ZONE_TYPES_MAX];
    z->kinds = mem_calloc(h->type_count, sizeof(*z->kinds));
    for (size_t i = 0; i < h->type_count; i++) {
        z->kinds[i].offset = (int32_t)decode_be32(d);
        (void)decode_u8(d); // whether it is daylight saving time
        names[i] = decode_u8(d);
    }
    struct str block = decode_bytes(d, h->name_size);
    for (size_t i = 0; i < h->type_count; i++) {
        if (names[i] > block.len)
            return false;
        struct str name = str_skip(block, names[i]);
        name_copy(z->kinds[i].name, str_first(name, str_find(name, '\0')));
    }
    return true;
}

static bool data_read(struct decoder *d, const struct tzif_header *h, struct zone *z)
{
    if (decoder_left(d) < data_size(h, 8))
        return false;
    z->times = mem_calloc(h->time_count + 1, sizeof(*z->times));
    z->types = mem_calloc(h->time_count + 1, sizeof(*z->types));
    z->count = h->time_count;
    for (size_t i = 0; i < z->count; i++) {
        z->times[i] = (int64_t)decode_be64(d);
        if (i && z->times[i] <= z->times[i - 1])
            return false;
    }
    for (size_t i = 0; i < z->count; i++) {
        z->types[i] = decode_u8(d);
        if (z->types[i] >= h->type_count)
            return false;
    }
    if (!types_read(d, h, z))
        return false;
    size_t tail = (size_t)h->leap_count * 12 + h->isstd_count + (size_t)h->isut_count;
    (void)decode_bytes(d, tail);
    return !d->failed;
}

static bool footer_read(struct decoder *d, struct zone *z)
{
    struct str rest = decode_bytes(d, decoder_left(d));
    if (rest.len < 2 || rest.ptr[0] != '\n')
        return false;
    struct str rule, after;
    if (!str_cut(str_skip(rest, 1), '\n', &rule, &after))
        return false;
    z->has_rule = rule.len > 0;
    return !z->has_rule || rule_parse(rule, &z->rule);
}

static bool file_parse(struct str bytes, struct zone *z)
{
    struct decoder d;
    struct tzif_header h;
    decoder_init(&d, bytes);
    if (!header_read(&d, &h) || h.version < '2')
        return false;
    if (decoder_left(&d) < data_size(&h, 4))
        return false;
    (void)decode_bytes(&d, data_size(&h, 4));
    return header_read(&d, &h) && data_read(&d, &h, z) && footer_read(&d, z);
}

int zone_parse(struct zone **out, struct str bytes, struct error *err)
{
    struct zone *z = mem_calloc(1, sizeof(*z));
    if (!file_parse(bytes, z)) {
        zone_free(z);
        return error_set(err, ERR_CORRUPT, "not a time zone file (TZif version 2 or later)");
    }
    *out = z;
    return 0;
}

void zone_free(struct zone *z)
{
    if (!z)
        return;
    mem_free(z->times);
    mem_free(z->types);
    mem_free(z->kinds);
    mem_free(z);
}

static bool name_is_safe(struct str name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.ptr[0] == '/' ||
        str_search(name, STR("..")) < name.len)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] <= ' ' || name.ptr[i] == '\\' || name.ptr[i] == 0x7f)
            return false;
    return true;
}

static int load_file(struct zone **out, const char *path, struct str name, struct error *err)
{
    struct buf bytes = BUF_INIT;
    int rc = file_read(path, ZONE_FILE_MAX, &bytes, err);
    if (rc == 0)
        rc = zone_parse(out, buf_view(&bytes), err);
    if (rc)
        (void)error_prefix(err, "time zone \"%.*s\": ", STR_ARG(name));
    buf_release(&bytes);
    return rc;
}

int zone_load(struct zone **out, struct str name, struct error *err)
{
    if (name.len == 0 || str_is(name, "UTC")) {
        *out = mem_calloc(1, sizeof(**out));
        return 0;
    }
    if (str_is(name, "Local"))
        return load_file(out, "/etc/localtime", name, err);
    if (!name_is_safe(name))
        return error_set(err, ERR_NOT_FOUND, "\"%.*s\" is no time zone name like Europe/Berlin",
                         STR_ARG(name));
    struct buf path = BUF_INIT;
    buf_printf(&path, "/usr/share/zoneinfo/%.*s", STR_ARG(name));
    int rc = load_file(out, buf_text(&path), name, err);
    buf_release(&path);
    return rc;
}

// What holds at a time after the first transition.
static const struct zone_type *type_at(const struct zone *z, int64_t unix_s)
{
    size_t low = 0, high = z->count; // times[low] <= unix_s < times[high]
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (z->times[middle] <= unix_s)
            low = middle;
        else
            high = middle;
    }
    return &z->kinds[z->types[low]];
}

// The type, or NULL where the rule decides or the zone is UTC.
static const struct zone_type *type_find(const struct zone *z, int64_t unix_s)
{
    if (!z || !z->kinds || (z->has_rule && (z->count == 0 || unix_s >= z->times[z->count - 1])))
        return NULL;
    return z->count == 0 || unix_s < z->times[0] ? &z->kinds[0] : type_at(z, unix_s);
}

int32_t zone_offset(const struct zone *z, int64_t unix_s)
{
    const struct zone_type *type = type_find(z, unix_s);
    if (type)
        return type->offset;
    if (!z)
        return 0;
    return rule_in_daylight(&z->rule, unix_s) ? z->rule.daylight_offset : z->rule.standard_offset;
}

struct str zone_abbreviation(const struct zone *z, int64_t unix_s)
{
    const struct zone_type *type = type_find(z, unix_s);
    if (type)
        return str_from(type->name);
    if (!z || !z->has_rule)
        return STR("UTC");
    return str_from(rule_in_daylight(&z->rule, unix_s) ? z->rule.daylight_name
                                                       : z->rule.standard_name);
}

void zone_time(const struct zone *z, int64_t unix_s, struct zone_time *out)
{
    int64_t local = unix_s + zone_offset(z, unix_s);
    int64_t days = floor_div(local, SECONDS_PER_DAY);
    date_from_days(days, &out->year, &out->month, &out->day);
    out->weekday = weekday_of(days);
    out->minute = (int)((local - days * SECONDS_PER_DAY) / 60);
    out->second = (int)((local - days * SECONDS_PER_DAY) % 60);
    out->year_day = (int)(days - zone_days_from_date(out->year, 1, 1)) + 1;
    out->days_in_month = days_in_month(out->year, out->month);
}
