// Time zones from the system's database (TZif, RFC 8536), read once into memory: local times are
// then computed without touching TZ or the C library's global zone, so from any thread.
#ifndef ALERTING_ZONE_H
#define ALERTING_ZONE_H

#include "base/error.h"
#include "base/str.h"

struct zone;

// A wall clock reading.
struct zone_time {
    int year;
    int month;         // 1..12
    int day;           // 1..31
    int weekday;       // 0 is Sunday
    int minute;        // of the day
    int second;        // of the minute
    int year_day;      // 1..366
    int days_in_month; // of this month
};

// `name` is an IANA name ("Europe/Berlin"), "UTC" or "" for UTC, or "Local" for the system's zone.
// ERR_NOT_FOUND for a zone that the database lacks, ERR_CORRUPT for a file that is no zone. The
// caller owns *out.
int zone_load(struct zone **out, struct str name, struct error *err);
// From the bytes of a TZif file.
int zone_parse(struct zone **out, struct str bytes, struct error *err);
void zone_free(struct zone *z); // NULL is allowed
// In the three below a zone of NULL is UTC.
//
// Seconds east of UTC at a Unix time in seconds.
int32_t zone_offset(const struct zone *z, int64_t unix_s);
// Its short name then: "CET", "UTC"; "+03" where it has none. Borrowed from the zone.
struct str zone_abbreviation(const struct zone *z, int64_t unix_s);
void zone_time(const struct zone *z, int64_t unix_s, struct zone_time *out);
// Days since 1970-01-01 of a date in the proleptic Gregorian calendar.
int64_t zone_days_from_date(int year, int month, int day);

#endif
