// The silences that are known, kept in META_SILENCES.
#ifndef ALERTING_SILENCES_H
#define ALERTING_SILENCES_H

#include "alert_store.h"
#include "alerting/silence.h"
#include "base/rng.h"
#include "base/strmap.h"
#include "time_interval.h"
#include "unsaved.h"

struct silence {
    char id[SILENCE_ID_SIZE];
    struct arena arena; // owns what the spec points to
    struct silence_spec spec;
    int64_t updated_ms;
    struct matcher *matchers; // compiled, in the arena
    size_t matcher_count;
    bool recurs;
    struct time_interval_config recurrence; // in the arena
    struct time_interval interval;
    bool has_muted;      // an alert that fired, while expire_on_resolve waits for its end
    int64_t reminded_ms; // of this end; 0: no reminder fires that we know of
    bool wound_up;       // it has ended, and so has its reminder
};

struct silences {
    struct strmap by_id; // struct silence, owned
    uint64_t version;    // grows whenever one comes, goes or changes
    int64_t retention_ms;
    size_t count_max; // 0: no limit, as the next
    size_t size_max;  // bytes of one
    struct unsaved *changes;
    struct rng *rng; // borrowed, for ids
};

void silences_init(struct silences *s, struct unsaved *changes, struct rng *rng);
void silences_release(struct silences *s);
int silences_load(struct silences *s);
// As alertmanager_set_silence(); the change is not committed. *out is the silence that now holds.
int silences_set(struct silences *s, const struct silence_spec *spec, int64_t now_ms,
                 struct silence **out, struct error *err);
struct silence *silences_find(const struct silences *s, struct str id);
struct silence *silences_at(const struct silences *s, size_t index);
void silence_expire(struct silences *s, struct silence *silence, int64_t now_ms);
// Notes that it mutes an alert that fires.
void silence_has_muted(struct silences *s, struct silence *silence);
// Forgets those that ended longer than the retention ago.
void silences_collect(struct silences *s, int64_t now_ms);

// A deep copy.
struct silence_spec silence_spec_copy(struct arena *arena, const struct silence_spec *spec);
enum silence_state silence_state(const struct silence *silence, int64_t now_ms);
// Whether it mutes such an alert whenever it is active. The alert that reminds of a silence's end
// is out of that silence's reach.
bool silence_matches(const struct silence *silence, struct labels labels);
// The silences that match the alert, whatever their state, in no order: kept with the alert until some
// silence changes.
struct silence *const *silences_for(struct silences *s, struct stored_alert *alert, size_t *count);
// The first active one of these, or NULL.
const struct silence *silences_mute(struct silences *s, struct stored_alert *alert, int64_t now_ms);

#define SILENCE_REMINDER "SilenceEndsSoon" // alertname of reminders
#define SILENCE_LABEL    "silence_id"      // and the label that says of which

#endif
