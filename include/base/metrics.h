// Lapwing's own metrics: a registry of families, rendered in the Prometheus text format.
//
// A module asks the registry for its metrics when it is constructed and keeps the pointers; asking
// again for the same name and labels gives the same metric. Updates are atomic and lock-free.
// Names follow Prometheus' conventions: lapwing_ prefix, base units, _total on counters.
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"

struct metrics;
struct metric;

struct metrics *metrics_new(void);
void metrics_free(struct metrics *m);

// `labels` is the text between the braces, already escaped: `code="200",method="GET"`, or "".
// The registry owns what it returns. A name must keep one kind and help: asserted.
struct metric *metrics_counter(struct metrics *m, const char *name, const char *help,
                               const char *labels);
struct metric *metrics_gauge(struct metrics *m, const char *name, const char *help,
                             const char *labels);
// `bounds`: ascending upper bounds without +Inf, borrowed for ever (static).
struct metric *metrics_histogram(struct metrics *m, const char *name, const char *help,
                                 const char *labels, const double *bounds, size_t bound_count);
// Runs before each rendering, to set gauges that are read off elsewhere. Must not register metrics.
void metrics_on_collect(struct metrics *m, void (*collect)(void *context), void *context);

void metric_add(struct metric *metric, uint64_t by);      // counters
void metric_add_double(struct metric *metric, double by); // counters of seconds
void metric_set(struct metric *metric, double value);     // gauges; counters kept elsewhere
void metric_observe(struct metric *metric, double value); // histograms
double metric_value(const struct metric *metric);         // counters and gauges

// Latency buckets in seconds, 1 ms to 60 s.
extern const double METRIC_SECONDS_BOUNDS[];
extern const size_t METRIC_SECONDS_BOUND_COUNT;

// Families sorted by name, with HELP and TYPE, in text format 0.0.4.
void metrics_render(struct metrics *m, struct buf *out);
// A Markdown table of name, kind and help: the reference in docs/.
void metrics_render_reference(struct metrics *m, struct buf *out);

#endif
