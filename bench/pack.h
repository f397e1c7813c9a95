// Prepared data: a workload as remote-write requests, compressed and ready to be sent, in a file.
//
//     "LWBENCH1"  u32 header size  header (JSON, the workload)
//     frames: u32 host | u32 samples | i64 newest ms | u32 body size | body (snappy)
//
// Numbers are in the machine's order: the file is made where it is used.
#ifndef BENCH_PACK_H
#define BENCH_PACK_H

#include "base/buf.h"
#include "workload.h"

struct pack_frame {
    uint32_t host;
    uint32_t sample_count;
    int64_t newest_ms;
    struct str body;
};

struct pack_totals {
    uint64_t samples;
    uint64_t frames;
    uint64_t bytes;  // of bodies, compressed
    uint64_t series; // of all hosts, at one time
};

// How requests are cut: `rounds` scrapes of one host in each, a series' samples in one piece;
// 1 is how a scraper that forwards at once sends them.
struct pack_options {
    unsigned rounds;
    bool quiet; // no progress on stderr
};

// Writes the workload to the descriptor from its start. ERR_CANCELED after Ctrl-C.
int pack_write(int fd, const struct workload *w, const struct pack_options *options,
               struct pack_totals *totals, struct error *err);

struct pack; // a mapped file

// `fd` stays the caller's and may be closed.
int pack_open(struct pack **out, int fd, struct error *err);
void pack_close(struct pack *p);
struct str pack_header(const struct pack *p); // JSON
const struct pack_totals *pack_totals(const struct pack *p);
// Frames in order; *position starts at 0. False at the end.
bool pack_next(const struct pack *p, size_t *position, struct pack_frame *frame);

#endif
