// An alert as it travels from the rules to the receivers.
#ifndef ALERTING_ALERT_H
#define ALERTING_ALERT_H

#include "model/labels.h"

// Alerts that wait for their rule's `for` are told to nobody: only the ledger hears of them.
enum alert_stage {
    ALERT_STAGE_TOLD,    // it fires, or has ended
    ALERT_STAGE_PENDING, // it begins to wait
    ALERT_STAGE_LAPSED,  // it ended before it fired
};

struct alert {
    struct labels labels; // alertname among them
    struct labels annotations;
    int64_t starts_ms;
    int64_t ends_ms; // in the future while firing; when it resolved otherwise
    struct str generator_url;
    enum alert_stage stage;
};

static inline bool alert_is_resolved(const struct alert *a, int64_t now_ms)
{
    return a->ends_ms != 0 && a->ends_ms <= now_ms;
}

#endif
