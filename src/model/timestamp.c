// Times as text. Days are counted with the civil-from-days algorithm (Hinnant 2013), which has no
// table and no time zone of the process in it.
#include <math.h>

#include "base/float_text.h"
#include "model/duration.h"

#define DAY_S INT64_C(86400)

static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static void civil_from_days(int64_t z, int64_t *y, unsigned *m, unsigned *d)
{
    z += 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    unsigned doe = (unsigned)(z - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    *d = doy - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = (int64_t)yoe + era * 400 + (*m <= 2);
}

static bool take_number(struct str *s, size_t digits, unsigned max, unsigned *out)
{
    uint64_t value;
    if (s->len < digits || !str_to_u64(str_first(*s, digits), &value) || value > max)
        return false;
    *out = (unsigned)value;
    *s = str_skip(*s, digits);
    return true;
}

static bool take_char(struct str *s, const char *any)
{
    if (!s->len || !strchr(any, s->ptr[0]) || !s->ptr[0])
        return false;
    *s = str_skip(*s, 1);
    return true;
}

static bool take_fraction(struct str *s, int64_t *ms)
{
    *ms = 0;
    if (!take_char(s, ".,"))
        return true;
    size_t digits = 0;
    int64_t scale = 100;
    while (digits < s->len && s->ptr[digits] >= '0' && s->ptr[digits] <= '9') {
        *ms += (s->ptr[digits] - '0') * scale;
        scale /= 10;
        digits++;
    }
    *s = str_skip(*s, digits);
    return digits > 0;
}

static bool take_offset(struct str *s, int64_t *seconds)
{
    *seconds = 0;
    if (take_char(s, "Zz"))
        return true;
    unsigned hours, minutes;
    bool west = s->len && s->ptr[0] == '-';
    if (!take_char(s, "+-") || !take_number(s, 2, 24, &hours) || !take_char(s, ":") ||
        !take_number(s, 2, 59, &minutes))
        return false;
    *seconds = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    if (west)
        *seconds = -*seconds;
    return true;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool timestamp_parse_rfc3339(struct str s, int64_t *ms)
{
    unsigned year, month, day, hour, minute, second;
    int64_t fraction, offset;
    bool ok =
        take_number(&s, 4, 9999, &year) && take_char(&s, "-") && take_number(&s, 2, 12, &month) &&
        take_char(&s, "-") && take_number(&s, 2, 31, &day) && take_char(&s, "Tt") &&
        take_number(&s, 2, 23, &hour) && take_char(&s, ":") && take_number(&s, 2, 59, &minute) &&
        take_char(&s, ":") && take_number(&s, 2, 59, &second) && take_fraction(&s, &fraction) &&
        take_offset(&s, &offset);
    if (!ok || s.len || month == 0 || day == 0 || day > days_in_month(year, month))
        return false;
    int64_t seconds =
        days_from_civil(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second - offset;
    *ms = seconds * 1000 + fraction;
    return true;
}

bool timestamp_parse(struct str s, int64_t *ms)
{
    double seconds;
    if (!float_parse(s, &seconds))
        return timestamp_parse_rfc3339(s, ms);
    if (!(fabs(seconds) < 9.2e15))
        return false;
    double whole;
    double fraction = modf(seconds, &whole);
    *ms = (int64_t)whole * 1000 + (int64_t)(round(fraction * 1000));
    return true;
}

static int format_to_second(struct buf *out, int64_t ms)
{
    int64_t days = ms / (DAY_S * 1000);
    int64_t rest = ms % (DAY_S * 1000);
    if (rest < 0) {
        rest += DAY_S * 1000;
        days--;
    }
    int64_t year;
    unsigned month, day;
    civil_from_days(days, &year, &month, &day);
    int seconds = (int)(rest / 1000);
    buf_printf(out, "%04lld-%02u-%02uT%02d:%02d:%02d", (long long)year, month, day, seconds / 3600,
               seconds / 60 % 60, seconds % 60);
    return (int)(rest % 1000);
}

void timestamp_format(struct buf *out, int64_t ms)
{
    int fraction = format_to_second(out, ms);
    buf_printf(out, ".%03dZ", fraction);
}

void timestamp_format_nano(struct buf *out, int64_t ms)
{
    int fraction = format_to_second(out, ms);
    if (fraction) {
        buf_printf(out, ".%03d", fraction);
        while (out->ptr[out->len - 1] == '0')
            buf_truncate(out, out->len - 1);
    }
    buf_char(out, 'Z');
}
