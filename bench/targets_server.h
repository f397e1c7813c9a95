// A workload as scrape targets: one for each host and job, on loopback addresses of their own.
#ifndef BENCH_TARGETS_SERVER_H
#define BENCH_TARGETS_SERVER_H

#include "base/buf.h"
#include "workload.h"

struct targets_server;

// Listens on `port` of all addresses (0: a free one). Target number n answers at
// http://127.0.A.B:PORT/metrics with A = 1 + n / 200 and B = 1 + n % 200, and at /n/metrics of any
// address.
int targets_server_new(struct targets_server **out, const struct workload *w, unsigned port,
                       struct error *err);
void targets_server_free(struct targets_server *s);
unsigned targets_server_port(const struct targets_server *s);
// Scrape configuration in prometheus.yml format.
void targets_server_config(const struct targets_server *s, struct buf *out);
// Answers requests for at most so long; Ctrl-C ends it earlier.
void targets_server_run(struct targets_server *s, int64_t wait_ms);
uint64_t targets_server_scrapes(const struct targets_server *s);

#endif
