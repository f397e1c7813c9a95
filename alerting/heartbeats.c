// When a beat came last is written down only every quarter of its timeout, so that a beat a second
// does not wear out a disk; after a restart it counts as having come a quarter later than written.
// And since the senders may have been cut off with Lapwing itself, after a start everybody has half
// of the timeout to be heard of, but for those that were missing before.
#include "heartbeats.h"

#include "base/mem.h"
#include "engine.h"

#define ALERT_NAME  "HeartbeatMissing"
#define KEY_PREFIX  "heartbeat/"
#define RESEND_MS   INT64_C(60000)
#define ALERT_TTL   (4 * RESEND_MS)
#define TIMEOUT_MIN INT64_C(1000)

struct heartbeat {
    struct str name;      // owned
    struct labels labels; // owned
    int64_t timeout_ms;
    int64_t last_ms;
    int64_t deadline_ms; // it is missing from then on
    int64_t saved_ms;    // the last beat that was written down
    int64_t sent_ms;     // when its alert was last put; 0: it does not fire
};

void heartbeats_init(struct heartbeats *h, struct unsaved *changes)
{
    *h = (struct heartbeats){.changes = changes};
    strmap_init(&h->by_name);
}

static void heartbeat_free(struct heartbeat *beat)
{
    mem_free((char *)beat->name.ptr);
    mem_free((void *)beat->labels.items);
    mem_free(beat);
}

void heartbeats_release(struct heartbeats *h)
{
    for (size_t i = 0; i < h->by_name.count; i++)
        heartbeat_free(h->by_name.entries[i].value);
    strmap_release(&h->by_name);
}

static struct heartbeat *beat_at(const struct heartbeats *h, size_t index)
{
    return h->by_name.entries[index].value;
}

static struct heartbeat *beat_add(struct heartbeats *h, struct str name)
{
    struct heartbeat *beat = mem_calloc(1, sizeof(*beat));
    beat->name = str_make(mem_copy_str(name), name.len);
    strmap_put(&h->by_name, name, beat);
    return beat;
}

static void beat_key(struct buf *out, struct str name)
{
    buf_printf(out, KEY_PREFIX "%.*s", STR_ARG(name));
}

// version u8 | last | timeout | missing u8 | labels
static void beat_save(struct heartbeats *h, struct heartbeat *beat)
{
    struct buf key = BUF_INIT, value = BUF_INIT;
    beat_key(&key, beat->name);
    buf_char(&value, 1);
    buf_svarint(&value, beat->last_ms);
    buf_svarint(&value, beat->timeout_ms);
    buf_char(&value, beat->sent_ms != 0);
    labels_encode(&value, beat->labels);
    unsaved_put(h->changes, META_CURSORS, buf_view(&key), buf_view(&value));
    beat->saved_ms = beat->last_ms;
    buf_release(&key);
    buf_release(&value);
}

struct load {
    struct heartbeats *heartbeats;
    struct arena arena;
    int64_t now_ms;
};

static int load_one(void *context, struct str key, struct str value)
{
    struct load *load = context;
    struct decoder d;
    if (!str_has_prefix(key, STR(KEY_PREFIX)))
        return ERR_END;
    decoder_init(&d, value);
    uint8_t version = decode_u8(&d);
    int64_t last_ms = decode_svarint(&d);
    int64_t timeout_ms = decode_svarint(&d);
    bool missing = decode_u8(&d) != 0;
    struct labels labels = labels_decode(&d, &load->arena);
    if (version != 1 || d.failed)
        return 0;
    struct heartbeat *beat = beat_add(load->heartbeats, str_skip(key, strlen(KEY_PREFIX)));
    beat->labels = labels_dup(labels);
    beat->last_ms = beat->saved_ms = last_ms;
    beat->timeout_ms = timeout_ms;
    beat->deadline_ms = last_ms + timeout_ms + timeout_ms / 4;
    if (!missing && beat->deadline_ms < load->now_ms + timeout_ms / 2)
        beat->deadline_ms = load->now_ms + timeout_ms / 2;
    if (missing)
        beat->deadline_ms = last_ms + timeout_ms;
    return 0;
}

int heartbeats_load(struct heartbeats *h, int64_t now_ms)
{
    struct load load = {.heartbeats = h, .now_ms = now_ms};
    arena_init(&load.arena, 0);
    int rc = meta_each(h->changes->storage, META_CURSORS, STR(KEY_PREFIX), load_one, &load);
    arena_release(&load.arena);
    return rc > 0 ? OK : rc;
}

static bool name_is_valid(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool known = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     (c && strchr("._:-", c));
        if (!known)
            return false;
    }
    return name.len > 0 && name.len <= HEARTBEAT_NAME_MAX;
}

static void put_alert(struct alertmanager *a, const struct heartbeat *beat, int64_t ends_ms,
                      int64_t now_ms)
{
    struct arena arena;
    struct labels_builder b;
    arena_init(&arena, 0);
    labels_builder_init(&b, &arena, beat->labels);
    labels_builder_set(&b, STR("alertname"), STR(ALERT_NAME));
    labels_builder_set(&b, STR("heartbeat"), beat->name);
    const struct label annotations[] = {
        {STR("summary"),
         arena_printf(&arena, "The heartbeat of %.*s has stopped.", STR_ARG(beat->name))},
    };
    const struct alert alert = {
        .labels = labels_builder_finish(&b),
        .annotations = {annotations, 1},
        .starts_ms = beat->deadline_ms < ends_ms ? beat->deadline_ms : ends_ms,
        .ends_ms = ends_ms,
    };
    engine_put(a, &alert, now_ms);
    arena_release(&arena);
}

static void resolve(struct alertmanager *a, struct heartbeat *beat, int64_t now_ms)
{
    if (beat->sent_ms)
        put_alert(a, beat, now_ms, now_ms);
    beat->sent_ms = 0;
}

static void beat_now(struct alertmanager *a, struct heartbeat *beat, int64_t timeout_ms,
                     struct labels labels, int64_t now_ms)
{
    bool was_missing = now_ms >= beat->deadline_ms;
    bool changed = timeout_ms != beat->timeout_ms || !labels_eq(labels, beat->labels);
    resolve(a, beat, now_ms);
    if (changed) {
        mem_free((void *)beat->labels.items);
        beat->labels = labels_dup(labels);
    }
    beat->timeout_ms = timeout_ms;
    beat->last_ms = now_ms;
    beat->deadline_ms = now_ms + timeout_ms;
    if (changed || was_missing || now_ms - beat->saved_ms >= timeout_ms / 4)
        beat_save(&a->heartbeats, beat);
}

int alertmanager_beat(struct alertmanager *a, struct str name, int64_t timeout_ms,
                      struct labels labels, int64_t now_ms, struct error *err)
{
    if (!name_is_valid(name))
        return error_set(err, ERR_INVALID,
                         "a heartbeat's name is of letters, digits and ._:-, at most %d of them",
                         HEARTBEAT_NAME_MAX);
    if (timeout_ms < TIMEOUT_MIN)
        return error_set(err, ERR_INVALID, "a heartbeat's timeout is at least 1s");
    pthread_mutex_lock(&a->lock);
    struct heartbeat *beat = strmap_get(&a->heartbeats.by_name, name);
    bool full = !beat && a->heartbeats.by_name.count >= HEARTBEAT_COUNT_MAX;
    bool is_new = !beat;
    if (is_new && !full)
        beat = beat_add(&a->heartbeats, name);
    if (beat) {
        beat_now(a, beat, timeout_ms, labels, now_ms);
        if (is_new)
            beat_save(&a->heartbeats, beat);
        engine_changed(a, now_ms);
    }
    pthread_mutex_unlock(&a->lock);
    engine_wake(a);
    return full ? error_set(err, ERR_LIMIT, "there are %d heartbeats already", HEARTBEAT_COUNT_MAX)
                : OK;
}

int alertmanager_forget_heartbeat(struct alertmanager *a, struct str name, int64_t now_ms)
{
    struct buf key = BUF_INIT;
    pthread_mutex_lock(&a->lock);
    struct heartbeat *beat = strmap_remove(&a->heartbeats.by_name, name);
    if (beat) {
        resolve(a, beat, now_ms);
        beat_key(&key, beat->name);
        unsaved_delete(&a->changes, META_CURSORS, buf_view(&key));
        heartbeat_free(beat);
        engine_changed(a, now_ms);
    }
    pthread_mutex_unlock(&a->lock);
    buf_release(&key);
    return beat ? OK : ERR_NOT_FOUND;
}

static int status_order(const void *left, const void *right)
{
    const struct heartbeat_status *a = left, *b = right;
    return str_cmp(a->name, b->name);
}

struct heartbeat_status *alertmanager_heartbeats(struct alertmanager *a, struct arena *arena,
                                                 size_t *count)
{
    int64_t now_ms = clock_wall_ms(a->options.clock);
    pthread_mutex_lock(&a->lock);
    *count = a->heartbeats.by_name.count;
    struct heartbeat_status *out = arena_array(arena, *count + 1, sizeof(*out));
    for (size_t i = 0; i < *count; i++) {
        const struct heartbeat *beat = beat_at(&a->heartbeats, i);
        out[i] = (struct heartbeat_status){arena_copy(arena, beat->name), beat->last_ms,
                                           beat->timeout_ms, labels_copy(arena, beat->labels),
                                           now_ms >= beat->deadline_ms};
    }
    pthread_mutex_unlock(&a->lock);
    qsort(out, *count, sizeof(*out), status_order);
    return out;
}

size_t heartbeats_missing(const struct alertmanager *a, int64_t now_ms)
{
    size_t count = 0;
    for (size_t i = 0; i < a->heartbeats.by_name.count; i++)
        count += now_ms >= beat_at(&a->heartbeats, i)->deadline_ms;
    return count;
}

int64_t heartbeats_tick(struct alertmanager *a, int64_t now_ms)
{
    int64_t next_ms = INT64_MAX;
    for (size_t i = 0; i < a->heartbeats.by_name.count; i++) {
        struct heartbeat *beat = beat_at(&a->heartbeats, i);
        int64_t due_ms = beat->sent_ms ? beat->sent_ms + RESEND_MS : beat->deadline_ms;
        if (due_ms <= now_ms) {
            bool first = beat->sent_ms == 0;
            put_alert(a, beat, now_ms + ALERT_TTL, now_ms);
            beat->sent_ms = now_ms;
            due_ms = now_ms + RESEND_MS;
            if (first)
                beat_save(&a->heartbeats, beat);
        }
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    return next_ms;
}
