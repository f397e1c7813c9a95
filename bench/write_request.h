// A remote write 1.0 request: series with labels and the samples of several scrapes of one host.
#ifndef BENCH_WRITE_REQUEST_H
#define BENCH_WRITE_REQUEST_H

#include "generator.h"

struct write_request {
    size_t series_count;
    struct buf *labels;  // per series, encoded; filled with its first sample
    struct buf *samples; // per series, encoded
    size_t sample_count;
    int64_t newest_ms;
    struct buf out;
};

void write_request_init(struct write_request *r, size_t series_count);
void write_request_release(struct write_request *r);
// Forgets the samples and the labels.
void write_request_reset(struct write_request *r);
void write_request_add(struct write_request *r, const struct generator *g, size_t host,
                       const struct scrape *scrape);
// The protobuf message, not compressed; borrowed until the next call.
struct str write_request_bytes(struct write_request *r);

#endif
