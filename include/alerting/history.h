// The ledger: what happened to alerts and what was decided about telling them, for 15 days.
//
// Events are recorded when something changes, not each time it is looked at: an alert of a rule waits,
// an alert fires or resolves; its group's flush lets it pass or says what mutes it; a notification is made,
// delivered, fails, is refused, given up or withdrawn.
#ifndef ALERTING_HISTORY_H
#define ALERTING_HISTORY_H

#include "alerting/alertmanager.h"
#include "model/matcher.h"

#define HISTORY_RETENTION_MS (INT64_C(15) * 24 * 3600 * 1000)

// X(NAME, text)
#define HISTORY_EVENTS(X)                                                                          \
    X(FIRING, "firing")                                                                            \
    X(RESOLVED, "resolved")                                                                        \
    X(ROUTED, "routed") /* a flush let it pass */                                                  \
    X(INHIBITED, "inhibited")                                                                      \
    X(SILENCED, "silenced")                                                                        \
    X(MUTED, "muted")       /* by a mute time interval */                                          \
    X(INACTIVE, "inactive") /* outside of the active time intervals */                             \
    X(QUEUED, "queued")     /* a notification was made */                                          \
    X(DELIVERED, "delivered")                                                                      \
    X(FAILED, "failed")   /* and will be tried again */                                            \
    X(REFUSED, "refused") /* until the group's next flush */                                       \
    X(GIVEN_UP, "given up")                                                                        \
    X(WITHDRAWN, "withdrawn")   /* no longer true, or replaced by a newer one */                   \
    X(UNSENDABLE, "unsendable") /* it cannot be made, or there is no such integration */           \
    X(PENDING, "pending")       /* it waits for its rule's `for` */                                \
    X(LAPSED, "lapsed")         /* it ended before it fired */

enum history_event_type {
#define X(name, text) HISTORY_##name,
    HISTORY_EVENTS(X)
#undef X
        HISTORY_TYPE_COUNT
};
const char *history_event_name(enum history_event_type type);

// Of a notification, from its making to its end.
static inline bool history_is_notification(enum history_event_type type)
{
    return type >= HISTORY_QUEUED && type <= HISTORY_UNSENDABLE;
}

// One event of one alert.
struct history_event {
    int64_t time_ms;
    enum history_event_type type;
    uint64_t fingerprint;
    struct labels labels; // empty when they are no longer known
    bool resolved;        // what the notification said, or the flush knew, of the alert
    // Of flushes and notifications:
    struct str receiver;
    struct str group; // the group's key, which begins with the route's matchers
    struct str by;    // fingerprint of the source, silence's id, names of intervals
    // Of notifications:
    struct str integration; // "webhook[0]"
    unsigned attempt;
    struct str error;
};

struct history_query {
    const struct matcher *matchers; // all must match; borrowed
    size_t matcher_count;
    const uint64_t *fingerprint; // NULL: any
    int64_t start_ms, end_ms;    // both included
    size_t limit;                // the newest ones; 0: all
};

// In the order of time. *truncated says whether the limit left some out.
int alertmanager_history(struct alertmanager *a, const struct history_query *query,
                         struct arena *arena, struct history_event **out, size_t *count,
                         bool *truncated);
// One event as a line for people, without its time: "delivered by webhook[0] of ops (firing)".
void history_describe(struct buf *out, const struct history_event *event);

#endif
