// Questions to the ledger. They are answered from the tables, outside of the engine's lock, after
// what was not yet written has been.
#include "alerting/history.h"

#include "engine.h"
#include "ledger.h"

const char *history_event_name(enum history_event_type type)
{
    static const char *const names[] = {
#define X(name, text) text,
        HISTORY_EVENTS(X)
#undef X
    };
    return names[type];
}

struct search {
    const struct history_query *query;
    struct storage *storage;
    struct arena *arena;
    struct strmap labels; // fingerprint -> struct labels in the arena; NULL: not wanted
    struct history_event *events;
    size_t count, capacity;
};

static const struct labels unwanted;

static struct labels *read_labels(const struct search *s, struct str fingerprint)
{
    struct buf value = BUF_INIT;
    struct decoder d;
    char key[9] = {'l'};
    memcpy(key + 1, fingerprint.ptr, fingerprint.len);
    struct labels *labels = ARENA_NEW(s->arena, struct labels);
    if (meta_get(s->storage, META_HISTORY, str_make(key, sizeof(key)), &value) == OK) {
        decoder_init(&d, buf_view(&value));
        (void)decode_svarint(&d);
        *labels = labels_copy(s->arena, labels_decode(&d, s->arena));
    }
    buf_release(&value);
    return labels;
}

// NULL when the query does not ask for this alert.
static const struct labels *wanted_labels(struct search *s, uint64_t fingerprint)
{
    char bytes[8];
    be64_put(bytes, fingerprint);
    struct str key = str_make(bytes, sizeof(bytes));
    const struct history_query *q = s->query;
    if (q->fingerprint && *q->fingerprint != fingerprint)
        return NULL;
    const struct labels *labels = strmap_get(&s->labels, key);
    if (!labels) {
        labels = read_labels(s, key);
        if (!matchers_match(q->matchers, q->matcher_count, *labels))
            labels = &unwanted;
        strmap_put(&s->labels, key, (void *)labels);
    }
    return labels == &unwanted ? NULL : labels;
}

static void add_event(void *context, const struct history_event *event)
{
    struct search *s = context;
    const struct labels *labels = wanted_labels(s, event->fingerprint);
    if (!labels)
        return;
    ARENA_GROW(s->arena, s->events, s->count, s->capacity);
    struct history_event *copy = &s->events[s->count++];
    *copy = *event;
    copy->labels = *labels;
    copy->receiver = arena_copy(s->arena, event->receiver);
    copy->group = arena_copy(s->arena, event->group);
    copy->by = arena_copy(s->arena, event->by);
    copy->integration = arena_copy(s->arena, event->integration);
    copy->error = arena_copy(s->arena, event->error);
}

struct records {
    struct arena *arena;
    int64_t end_ms;
    struct record {
        struct str key, value;
    } * items;
    size_t count, capacity;
};

static int add_record(void *context, struct str key, struct str value)
{
    struct records *r = context;
    if (key.len == 0 || key.ptr[0] != 'e' ||
        (key.len >= 9 && (int64_t)be64_get(key.ptr + 1) > r->end_ms))
        return ERR_END;
    ARENA_GROW(r->arena, r->items, r->count, r->capacity);
    r->items[r->count++] = (struct record){arena_copy(r->arena, key), arena_copy(r->arena, value)};
    return 0;
}

static int read_records(struct storage *storage, const struct history_query *query,
                        struct records *records)
{
    char from[9] = {'e'};
    be64_put(from + 1, query->start_ms > 0 ? (uint64_t)query->start_ms : 0);
    int rc = meta_each(storage, META_HISTORY, str_make(from, sizeof(from)), add_record, records);
    return rc > 0 ? OK : rc;
}

// Labels are looked up between the records: the tables may not be asked while they are walked.
int alertmanager_history(struct alertmanager *a, const struct history_query *query,
                         struct arena *arena, struct history_event **out, size_t *count,
                         bool *truncated)
{
    struct search s = {.query = query, .storage = a->options.storage, .arena = arena};
    struct records records = {.end_ms = query->end_ms};
    struct arena scratch;
    pthread_mutex_lock(&a->lock);
    engine_commit(a, clock_wall_ms(a->options.clock));
    pthread_mutex_unlock(&a->lock);

    arena_init(&scratch, 0);
    strmap_init(&s.labels);
    records.arena = &scratch;
    int rc = read_records(s.storage, query, &records);
    for (size_t i = 0; rc == OK && i < records.count; i++)
        (void)ledger_decode(records.items[i].key, records.items[i].value, add_event, &s);
    strmap_release(&s.labels);
    arena_release(&scratch);
    size_t skipped = query->limit && s.count > query->limit ? s.count - query->limit : 0;
    *out = s.events + skipped;
    *count = s.count - skipped;
    *truncated = skipped > 0;
    return rc;
}

static void describe_flush(struct buf *out, const struct history_event *event)
{
    static const char *const by[] = {
        [HISTORY_INHIBITED] = " by the alert ",
        [HISTORY_SILENCED] = " by the silence ",
        [HISTORY_MUTED] = " by the time interval ",
        [HISTORY_INACTIVE] = " outside of the time interval ",
    };
    if (event->type == HISTORY_ROUTED)
        buf_cstr(out, " to");
    else
        buf_printf(out, "%s%.*s for", by[event->type], STR_ARG(event->by));
    buf_printf(out, " %.*s, group %.*s", STR_ARG(event->receiver), STR_ARG(event->group));
}

void history_describe(struct buf *out, const struct history_event *event)
{
    buf_cstr(out, history_event_name(event->type));
    if (history_is_notification(event->type)) {
        buf_printf(out, " as %s: %.*s of %.*s, group %.*s", event->resolved ? "resolved" : "firing",
                   STR_ARG(event->integration), STR_ARG(event->receiver), STR_ARG(event->group));
        if (event->attempt)
            buf_printf(out, ", attempt %u", event->attempt);
        if (event->error.len)
            buf_printf(out, ": %.*s", STR_ARG(event->error));
    } else if (event->type == HISTORY_LAPSED) {
        buf_cstr(out, ": it ended before it fired");
    } else if (event->type >= HISTORY_ROUTED && event->type < HISTORY_QUEUED) {
        describe_flush(out, event);
    }
}
