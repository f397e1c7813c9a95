// An alert as it travels from the rules to the receivers.
#ifndef ALERTING_ALERT_H
#define ALERTING_ALERT_H

#include "model/labels.h"

struct alert {
    struct labels labels; // alertname among them
    struct labels annotations;
    int64_t starts_ms;
    int64_t ends_ms; // in the future while firing; when it resolved otherwise
    struct str generator_url;
};

static inline bool alert_is_resolved(const struct alert *a, int64_t now_ms)
{
    return a->ends_ms != 0 && a->ends_ms <= now_ms;
}

#endif
