// The scrapes of a workload, host by host, in the order of time.
#ifndef BENCH_GENERATOR_H
#define BENCH_GENERATOR_H

#include "model/labels.h"
#include "workload.h"

enum sample_state {
    SAMPLE_NONE,  // the scrape has none of this series
    SAMPLE_VALUE, // staleness markers are values
};

// Arrays have an element for each series of the host; borrowed until its next scrape.
struct scrape {
    int64_t time_ms;
    const double *values;
    const enum sample_state *states;
    bool relabelled; // series were replaced: labels differ from those of the scrape before
};

struct generator;

int generator_new(struct generator **out, const struct workload *w, struct error *err);
void generator_free(struct generator *g);
size_t generator_series_count(const struct generator *g); // of one host: all have as many
// The labels that a series has in the newest scrape; borrowed until it is replaced.
struct labels generator_labels(const struct generator *g, size_t host, size_t series);
// The family of a series, to tell its type.
const struct family *generator_family(const struct generator *g, size_t series);
// The next scrape of a host; any number of them may follow the workload's span.
void generator_scrape(struct generator *g, size_t host, struct scrape *out);

#endif
