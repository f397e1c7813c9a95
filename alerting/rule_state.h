// The state machine of one alerting rule: pure functions of state, vector and time.
#ifndef ALERTING_RULE_STATE_H
#define ALERTING_RULE_STATE_H

#include "alerting/rule_manager.h"
#include "base/hmap.h"
#include "storage/appender.h"

// One active alert of a rule. Its sets are in the keeping (kept.h).
struct rule_alert {
    uint64_t key; // hash of the labels
    struct labels labels;
    struct labels annotations;
    enum alert_state state;
    double value;
    int64_t active_at_ms;
    int64_t fired_at_ms;
    int64_t resolved_at_ms;       // 0: not resolved
    int64_t keep_firing_since_ms; // 0: the condition holds
    int64_t last_sent_ms;
    series_ref for_state_ref, state_ref; // of its series; 0: not known
    enum alert_state ref_state;          // that state_ref is of
    bool seen;                           // in this evaluation's vector
    bool changed;                        // what is kept on disk is out of date
    bool stored;                         // it is on disk
};

struct rule_alerts {
    struct rule_alert *items;
    size_t count;
    size_t capacity;
    struct hmap index;     // by key
    struct labels *lapsed; // of those that ended before they fired, since this was emptied; kept
    size_t lapsed_count;
    size_t lapsed_capacity;
    uint64_t *gone; // keys of those that are on disk and not here any more
    size_t gone_count;
    size_t gone_capacity;
};

#define RESOLVED_RETENTION_MS       (INT64_C(15) * 60 * 1000)
#define RESEND_DELAY_DEFAULT_MS     (INT64_C(60) * 1000)
#define OUTAGE_TOLERANCE_DEFAULT_MS (INT64_C(3600) * 1000)
#define GRACE_PERIOD_DEFAULT_MS     (INT64_C(600) * 1000)

struct rule_alert *rule_alerts_find(struct rule_alerts *a, uint64_t key);
// Takes an alert that is not there yet, with its sets.
struct rule_alert *rule_alerts_add(struct rule_alerts *a, const struct rule_alert *alert);
// Takes one element of the vector in: a new pending alert, or an update. Copies.
void rule_alerts_see(struct rule_alerts *a, struct labels labels, struct labels annotations,
                     double value, int64_t now_ms);
// After the vector: pending alerts whose condition ended go, firing ones resolve (or keep firing),
// those active long enough fire, long resolved ones are forgotten.
void rule_alerts_step(struct rule_alerts *a, int64_t for_ms, int64_t keep_firing_for_ms,
                      int64_t now_ms);
// The wall clock was set by so much: what was `x` ago still is.
void rule_alerts_shift(struct rule_alerts *a, int64_t by_ms);
// All of them go.
void rule_alerts_clear(struct rule_alerts *a);
void rule_alerts_release(struct rule_alerts *a);
void rule_alerts_forget_lapsed(struct rule_alerts *a);
void rule_alert_release(struct rule_alert *a);
// After a restart: how far the alert is along, when its last evaluation was at `evaluated_ms` (0:
// unknown). A firing alert fires on, since the same moment. A pending one has waited as long as it
// has: the time that nobody looked does not count. But after more than the outage tolerance it waits
// anew, and one whose rule waits as long as the grace period is given that for its data to come
// back.
void rule_alert_resume(struct rule_alert *a, const struct rule_timing *timing, int64_t for_ms,
                       int64_t evaluated_ms, int64_t now_ms);
// Whether it is due to be sent now; marks it sent.
bool rule_alert_take_due(struct rule_alert *a, const struct rule_timing *timing, int64_t now_ms);

void rule_alert_encode(struct buf *out, const struct rule_alert *a);
// False on bad data.
bool rule_alert_decode(struct str bytes, struct rule_alert *out);

#endif
