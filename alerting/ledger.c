// A record per change, appended under its time; a record holds all alerts that it is about.
//
//     'e' time be64, sequence be32   type u8 | by type:
//         firing, resolved,          fingerprint be64
//         pending, lapsed
//         routed (any of a flush)    group key | receiver | count | (fingerprint be64, resolved u8,
//                                    decision u8, by)...
//         queued and later           group key | receiver | integration | index | attempt | error
//                                    | told
//     'l' fingerprint be64           last use svarint | labels
//
// Labels are written once a day per alert at most, and outlive the events that refer to them by up
// to a day. Everything goes through `struct unsaved` and so to disk with the state that it is
// about.
#include "ledger.h"

#include "base/hash.h"
#include "base/mem.h"

#define MINUTE_MS         INT64_C(60000)
#define DAY_MS            (INT64_C(24) * 3600 * 1000)
#define LABELS_KEPT_MS    (HISTORY_RETENTION_MS + 2 * DAY_MS)
#define EVENT_KEY_SIZE    13
#define LABELS_KEY_SIZE   9
#define COLLECT_BATCH_MAX 4096

void ledger_init(struct ledger *l, struct unsaved *changes)
{
    *l = (struct ledger){.changes = changes, .size_max = LEDGER_SIZE_MAX};
}

void ledger_release(struct ledger *l)
{
    mem_free(l->labels);
    hmap_release(&l->by_fingerprint);
}

static bool has_fingerprint(const void *context, uint32_t at, const void *key)
{
    return ((const struct ledger *)context)->labels[at].fingerprint == *(const uint64_t *)key;
}

static struct ledger_labels *find_labels(const struct ledger *l, uint64_t fingerprint)
{
    uint32_t at = hmap_find(&l->by_fingerprint, fingerprint, has_fingerprint, l, &fingerprint);
    return at == HMAP_NONE ? NULL : &l->labels[at];
}

static struct ledger_labels *add_labels(struct ledger *l, uint64_t fingerprint)
{
    MEM_GROW(l->labels, l->label_count, l->label_capacity);
    hmap_insert(&l->by_fingerprint, fingerprint, (uint32_t)l->label_count);
    l->labels[l->label_count] = (struct ledger_labels){.fingerprint = fingerprint};
    return &l->labels[l->label_count++];
}

// The last takes its place.
static void remove_labels(struct ledger *l, size_t at)
{
    size_t last = --l->label_count;
    hmap_remove(&l->by_fingerprint, l->labels[at].fingerprint, (uint32_t)at);
    if (at == last)
        return;
    l->labels[at] = l->labels[last];
    hmap_remove(&l->by_fingerprint, l->labels[at].fingerprint, (uint32_t)last);
    hmap_insert(&l->by_fingerprint, l->labels[at].fingerprint, (uint32_t)at);
}

static void set_labels(struct ledger *l, uint64_t fingerprint, int64_t used_ms, size_t size)
{
    struct ledger_labels *labels = find_labels(l, fingerprint);
    if (!labels)
        labels = add_labels(l, fingerprint);
    l->size += size - labels->size;
    labels->used_minute = used_ms < 0 ? 0 : (uint32_t)(used_ms / MINUTE_MS);
    labels->size = (uint32_t)size;
}

static int load_one(void *context, struct str key, struct str value)
{
    struct ledger *l = context;
    struct decoder d;
    if (key.len == EVENT_KEY_SIZE && key.ptr[0] == 'e') {
        uint32_t sequence = be32_get(key.ptr + 9);
        l->sequence = sequence > l->sequence ? sequence : l->sequence;
        l->size += key.len + value.len;
    } else if (key.len == LABELS_KEY_SIZE && key.ptr[0] == 'l') {
        decoder_init(&d, value);
        set_labels(l, be64_get(key.ptr + 1), decode_svarint(&d), key.len + value.len);
    }
    return 0;
}

int ledger_load(struct ledger *l)
{
    return meta_each(l->changes->storage, META_HISTORY, STR(""), load_one, l);
}

// The number goes on and on, so that no event takes another's place, however the clock is set.
static void append(struct ledger *l, struct str value, int64_t now_ms)
{
    unsigned char key[EVENT_KEY_SIZE] = {'e'};
    be64_put(key + 1, (uint64_t)now_ms);
    be32_put(key + 9, ++l->sequence);
    unsaved_put(l->changes, META_HISTORY, str_make((char *)key, sizeof(key)), value);
    l->size += sizeof(key) + value.len;
}

static void note_labels(struct ledger *l, uint64_t fingerprint, struct labels set, int64_t now_ms)
{
    const struct ledger_labels *labels = find_labels(l, fingerprint);
    if (labels && now_ms - labels->used_minute * MINUTE_MS < DAY_MS)
        return;
    unsigned char key[LABELS_KEY_SIZE] = {'l'};
    struct str name = str_make((char *)key, sizeof(key));
    struct buf value = BUF_INIT;
    be64_put(key + 1, fingerprint);
    buf_svarint(&value, now_ms);
    labels_encode(&value, set);
    unsaved_put(l->changes, META_HISTORY, name, buf_view(&value));
    set_labels(l, fingerprint, now_ms, name.len + value.len);
    buf_release(&value);
}

static void append_state(struct ledger *l, enum history_event_type type, uint64_t fingerprint,
                         int64_t now_ms)
{
    struct buf value = BUF_INIT;
    buf_char(&value, (char)type);
    buf_be64(&value, fingerprint);
    append(l, buf_view(&value), now_ms);
    buf_release(&value);
}

void ledger_note_state(struct ledger *l, struct stored_alert *alert, int64_t now_ms)
{
    bool fires = !alert_is_resolved(&alert->alert, now_ms);
    if (fires == alert->noted_firing)
        return;
    alert->noted_firing = fires;
    note_labels(l, alert->fingerprint, alert->alert.labels, now_ms);
    append_state(l, fires ? HISTORY_FIRING : HISTORY_RESOLVED, alert->fingerprint, now_ms);
}

void ledger_note_pending(struct ledger *l, const struct alert *alert, int64_t now_ms)
{
    uint64_t fingerprint = labels_fingerprint(alert->labels);
    note_labels(l, fingerprint, alert->labels, now_ms);
    append_state(l, alert->stage == ALERT_STAGE_PENDING ? HISTORY_PENDING : HISTORY_LAPSED,
                 fingerprint, now_ms);
}

void ledger_note_flush(struct ledger *l, const struct ledger_flush *flush, uint64_t *digest,
                       int64_t now_ms)
{
    struct buf value = BUF_INIT;
    buf_char(&value, HISTORY_ROUTED);
    buf_sized(&value, flush->group_key);
    buf_sized(&value, flush->receiver);
    buf_varint(&value, flush->count);
    for (size_t i = 0; i < flush->count; i++) {
        const struct ledger_decision *d = &flush->decisions[i];
        buf_be64(&value, d->alert->fingerprint);
        buf_char(&value, (char)d->resolved);
        buf_char(&value, (char)d->type);
        buf_sized(&value, d->by);
        note_labels(l, d->alert->fingerprint, d->alert->alert.labels, now_ms);
    }
    uint64_t now_digest = hash64(value.ptr, value.len, 1);
    if (flush->count && now_digest != *digest)
        append(l, buf_view(&value), now_ms);
    *digest = now_digest;
    buf_release(&value);
}

void ledger_note_notification(struct ledger *l, const struct ledger_notification *n, int64_t now_ms)
{
    struct buf value = BUF_INIT;
    buf_char(&value, (char)n->type);
    buf_sized(&value, n->group_key);
    buf_sized(&value, n->receiver);
    buf_sized(&value, n->integration);
    buf_varint(&value, n->index);
    buf_varint(&value, n->attempt);
    buf_sized(&value, str_from(n->error));
    told_encode(&value, n->told);
    append(l, buf_view(&value), now_ms);
    buf_release(&value);
}

struct collect {
    struct ledger *ledger;
    int64_t cutoff_ms;
    size_t excess; // bytes over the limit
    size_t count;
};

static int collect_event(void *context, struct str key, struct str value)
{
    struct collect *c = context;
    if (key.len != EVENT_KEY_SIZE || key.ptr[0] != 'e' || c->count == COLLECT_BATCH_MAX)
        return ERR_END;
    if ((int64_t)be64_get(key.ptr + 1) >= c->cutoff_ms && c->excess == 0)
        return ERR_END;
    size_t size = key.len + value.len;
    c->excess -= size < c->excess ? size : c->excess;
    c->ledger->size -= size < c->ledger->size ? size : c->ledger->size;
    c->count++;
    unsaved_delete(c->ledger->changes, META_HISTORY, key);
    return 0;
}

static void collect_labels(struct ledger *l, int64_t now_ms)
{
    for (size_t i = l->label_count; i-- > 0;) {
        const struct ledger_labels *labels = &l->labels[i];
        unsigned char key[LABELS_KEY_SIZE] = {'l'};
        if (now_ms - labels->used_minute * MINUTE_MS < LABELS_KEPT_MS)
            continue;
        be64_put(key + 1, labels->fingerprint);
        unsaved_delete(l->changes, META_HISTORY, str_make((char *)key, sizeof(key)));
        l->size -= labels->size < l->size ? labels->size : l->size;
        remove_labels(l, i);
    }
}

void ledger_collect(struct ledger *l, int64_t now_ms)
{
    struct collect c = {
        .ledger = l,
        .cutoff_ms = now_ms - HISTORY_RETENTION_MS,
        // A tenth more, so that it isn't at the limit with the next event.
        .excess = l->size > l->size_max ? l->size - l->size_max + l->size_max / 10 : 0,
    };
    (void)meta_each(l->changes->storage, META_HISTORY, STR("e"), collect_event, &c);
    collect_labels(l, now_ms);
}

static bool decode_flush(struct decoder *d, struct history_event *event,
                         void (*each)(void *context, const struct history_event *event),
                         void *context)
{
    event->group = decode_sized(d);
    event->receiver = decode_sized(d);
    uint64_t count = decode_varint(d);
    for (uint64_t i = 0; i < count && !d->failed; i++) {
        event->fingerprint = decode_be64(d);
        event->resolved = decode_u8(d) != 0;
        uint8_t type = decode_u8(d);
        event->by = decode_sized(d);
        if (d->failed || type >= HISTORY_TYPE_COUNT)
            return false;
        event->type = (enum history_event_type)type;
        each(context, event);
    }
    return !d->failed;
}

static void each_told(struct history_event *event, const struct fingerprints *list, bool resolved,
                      void (*each)(void *context, const struct history_event *event), void *context)
{
    event->resolved = resolved;
    for (size_t i = 0; i < list->count; i++) {
        event->fingerprint = list->items[i];
        each(context, event);
    }
}

static bool decode_notification(struct decoder *d, struct history_event *event,
                                void (*each)(void *context, const struct history_event *event),
                                void *context)
{
    struct told told;
    struct buf name = BUF_INIT;
    event->group = decode_sized(d);
    event->receiver = decode_sized(d);
    struct str integration = decode_sized(d);
    uint64_t index = decode_varint(d);
    event->attempt = (unsigned)decode_varint(d);
    event->error = decode_sized(d);
    bool good = told_decode(d, &told) && !d->failed;
    if (good) {
        buf_printf(&name, "%.*s[%llu]", STR_ARG(integration), (unsigned long long)index);
        event->integration = buf_view(&name);
        each_told(event, &told.firing, false, each, context);
        each_told(event, &told.resolved, true, each, context);
        told_release(&told);
    }
    buf_release(&name);
    return good;
}

bool ledger_decode(struct str key, struct str value,
                   void (*each)(void *context, const struct history_event *event), void *context)
{
    struct decoder d;
    decoder_init(&d, value);
    uint8_t type = decode_u8(&d);
    if (key.len != EVENT_KEY_SIZE || d.failed || type >= HISTORY_TYPE_COUNT)
        return false;
    struct history_event event = {.time_ms = (int64_t)be64_get(key.ptr + 1),
                                  .type = (enum history_event_type)type};
    if (type == HISTORY_ROUTED)
        return decode_flush(&d, &event, each, context);
    if (history_is_notification(event.type))
        return decode_notification(&d, &event, each, context);
    event.fingerprint = decode_be64(&d);
    event.resolved = type == HISTORY_RESOLVED;
    if (!d.failed)
        each(context, &event);
    return !d.failed;
}
