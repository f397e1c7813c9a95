// What the notification engine knows at a moment, for those who look at it: alerts and what keeps
// them from being told, groups, receivers, the configuration.
//
// Every function may be called from any thread; results are consistent copies in the arena.
#ifndef ALERTING_ALERT_STATUS_H
#define ALERTING_ALERT_STATUS_H

#include "alerting/alertmanager.h"
#include "model/matcher.h"

struct receiver_status {
    struct str name;
    struct labels labels; // as configured, and then its name as `name`; empty when it has none
};

struct alert_status {
    struct alert alert;
    uint64_t fingerprint;
    int64_t updated_ms;
    const struct receiver_status *receivers;
    size_t receiver_count;
    const struct str *silenced_by; // ids of silences
    size_t silenced_count;
    uint64_t inhibited_by; // the source's fingerprint, if is_inhibited
    bool is_inhibited;
    const struct str *muted_by; // time intervals, for an alert in its group
    size_t muted_count;
};

struct alert_group_status {
    struct labels labels;
    struct receiver_status receiver;
    struct alert_status *alerts;
    size_t alert_count;
};

// Which alerts are wanted. Those that have ended never are.
struct alert_filter {
    const struct matcher *matchers; // all must match; borrowed
    size_t matcher_count;
    const struct regex *receiver;            // NULL: any
    const struct matcher *receiver_matchers; // of one receiver's labels all must match; borrowed
    size_t receiver_matcher_count;
    bool no_active; // leave out those that nothing mutes
    bool no_silenced;
    bool no_inhibited;
    bool no_muted; // groups that a time interval mutes
};

// By fingerprint; an alert's receivers in the order of the routes.
struct alert_status *alertmanager_alerts(struct alertmanager *a, const struct alert_filter *filter,
                                         int64_t now_ms, struct arena *arena, size_t *count);
// By labels, then receiver; groups without an alert that is wanted are left out.
struct alert_group_status *alertmanager_groups(struct alertmanager *a,
                                               const struct alert_filter *filter, int64_t now_ms,
                                               struct arena *arena, size_t *count);
// Those that the filter's receiver_matchers want, in the configuration's order.
struct receiver_status *alertmanager_receivers(struct alertmanager *a,
                                               const struct alert_filter *filter,
                                               struct arena *arena, size_t *count);
// The configuration's text with secrets masked, as Alertmanager's tools load it.
struct str alertmanager_config_text(struct alertmanager *a, struct arena *arena);

#endif
