// Writes the ledger: events in META_HISTORY under their time, label sets under their fingerprint.
#ifndef ALERTING_LEDGER_H
#define ALERTING_LEDGER_H

#include "alert_store.h"
#include "alerting/history.h"
#include "told.h"
#include "unsaved.h"

// Past this the oldest events go before their time.
#define LEDGER_SIZE_MAX ((size_t)16 << 20)

// An alert's labels, as they are written down.
struct ledger_labels {
    uint64_t fingerprint;
    uint32_t used_minute; // since the epoch
    uint32_t size;        // as stored
};

struct ledger {
    struct unsaved *changes; // borrowed
    uint32_t sequence;       // of the newest event
    size_t size;             // bytes of keys and values
    size_t size_max;
    struct ledger_labels *labels; // that are written down, owned
    size_t label_count;
    size_t label_capacity;
    struct hmap by_fingerprint;
};

// What happened to an alert in a flush.
struct ledger_decision {
    const struct stored_alert *alert;
    bool resolved;
    enum history_event_type type; // HISTORY_ROUTED ... HISTORY_INACTIVE
    struct str by;
};

struct ledger_flush {
    struct str group_key;
    struct str receiver;
    const struct ledger_decision *decisions;
    size_t count;
};

struct ledger_notification {
    enum history_event_type type; // history_is_notification()
    struct str group_key;
    struct str receiver;
    struct str integration;
    size_t index;
    unsigned attempt;
    const char *error; // NULL: none
    const struct told *told;
};

void ledger_init(struct ledger *l, struct unsaved *changes);
void ledger_release(struct ledger *l);
int ledger_load(struct ledger *l);
// Records that it fires or has resolved, if that is new.
void ledger_note_state(struct ledger *l, struct stored_alert *alert, int64_t now_ms);
// Records that an alert of a rule waits, or ended before it fired.
void ledger_note_pending(struct ledger *l, const struct alert *alert, int64_t now_ms);
// Records the decisions; the digest of what was recorded for the group last keeps repetitions out.
void ledger_note_flush(struct ledger *l, const struct ledger_flush *flush, uint64_t *digest,
                       int64_t now_ms);
void ledger_note_notification(struct ledger *l, const struct ledger_notification *n,
                              int64_t now_ms);
// Forgets what is past the retention or the size.
void ledger_collect(struct ledger *l, int64_t now_ms);

// Reads a record back: calls each() for every alert in it. False on bad data.
bool ledger_decode(struct str key, struct str value,
                   void (*each)(void *context, const struct history_event *event), void *context);

#endif
