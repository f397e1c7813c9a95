// Silences as the engine sees them: changed from outside under its lock and on disk at once, and at
// each tick looked after: those that end with their alerts, and the reminders of those that end.
//
// A reminder is an alert like any other, told by the routes. It is put in once, ends when the
// silence does, and is taken back when the silence ends early or is given more time.
#include "alerting/silence.h"

#include "engine.h"
#include "model/duration.h"

int alertmanager_set_silence(struct alertmanager *a, const struct silence_spec *spec,
                             int64_t now_ms, char id[SILENCE_ID_SIZE], struct error *err)
{
    struct silence *silence;
    pthread_mutex_lock(&a->lock);
    int rc = silences_set(&a->silences, spec, now_ms, &silence, err);
    if (rc == OK) {
        memcpy(id, silence->id, SILENCE_ID_SIZE);
        silencing_tick(a, now_ms);
        engine_commit(a, now_ms);
    }
    pthread_mutex_unlock(&a->lock);
    engine_wake(a);
    return rc;
}

int alertmanager_expire_silence(struct alertmanager *a, struct str id, int64_t now_ms)
{
    pthread_mutex_lock(&a->lock);
    struct silence *silence = silences_find(&a->silences, id);
    if (silence) {
        silence_expire(&a->silences, silence, now_ms);
        silencing_tick(a, now_ms);
        engine_commit(a, now_ms);
    }
    pthread_mutex_unlock(&a->lock);
    engine_wake(a);
    return silence ? OK : ERR_NOT_FOUND;
}

static struct silence_status status_of(const struct silence *silence, int64_t now_ms,
                                       struct arena *arena)
{
    return (struct silence_status){
        .spec = silence_spec_copy(arena, &silence->spec),
        .updated_ms = silence->updated_ms,
        .state = silence_state(silence, now_ms),
    };
}

int alertmanager_find_silence(struct alertmanager *a, struct str id, int64_t now_ms,
                              struct arena *arena, struct silence_status *out)
{
    pthread_mutex_lock(&a->lock);
    const struct silence *silence = silences_find(&a->silences, id);
    if (silence)
        *out = status_of(silence, now_ms, arena);
    pthread_mutex_unlock(&a->lock);
    return silence ? OK : ERR_NOT_FOUND;
}

static int status_order(const void *left, const void *right)
{
    const struct silence_status *a = left, *b = right;
    int64_t first = a->spec.ends_ms, second = b->spec.ends_ms;
    if (a->state != b->state)
        return (a->state > b->state) - (a->state < b->state);
    if (a->state == SILENCE_PENDING) {
        first = a->spec.starts_ms;
        second = b->spec.starts_ms;
    }
    int order = (first > second) - (first < second);
    if (a->state == SILENCE_EXPIRED)
        order = -order;
    return order ? order : str_cmp(a->spec.id, b->spec.id);
}

struct silence_status *alertmanager_silences(struct alertmanager *a, int64_t now_ms,
                                             struct arena *arena, size_t *count)
{
    pthread_mutex_lock(&a->lock);
    *count = a->silences.by_id.count;
    struct silence_status *out = arena_array(arena, *count + 1, sizeof(*out));
    for (size_t i = 0; i < *count; i++)
        out[i] = status_of(silences_at(&a->silences, i), now_ms, arena);
    pthread_mutex_unlock(&a->lock);
    qsort(out, *count, sizeof(*out), status_order);
    return out;
}

static bool any_fires(const struct alertmanager *a, const struct silence *silence, int64_t now_ms)
{
    for (size_t i = 0; i < alert_store_count(&a->store); i++) {
        const struct stored_alert *alert = alert_store_at(&a->store, i);
        if (!alert_is_resolved(&alert->alert, now_ms) &&
            silence_matches(silence, alert->alert.labels))
            return true;
    }
    return false;
}

static void expire_with_alerts(struct alertmanager *a, struct silence *silence, int64_t now_ms)
{
    if (!silence->spec.expire_on_resolve || silence_state(silence, now_ms) != SILENCE_ACTIVE)
        return;
    if (any_fires(a, silence, now_ms))
        silence_has_muted(&a->silences, silence);
    else if (silence->has_muted)
        silence_expire(&a->silences, silence, now_ms);
}

static void summarize(struct buf *out, const struct silence *silence)
{
    buf_cstr(out, "The silence of {");
    for (size_t i = 0; i < silence->matcher_count; i++) {
        buf_cstr(out, i ? ", " : "");
        matcher_format(out, &silence->matchers[i]);
    }
    buf_printf(out, "} by %.*s ends at ", STR_ARG(silence->spec.created_by));
    timestamp_format(out, silence->spec.ends_ms / 1000 * 1000);
    buf_truncate(out, out->len - strlen(".000Z"));
    buf_char(out, 'Z');
}

// The reminder of the end `of_ms`.
static void put_reminder(struct alertmanager *a, const struct silence *silence, int64_t of_ms,
                         int64_t ends_ms, int64_t now_ms)
{
    struct buf summary = BUF_INIT;
    summarize(&summary, silence);
    const struct label labels[] = {{STR("alertname"), STR(SILENCE_REMINDER)},
                                   {STR("created_by"), silence->spec.created_by},
                                   {STR(SILENCE_LABEL), silence->spec.id}};
    const struct label annotations[] = {{STR("comment"), silence->spec.comment},
                                        {STR("summary"), buf_view(&summary)}};
    int64_t due_ms = of_ms - silence->spec.remind_before_ms;
    const struct alert alert = {
        .labels = {labels, 3},
        .annotations = {annotations, 2},
        .starts_ms = due_ms < ends_ms ? due_ms : ends_ms,
        .ends_ms = ends_ms,
    };
    engine_put(a, &alert, now_ms);
    buf_release(&summary);
}

// After a restart a firing alert is given time to be heard of again, and nobody remembers whether
// the reminder was made: an end that comes meanwhile is said once more, and once only.
static void remind(struct alertmanager *a, struct silence *silence, int64_t now_ms)
{
    const struct silence_spec *spec = &silence->spec;
    bool ended = now_ms >= spec->ends_ms;
    bool is_due = spec->remind_before_ms && !ended &&
                  now_ms >= spec->ends_ms - spec->remind_before_ms && now_ms >= spec->starts_ms;
    if (is_due) {
        if (silence->reminded_ms != spec->ends_ms)
            put_reminder(a, silence, spec->ends_ms, spec->ends_ms, now_ms);
        silence->reminded_ms = spec->ends_ms;
        return;
    }
    if (silence->reminded_ms || (ended && spec->remind_before_ms && !silence->wound_up)) {
        int64_t of_ms = silence->reminded_ms ? silence->reminded_ms : spec->ends_ms;
        put_reminder(a, silence, of_ms, now_ms < of_ms ? now_ms : of_ms, now_ms);
    }
    silence->reminded_ms = 0;
    silence->wound_up = ended;
}

static int64_t reminder_ms(const struct silence *silence)
{
    const struct silence_spec *spec = &silence->spec;
    if (spec->remind_before_ms == 0 || silence->reminded_ms == spec->ends_ms)
        return INT64_MAX;
    int64_t due_ms = spec->ends_ms - spec->remind_before_ms;
    return due_ms > spec->starts_ms ? due_ms : spec->starts_ms;
}

void silencing_tick(struct alertmanager *a, int64_t now_ms)
{
    a->silencing_ms = INT64_MAX;
    for (size_t i = 0; a->routing && i < a->silences.by_id.count; i++) {
        struct silence *silence = silences_at(&a->silences, i);
        if (silence->wound_up)
            continue;
        expire_with_alerts(a, silence, now_ms);
        remind(a, silence, now_ms);
        int64_t due_ms = reminder_ms(silence);
        if (now_ms < silence->spec.ends_ms && due_ms < a->silencing_ms)
            a->silencing_ms = due_ms;
    }
}
