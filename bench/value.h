// How the value of one series moves from scrape to scrape, seeded: the same seed and the same
// scrapes give the same values on every machine.
#ifndef BENCH_VALUE_H
#define BENCH_VALUE_H

#include "shapes.h"

#define HISTOGRAM_BUCKETS_MAX 16

// What a scrape knows when it asks for values.
struct moment {
    int64_t time_ms;
    double elapsed; // seconds since the host's scrape before
    double load;    // around 1: the host's time of day
    double start_s; // when the host started
};

struct value {
    enum value_kind kind;
    bool constant;
    uint64_t random; // state of the series' own generator
    double scale;
    double level; // of counters: since the restart; in units that the kind chooses
};

// `uptime` in seconds is how long a counter has grown already.
void value_init(struct value *v, enum value_kind kind, double scale, uint64_t seed, double uptime);
double value_next(struct value *v, const struct moment *m);
// The host restarts: counters begin at 0.
void value_restart(struct value *v);

// A histogram's buckets, sum and count move together.
struct histogram {
    bool constant;
    bool sizes;
    uint64_t random;
    double rate;
    double mean; // of an observation
    double shares[HISTOGRAM_BUCKETS_MAX];
    double counts[HISTOGRAM_BUCKETS_MAX]; // not cumulative
    double sum;
};

// `sizes`: bytes are observed, else seconds.
void histogram_init(struct histogram *h, bool sizes, double rate, uint64_t seed, double uptime);
void histogram_advance(struct histogram *h, const struct moment *m);
void histogram_restart(struct histogram *h);
// Cumulative count of the bucket `index`; the last is the count of all.
double histogram_bucket(const struct histogram *h, size_t index);

uint64_t random_next(uint64_t *state);
double random_share(uint64_t *state); // 0 <= x < 1
#endif
