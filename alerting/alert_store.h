// The alerts that are known, one per label set, merged as Alertmanager merges them.
//
// An alert stays while it fires or while a group still has to tell of its end. New alerts, ends and
// new annotations are written down at once; a mere "still firing" is not, since senders repeat it
// every minute: after a restart a firing alert is given resolve_timeout to be heard of again.
#ifndef ALERTING_ALERT_STORE_H
#define ALERTING_ALERT_STORE_H

#include "alerting/alert.h"
#include "base/coding.h"
#include "base/hmap.h"
#include "unsaved.h"

struct group;
struct silence;

struct stored_alert {
    struct alert alert; // its sets and its text are in the keeping (kept.h)
    uint64_t fingerprint;
    int64_t updated_ms;
    uint64_t version;  // of the store when it last changed
    bool timeout;      // its end is only a guess: nobody gave one
    bool noted_firing; // what the ledger last recorded of it
    uint32_t group_count;
    uint32_t route_count;  // groups that it belongs to by the routes
    struct group **groups; // that hold it
    // What silences_for() found, and the version of the silences that it found it in.
    struct silence **silences;
    uint32_t silence_count;
    uint32_t silence_capacity;
    uint64_t silence_version;
};

struct alert_store {
    struct hmap by_fingerprint;
    struct stored_alert **items; // owned
    size_t count;
    size_t capacity;
    uint64_t version;        // grows with every change
    uint64_t set_version;    // grows when an alert comes or goes
    size_t dropped_count;    // since somebody set it to 0
    struct unsaved *changes; // borrowed
};

void alert_store_init(struct alert_store *s, struct unsaved *changes);
void alert_store_release(struct alert_store *s);
// Reads what was written down; firing alerts get an end of `now_ms + grace_ms` at least.
int alert_store_load(struct alert_store *s, int64_t now_ms, int64_t grace_ms);
// Merges one alert in and returns it; NULL for one that has ended and was never known, which nobody
// needs to hear of. Missing starts and ends are filled in.
struct stored_alert *alert_store_put(struct alert_store *s, const struct alert *alert,
                                     int64_t now_ms, int64_t resolve_timeout_ms);
// Forgets it when it has ended and no group holds it any more.
void alert_store_drop_ended(struct alert_store *s, struct stored_alert *alert, int64_t now_ms);
size_t alert_store_count(const struct alert_store *s);
struct stored_alert *alert_store_at(const struct alert_store *s, size_t index);

// Label sets in stored values; decoded strings are borrowed from the input.
void labels_encode(struct buf *out, struct labels set);
struct labels labels_decode(struct decoder *d, struct arena *arena);

// Alertmanager's order within a notification: by job, then instance, then all labels.
int alert_order(struct labels a, struct labels b);
// The last part of that: fewer labels first, then by names and values.
int label_set_order(struct labels a, struct labels b);

#endif
