#include "outbox.h"

#include "base/compress.h"
#include "base/hash.h"
#include "base/mem.h"

#define RECORD_VERSION 2
#define PACK_LEVEL     1
#define PAYLOAD_MAX    ((size_t)1 << 30)

void outbox_init(struct outbox *o, struct unsaved *changes, uint64_t seed)
{
    *o = (struct outbox){.changes = changes};
    strmap_init(&o->entries);
    strmap_init(&o->targets);
    rng_seed(&o->rng, seed);
}

static struct str str_dup(struct str s)
{
    return str_make(mem_copy_str(s), s.len);
}

static void str_free(struct str s)
{
    mem_free((char *)s.ptr);
}

static void flight_end(struct outbox_entry *entry)
{
    if (!entry->in_flight)
        return;
    told_release(entry->in_flight);
    mem_free(entry->in_flight);
    entry->in_flight = NULL;
}

static void entry_free(struct outbox_entry *entry)
{
    flight_end(entry);
    str_free(entry->group_id);
    str_free(entry->group_key);
    told_release(&entry->told);
    mem_free(entry);
}

void outbox_release(struct outbox *o)
{
    for (size_t i = 0; i < o->entries.count; i++)
        entry_free(o->entries.entries[i].value);
    strmap_release(&o->entries);
    for (size_t i = 0; i < o->targets.count; i++) {
        struct outbox_target *target = o->targets.entries[i].value;
        str_free(target->receiver);
        str_free(target->kind);
        mem_free(target);
    }
    strmap_release(&o->targets);
}

static struct outbox_target *target_for(struct outbox *o, struct str receiver, struct str kind,
                                        size_t index)
{
    struct buf name = BUF_INIT;
    buf_sized(&name, receiver);
    buf_sized(&name, kind);
    buf_varint(&name, index);
    struct outbox_target *target = strmap_get(&o->targets, buf_view(&name));
    if (!target) {
        target = mem_calloc(1, sizeof(*target));
        target->receiver = str_dup(receiver);
        target->kind = str_dup(kind);
        target->index = index;
        strmap_put(&o->targets, buf_view(&name), target);
    }
    buf_release(&name);
    return target;
}

struct outbox_entry *outbox_find(const struct outbox *o, const struct unsaved_key *key)
{
    return strmap_get(&o->entries, unsaved_key_str(key));
}

size_t outbox_count(const struct outbox *o)
{
    return o->entries.count;
}

int64_t outbox_age_ms(const struct outbox *o, int64_t now_ms)
{
    int64_t age_ms = 0;
    for (size_t i = 0; i < o->entries.count; i++) {
        const struct outbox_entry *entry = o->entries.entries[i].value;
        if (now_ms - entry->since_ms > age_ms)
            age_ms = now_ms - entry->since_ms;
    }
    return age_ms;
}

// What a record says makes it another than any before it: at least when it was made.
static uint64_t record_id(const struct unsaved_key *key, struct str value)
{
    return hash64(value.ptr, value.len, hash64(key->bytes, sizeof(key->bytes), 0));
}

// version u8 | sequence | since | repeat interval | receiver | kind | index | group id | group key
// | told | payload, zstd
static void entry_save(struct outbox *o, struct outbox_entry *entry, struct str payload)
{
    struct buf value = BUF_INIT;
    struct buf packed = BUF_INIT;
    buf_char(&value, RECORD_VERSION);
    buf_varint(&value, entry->sequence);
    buf_svarint(&value, entry->since_ms);
    buf_svarint(&value, entry->repeat_interval_ms);
    buf_sized(&value, entry->target->receiver);
    buf_sized(&value, entry->target->kind);
    buf_varint(&value, entry->target->index);
    buf_sized(&value, entry->group_id);
    buf_sized(&value, entry->group_key);
    told_encode(&value, &entry->told);
    // Payloads say the same words over and over: packed they are a tenth, on disk and in memory.
    zstd_encode(payload, PACK_LEVEL, &packed);
    buf_sized(&value, buf_view(&packed));
    buf_release(&packed);
    entry->id = record_id(&entry->key, buf_view(&value));
    unsaved_put(o->changes, META_OUTBOX, unsaved_key_str(&entry->key), buf_view(&value));
    buf_release(&value);
}

// On success *entry owns what it holds and *payload, still packed, is borrowed from the value.
static bool entry_decode(struct outbox *o, struct str value, struct outbox_entry *entry,
                         struct str *payload)
{
    struct decoder d;
    decoder_init(&d, value);
    if (decode_u8(&d) != RECORD_VERSION)
        return false;
    entry->sequence = decode_varint(&d);
    entry->since_ms = decode_svarint(&d);
    entry->repeat_interval_ms = decode_svarint(&d);
    struct str receiver = decode_sized(&d);
    struct str kind = decode_sized(&d);
    size_t index = decode_varint(&d);
    struct str group_id = decode_sized(&d);
    struct str group_key = decode_sized(&d);
    if (!told_decode(&d, &entry->told))
        return false;
    *payload = decode_sized(&d);
    if (d.failed) {
        told_release(&entry->told);
        return false;
    }
    entry->target = target_for(o, receiver, kind, index);
    entry->group_id = str_dup(group_id);
    entry->group_key = str_dup(group_key);
    return true;
}

static int load_one(void *context, struct str key, struct str value)
{
    struct outbox *o = context;
    struct str payload;
    struct outbox_entry *entry = mem_calloc(1, sizeof(*entry));
    if (key.len != sizeof(entry->key.bytes) || !entry_decode(o, value, entry, &payload)) {
        mem_free(entry);
        return 0;
    }
    memcpy(entry->key.bytes, key.ptr, key.len);
    entry->id = record_id(&entry->key, value);
    if (entry->sequence > o->sequence)
        o->sequence = entry->sequence;
    strmap_put(&o->entries, key, entry);
    return 0;
}

int outbox_load(struct outbox *o)
{
    return meta_each(o->changes->storage, META_OUTBOX, STR(""), load_one, o);
}

void outbox_put(struct outbox *o, const struct outbox_notice *notice, int64_t now_ms)
{
    struct outbox_entry *entry = outbox_find(o, &notice->key);
    if (!entry) {
        entry = mem_calloc(1, sizeof(*entry));
        entry->key = notice->key;
        entry->target = target_for(o, notice->receiver, str_from(notice->kind), notice->index);
        entry->group_id = str_dup(notice->group_id);
        entry->group_key = str_dup(notice->group_key);
        entry->since_ms = now_ms;
        strmap_put(&o->entries, unsaved_key_str(&entry->key), entry);
    }
    told_release(&entry->told);
    entry->told = told_copy(notice->told);
    entry->repeat_interval_ms = notice->repeat_interval_ms;
    entry->sequence = ++o->sequence;
    entry->state = OUTBOX_QUEUED;
    entry->attempts = 0;
    entry->next_ms = now_ms;
    entry_save(o, entry, notice->payload);
}

void outbox_remove(struct outbox *o, struct outbox_entry *entry)
{
    unsaved_delete(o->changes, META_OUTBOX, unsaved_key_str(&entry->key));
    strmap_remove(&o->entries, unsaved_key_str(&entry->key));
    entry_free(entry);
}

void outbox_cancel(struct outbox *o, struct outbox_entry *entry)
{
    if (!entry->in_flight) {
        outbox_remove(o, entry);
        return;
    }
    entry->state = OUTBOX_CANCELED;
    unsaved_delete(o->changes, META_OUTBOX, unsaved_key_str(&entry->key));
}

static int64_t ready_ms(const struct outbox_entry *entry)
{
    int64_t target_ms = entry->target->not_before_ms;
    return entry->next_ms > target_ms ? entry->next_ms : target_ms;
}

struct outbox_entry *outbox_due(const struct outbox *o, int64_t now_ms)
{
    struct outbox_entry *first = NULL;
    for (size_t i = 0; i < o->entries.count; i++) {
        struct outbox_entry *entry = o->entries.entries[i].value;
        if (entry->state != OUTBOX_QUEUED || entry->target->busy || ready_ms(entry) > now_ms)
            continue;
        if (!first || entry->sequence < first->sequence)
            first = entry;
    }
    return first;
}

int64_t outbox_next_ms(const struct outbox *o)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < o->entries.count; i++) {
        const struct outbox_entry *entry = o->entries.entries[i].value;
        if (entry->state == OUTBOX_QUEUED && !entry->target->busy && ready_ms(entry) < next_ms)
            next_ms = ready_ms(entry);
    }
    return next_ms;
}

// *told is the caller's.
static int read_payload(struct outbox *o, const struct outbox_entry *entry, struct told *told,
                        struct buf *payload)
{
    struct buf value = BUF_INIT;
    struct outbox_entry stored = {0};
    struct str packed;
    int rc = unsaved_get(o->changes, META_OUTBOX, unsaved_key_str(&entry->key), &value);
    if (rc == 0 && !entry_decode(o, buf_view(&value), &stored, &packed))
        rc = ERR_CORRUPT;
    buf_reset(payload);
    if (rc == 0)
        rc = zstd_decode(packed, PAYLOAD_MAX, payload);
    if (rc)
        told_release(&stored.told);
    else
        *told = stored.told;
    str_free(stored.group_id);
    str_free(stored.group_key);
    buf_release(&value);
    return rc;
}

int outbox_take(struct outbox *o, struct outbox_entry *entry, struct buf *payload)
{
    struct told told;
    if (read_payload(o, entry, &told, payload)) {
        outbox_remove(o, entry);
        return ERR_NOT_FOUND;
    }
    entry->in_flight = mem_alloc(sizeof(*entry->in_flight));
    *entry->in_flight = told;
    entry->in_flight_id = entry->id;
    entry->target->busy = true;
    // Until it is replaced or settled there is nothing more to send.
    entry->state = OUTBOX_PARKED;
    return 0;
}

// Doubles from one second to a minute, then takes between half of it and all.
static int64_t backoff_ms(struct outbox *o, unsigned failures)
{
    int64_t ms = failures > 6 ? OUTBOX_RETRY_MAX_MS : OUTBOX_RETRY_MIN_MS << (failures - 1);
    if (ms > OUTBOX_RETRY_MAX_MS)
        ms = OUTBOX_RETRY_MAX_MS;
    return ms / 2 + (int64_t)rng_below(&o->rng, (uint64_t)(ms / 2) + 1);
}

static void pause_target(struct outbox *o, struct outbox_target *target,
                         enum outbox_outcome outcome, int64_t retry_after_ms, int64_t now_ms)
{
    if (outcome == OUTBOX_UNREACHABLE) {
        target->failures++;
        target->not_before_ms = now_ms + backoff_ms(o, target->failures);
    } else {
        target->failures = 0;
        target->not_before_ms = 0;
    }
    if (retry_after_ms > OUTBOX_RETRY_AFTER_MAX_MS)
        retry_after_ms = OUTBOX_RETRY_AFTER_MAX_MS;
    if (retry_after_ms > 0 && target->not_before_ms < now_ms + retry_after_ms)
        target->not_before_ms = now_ms + retry_after_ms;
}

bool outbox_gives_up(const struct outbox_entry *entry, enum outbox_outcome outcome, int64_t now_ms)
{
    return entry->state == OUTBOX_PARKED && outcome != OUTBOX_DELIVERED &&
           now_ms - entry->since_ms >= OUTBOX_GIVE_UP_MS;
}

static void settle_failure(struct outbox *o, struct outbox_entry *entry,
                           enum outbox_outcome outcome, int64_t now_ms)
{
    if (outcome == OUTBOX_REFUSED)
        return;
    entry->state = OUTBOX_QUEUED;
    entry->attempts++;
    entry->next_ms = outcome == OUTBOX_RETRY ? now_ms + backoff_ms(o, entry->attempts) : now_ms;
}

void outbox_settle(struct outbox *o, struct outbox_entry *entry, enum outbox_outcome outcome,
                   int64_t retry_after_ms, int64_t now_ms)
{
    bool given_up = outbox_gives_up(entry, outcome, now_ms);
    entry->target->busy = false;
    pause_target(o, entry->target, outcome, retry_after_ms, now_ms);
    flight_end(entry);
    if (entry->state == OUTBOX_QUEUED) { // replaced meanwhile
        if (outcome == OUTBOX_DELIVERED)
            entry->since_ms = now_ms;
    } else if (entry->state == OUTBOX_CANCELED || outcome == OUTBOX_DELIVERED || given_up) {
        outbox_remove(o, entry);
    } else {
        settle_failure(o, entry, outcome, now_ms);
    }
}

void outbox_hurry(struct outbox *o)
{
    for (size_t i = 0; i < o->entries.count; i++) {
        struct outbox_entry *entry = o->entries.entries[i].value;
        entry->next_ms = 0;
        entry->target->not_before_ms = 0;
    }
}
