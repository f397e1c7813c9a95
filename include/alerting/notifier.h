// Sends alerts to the Alertmanagers that `alerting:` of prometheus.yml names.
//
// Alerts of the rules come in through notifier_send(), which gives them the external labels and
// applies `alert_relabel_configs`; what is left goes to this process' own routing, where there is
// one, and into a queue. A thread empties the queue in batches: every batch is posted to all
// Alertmanagers of all sets at once, at API v2. A batch that no Alertmanager took is dropped, as
// the rules send a firing alert again every minute and a resolved one for 15.
//
// Alertmanagers come from static_configs and file_sd_configs, relabelled by the set's
// relabel_configs over __scheme__, __address__ and __alerts_path__; files are read anew when they
// change.
#ifndef ALERTING_NOTIFIER_H
#define ALERTING_NOTIFIER_H

#include "alerting/alert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/metrics.h"
#include "config/prometheus.h"

struct notifier;

#define NOTIFIER_QUEUE_MAX_DEFAULT 10000
#define NOTIFIER_BATCH_MAX_DEFAULT 256

struct notifier_options {
    const struct clock *clock; // borrowed, like all below
    struct metrics *metrics;
    const char *user_agent;
    size_t queue_max; // alerts; 0 is the default. The oldest go when it is full
    size_t batch_max; // alerts in one request; 0 is the default
    // This process' own routing; NULL without one. Called from notifier_send().
    void (*forward)(void *context, const struct alert *alerts, size_t count, int64_t now_ms);
    void *forward_context;
};

// Starts the thread, without Alertmanagers.
struct notifier *notifier_new(const struct notifier_options *options);
// Sends what is queued, for at most three seconds, stops and frees; NULL is allowed.
void notifier_free(struct notifier *n);

// Refuses by name what cannot be put to work; checks without applying.
int notifier_check(const struct prometheus_config *config, struct error *err);
// Takes its own reference to a configuration that was checked.
void notifier_apply(struct notifier *n, struct prometheus_config *config);
// From any thread; copies.
void notifier_send(struct notifier *n, const struct alert *alerts, size_t count, int64_t now_ms);

// The addresses that alerts are posted to, and those that relabelling dropped; in the arena.
struct notifier_status {
    struct str *active;
    size_t active_count;
    struct str *dropped;
    size_t dropped_count;
};
void notifier_status(struct notifier *n, struct arena *arena, struct notifier_status *out);

#endif
