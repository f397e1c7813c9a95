#include "model/duration.h"

#include "base/float_text.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

struct unit {
    const char *name;
    int64_t ms;
};

// Largest first: the order in which a duration is written.
static const struct unit units[] = {
    {"y", 365 * DAY_MS}, {"w", 7 * DAY_MS}, {"d", DAY_MS}, {"h", HOUR_MS},
    {"m", MINUTE_MS},    {"s", SECOND_MS},  {"ms", 1},
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static size_t count_while(struct str s, bool digits)
{
    size_t n = 0;
    while (n < s.len && (s.ptr[n] >= '0' && s.ptr[n] <= '9') == digits)
        n++;
    return n;
}

// The unit of this name at or behind `from`, so that units come in order and once.
static size_t unit_find(struct str name, size_t from)
{
    while (from < UNIT_COUNT && !str_is(name, units[from].name))
        from++;
    return from;
}

bool duration_parse(struct str s, int64_t *ms)
{
    if (str_is(s, "0")) {
        *ms = 0;
        return true;
    }
    int64_t total = 0;
    size_t unit = 0;
    if (s.len == 0)
        return false;
    while (s.len) {
        size_t digits = count_while(s, true);
        uint64_t amount;
        if (!str_to_u64(str_first(s, digits), &amount) || amount > INT64_MAX)
            return false;
        s = str_skip(s, digits);
        size_t letters = count_while(s, false);
        unit = unit_find(str_first(s, letters), unit);
        int64_t part;
        if (unit == UNIT_COUNT || __builtin_mul_overflow((int64_t)amount, units[unit].ms, &part) ||
            __builtin_add_overflow(total, part, &total))
            return false;
        s = str_skip(s, letters);
        unit++;
    }
    if (total > INT64_MAX / 1000000)
        return false;
    *ms = total;
    return true;
}

void duration_format(struct buf *out, int64_t ms)
{
    if (ms == 0) {
        buf_cstr(out, "0s");
        return;
    }
    if (ms < 0) {
        buf_char(out, '-');
        ms = -ms;
    }
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        // Years and weeks only where nothing would be left over.
        bool exact_only = i < 2;
        int64_t amount = ms / units[i].ms;
        if (amount == 0 || (exact_only && ms % units[i].ms != 0))
            continue;
        buf_i64(out, amount);
        buf_cstr(out, units[i].name);
        ms -= amount * units[i].ms;
    }
}

static void format_go_seconds(struct buf *out, int64_t ms)
{
    buf_i64(out, ms / 1000);
    int fraction = (int)(ms % 1000);
    if (fraction) {
        buf_printf(out, ".%03d", fraction);
        while (out->len && out->ptr[out->len - 1] == '0')
            buf_truncate(out, out->len - 1);
    }
    buf_char(out, 's');
}

void duration_format_go(struct buf *out, int64_t ms)
{
    if (ms < 0) {
        buf_char(out, '-');
        ms = -ms;
    }
    if (ms > 0 && ms < SECOND_MS) {
        buf_i64(out, ms);
        buf_cstr(out, "ms");
        return;
    }
    int64_t hours = ms / HOUR_MS;
    int64_t minutes = ms % HOUR_MS / MINUTE_MS;
    if (hours) {
        buf_i64(out, hours);
        buf_char(out, 'h');
    }
    if (hours || minutes) {
        buf_i64(out, minutes);
        buf_char(out, 'm');
    }
    format_go_seconds(out, ms % MINUTE_MS);
}

static bool go_unit(struct str name, double *ms)
{
    static const struct {
        const char *name;
        double ms;
    } go_units[] = {{"ns", 1e-6}, {"us", 1e-3}, {"\xc2\xb5s", 1e-3}, {"\xce\xbcs", 1e-3},
                    {"ms", 1},    {"s", 1e3},   {"m", 6e4},          {"h", 3.6e6}};
    for (size_t i = 0; i < sizeof(go_units) / sizeof(go_units[0]); i++) {
        if (str_is(name, go_units[i].name)) {
            *ms = go_units[i].ms;
            return true;
        }
    }
    return false;
}

static size_t go_number_size(struct str s)
{
    size_t n = 0;
    while (n < s.len && ((s.ptr[n] >= '0' && s.ptr[n] <= '9') || s.ptr[n] == '.'))
        n++;
    return n;
}

bool duration_parse_go(struct str s, int64_t *ms)
{
    bool negative = s.len && s.ptr[0] == '-';
    if (s.len && (s.ptr[0] == '-' || s.ptr[0] == '+'))
        s = str_skip(s, 1);
    double total = 0;
    if (str_is(s, "0"))
        s = str_skip(s, 1);
    else if (s.len == 0)
        return false;
    while (s.len) {
        double amount, unit_ms;
        size_t digits = go_number_size(s);
        if (!float_parse(str_first(s, digits), &amount))
            return false;
        s = str_skip(s, digits);
        size_t letters = 0;
        while (letters < s.len && go_number_size(str_skip(s, letters)) == 0)
            letters++;
        if (!go_unit(str_first(s, letters), &unit_ms))
            return false;
        total += amount * unit_ms;
        s = str_skip(s, letters);
    }
    if (total > 9.2e12)
        return false;
    *ms = (int64_t)(negative ? -total : total);
    return true;
}
