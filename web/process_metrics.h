// What the kernel says about this process, under the names every Prometheus client uses.
#ifndef WEB_PROCESS_METRICS_H
#define WEB_PROCESS_METRICS_H

#include "base/metrics.h"

// Registers process_* and lapwing_build_info; they are read at each rendering.
void process_metrics_register(struct metrics *m);

#endif
