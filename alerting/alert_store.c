#include "alert_store.h"

#include "base/mem.h"
#include "kept.h"

#define KEY_PREFIX 'a' // in META_GROUPS; groups are 'g'

static struct str fingerprint_key(unsigned char out[9], uint64_t fingerprint)
{
    out[0] = KEY_PREFIX;
    be64_put(out + 1, fingerprint);
    return str_make((char *)out, 9);
}

void alert_store_init(struct alert_store *s, struct unsaved *changes)
{
    *s = (struct alert_store){.changes = changes};
}

static void stored_alert_free(struct stored_alert *a)
{
    kept_labels_drop(a->alert.labels);
    kept_labels_drop(a->alert.annotations);
    kept_text_drop(a->alert.generator_url);
    mem_free(a->groups);
    mem_free(a->silences);
    mem_free(a);
}

void alert_store_release(struct alert_store *s)
{
    for (size_t i = 0; i < s->count; i++)
        stored_alert_free(s->items[i]);
    mem_free(s->items);
    hmap_release(&s->by_fingerprint);
}

size_t alert_store_count(const struct alert_store *s)
{
    return s->count;
}

struct stored_alert *alert_store_at(const struct alert_store *s, size_t index)
{
    return s->items[index];
}

static bool has_fingerprint(const void *context, uint32_t at, const void *key)
{
    return ((const struct alert_store *)context)->items[at]->fingerprint == *(const uint64_t *)key;
}

static struct stored_alert *find(const struct alert_store *s, uint64_t fingerprint)
{
    uint32_t at = hmap_find(&s->by_fingerprint, fingerprint, has_fingerprint, s, &fingerprint);
    return at == HMAP_NONE ? NULL : s->items[at];
}

static void take_out(struct alert_store *s, const struct stored_alert *a)
{
    uint64_t fingerprint = a->fingerprint;
    uint32_t at = hmap_find(&s->by_fingerprint, fingerprint, has_fingerprint, s, &fingerprint);
    uint32_t last = (uint32_t)--s->count;
    hmap_remove(&s->by_fingerprint, fingerprint, at);
    if (at == last)
        return;
    s->items[at] = s->items[last];
    hmap_remove(&s->by_fingerprint, s->items[at]->fingerprint, last);
    hmap_insert(&s->by_fingerprint, s->items[at]->fingerprint, at);
}

void labels_encode(struct buf *out, struct labels set)
{
    buf_varint(out, set.count);
    for (size_t i = 0; i < set.count; i++) {
        buf_sized(out, set.items[i].name);
        buf_sized(out, set.items[i].value);
    }
}

struct labels labels_decode(struct decoder *d, struct arena *arena)
{
    uint64_t count = decode_varint(d);
    if (count > decoder_left(d) / 2)
        d->failed = true;
    if (d->failed)
        return (struct labels){0};
    struct label *items = arena_array(arena, count + 1, sizeof(*items));
    for (uint64_t i = 0; i < count; i++) {
        items[i].name = decode_sized(d);
        items[i].value = decode_sized(d);
    }
    return (struct labels){.items = items, .count = count};
}

// version u8 | starts | ends | updated | timeout u8 | labels | annotations | generator URL
static void alert_save(struct alert_store *s, const struct stored_alert *a)
{
    struct buf value = BUF_INIT;
    buf_char(&value, 1);
    buf_svarint(&value, a->alert.starts_ms);
    buf_svarint(&value, a->alert.ends_ms);
    buf_svarint(&value, a->updated_ms);
    buf_char(&value, (char)a->timeout);
    labels_encode(&value, a->alert.labels);
    labels_encode(&value, a->alert.annotations);
    buf_sized(&value, a->alert.generator_url);
    unsigned char key[9];
    unsaved_put(s->changes, META_GROUPS, fingerprint_key(key, a->fingerprint), buf_view(&value));
    buf_release(&value);
}

static struct stored_alert *store_add(struct alert_store *s, const struct alert *alert,
                                      int64_t updated_ms)
{
    struct stored_alert *a = mem_calloc(1, sizeof(*a));
    a->alert = *alert;
    a->alert.labels = kept_labels(alert->labels);
    a->alert.annotations = kept_labels(alert->annotations);
    a->alert.generator_url = kept_text(alert->generator_url);
    a->fingerprint = labels_fingerprint(alert->labels);
    a->updated_ms = updated_ms;
    a->version = ++s->version;
    s->set_version++;
    MEM_GROW(s->items, s->count, s->capacity);
    hmap_insert(&s->by_fingerprint, a->fingerprint, (uint32_t)s->count);
    s->items[s->count++] = a;
    return a;
}

struct load {
    struct alert_store *store;
    struct arena arena;
    int64_t now_ms, grace_ms;
};

static int load_one(void *context, struct str key, struct str value)
{
    struct load *load = context;
    if (key.len != 9 || key.ptr[0] != KEY_PREFIX)
        return ERR_END;
    struct decoder d;
    decoder_init(&d, value);
    if (decode_u8(&d) != 1)
        return 0;
    arena_reset(&load->arena);
    struct alert alert = {0};
    alert.starts_ms = decode_svarint(&d);
    alert.ends_ms = decode_svarint(&d);
    int64_t updated_ms = decode_svarint(&d);
    bool timeout = decode_u8(&d) != 0;
    alert.labels = labels_decode(&d, &load->arena);
    alert.annotations = labels_decode(&d, &load->arena);
    alert.generator_url = decode_sized(&d);
    if (d.failed)
        return 0;
    // It fired when it was last written down: nobody said since that it ended.
    bool fired = alert.ends_ms > updated_ms;
    if (fired && alert.ends_ms < load->now_ms + load->grace_ms)
        alert.ends_ms = load->now_ms + load->grace_ms;
    struct stored_alert *a = store_add(load->store, &alert, updated_ms);
    a->timeout = timeout || fired;
    a->noted_firing = fired;
    return 0;
}

int alert_store_load(struct alert_store *s, int64_t now_ms, int64_t grace_ms)
{
    struct load load = {.store = s, .now_ms = now_ms, .grace_ms = grace_ms};
    arena_init(&load.arena, 0);
    int rc = meta_each(s->changes->storage, META_GROUPS, STR("a"), load_one, &load);
    arena_release(&load.arena);
    return rc > 0 ? 0 : rc;
}

static void replace_text(struct stored_alert *a, const struct alert *alert, bool *changed)
{
    if (!labels_eq(a->alert.annotations, alert->annotations)) {
        struct labels old = a->alert.annotations;
        a->alert.annotations = kept_labels(alert->annotations);
        kept_labels_drop(old);
        *changed = true;
    }
    if (!str_eq(a->alert.generator_url, alert->generator_url)) {
        struct str old = a->alert.generator_url;
        a->alert.generator_url = kept_text(alert->generator_url);
        kept_text_drop(old);
        *changed = true;
    }
}

// The newer of two overlapping reports rules, but keeps the earlier start; of two explicit ends, or
// of an explicit one and a later guess, the later explicit one holds.
static void merge_times(const struct stored_alert *old, struct alert *next, bool *timeout,
                        int64_t now_ms)
{
    bool overlap = (next->ends_ms > old->alert.starts_ms && next->ends_ms < old->alert.ends_ms) ||
                   (next->starts_ms > old->alert.starts_ms && next->starts_ms < old->alert.ends_ms);
    if (!overlap)
        return;
    if (old->alert.starts_ms < next->starts_ms)
        next->starts_ms = old->alert.starts_ms;
    bool later = old->alert.ends_ms > next->ends_ms;
    bool keeps_end = alert_is_resolved(next, now_ms)
                         ? alert_is_resolved(&old->alert, now_ms) && later
                         : later && !old->timeout;
    if (keeps_end) {
        next->ends_ms = old->alert.ends_ms;
        *timeout = old->timeout;
    }
}

static void store_update(struct alert_store *s, struct stored_alert *a, struct alert *next,
                         bool timeout, int64_t now_ms)
{
    bool changed = false;
    merge_times(a, next, &timeout, now_ms);
    replace_text(a, next, &changed);
    changed |= next->starts_ms != a->alert.starts_ms ||
               alert_is_resolved(next, now_ms) != alert_is_resolved(&a->alert, a->updated_ms);
    a->alert.starts_ms = next->starts_ms;
    a->alert.ends_ms = next->ends_ms;
    a->timeout = timeout;
    a->updated_ms = now_ms;
    a->version = ++s->version;
    if (changed)
        alert_save(s, a);
}

struct stored_alert *alert_store_put(struct alert_store *s, const struct alert *alert,
                                     int64_t now_ms, int64_t resolve_timeout_ms)
{
    struct alert next = *alert;
    if (!next.starts_ms)
        next.starts_ms = next.ends_ms ? next.ends_ms : now_ms;
    bool timeout = !next.ends_ms;
    if (timeout)
        next.ends_ms = now_ms + resolve_timeout_ms;

    struct stored_alert *a = find(s, labels_fingerprint(next.labels));
    if (a) {
        store_update(s, a, &next, timeout, now_ms);
        return a;
    }
    if (alert_is_resolved(&next, now_ms))
        return NULL;
    a = store_add(s, &next, now_ms);
    a->timeout = timeout;
    alert_save(s, a);
    return a;
}

void alert_store_drop_ended(struct alert_store *s, struct stored_alert *a, int64_t now_ms)
{
    if (a->group_count > 0 || !alert_is_resolved(&a->alert, now_ms))
        return;
    unsigned char bytes[9];
    struct str key = fingerprint_key(bytes, a->fingerprint);
    take_out(s, a);
    unsaved_delete(s->changes, META_GROUPS, key);
    s->set_version++;
    s->dropped_count++;
    stored_alert_free(a);
}

// An alert that has the label stands before one that lacks it.
static int override_order(struct labels a, struct labels b, struct str name)
{
    struct str left = labels_get(a, name), right = labels_get(b, name);
    if (left.len == 0 || right.len == 0)
        return (left.len == 0) - (right.len == 0);
    return str_cmp(left, right);
}

int label_set_order(struct labels a, struct labels b)
{
    int order = (a.count > b.count) - (a.count < b.count);
    for (size_t i = 0; !order && i < a.count; i++) {
        // In the union of names, sorted, the set that lacks one comes first.
        order = str_cmp(b.items[i].name, a.items[i].name);
        if (!order)
            order = str_cmp(a.items[i].value, b.items[i].value);
    }
    return order;
}

int alert_order(struct labels a, struct labels b)
{
    int order = override_order(a, b, STR("job"));
    if (!order)
        order = override_order(a, b, STR("instance"));
    return order ? order : label_set_order(a, b);
}
