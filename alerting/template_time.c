// Times and durations of templates, as Go's time package prints, lays out and reads them.
//
// A layout is cut into tokens, each a piece of Go's reference time (Mon Jan 2 15:04:05 MST 2006)
// or the literal text between: formatting writes the tokens, parsing reads them.
#include <stdio.h>

#include "template_tree.h"
#include "zone.h"

#define NANOS_PER_SECOND INT64_C(1000000000)
#define SECONDS_PER_DAY  86400

enum token {
    TOKEN_LITERAL,
    TOKEN_LONG_MONTH,
    TOKEN_MONTH,
    TOKEN_LONG_WEEKDAY,
    TOKEN_WEEKDAY,
    TOKEN_ZONE_NAME,
    TOKEN_ZERO_MONTH,
    TOKEN_NUMBER_MONTH,
    TOKEN_ZERO_DAY,
    TOKEN_SPACE_DAY,
    TOKEN_DAY,
    TOKEN_YEAR_DAY,
    TOKEN_HOUR,
    TOKEN_ZERO_HOUR12,
    TOKEN_HOUR12,
    TOKEN_ZERO_MINUTE,
    TOKEN_MINUTE,
    TOKEN_ZERO_SECOND,
    TOKEN_SECOND,
    TOKEN_LONG_YEAR,
    TOKEN_YEAR,
    TOKEN_UPPER_PM,
    TOKEN_LOWER_PM,
    TOKEN_OFFSET, // -07 with what follows of :00 or 00
    TOKEN_Z_OFFSET,
    TOKEN_FRACTION_ZEROS,
    TOKEN_FRACTION_NINES,
};

// Longer spellings before those they begin with.
static const struct {
    const char *text;
    enum token token;
} tokens[] = {
    {"January", TOKEN_LONG_MONTH},
    {"Jan", TOKEN_MONTH},
    {"Monday", TOKEN_LONG_WEEKDAY},
    {"Mon", TOKEN_WEEKDAY},
    {"MST", TOKEN_ZONE_NAME},
    {"002", TOKEN_YEAR_DAY},
    {"01", TOKEN_ZERO_MONTH},
    {"02", TOKEN_ZERO_DAY},
    {"03", TOKEN_ZERO_HOUR12},
    {"04", TOKEN_ZERO_MINUTE},
    {"05", TOKEN_ZERO_SECOND},
    {"06", TOKEN_YEAR},
    {"15", TOKEN_HOUR},
    {"1", TOKEN_NUMBER_MONTH},
    {"2006", TOKEN_LONG_YEAR},
    {"2", TOKEN_DAY},
    {"_2", TOKEN_SPACE_DAY},
    {"3", TOKEN_HOUR12},
    {"4", TOKEN_MINUTE},
    {"5", TOKEN_SECOND},
    {"PM", TOKEN_UPPER_PM},
    {"pm", TOKEN_LOWER_PM},
    {"-07:00:00", TOKEN_OFFSET},
    {"-070000", TOKEN_OFFSET},
    {"-07:00", TOKEN_OFFSET},
    {"-0700", TOKEN_OFFSET},
    {"-07", TOKEN_OFFSET},
    {"Z07:00:00", TOKEN_Z_OFFSET},
    {"Z070000", TOKEN_Z_OFFSET},
    {"Z07:00", TOKEN_Z_OFFSET},
    {"Z0700", TOKEN_Z_OFFSET},
    {"Z07", TOKEN_Z_OFFSET},
};

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const weekday_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                            "Thursday", "Friday", "Saturday"};

// .000 or ,999: the length, 0 when `s` does not begin with one.
static size_t fraction_length(struct str s)
{
    if (s.len < 2 || (s.ptr[0] != '.' && s.ptr[0] != ',') || (s.ptr[1] != '0' && s.ptr[1] != '9'))
        return 0;
    size_t len = 2;
    while (len < s.len && s.ptr[len] == s.ptr[1])
        len++;
    bool digit_follows = len < s.len && s.ptr[len] >= '0' && s.ptr[len] <= '9';
    return digit_follows ? 0 : len;
}

static enum token token_at(struct str s, size_t *len)
{
    size_t fraction = fraction_length(s);
    if (fraction) {
        *len = fraction;
        return s.ptr[1] == '0' ? TOKEN_FRACTION_ZEROS : TOKEN_FRACTION_NINES;
    }
    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct str text = str_from(tokens[i].text);
        if (!str_has_prefix(s, text))
            continue;
        bool short_name = tokens[i].token == TOKEN_MONTH || tokens[i].token == TOKEN_WEEKDAY;
        bool goes_on = s.len > 3 && s.ptr[3] >= 'a' && s.ptr[3] <= 'z';
        bool is_year = tokens[i].token == TOKEN_SPACE_DAY && str_has_prefix(s, STR("_2006"));
        if ((short_name && goes_on) || is_year)
            continue;
        *len = text.len;
        return tokens[i].token;
    }
    *len = 1;
    return TOKEN_LITERAL;
}

static int32_t offset_of(const struct template_time *t)
{
    return zone_offset(t->zone, t->seconds);
}

static void put_offset(struct buf *out, int32_t offset, struct str token, bool z_for_zero)
{
    if (z_for_zero && offset == 0) {
        buf_char(out, 'Z');
        return;
    }
    int magnitude = offset < 0 ? -offset : offset;
    bool colon = str_find(token, ':') < token.len;
    buf_printf(out, "%c%02d", offset < 0 ? '-' : '+', magnitude / 3600);
    if (token.len > 3)
        buf_printf(out, "%s%02d", colon ? ":" : "", magnitude / 60 % 60);
    if (token.len > 6)
        buf_printf(out, "%s%02d", colon ? ":" : "", magnitude % 60);
}

static void put_fraction(struct buf *out, int32_t nanos, struct str token, bool trims)
{
    char digits[16];
    snprintf(digits, sizeof(digits), "%09d", nanos);
    size_t len = token.len - 1 < 9 ? token.len - 1 : 9;
    while (trims && len && digits[len - 1] == '0')
        len--;
    if (len) {
        buf_char(out, token.ptr[0]);
        buf_append(out, digits, len);
    }
}

static void put_date(struct buf *out, const struct zone_time *z, enum token token)
{
    const char *month = month_names[z->month - 1], *weekday = weekday_names[z->weekday];
    if (token == TOKEN_LONG_MONTH || token == TOKEN_LONG_WEEKDAY)
        buf_cstr(out, token == TOKEN_LONG_MONTH ? month : weekday);
    else if (token == TOKEN_MONTH || token == TOKEN_WEEKDAY)
        buf_append(out, token == TOKEN_MONTH ? month : weekday, 3);
    else if (token == TOKEN_ZERO_MONTH || token == TOKEN_NUMBER_MONTH)
        buf_printf(out, token == TOKEN_ZERO_MONTH ? "%02d" : "%d", z->month);
    else if (token == TOKEN_ZERO_DAY || token == TOKEN_DAY)
        buf_printf(out, token == TOKEN_ZERO_DAY ? "%02d" : "%d", z->day);
    else if (token == TOKEN_SPACE_DAY)
        buf_printf(out, "%2d", z->day);
    else if (token == TOKEN_YEAR_DAY)
        buf_printf(out, "%03d", z->year_day);
    else if (token == TOKEN_LONG_YEAR)
        buf_printf(out, "%04d", z->year);
    else
        buf_printf(out, "%02d", z->year % 100);
}

static void put_clock(struct buf *out, const struct zone_time *z, enum token token)
{
    int hour = z->minute / 60, minute = z->minute % 60;
    int hour12 = hour % 12 ? hour % 12 : 12;
    if (token == TOKEN_HOUR)
        buf_printf(out, "%02d", hour);
    else if (token == TOKEN_ZERO_HOUR12 || token == TOKEN_HOUR12)
        buf_printf(out, token == TOKEN_HOUR12 ? "%d" : "%02d", hour12);
    else if (token == TOKEN_ZERO_MINUTE || token == TOKEN_MINUTE)
        buf_printf(out, token == TOKEN_MINUTE ? "%d" : "%02d", minute);
    else if (token == TOKEN_ZERO_SECOND || token == TOKEN_SECOND)
        buf_printf(out, token == TOKEN_SECOND ? "%d" : "%02d", z->second);
    else if (token == TOKEN_UPPER_PM)
        buf_cstr(out, hour >= 12 ? "PM" : "AM");
    else
        buf_cstr(out, hour >= 12 ? "pm" : "am");
}

static void put_token(struct buf *out, const struct template_time *t, const struct zone_time *z,
                      enum token token, struct str text)
{
    switch (token) {
    case TOKEN_LITERAL:
        buf_str(out, text);
        break;
    case TOKEN_ZONE_NAME:
        buf_str(out, zone_abbreviation(t->zone, t->seconds));
        break;
    case TOKEN_OFFSET:
    case TOKEN_Z_OFFSET:
        put_offset(out, offset_of(t), text, token == TOKEN_Z_OFFSET);
        break;
    case TOKEN_FRACTION_ZEROS:
    case TOKEN_FRACTION_NINES:
        put_fraction(out, t->nanos, text, token == TOKEN_FRACTION_NINES);
        break;
    case TOKEN_HOUR:
    case TOKEN_ZERO_HOUR12:
    case TOKEN_HOUR12:
    case TOKEN_ZERO_MINUTE:
    case TOKEN_MINUTE:
    case TOKEN_ZERO_SECOND:
    case TOKEN_SECOND:
    case TOKEN_UPPER_PM:
    case TOKEN_LOWER_PM:
        put_clock(out, z, token);
        break;
    default:
        put_date(out, z, token);
    }
}

void time_format(struct buf *out, const struct template_time *t, struct str layout)
{
    struct zone_time z;
    size_t len;
    zone_time(t->zone, t->seconds, &z);
    for (; layout.len; layout = str_skip(layout, len)) {
        enum token token = token_at(layout, &len);
        put_token(out, t, &z, token, str_first(layout, len));
    }
}

void time_print(struct buf *out, const struct template_time *t)
{
    time_format(out, t, STR("2006-01-02 15:04:05.999999999 -0700 MST"));
}

void time_print_rfc3339(struct buf *out, const struct template_time *t)
{
    time_format(out, t, STR("2006-01-02T15:04:05.999999999Z07:00"));
}

struct value value_time_ms(int64_t ms)
{
    int64_t seconds = ms / 1000 - (ms % 1000 < 0);
    return (struct value){.kind = VALUE_TIME,
                          .time = {seconds, (int32_t)((ms - seconds * 1000) * 1000000), NULL}};
}

// What a layout's tokens said about a text.
struct reading {
    struct str rest;
    int year, month, day, hour, minute, second;
    int32_t nanos, offset;
    bool afternoon, twelve_hours, failed;
};

static int take_number(struct reading *r, size_t digits_min, size_t digits_max)
{
    int value = 0;
    size_t digits = 0;
    while (digits < digits_max && r->rest.len && r->rest.ptr[0] >= '0' && r->rest.ptr[0] <= '9') {
        value = value * 10 + (r->rest.ptr[0] - '0');
        r->rest = str_skip(r->rest, 1);
        digits++;
    }
    r->failed |= digits < digits_min;
    return value;
}

static bool take_text(struct reading *r, struct str text)
{
    if (r->rest.len < text.len || !str_eq_nocase(str_first(r->rest, text.len), text))
        return false;
    r->rest = str_skip(r->rest, text.len);
    return true;
}

static int take_name(struct reading *r, const char *const *names, int count, bool whole)
{
    for (int i = 0; i < count; i++) {
        struct str name = str_from(names[i]);
        if (take_text(r, whole ? name : str_first(name, 3)))
            return i;
    }
    r->failed = true;
    return 0;
}

static void take_offset(struct reading *r, struct str token)
{
    if (token.ptr[0] == 'Z' && take_text(r, STR("Z")))
        return;
    bool west = take_text(r, STR("-"));
    if (!west && !take_text(r, STR("+")))
        r->failed = true;
    int seconds = take_number(r, 2, 2) * 3600, unit = 60;
    for (size_t i = 3; i + 1 < token.len; i += 2, unit /= 60) {
        if (token.ptr[i] == ':') {
            r->failed |= !take_text(r, STR(":"));
            i++;
        }
        seconds += take_number(r, 2, 2) * unit;
    }
    r->offset = west ? -seconds : seconds;
}

static void take_fraction(struct reading *r, bool needed)
{
    int32_t unit = NANOS_PER_SECOND / 10;
    if (!r->rest.len || (r->rest.ptr[0] != '.' && r->rest.ptr[0] != ',')) {
        r->failed |= needed;
        return;
    }
    for (r->rest = str_skip(r->rest, 1);
         r->rest.len && r->rest.ptr[0] >= '0' && r->rest.ptr[0] <= '9'; unit /= 10) {
        r->nanos += unit * (r->rest.ptr[0] - '0');
        r->rest = str_skip(r->rest, 1);
    }
}

static void take_date(struct reading *r, enum token token)
{
    if (token == TOKEN_LONG_MONTH || token == TOKEN_MONTH) {
        r->month = 1 + take_name(r, month_names, 12, token == TOKEN_LONG_MONTH);
    } else if (token == TOKEN_LONG_WEEKDAY || token == TOKEN_WEEKDAY) {
        (void)take_name(r, weekday_names, 7, token == TOKEN_LONG_WEEKDAY);
    } else if (token == TOKEN_ZERO_MONTH || token == TOKEN_NUMBER_MONTH) {
        r->month = take_number(r, token == TOKEN_ZERO_MONTH ? 2 : 1, 2);
    } else if (token == TOKEN_LONG_YEAR) {
        r->year = take_number(r, 4, 4);
    } else if (token == TOKEN_YEAR) {
        r->year = take_number(r, 2, 2);
        r->year += r->year >= 69 ? 1900 : 2000;
    } else if (token == TOKEN_YEAR_DAY) {
        r->month = 1;
        r->day = take_number(r, 3, 3);
    } else {
        if (token == TOKEN_SPACE_DAY)
            (void)take_text(r, STR(" "));
        r->day = take_number(r, token == TOKEN_ZERO_DAY ? 2 : 1, 2);
    }
}

static void take_clock(struct reading *r, enum token token)
{
    if (token == TOKEN_HOUR) {
        r->hour = take_number(r, 2, 2);
    } else if (token == TOKEN_ZERO_HOUR12 || token == TOKEN_HOUR12) {
        r->hour = take_number(r, token == TOKEN_HOUR12 ? 1 : 2, 2);
        r->twelve_hours = true;
    } else if (token == TOKEN_ZERO_MINUTE || token == TOKEN_MINUTE) {
        r->minute = take_number(r, token == TOKEN_MINUTE ? 1 : 2, 2);
    } else if (token == TOKEN_ZERO_SECOND || token == TOKEN_SECOND) {
        r->second = take_number(r, token == TOKEN_SECOND ? 1 : 2, 2);
    } else {
        r->afternoon = take_text(r, STR("PM"));
        r->twelve_hours = true;
        r->failed |= !r->afternoon && !take_text(r, STR("AM"));
    }
}

static void take_token(struct reading *r, enum token token, struct str text)
{
    if (token == TOKEN_LITERAL)
        r->failed |= !take_text(r, text);
    else if (token == TOKEN_ZONE_NAME)
        r->failed |= !take_text(r, STR("UTC")) && !take_text(r, STR("GMT"));
    else if (token == TOKEN_OFFSET || token == TOKEN_Z_OFFSET)
        take_offset(r, text);
    else if (token == TOKEN_FRACTION_ZEROS || token == TOKEN_FRACTION_NINES)
        take_fraction(r, token == TOKEN_FRACTION_ZEROS);
    else if ((token >= TOKEN_HOUR && token <= TOKEN_SECOND) || token == TOKEN_UPPER_PM ||
             token == TOKEN_LOWER_PM)
        take_clock(r, token);
    else
        take_date(r, token);
}

bool time_parse(struct str layout, struct str text, struct template_time *out)
{
    struct reading r = {.rest = text, .year = 0, .month = 1, .day = 1};
    size_t len;
    for (; layout.len && !r.failed; layout = str_skip(layout, len)) {
        enum token token = token_at(layout, &len);
        take_token(&r, token, str_first(layout, len));
        // A fraction may follow the seconds without being in the layout.
        if ((token == TOKEN_ZERO_SECOND || token == TOKEN_SECOND) &&
            !fraction_length(str_skip(layout, len)))
            take_fraction(&r, false);
    }
    if (r.twelve_hours)
        r.hour = r.hour % 12 + (r.afternoon ? 12 : 0);
    if (r.failed || r.rest.len || r.month < 1 || r.month > 12 || r.day < 1 || r.day > 366 ||
        r.hour > 23 || r.minute > 59 || r.second > 59)
        return false;
    int64_t days = zone_days_from_date(r.year, r.month, 1) + r.day - 1;
    int64_t seconds = days * SECONDS_PER_DAY + r.hour * 3600 + r.minute * 60 + r.second - r.offset;
    *out = (struct template_time){seconds, r.nanos, NULL};
    return true;
}
