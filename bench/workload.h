// What is to be generated: which shapes of series, of how many hosts, how often and for how long,
// and how untidy the data is. The same workload gives the same samples on every machine.
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "args.h"
#include "base/json_write.h"

struct workload {
    const char *name;
    const char *shapes;      // comma-separated: see shapes.h
    uint64_t seed;           //
    unsigned hosts;          // scrape targets
    unsigned series;         // of each host; 0 is what the shapes have
    int64_t interval_ms;     // between two scrapes of a host
    int64_t span_ms;         // from the first to behind the last scrape
    int64_t end_ms;          // no sample is later
    double constant_share;   // of all series never change
    double churn_per_day;    // share of series that are replaced by others
    double restarts_per_day; // of a host: its counters begin anew
    double miss_share;       // of scrapes fail
    double jitter_share;     // of scrapes come 1 to 20 ms late
};

// The named workload of --workload with what the other options change:
// --hosts --series --interval --span --end --seed --constant --churn --restarts --missed --jitter
// --shapes. The end defaults to the last midnight, UTC: a whole day of a store that keeps days, and
// the same samples for all runs of a day.
int workload_from_args(struct workload *w, struct args *a, struct error *err);
int workload_find(struct workload *w, const char *name, struct error *err);
// Scrapes of one host.
int64_t workload_rounds(const struct workload *w);
int64_t workload_start_ms(const struct workload *w);
// Members of an open JSON object.
void workload_json(struct json_writer *w, const struct workload *workload);
// The options, one a line, for --help.
extern const char workload_help[];

#endif
