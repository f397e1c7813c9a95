// The notification pipeline's own metrics.
#ifndef ALERTING_PIPELINE_METRICS_H
#define ALERTING_PIPELINE_METRICS_H

#include "base/metrics.h"
#include "base/strmap.h"

struct integration_metrics {
    struct metric *notifications; // made
    struct metric *failed;        // refused or given up
    struct metric *requests;      // attempts
    struct metric *requests_failed;
    struct metric *latency;
    struct metric *undeliverable;
};

// X(field, name, help): counters without labels.
#define PIPELINE_COUNTERS(X)                                                                       \
    X(alerts_received, "lapwing_alertmanager_alerts_received_total", "Alerts taken in.")           \
    X(outbox_dropped, "lapwing_outbox_dropped_total",                                              \
      "Notifications dropped because their receiver is no longer configured.")                     \
    X(commit_failed, "lapwing_alertmanager_commits_failed_total",                                  \
      "Commits of the notification state that failed and are tried again.")

#define PIPELINE_GAUGES(X)                                                                         \
    X(alerts, "lapwing_alertmanager_alerts", "Alerts known, resolved ones not yet told included.") \
    X(groups, "lapwing_dispatcher_aggregation_groups", "Aggregation groups.")                      \
    X(outbox, "lapwing_outbox_notifications", "Notifications that wait for delivery.")             \
    X(outbox_age, "lapwing_outbox_oldest_seconds",                                                 \
      "How long the oldest notification has waited for delivery.")                                 \
    X(ledger_size, "lapwing_ledger_bytes", "Bytes of the ledger of alerts.")                       \
    X(heartbeats_missing, "lapwing_heartbeats_missing", "Inbound heartbeats that have stopped.")

// X(state): silences by state.
#define PIPELINE_SILENCES(X) X(active) X(pending) X(expired)

// X(field, reason): what kept alerts from a flush.
#define PIPELINE_SUPPRESSED(X)                                                                     \
    X(silenced, "silence")                                                                         \
    X(inhibited, "inhibition")                                                                     \
    X(muted, "mute_time_interval")                                                                 \
    X(inactive, "active_time_interval")

struct pipeline_metrics {
    struct metrics *registry;     // borrowed
    struct strmap by_integration; // name -> struct integration_metrics, owned
#define X(field, ...) struct metric *field;
    PIPELINE_COUNTERS(X)
    PIPELINE_GAUGES(X)
    PIPELINE_SUPPRESSED(X)
#undef X
#define X(state) struct metric *silences_##state;
    PIPELINE_SILENCES(X)
#undef X
};

void pipeline_metrics_init(struct pipeline_metrics *m, struct metrics *registry);
void pipeline_metrics_release(struct pipeline_metrics *m);
// Those of one kind of integration; lives as long as `m`.
struct integration_metrics *pipeline_metrics_for(struct pipeline_metrics *m, const char *name);

#endif
