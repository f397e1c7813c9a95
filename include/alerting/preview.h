// Trying out the configuration: where an alert would go, and whether a receiver can be reached.
#ifndef ALERTING_PREVIEW_H
#define ALERTING_PREVIEW_H

#include "alerting/alert_status.h"

struct route_preview {
    struct str receiver;
    struct str group; // the key of the group that it would be told in
    int64_t group_wait_ms, group_interval_ms, repeat_interval_ms;
    const struct str *muted_by; // time intervals that keep the route silent now
    size_t muted_count;
};

// The routes that an alert with these labels takes, and in *status what would mute it now.
struct route_preview *alertmanager_preview(struct alertmanager *a, struct labels labels,
                                           int64_t now_ms, struct arena *arena, size_t *count,
                                           struct alert_status *status);

// The same of a configuration that does not run; without what would mute it.
struct route_preview *alertmanager_config_preview(const struct alertmanager_config *config,
                                                  struct labels labels, struct arena *arena,
                                                  size_t *count);

struct test_result {
    struct str integration; // "webhook[0]"
    bool delivered;
    int status;       // the server's, 0 without an answer
    struct str error; // unless delivered
};

// Tells one made-up alert to every integration of the receiver, waits for the answers. It is not
// retried and leaves no trace. ERR_NOT_FOUND.
int alertmanager_send_test(struct alertmanager *a, struct str receiver, int64_t now_ms,
                           struct arena *arena, struct test_result **out, size_t *count);

#endif
