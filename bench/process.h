// What the kernel tells of a local process.
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process_usage {
    uint64_t rss_anon, rss_file, rss_peak; // bytes
    uint64_t bytes_written;
    double cpu_seconds;
};

// The process that listens on a TCP port of this machine; 0 when there is none that may be seen.
pid_t process_of_port(unsigned port);
// False when it is gone.
bool process_usage(pid_t pid, struct process_usage *out);

#endif
