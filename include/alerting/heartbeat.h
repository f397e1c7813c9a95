// Heartbeats, both ways.
//
// In: whoever should be alive says so now and then; when that stops for longer than its timeout an
// alert HeartbeatMissing{heartbeat="NAME"} fires, and resolves with the next beat. Out: receivers
// with heartbeat_configs are pinged as long as rules are evaluated and notifications leave.
#ifndef ALERTING_HEARTBEAT_H
#define ALERTING_HEARTBEAT_H

#include "alerting/alertmanager.h"

#define HEARTBEAT_COUNT_MAX  1000
#define HEARTBEAT_NAME_MAX   128
#define HEARTBEAT_TIMEOUT_MS INT64_C(300000) // unless another is given

struct heartbeat_status {
    struct str name;
    int64_t last_ms;
    int64_t timeout_ms;
    struct labels labels; // further ones of the alert
    bool missing;
};

// A beat: begins or goes on. Timeout and labels are those of the latest beat. ERR_INVALID for a name
// of other characters than letters, digits and ._:-, or a timeout below a second; ERR_LIMIT.
int alertmanager_beat(struct alertmanager *a, struct str name, int64_t timeout_ms,
                      struct labels labels, int64_t now_ms, struct error *err);
// Expects it no longer; its alert resolves. ERR_NOT_FOUND.
int alertmanager_forget_heartbeat(struct alertmanager *a, struct str name, int64_t now_ms);
// By name, in the arena.
struct heartbeat_status *alertmanager_heartbeats(struct alertmanager *a, struct arena *arena,
                                                 size_t *count);
// The rules were evaluated and will be looked at again after `wait_ms`.
void alertmanager_rules_ran(struct alertmanager *a, int64_t wait_ms, int64_t now_ms);

#endif
