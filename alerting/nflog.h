// The notification log: what each receiver integration was last told about each group, and when.
//
// It is what keeps people from being told twice, over restarts too. Entries are kept for twice the
// repeat interval, at most NFLOG_RETENTION_MS, and longer while something newer waits for delivery.
#ifndef ALERTING_NFLOG_H
#define ALERTING_NFLOG_H

#include "base/strmap.h"
#include "told.h"
#include "unsaved.h"

#define NFLOG_RETENTION_MS (INT64_C(120) * 3600 * 1000)

struct nflog_entry {
    struct told told;
    struct buf memo; // what the integration remembers of the group, as it wrote it
    int64_t timestamp_ms;
    int64_t expires_ms;
};

struct nflog {
    struct strmap entries;   // key bytes -> struct nflog_entry, owned
    struct unsaved *changes; // borrowed
};

// Names what is logged (and queued in the outbox) together: one integration of one receiver, and
// the group it is told about.
struct unsaved_key nflog_key(struct str group_key, struct str receiver, const char *integration,
                             size_t index);

void nflog_init(struct nflog *log, struct unsaved *changes);
void nflog_release(struct nflog *log);
int nflog_load(struct nflog *log);
const struct nflog_entry *nflog_find(const struct nflog *log, const struct unsaved_key *key);
void nflog_put(struct nflog *log, const struct unsaved_key *key, const struct told *told,
               struct str memo, int64_t now_ms, int64_t repeat_interval_ms);
// What the integration remembers; "" when nothing fired by the last notification: what fires now is
// another story.
struct str nflog_memo(const struct nflog *log, const struct unsaved_key *key);
// Forgets what has expired, but for what keep(context, key) wants kept.
void nflog_expire(struct nflog *log, int64_t now_ms, bool (*keep)(void *context, struct str key),
                  void *context);

// Whether the receiver is to be told of `now_told`, having been told what `entry` says (NULL:
// nothing). Alertmanager's rules: new firing alerts, the end of the last one, newly resolved ones
// if those are wanted, and after the repeat interval the same again.
bool nflog_needs_update(const struct nflog_entry *entry, const struct told *now_told,
                        bool send_resolved, int64_t repeat_interval_ms, int64_t now_ms);

#endif
