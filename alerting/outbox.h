// The outbox: notifications that are on their way, durable until a receiver has taken them.
//
// There is at most one entry per group and receiver integration: a newer notification replaces an
// older one that could not be delivered, so that a receiver that comes back hears the present state
// once. An entry in flight cannot be called back; what replaces it waits behind it.
//
//     put --> queued --take--> sending --+--> delivered: gone
//               ^                        +--> retry: queued again, after a pause
//               |                        +--> refused: parked until the group's next flush
//               +---- put (newer) -------+--> given up after OUTBOX_GIVE_UP_MS: gone
//
// An entry that is put is written to the tables with the engine's next commit; only then may it be
// taken. Nothing is written for a failed attempt: after a restart everything is tried at once.
// Not safe for concurrent use: guarded by the engine's lock.
#ifndef ALERTING_OUTBOX_H
#define ALERTING_OUTBOX_H

#include "base/rng.h"
#include "base/strmap.h"
#include "told.h"
#include "unsaved.h"

// As long as the notification log remembers.
#define OUTBOX_GIVE_UP_MS   (INT64_C(120) * 3600 * 1000)
#define OUTBOX_RETRY_MIN_MS INT64_C(1000)
#define OUTBOX_RETRY_MAX_MS INT64_C(60000)
// The longest pause that a receiver may ask for.
#define OUTBOX_RETRY_AFTER_MAX_MS INT64_C(3600000)

// A receiver's integration, by name: it is looked up in the configuration when something is sent.
struct outbox_target {
    struct str receiver; // owned copies
    struct str kind;
    size_t index;
    bool busy;             // something is being sent
    int64_t not_before_ms; // it could not be reached, or asked for a pause
    unsigned failures;     // in a row, of reaching it
};

enum outbox_state { OUTBOX_QUEUED, OUTBOX_PARKED, OUTBOX_CANCELED };

struct outbox_entry {
    struct unsaved_key key;       // nflog_key()
    struct outbox_target *target; // borrowed from the outbox
    struct str group_id;          // owned
    struct str group_key;         // owned
    struct told told;
    int64_t repeat_interval_ms;
    int64_t since_ms;  // when the first notification that this one replaced was made
    uint64_t sequence; // order in which entries are sent; a replacement takes a new one
    uint64_t id;       // of what is to be sent: the same over attempts and restarts, and no other's
    enum outbox_state state;
    unsigned attempts;
    int64_t next_ms;
    struct told *in_flight; // what is being sent; NULL when nothing is
    uint64_t in_flight_id;
};

// What the caller gives outbox_put(): all borrowed.
struct outbox_notice {
    struct unsaved_key key;
    struct str receiver;
    const char *kind;
    size_t index;
    struct str group_id;
    struct str group_key;
    const struct told *told;
    int64_t repeat_interval_ms;
    struct str payload;
};

struct outbox {
    struct strmap entries; // key bytes -> struct outbox_entry, owned
    struct strmap targets; // name -> struct outbox_target, owned
    struct unsaved *changes;
    uint64_t sequence;
    struct rng rng; // jitter
};

void outbox_init(struct outbox *o, struct unsaved *changes, uint64_t seed);
void outbox_release(struct outbox *o);
int outbox_load(struct outbox *o);
struct outbox_entry *outbox_find(const struct outbox *o, const struct unsaved_key *key);
void outbox_put(struct outbox *o, const struct outbox_notice *notice, int64_t now_ms);
// Drops what is queued; what is in flight goes on.
void outbox_cancel(struct outbox *o, struct outbox_entry *entry);
size_t outbox_count(const struct outbox *o);
// How long the oldest has waited; 0 when nothing waits.
int64_t outbox_age_ms(const struct outbox *o, int64_t now_ms);

// The next entry that may be sent now, or NULL.
struct outbox_entry *outbox_due(const struct outbox *o, int64_t now_ms);
// When outbox_due() will have something, or INT64_MAX; what waits for a busy target isn't counted.
int64_t outbox_next_ms(const struct outbox *o);
// Marks it as being sent and reads its payload. ERR_NOT_FOUND when that is lost: the entry is gone.
int outbox_take(struct outbox *o, struct outbox_entry *entry, struct buf *payload);

enum outbox_outcome {
    OUTBOX_DELIVERED,
    OUTBOX_RETRY,       // the receiver took the connection, not the notification
    OUTBOX_UNREACHABLE, // nor the connection: the whole integration waits
    OUTBOX_REFUSED,     // no use in repeating it as it is
};

// With this outcome of what is in flight there will be no further attempt: it has taken too long.
bool outbox_gives_up(const struct outbox_entry *entry, enum outbox_outcome outcome, int64_t now_ms);
// Ends what outbox_take() began. `retry_after_ms` 0: not given. `entry` may be gone afterwards.
void outbox_settle(struct outbox *o, struct outbox_entry *entry, enum outbox_outcome outcome,
                   int64_t retry_after_ms, int64_t now_ms);
// Tries everything that waits at once: after the clock was set.
void outbox_hurry(struct outbox *o);
// Removes it whatever its state; it must not be in flight.
void outbox_remove(struct outbox *o, struct outbox_entry *entry);

#endif
