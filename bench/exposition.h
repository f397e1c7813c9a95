// Scrapes of a workload as text that a scraper reads.
#ifndef BENCH_EXPOSITION_H
#define BENCH_EXPOSITION_H

#include "generator.h"

// The series of every host that belong to one job, family by family.
struct exposition {
    struct str job; // borrowed from the generator
    size_t *series; // owned
    size_t count;
};

// The jobs of a workload in the order of its shapes; count in *count. The caller frees each one's
// series and the array.
struct exposition *expositions_new(const struct generator *g, size_t *count);
void expositions_free(struct exposition *all, size_t count);
// The text format with HELP and TYPE; without the labels job and instance, which a scraper adds.
// False when the scrape failed: nothing is written.
bool exposition_write(const struct exposition *e, const struct generator *g, size_t host,
                      const struct scrape *scrape, struct buf *out);

#endif
