#include "rule_state.h"

#include "base/coding.h"
#include "base/mem.h"
#include "kept.h"

static bool has_key(const void *context, uint32_t index, const void *key)
{
    const struct rule_alerts *a = context;
    return a->items[index].key == *(const uint64_t *)key;
}

struct rule_alert *rule_alerts_find(struct rule_alerts *a, uint64_t key)
{
    uint32_t found = hmap_find(&a->index, key, has_key, a, &key);
    return found == HMAP_NONE ? NULL : &a->items[found];
}

struct rule_alert *rule_alerts_add(struct rule_alerts *a, const struct rule_alert *alert)
{
    MEM_GROW(a->items, a->count, a->capacity);
    hmap_insert(&a->index, alert->key, (uint32_t)a->count);
    a->items[a->count] = *alert;
    return &a->items[a->count++];
}

static void index_anew(struct rule_alerts *a)
{
    hmap_release(&a->index);
    hmap_init(&a->index);
    for (size_t i = 0; i < a->count; i++)
        hmap_insert(&a->index, a->items[i].key, (uint32_t)i);
}

void rule_alert_release(struct rule_alert *a)
{
    kept_labels_drop(a->labels);
    kept_labels_drop(a->annotations);
}

static void let_go(struct rule_alerts *a, struct rule_alert *alert)
{
    if (alert->stored) {
        MEM_GROW(a->gone, a->gone_count, a->gone_capacity);
        a->gone[a->gone_count++] = alert->key;
    }
    rule_alert_release(alert);
}

static void lapse(struct rule_alerts *a, const struct rule_alert *alert)
{
    MEM_GROW(a->lapsed, a->lapsed_count, a->lapsed_capacity);
    a->lapsed[a->lapsed_count++] = kept_labels(alert->labels);
}

void rule_alerts_forget_lapsed(struct rule_alerts *a)
{
    for (size_t i = 0; i < a->lapsed_count; i++)
        kept_labels_drop(a->lapsed[i]);
    mem_free(a->lapsed);
    a->lapsed = NULL;
    a->lapsed_count = a->lapsed_capacity = 0;
}

void rule_alerts_clear(struct rule_alerts *a)
{
    for (size_t i = 0; i < a->count; i++)
        let_go(a, &a->items[i]);
    a->count = 0;
    index_anew(a);
}

void rule_alerts_release(struct rule_alerts *a)
{
    for (size_t i = 0; i < a->count; i++)
        rule_alert_release(&a->items[i]);
    mem_free(a->items);
    mem_free(a->gone);
    rule_alerts_forget_lapsed(a);
    hmap_release(&a->index);
    *a = (struct rule_alerts){0};
}

static void begin(struct rule_alert *alert, int64_t now_ms)
{
    alert->state = ALERT_PENDING;
    alert->active_at_ms = now_ms;
    alert->fired_at_ms = 0;
    alert->resolved_at_ms = 0;
    alert->keep_firing_since_ms = 0;
    alert->last_sent_ms = 0;
    alert->changed = true;
}

void rule_alerts_see(struct rule_alerts *a, struct labels labels, struct labels annotations,
                     double value, int64_t now_ms)
{
    uint64_t key = labels_hash(labels);
    struct rule_alert *alert = rule_alerts_find(a, key);
    if (!alert) {
        alert = rule_alerts_add(a, &(struct rule_alert){.key = key, .labels = kept_labels(labels)});
        begin(alert, now_ms);
    } else if (alert->state == ALERT_INACTIVE) {
        begin(alert, now_ms);
    }
    if (!labels_eq(alert->annotations, annotations)) {
        kept_labels_drop(alert->annotations);
        alert->annotations = kept_labels(annotations);
    }
    alert->value = value;
    alert->changed |= alert->keep_firing_since_ms != 0;
    alert->keep_firing_since_ms = 0;
    alert->seen = true;
}

static void end_unseen(struct rule_alert *alert, int64_t keep_firing_for_ms, int64_t now_ms)
{
    if (alert->state != ALERT_FIRING)
        return;
    if (keep_firing_for_ms > 0) {
        if (!alert->keep_firing_since_ms) {
            alert->keep_firing_since_ms = now_ms;
            alert->changed = true;
        }
        if (now_ms - alert->keep_firing_since_ms < keep_firing_for_ms)
            return;
    }
    alert->state = ALERT_INACTIVE;
    alert->resolved_at_ms = now_ms;
    alert->changed = true;
}

// Pending alerts that ended at once, and resolved ones told long enough, need not be known.
static bool is_over(const struct rule_alert *alert, bool seen, int64_t now_ms)
{
    if (alert->state == ALERT_PENDING)
        return !seen;
    return alert->state == ALERT_INACTIVE && now_ms - alert->resolved_at_ms > RESOLVED_RETENTION_MS;
}

void rule_alerts_step(struct rule_alerts *a, int64_t for_ms, int64_t keep_firing_for_ms,
                      int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct rule_alert *alert = &a->items[i];
        bool seen = alert->seen;
        alert->seen = false;
        if (!seen)
            end_unseen(alert, keep_firing_for_ms, now_ms);
        if (is_over(alert, seen, now_ms)) {
            if (alert->state == ALERT_PENDING)
                lapse(a, alert);
            let_go(a, alert);
            continue;
        }
        if (alert->state == ALERT_PENDING && now_ms - alert->active_at_ms >= for_ms) {
            alert->state = ALERT_FIRING;
            alert->fired_at_ms = now_ms;
            alert->changed = true;
        }
        a->items[kept++] = *alert;
    }
    bool some_went = kept < a->count;
    a->count = kept;
    if (some_went)
        index_anew(a);
}

static void shift(int64_t *time_ms, int64_t by_ms)
{
    if (*time_ms)
        *time_ms += by_ms;
}

void rule_alerts_shift(struct rule_alerts *a, int64_t by_ms)
{
    for (size_t i = 0; i < a->count; i++) {
        struct rule_alert *alert = &a->items[i];
        shift(&alert->active_at_ms, by_ms);
        shift(&alert->fired_at_ms, by_ms);
        shift(&alert->resolved_at_ms, by_ms);
        shift(&alert->keep_firing_since_ms, by_ms);
        shift(&alert->last_sent_ms, by_ms);
        alert->changed = true;
    }
}

void rule_alert_resume(struct rule_alert *a, const struct rule_timing *timing, int64_t for_ms,
                       int64_t evaluated_ms, int64_t now_ms)
{
    if (a->state != ALERT_PENDING)
        return;
    int64_t down_ms = evaluated_ms ? now_ms - evaluated_ms : 0;
    if (down_ms < 0)
        down_ms = 0;
    a->changed = true;
    if (down_ms > timing->outage_tolerance_ms) {
        a->active_at_ms = now_ms;
        return;
    }
    a->active_at_ms += down_ms;
    int64_t left_ms = for_ms - (now_ms - a->active_at_ms);
    if (for_ms >= timing->grace_period_ms && left_ms < timing->grace_period_ms)
        a->active_at_ms = now_ms + timing->grace_period_ms - for_ms;
}

bool rule_alert_take_due(struct rule_alert *a, const struct rule_timing *timing, int64_t now_ms)
{
    if (a->state == ALERT_PENDING)
        return false;
    bool news = a->resolved_at_ms > a->last_sent_ms;
    if (!news && a->last_sent_ms + timing->resend_delay_ms > now_ms)
        return false;
    a->last_sent_ms = now_ms;
    return true;
}

static void encode_labels(struct buf *out, struct labels labels)
{
    buf_varint(out, labels.count);
    for (size_t i = 0; i < labels.count; i++) {
        buf_sized(out, labels.items[i].name);
        buf_sized(out, labels.items[i].value);
    }
}

void rule_alert_encode(struct buf *out, const struct rule_alert *a)
{
    buf_char(out, 1); // version
    buf_char(out, (char)a->state);
    buf_svarint(out, a->active_at_ms);
    buf_svarint(out, a->fired_at_ms);
    buf_svarint(out, a->resolved_at_ms);
    buf_svarint(out, a->keep_firing_since_ms);
    buf_svarint(out, a->last_sent_ms);
    buf_be64(out, double_bits(a->value));
    encode_labels(out, a->labels);
    encode_labels(out, a->annotations);
}

static bool decode_labels(struct decoder *d, struct labels *out)
{
    struct arena arena;
    uint64_t count = decode_varint(d);
    if (count > decoder_left(d))
        return false;
    arena_init(&arena, 0);
    struct label *items = arena_calloc(&arena, (size_t)count, sizeof(*items));
    for (uint64_t i = 0; i < count; i++) {
        items[i].name = decode_sized(d);
        items[i].value = decode_sized(d);
    }
    if (!d->failed)
        *out = kept_labels((struct labels){items, (size_t)count});
    arena_release(&arena);
    return !d->failed;
}

bool rule_alert_decode(struct str bytes, struct rule_alert *out)
{
    struct decoder d;
    decoder_init(&d, bytes);
    *out = (struct rule_alert){.key = 0};
    uint8_t version = decode_u8(&d);
    out->state = (enum alert_state)decode_u8(&d);
    out->active_at_ms = decode_svarint(&d);
    out->fired_at_ms = decode_svarint(&d);
    out->resolved_at_ms = decode_svarint(&d);
    out->keep_firing_since_ms = decode_svarint(&d);
    out->last_sent_ms = decode_svarint(&d);
    out->value = double_from_bits(decode_be64(&d));
    if (version != 1 || out->state > ALERT_FIRING || !decode_labels(&d, &out->labels))
        return false;
    if (!decode_labels(&d, &out->annotations)) {
        rule_alert_release(out);
        return false;
    }
    out->key = labels_hash(out->labels);
    return true;
}
