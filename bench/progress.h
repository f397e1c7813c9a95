// One line on stderr that tells how far long work is, and how long it will take.
#ifndef BENCH_PROGRESS_H
#define BENCH_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    int64_t start_ns;
    int64_t shown_ns;
    bool quiet;
    bool terminal;
};

void progress_init(struct progress *p, const char *what, bool quiet);
// `share` from 0 to 1. Cheap to call often: a terminal sees four lines a second, a file one in ten
// seconds.
void progress_show(struct progress *p, double share);
void progress_done(struct progress *p);

#endif
