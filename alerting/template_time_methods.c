// What templates may ask of times and durations: Go's methods of time.Time and time.Duration.
#include <stdio.h>

#include "template_tree.h"
#include "zone.h"

#define NANOS_PER_SECOND INT64_C(1000000000)

// Seconds with their fraction, without trailing zeros.
static void put_decimal(struct buf *out, int64_t whole, int64_t part, int digits)
{
    char text[16];
    snprintf(text, sizeof(text), "%0*lld", digits, (long long)part);
    while (digits && text[digits - 1] == '0')
        digits--;
    buf_i64(out, whole);
    if (digits) {
        buf_char(out, '.');
        buf_append(out, text, (size_t)digits);
    }
}

static void put_below_second(struct buf *out, uint64_t ns)
{
    if (ns < 1000) {
        buf_u64(out, ns);
        buf_cstr(out, "ns");
    } else if (ns < 1000000) {
        put_decimal(out, (int64_t)(ns / 1000), (int64_t)(ns % 1000), 3);
        buf_cstr(out, "\xc2\xb5s");
    } else {
        put_decimal(out, (int64_t)(ns / 1000000), (int64_t)(ns % 1000000), 6);
        buf_cstr(out, "ms");
    }
}

void duration_print(struct buf *out, int64_t ns)
{
    uint64_t magnitude = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (ns < 0)
        buf_char(out, '-');
    if (magnitude && magnitude < (uint64_t)NANOS_PER_SECOND) {
        put_below_second(out, magnitude);
        return;
    }
    int64_t seconds = (int64_t)(magnitude / (uint64_t)NANOS_PER_SECOND);
    if (seconds >= 3600)
        buf_printf(out, "%lldh", (long long)(seconds / 3600));
    if (seconds >= 60)
        buf_printf(out, "%lldm", (long long)(seconds / 60 % 60));
    put_decimal(out, seconds % 60, (int64_t)(magnitude % (uint64_t)NANOS_PER_SECOND), 9);
    buf_char(out, 's');
}

static struct value duration_value(int64_t ns)
{
    return (struct value){.kind = VALUE_DURATION, .integer = ns};
}

static struct value printed(struct arena *arena, struct buf *text)
{
    struct value v = value_text(arena_copy(arena, buf_view(text)));
    buf_release(text);
    return v;
}

// a - b, as far as a duration reaches.
static int64_t difference(const struct template_time *a, const struct template_time *b)
{
    int64_t ns;
    if (__builtin_mul_overflow(a->seconds - b->seconds, NANOS_PER_SECOND, &ns) ||
        __builtin_add_overflow(ns, (int64_t)a->nanos - b->nanos, &ns))
        return a->seconds < b->seconds ? INT64_MIN : INT64_MAX;
    return ns;
}

static struct value shifted(const struct template_time *t, int64_t ns)
{
    int64_t nanos = t->nanos + ns % NANOS_PER_SECOND;
    int64_t carry = nanos < 0 ? -1 : nanos / NANOS_PER_SECOND;
    struct value v = {.kind = VALUE_TIME, .time = *t};
    v.time.seconds += ns / NANOS_PER_SECOND + carry;
    v.time.nanos = (int32_t)(nanos - carry * NANOS_PER_SECOND);
    return v;
}

// Methods without arguments.
static int time_get(const struct template_time *t, struct str name, struct value *out)
{
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    struct zone_time z;
    zone_time(t->zone, t->seconds, &z);
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {
        {"Unix", t->seconds},
        {"UnixMilli", t->seconds * 1000 + t->nanos / 1000000},
        {"UnixNano", (int64_t)((uint64_t)t->seconds * 1000000000U + (uint64_t)t->nanos)},
        {"Year", z.year},
        {"Day", z.day},
        {"YearDay", z.year_day},
        {"Hour", z.minute / 60},
        {"Minute", z.minute % 60},
        {"Second", z.second},
        {"Nanosecond", t->nanos},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        if (str_is(name, numbers[i].name)) {
            *out = value_integer(numbers[i].value);
            return OK;
        }
    }
    *out = (struct value){.kind = VALUE_TIME, .time = *t};
    if (str_is(name, "UTC"))
        out->time.zone = NULL;
    else if (str_is(name, "Month"))
        *out = value_text(str_from(months[z.month - 1]));
    else if (str_is(name, "Weekday"))
        *out = value_text(str_from(days[z.weekday]));
    else if (str_is(name, "IsZero"))
        *out = value_boolean(t->seconds == GO_ZERO_TIME && t->nanos == 0);
    else if (!str_is(name, "Local"))
        return ERR_NOT_FOUND;
    return OK;
}

static int time_compare(const struct template_time *t, struct str name, const struct value *arg,
                        struct value *out)
{
    int64_t order = difference(t, &arg->time);
    if (str_is(name, "Sub"))
        *out = duration_value(order);
    else if (str_is(name, "Before"))
        *out = value_boolean(order < 0);
    else if (str_is(name, "After"))
        *out = value_boolean(order > 0);
    else if (str_is(name, "Equal"))
        *out = value_boolean(order == 0);
    else
        return ERR_NOT_FOUND;
    return OK;
}

int time_method(struct arena *arena, const struct template_time *t, struct str name,
                const struct value *args, size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    if (count == 0 && str_is(name, "String")) {
        time_print(&text, t);
        *out = printed(arena, &text);
        return OK;
    }
    if (count == 0)
        return time_get(t, name, out);
    if (count == 1 && args[0].kind == VALUE_TIME)
        return time_compare(t, name, &args[0], out);
    if (count == 1 && str_is(name, "Format") && value_is_text(&args[0])) {
        time_format(&text, t, args[0].text);
        *out = printed(arena, &text);
        return OK;
    }
    if (count == 1 && str_is(name, "Add") &&
        (args[0].kind == VALUE_DURATION || args[0].kind == VALUE_INT)) {
        *out = shifted(t, args[0].integer);
        return OK;
    }
    bool known = str_is(name, "Format") || str_is(name, "Add") || str_is(name, "Sub") ||
                 str_is(name, "Before") || str_is(name, "After") || str_is(name, "Equal");
    return known ? ERR_INVALID : ERR_NOT_FOUND;
}

static int64_t rounded(int64_t ns, int64_t unit, bool up)
{
    if (unit <= 0)
        return ns;
    int64_t rest = ns % unit;
    int64_t away = ns < 0 ? -unit : unit;
    bool far = (rest < 0 ? -rest : rest) >= unit - (rest < 0 ? -rest : rest);
    return ns - rest + (up && rest && far ? away : 0);
}

int duration_method(struct arena *arena, int64_t ns, struct str name, const struct value *args,
                    size_t count, struct value *out)
{
    struct buf text = BUF_INIT;
    if (count == 1 && (str_is(name, "Round") || str_is(name, "Truncate"))) {
        if (args[0].kind != VALUE_DURATION && args[0].kind != VALUE_INT)
            return ERR_INVALID;
        *out = duration_value(rounded(ns, args[0].integer, name.ptr[0] == 'R'));
        return OK;
    }
    if (count)
        return ERR_NOT_FOUND;
    if (str_is(name, "Hours"))
        *out = value_number((double)ns / (3600.0 * 1e9));
    else if (str_is(name, "Minutes"))
        *out = value_number((double)ns / (60.0 * 1e9));
    else if (str_is(name, "Seconds"))
        *out = value_number((double)ns / 1e9);
    else if (str_is(name, "Milliseconds"))
        *out = value_integer(ns / 1000000);
    else if (str_is(name, "Microseconds"))
        *out = value_integer(ns / 1000);
    else if (str_is(name, "Nanoseconds"))
        *out = value_integer(ns);
    else if (str_is(name, "Abs"))
        *out = duration_value(ns < 0 ? -ns : ns);
    else if (str_is(name, "String")) {
        duration_print(&text, ns);
        *out = printed(arena, &text);
    } else {
        return ERR_NOT_FOUND;
    }
    return OK;
}
