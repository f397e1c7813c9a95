// Sending prepared data to a remote-write receiver, and how fast it took it.
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "base/error.h"
#include "pack.h"
#include "stats.h"

struct load_options {
    const char *url; // of the receiver, with path
    unsigned connections;
    double rate;          // samples a second over all connections; 0: as fast as it takes them
    int64_t timeout_ms;   // of a request
    unsigned retries_max; // of one request that was refused with 429 or 5xx
    bool quiet;
};

struct load_result {
    uint64_t samples, requests, bytes; // acknowledged
    uint64_t retries;
    uint64_t samples_all; // of the pack
    double seconds;
    struct measurements latencies_ms; // of acknowledged requests; the caller releases them
};

// Frames of one host go over one connection, in order. After an error *out has what was sent until
// then: ERR_CANCELED after Ctrl-C, ERR_UNAVAILABLE, ERR_EXECUTION for an answer other than 2xx.
int load_run(struct load_result *out, const struct pack *pack, const struct load_options *options,
             struct error *err);
void load_result_release(struct load_result *r);
// Members of an open JSON object, and lines of text.
void load_result_json(struct json_writer *w, const struct load_result *r);
void load_result_print(const struct load_result *r);
// The receiver's URL of what the user named: a URL without a path gets /api/v1/write. On the heap.
char *load_url(const char *text);

#endif
