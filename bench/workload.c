// The named workloads stand in one table; options change single fields of one.
#include "workload.h"

#include "base/clock.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static const struct workload WORKLOADS[] = {
    // name, shapes, seed, hosts, series, interval, span, end, constant, churn, restarts, missed,
    // jitter
    {"A", "node,prometheus", 1, 20, 880, 15 * SECOND, 24 * HOUR, 0, 0.667, 0, 0.02, 0.0002, 0.02},
    {"B", "node,prometheus", 1, 100, 843, 5 * SECOND, 10 * MINUTE, 0, 0.667, 0, 0, 0, 0.02},
    {"kubernetes", "kubernetes", 1, 10, 0, 15 * SECOND, 6 * HOUR, 0, 0.5, 0.5, 0.1, 0.001, 0.05},
    {"services", "service", 1, 20, 0, 15 * SECOND, 6 * HOUR, 0, 0.3, 0.1, 0.5, 0.001, 0.02},
    {"ml", "ml", 1, 16, 0, 15 * SECOND, 6 * HOUR, 0, 0.3, 0.2, 0.2, 0.001, 0.02},
    {"devops", "devops", 1, 100, 0, 10 * SECOND, 12 * HOUR, 0, 0, 0, 0, 0, 0},
    {"churn", "node,kubernetes", 1, 10, 0, 15 * SECOND, 24 * HOUR, 0, 0.6, 4, 0.1, 0.001, 0.02},
    {"cardinality", "node", 1, 100, 1000, 60 * SECOND, HOUR, 0, 0.667, 0, 0, 0, 0},
};

const char workload_help[] =
    "  --workload=NAME     A, B, kubernetes, services, ml, devops, churn, cardinality (A)\n"
    "  --hosts=N --series=N (of each host) --interval=15s --span=24h --seed=N\n"
    "  --end=now|TIME      no sample is later (the last midnight, UTC)\n"
    "  --shapes=LIST       node,prometheus,kubernetes,service,ml,devops\n"
    "  --constant=SHARE    of series that never change\n"
    "  --churn=SHARE       of series replaced a day\n"
    "  --restarts=N        of a host a day\n"
    "  --missed=SHARE --jitter=SHARE   of scrapes\n";

int workload_find(struct workload *w, const char *name, struct error *err)
{
    for (size_t i = 0; i < sizeof(WORKLOADS) / sizeof(WORKLOADS[0]); i++) {
        if (strcmp(WORKLOADS[i].name, name) == 0) {
            *w = WORKLOADS[i];
            return OK;
        }
    }
    return error_set(err, ERR_NOT_FOUND, "no workload is called \"%s\"", name);
}

static int check(const struct workload *w, struct error *err)
{
    if (w->hosts < 1 || w->hosts > 100000)
        return error_set(err, ERR_INVALID, "--hosts: expected 1 to 100000");
    if (w->interval_ms < 10)
        return error_set(err, ERR_INVALID, "--interval: expected at least 10ms");
    if (w->span_ms < w->interval_ms)
        return error_set(err, ERR_INVALID, "--span: expected at least one interval");
    if (w->constant_share < 0 || w->constant_share > 1 || w->miss_share < 0 || w->miss_share > 1 ||
        w->jitter_share < 0 || w->jitter_share > 1 || w->churn_per_day < 0 ||
        w->restarts_per_day < 0)
        return error_set(err, ERR_INVALID, "expected shares from 0 to 1");
    return OK;
}

int workload_from_args(struct workload *w, struct args *a, struct error *err)
{
    int result = workload_find(w, args_text(a, "workload", "A"), err);
    if (result)
        return result;
    w->shapes = args_text(a, "shapes", w->shapes);
    w->hosts = (unsigned)args_integer(a, "hosts", w->hosts);
    w->series = (unsigned)args_integer(a, "series", w->series);
    w->seed = (uint64_t)args_integer(a, "seed", (int64_t)w->seed);
    w->interval_ms = args_duration(a, "interval", w->interval_ms);
    w->span_ms = args_duration(a, "span", w->span_ms);
    int64_t now_ms = clock_wall_ms(&clock_system);
    w->end_ms = args_time(a, "end", now_ms - now_ms % DAY);
    w->constant_share = args_number(a, "constant", w->constant_share);
    w->churn_per_day = args_number(a, "churn", w->churn_per_day);
    w->restarts_per_day = args_number(a, "restarts", w->restarts_per_day);
    w->miss_share = args_number(a, "missed", w->miss_share);
    w->jitter_share = args_number(a, "jitter", w->jitter_share);
    result = check(w, err);
    if (!result)
        w->end_ms -= w->end_ms % w->interval_ms;
    return result;
}

int64_t workload_rounds(const struct workload *w)
{
    return w->span_ms / w->interval_ms;
}

int64_t workload_start_ms(const struct workload *w)
{
    return w->end_ms - workload_rounds(w) * w->interval_ms;
}

static void number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    json_double(w, value);
}

void workload_json(struct json_writer *w, const struct workload *workload)
{
    json_key(w, "workload");
    json_cstr(w, workload->name);
    json_key(w, "shapes");
    json_cstr(w, workload->shapes);
    number(w, "seed", (double)workload->seed);
    number(w, "hosts", workload->hosts);
    number(w, "series", workload->series);
    number(w, "interval_ms", (double)workload->interval_ms);
    number(w, "span_ms", (double)workload->span_ms);
    number(w, "end_ms", (double)workload->end_ms);
    number(w, "constant_share", workload->constant_share);
    number(w, "churn_per_day", workload->churn_per_day);
    number(w, "restarts_per_day", workload->restarts_per_day);
    number(w, "miss_share", workload->miss_share);
    number(w, "jitter_share", workload->jitter_share);
}
