// Time: of the query, of samples, and as calendars tell it (proleptic Gregorian, UTC).
//
// The calendar follows Go's time package to the ends of int64 seconds: times are counted, modulo
// 2^64, from the first day of a year that begins a cycle of 400 years.
#include <math.h>

#include "eval.h"
#include "families.h"

#define DAY_SECONDS UINT64_C(86400)
// Year 1 modulo 400, and the seconds from its start to 1970.
#define FIRST_YEAR    INT64_C(-292277022399)
#define FIRST_SECONDS UINT64_C(9223372028715321600)

struct date {
    int64_t year;
    int month;    // 1 to 12
    int day;      // 1 to 31
    int year_day; // 1 to 366
    int month_days;
};

// As Go converts: what no int64 can hold becomes its minimum.
static uint64_t absolute_seconds(double seconds)
{
    int64_t s = seconds >= -0x1p63 && seconds < 0x1p63 ? (int64_t)seconds : INT64_MIN;
    return (uint64_t)s + FIRST_SECONDS;
}

static bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static void date_of(double seconds, struct date *out)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t days = absolute_seconds(seconds) / DAY_SECONDS;
    uint64_t year = 400 * (days / 146097);
    days %= 146097;
    uint64_t n = days / 36524; // the last century of a cycle is a day longer
    n -= n >> 2;
    year += 100 * n;
    days -= 36524 * n;
    n = days / 1461;
    year += 4 * n;
    days -= 1461 * n;
    n = days / 365; // so is the last year of four
    n -= n >> 2;
    year += n;
    days -= 365 * n;
    out->year = (int64_t)year + FIRST_YEAR;
    out->year_day = (int)days + 1;
    int left = (int)days, month = 0;
    for (;; month++) {
        out->month_days = lengths[month] + (month == 1 && is_leap(out->year));
        if (left < out->month_days)
            break;
        left -= out->month_days;
    }
    out->month = month + 1;
    out->day = left + 1;
}

double time_day_of_month(double seconds)
{
    struct date d;
    date_of(seconds, &d);
    return d.day;
}

double time_day_of_week(double seconds)
{
    // The first day was a Monday.
    return (double)((absolute_seconds(seconds) / DAY_SECONDS + 1) % 7);
}

double time_day_of_year(double seconds)
{
    struct date d;
    date_of(seconds, &d);
    return d.year_day;
}

double time_days_in_month(double seconds)
{
    struct date d;
    date_of(seconds, &d);
    return d.month_days;
}

double time_hour(double seconds)
{
    return (double)(absolute_seconds(seconds) % DAY_SECONDS / 3600);
}

double time_minute(double seconds)
{
    return (double)(absolute_seconds(seconds) % 3600 / 60);
}

double time_month(double seconds)
{
    struct date d;
    date_of(seconds, &d);
    return d.month;
}

double time_year(double seconds)
{
    struct date d;
    date_of(seconds, &d);
    return (double)d.year;
}

int time_time(struct eval *ev, const struct plan_node *node, struct value *out)
{
    double *values = arena_array(ev->arena, node->grid->count, sizeof(double));
    for (size_t i = 0; i < node->grid->count; i++)
        values[i] = (double)grid_time(node->grid, i) / 1000;
    out->scalar = values;
    return 0;
}

int time_start(struct eval *ev, const struct plan_node *node, struct value *out)
{
    (void)node;
    out->number = (double)ev->plan->query->start_ms / 1000;
    return 0;
}

int time_end(struct eval *ev, const struct plan_node *node, struct value *out)
{
    (void)node;
    const struct promql_query *q = ev->plan->query;
    out->number = (double)(q->step_ms ? q->end_ms : q->start_ms) / 1000;
    return 0;
}

int time_range(struct eval *ev, const struct plan_node *node, struct value *out)
{
    (void)node;
    const struct promql_query *q = ev->plan->query;
    out->number = q->step_ms ? (double)(q->end_ms - q->start_ms) / 1000 : 0;
    return 0;
}

// An instant query has no step.
int time_step(struct eval *ev, const struct plan_node *node, struct value *out)
{
    (void)node;
    const struct promql_query *q = ev->plan->query;
    out->number = q->end_ms == q->start_ms ? 0 : (double)q->step_ms / 1000;
    return 0;
}

static int drop_names(struct eval *ev, const struct plan_node *node, struct vector *v)
{
    for (size_t i = 0; i < v->count; i++)
        row_drop_name(ev, &v->rows[i]);
    return ev->delayed_names ? 0 : vector_merge(ev, v, node->grid->count);
}

// Of samples where a selector gives them, of steps for whatever was computed.
int time_timestamp(struct eval *ev, const struct plan_node *node, struct value *out)
{
    const struct plan_node *arg = node->call.args[0];
    struct vector *v = &out->vector;
    if (arg->kind == PLAN_SELECTOR) {
        struct collector c = {.ev = ev, .vector = v, .step_count = node->grid->count};
        int rc = stream_timestamps(ev, arg, collect_row, &c);
        return rc ? rc : drop_names(ev, node, v);
    }
    int rc = eval_vector(ev, arg, v);
    for (size_t r = 0; rc == 0 && r < v->count; r++)
        for (size_t i = 0; i < node->grid->count; i++)
            v->rows[r].values[i] = (double)grid_time(node->grid, i) / 1000;
    return rc ? rc : drop_names(ev, node, v);
}
