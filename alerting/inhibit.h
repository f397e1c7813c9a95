// Inhibition: a firing source alert mutes the targets that agree with it on the `equal` labels.
#ifndef ALERTING_INHIBIT_H
#define ALERTING_INHIBIT_H

#include "alert_store.h"
#include "config/alertmanager.h"

struct inhibit_source {
    uint64_t equal_hash;
    const struct stored_alert *alert; // borrowed from the store
};

struct inhibit_rule {
    const struct inhibit_rule_config *config; // borrowed
    struct inhibit_source *sources;           // sorted by hash, owned
    size_t source_count;
    size_t source_capacity;
};

// The sources are indexed by their equal labels once per change of the store's alert set.
struct inhibitor {
    const struct alert_store *store; // borrowed
    struct inhibit_rule *rules;
    size_t rule_count;
    uint64_t set_version; // of the store, when indexed
};

void inhibitor_init(struct inhibitor *in, const struct alert_store *store,
                    const struct alertmanager_config *config);
void inhibitor_release(struct inhibitor *in);
// The alert that mutes these labels at `now_ms`, or NULL.
const struct stored_alert *inhibitor_mutes(struct inhibitor *in, struct labels target,
                                           int64_t now_ms);

#endif
