// From target groups to targets: labels, relabelling, URLs.
#ifndef SCRAPE_DISCOVERY_H
#define SCRAPE_DISCOVERY_H

#include "base/arena.h"
#include "config/prometheus.h"

struct discovered_target {
    struct labels discovered; // before relabelling
    struct labels labels;     // after it, without those that begin with __
    struct str url;
    int64_t interval_ms, timeout_ms;
    bool dropped; // by relabelling
};

// One target of a group. ERR_INVALID when what relabelling made of it cannot be scraped.
int discovery_resolve(const struct scrape_config *config, struct str address, struct labels group,
                      struct arena *arena, struct discovered_target *out, struct error *err);

#endif
