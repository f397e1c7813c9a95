// Alertmanager's work: routes alerts, groups them, notifies receivers, remembers what it told whom.
//
// alertmanager_tick() moves timers and makes notifications at `now_ms`; what it makes enters the
// durable outbox, from which a thread of its own delivers with retries. Both halves can be driven
// apart in tests.
#ifndef ALERTING_ALERTMANAGER_H
#define ALERTING_ALERTMANAGER_H

#include "alerting/alert.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "config/alertmanager.h"
#include "storage/storage.h"

struct alertmanager;

struct alertmanager_options {
    struct storage *storage; // borrowed, like all below
    const struct clock *clock;
    struct metrics *metrics;
    const char *arrivals_path; // file of what was told and not yet committed; NULL: none
    struct str external_url;   // in payloads and templates
    const char *user_agent;
    int64_t retention_ms;     // of ended silences; 0: 120 h
    size_t silence_count_max; // 0: no limit, as the next
    size_t silence_size_max;  // bytes of one as stored
    bool deliver; // start the delivery thread; false leaves notifications in the outbox (tests)
};

struct alertmanager *alertmanager_new(const struct alertmanager_options *options);
void alertmanager_free(struct alertmanager *a);

// Loads templates and replaces the routing. Fails without change on a bad template or receiver.
int alertmanager_apply(struct alertmanager *a, struct alertmanager_config *config,
                       struct error *err);
// Checks what alertmanager_apply() would refuse, without applying; texts of receivers that are no
// templates become lines of `warnings`, as they are sent with the error in their place.
int alertmanager_check(const struct alertmanager_config *config, struct buf *warnings,
                       struct error *err);
// Takes alerts in, from any thread; copies them. Alerts older than what is known are merged in.
void alertmanager_put(struct alertmanager *a, const struct alert *alerts, size_t count,
                      int64_t now_ms);
// How long an alert put without an end goes on.
int64_t alertmanager_resolve_timeout_ms(struct alertmanager *a);
// What was put so far is on disk when this returns; otherwise it is within a second.
void alertmanager_sync(struct alertmanager *a, int64_t now_ms);
// Flushes the groups that are due and returns the milliseconds until the next one.
int64_t alertmanager_tick(struct alertmanager *a, int64_t now_ms);
// Called when alertmanager_put() made something due earlier; set once, before use.
void alertmanager_on_wake(struct alertmanager *a, void (*wake)(void *context), void *context);

#endif
