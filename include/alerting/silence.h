// Silences: what keeps alerts with certain labels from being told for a while.
//
// A silence begins and ends at given times, and may be narrowed further: to hours that come again
// (`recurrence`), or to the alerts' present trouble (`expire_on_resolve`). Until it begins, and
// between the hours of a recurring one, it is pending. What has ended can still be looked at until
// the retention is over.
//
// Every function here may be called from any thread; what they return lives in the caller's arena.
#ifndef ALERTING_SILENCE_H
#define ALERTING_SILENCE_H

#include "alerting/alertmanager.h"
#include "model/matcher.h"

#define SILENCE_ID_SIZE 37 // a UUID's text and its NUL

enum silence_state { SILENCE_ACTIVE, SILENCE_PENDING, SILENCE_EXPIRED };
const char *silence_state_name(enum silence_state state); // "active", "pending", "expired"

struct silence_matcher {
    enum matcher_type type;
    struct str name;
    struct str value;
};

struct silence_spec {
    struct str id; // empty: a new one
    const struct silence_matcher *matchers;
    size_t matcher_count;
    int64_t starts_ms;
    int64_t ends_ms;
    struct str created_by;
    struct str comment;
    struct labels annotations;
    // When within starts..ends it counts: `time_intervals` as in alertmanager.yml, in YAML or JSON.
    // Empty: always.
    struct str recurrence;
    bool expire_on_resolve;   // it ends when the last alert that it muted has resolved
    int64_t remind_before_ms; // an alert says so this long before its end; 0: none does
};

struct silence_status {
    struct silence_spec spec;
    int64_t updated_ms;
    enum silence_state state;
};

// Creates a silence, or changes the one with the spec's id: a change that would falsify what it has
// muted so far (other matchers, another start once it has begun, any once it has ended) ends it and
// makes a new one. `id` is set to the one that now holds. It is on disk when this returns.
// ERR_INVALID in Alertmanager's words, ERR_NOT_FOUND for an unknown id, ERR_LIMIT.
int alertmanager_set_silence(struct alertmanager *a, const struct silence_spec *spec,
                             int64_t now_ms, char id[SILENCE_ID_SIZE], struct error *err);
// Ends it now; one that has ended already stays as it is. ERR_NOT_FOUND.
int alertmanager_expire_silence(struct alertmanager *a, struct str id, int64_t now_ms);
// ERR_NOT_FOUND.
int alertmanager_find_silence(struct alertmanager *a, struct str id, int64_t now_ms,
                              struct arena *arena, struct silence_status *out);
// All, in Alertmanager's order: active ones by their end, pending ones by their start, then the
// expired from the one that ended last.
struct silence_status *alertmanager_silences(struct alertmanager *a, int64_t now_ms,
                                             struct arena *arena, size_t *count);

#endif
