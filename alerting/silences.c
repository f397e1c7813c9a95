// A map from id to silence, written through to the store.
//
// Which silences match an alert depends on its labels alone, so it is found once per alert and kept
// with it until a silence comes, goes or changes: with ten thousand alerts and a hundred silences a
// flush then only asks the clock. What is kept are borrowed pointers under the version in which
// they were valid; every freeing of a silence grows the version.
#include "silences.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

void silences_init(struct silences *s, struct unsaved *changes, struct rng *rng)
{
    *s = (struct silences){.changes = changes, .rng = rng, .version = 1};
    strmap_init(&s->by_id);
}

static void silence_free(struct silence *silence)
{
    for (size_t i = 0; i < silence->matcher_count; i++)
        matcher_release(&silence->matchers[i]);
    if (silence->recurs)
        time_interval_release(&silence->interval);
    arena_release(&silence->arena);
    mem_free(silence);
}

void silences_release(struct silences *s)
{
    for (size_t i = 0; i < s->by_id.count; i++)
        silence_free(s->by_id.entries[i].value);
    strmap_release(&s->by_id);
}

struct silence *silences_find(const struct silences *s, struct str id)
{
    return strmap_get(&s->by_id, id);
}

struct silence *silences_at(const struct silences *s, size_t index)
{
    return s->by_id.entries[index].value;
}

const char *silence_state_name(enum silence_state state)
{
    static const char *const names[] = {"active", "pending", "expired"};
    return names[state];
}

enum silence_state silence_state(const struct silence *silence, int64_t now_ms)
{
    if (now_ms >= silence->spec.ends_ms)
        return SILENCE_EXPIRED;
    if (now_ms < silence->spec.starts_ms)
        return SILENCE_PENDING;
    if (silence->recurs && !time_interval_contains(&silence->interval, now_ms))
        return SILENCE_PENDING;
    return SILENCE_ACTIVE;
}

static int check_matcher(const struct silence_matcher *m, struct matcher *out, struct error *err)
{
    struct buf quoted = BUF_INIT;
    bool is_regex = m->type == MATCH_REGEX || m->type == MATCH_NOT_REGEX;
    bool bad_name = !label_name_is_valid(m->name);
    str_quote(&quoted, bad_name ? m->name : m->value);
    int rc = OK;
    if (bad_name)
        rc = error_set(err, ERR_INVALID, "invalid label name %s", buf_text(&quoted));
    else if (!is_regex && !utf8_valid(m->value))
        rc = error_set(err, ERR_INVALID, "invalid label value %s", buf_text(&quoted));
    else if ((rc = matcher_init(out, m->type, m->name, m->value, err)))
        (void)error_prefix(err, "invalid regular expression %s: ", buf_text(&quoted));
    buf_release(&quoted);
    return rc;
}

static int compile_matchers(struct silence *silence, struct error *err)
{
    const struct silence_spec *spec = &silence->spec;
    bool selects = false;
    if (spec->matcher_count == 0)
        return error_set(err, ERR_INVALID, "at least one matcher required");
    silence->matchers =
        arena_calloc(&silence->arena, spec->matcher_count, sizeof(*silence->matchers));
    for (size_t i = 0; i < spec->matcher_count; i++) {
        struct matcher *m = &silence->matchers[i];
        int rc = check_matcher(&spec->matchers[i], m, err);
        if (rc) {
            (void)error_prefix(err, "invalid label matcher %zu: ", i);
            return rc;
        }
        silence->matcher_count++;
        // As Alertmanager has it, an inverted matcher never counts as empty.
        bool inverted = m->type == MATCH_NOT_EQUAL || m->type == MATCH_NOT_REGEX;
        selects |= inverted || !matcher_match_empty(m);
    }
    return selects ? OK
                   : error_set(err, ERR_INVALID,
                               "at least one matcher must not match the empty string");
}

static int compile_recurrence(struct silence *silence, struct error *err)
{
    if (silence->spec.recurrence.len == 0)
        return OK;
    silence->recurrence.name = STR("recurrence");
    int rc = time_interval_config_parse(&silence->recurrence, silence->spec.recurrence,
                                        &silence->arena, err);
    if (rc == OK)
        rc = time_interval_init(&silence->interval, &silence->recurrence, err);
    if (rc)
        (void)error_prefix(err, "recurrence: ");
    silence->recurs = rc == OK;
    return rc;
}

static int check_times(const struct silence_spec *spec, struct error *err)
{
    if (spec->ends_ms == 0)
        return error_set(err, ERR_INVALID, "invalid zero end timestamp");
    if (spec->ends_ms < spec->starts_ms)
        return error_set(err, ERR_INVALID, "end time must not be before start time");
    if (spec->remind_before_ms < 0)
        return error_set(err, ERR_INVALID, "the reminder's time must not be negative");
    return OK;
}

static struct silence_matcher *copy_matchers(struct arena *arena, const struct silence_spec *spec)
{
    struct silence_matcher *out = arena_array(arena, spec->matcher_count + 1, sizeof(*out));
    for (size_t i = 0; i < spec->matcher_count; i++)
        out[i] = (struct silence_matcher){spec->matchers[i].type,
                                          arena_copy(arena, spec->matchers[i].name),
                                          arena_copy(arena, spec->matchers[i].value)};
    return out;
}

struct silence_spec silence_spec_copy(struct arena *arena, const struct silence_spec *spec)
{
    struct silence_spec copy = *spec;
    copy.id = arena_copy(arena, spec->id);
    copy.matchers = copy_matchers(arena, spec);
    copy.created_by = arena_copy(arena, spec->created_by);
    copy.comment = arena_copy(arena, spec->comment);
    copy.annotations = labels_copy(arena, spec->annotations);
    copy.recurrence = arena_copy(arena, spec->recurrence);
    return copy;
}

static int silence_new(struct silence **out, const struct silence_spec *spec, struct error *err)
{
    struct silence *silence = mem_calloc(1, sizeof(*silence));
    arena_init(&silence->arena, 0);
    silence->spec = silence_spec_copy(&silence->arena, spec);
    int rc = compile_matchers(silence, err);
    if (rc == OK)
        rc = check_times(spec, err);
    if (rc == OK)
        rc = compile_recurrence(silence, err);
    if (rc) {
        silence_free(silence);
        return rc;
    }
    *out = silence;
    return OK;
}

static void set_id(struct silence *silence, struct str id)
{
    memcpy(silence->id, id.ptr, SILENCE_ID_SIZE - 1);
    silence->id[SILENCE_ID_SIZE - 1] = '\0';
    silence->spec.id = str_make(silence->id, SILENCE_ID_SIZE - 1);
}

// A random UUID, version 4.
static void make_id(struct silences *s, struct silence *silence)
{
    char id[SILENCE_ID_SIZE];
    do {
        uint64_t high = rng_u64(s->rng), low = rng_u64(s->rng);
        snprintf(id, sizeof(id), "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                 (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff),
                 (unsigned)(low >> 48 & 0x3fff) | 0x8000,
                 (unsigned long long)(low & 0xffffffffffff));
    } while (strmap_has(&s->by_id, str_from(id)));
    set_id(silence, str_from(id));
}

// version u8 | starts | ends | updated | matchers: count, (type u8, name, value)... | author
// | comment | annotations | recurrence | expire on resolve u8 | remind before | has muted u8
static void silence_encode(struct buf *out, const struct silence *silence)
{
    const struct silence_spec *spec = &silence->spec;
    buf_char(out, 1);
    buf_svarint(out, spec->starts_ms);
    buf_svarint(out, spec->ends_ms);
    buf_svarint(out, silence->updated_ms);
    buf_varint(out, spec->matcher_count);
    for (size_t i = 0; i < spec->matcher_count; i++) {
        buf_char(out, (char)spec->matchers[i].type);
        buf_sized(out, spec->matchers[i].name);
        buf_sized(out, spec->matchers[i].value);
    }
    buf_sized(out, spec->created_by);
    buf_sized(out, spec->comment);
    labels_encode(out, spec->annotations);
    buf_sized(out, spec->recurrence);
    buf_char(out, (char)spec->expire_on_resolve);
    buf_svarint(out, spec->remind_before_ms);
    buf_char(out, (char)silence->has_muted);
}

static void silence_save(struct silences *s, const struct silence *silence)
{
    struct buf value = BUF_INIT;
    silence_encode(&value, silence);
    unsaved_put(s->changes, META_SILENCES, silence->spec.id, buf_view(&value));
    buf_release(&value);
}

static bool decode_matchers(struct decoder *d, struct arena *arena, struct silence_spec *spec)
{
    spec->matcher_count = decode_varint(d);
    if (spec->matcher_count > decoder_left(d) / 3)
        return false;
    struct silence_matcher *matchers =
        arena_array(arena, spec->matcher_count + 1, sizeof(*matchers));
    for (size_t i = 0; i < spec->matcher_count; i++) {
        uint8_t type = decode_u8(d);
        if (type > MATCH_NOT_REGEX)
            return false;
        matchers[i].type = (enum matcher_type)type;
        matchers[i].name = decode_sized(d);
        matchers[i].value = decode_sized(d);
    }
    spec->matchers = matchers;
    return true;
}

static int silence_decode(struct silence **out, struct str value, struct arena *arena,
                          struct error *err)
{
    struct decoder d;
    struct silence_spec spec = {0};
    decoder_init(&d, value);
    uint8_t version = decode_u8(&d);
    spec.starts_ms = decode_svarint(&d);
    spec.ends_ms = decode_svarint(&d);
    int64_t updated_ms = decode_svarint(&d);
    if (version != 1 || !decode_matchers(&d, arena, &spec))
        return error_set(err, ERR_CORRUPT, "bad record");
    spec.created_by = decode_sized(&d);
    spec.comment = decode_sized(&d);
    spec.annotations = labels_decode(&d, arena);
    spec.recurrence = decode_sized(&d);
    spec.expire_on_resolve = decode_u8(&d) != 0;
    spec.remind_before_ms = decode_svarint(&d);
    bool has_muted = decode_u8(&d) != 0;
    int rc = d.failed ? error_set(err, ERR_CORRUPT, "bad record") : silence_new(out, &spec, err);
    if (rc == OK) {
        (*out)->updated_ms = updated_ms;
        (*out)->has_muted = has_muted;
    }
    return rc;
}

static int load_one(void *context, struct str key, struct str value)
{
    struct silences *s = context;
    struct silence *silence = NULL;
    struct arena arena;
    struct error err;
    arena_init(&arena, 0);
    int rc = key.len == SILENCE_ID_SIZE - 1 ? silence_decode(&silence, value, &arena, &err)
                                            : error_set(&err, ERR_CORRUPT, "bad key");
    if (rc == OK) {
        set_id(silence, key);
        strmap_put(&s->by_id, key, silence);
    } else {
        log_error("a stored silence cannot be read: it no longer mutes", LOG_STR("id", key),
                  LOG_ERR(&err));
    }
    arena_release(&arena);
    return 0;
}

int silences_load(struct silences *s)
{
    s->version++;
    return meta_each(s->changes->storage, META_SILENCES, STR(""), load_one, s);
}

static void store(struct silences *s, struct silence *silence, int64_t now_ms)
{
    silence->updated_ms = now_ms;
    struct silence *old = strmap_put(&s->by_id, silence->spec.id, silence);
    if (old && old != silence)
        silence_free(old);
    s->version++;
    silence_save(s, silence);
}

static bool same_matchers(const struct silence_spec *a, const struct silence_spec *b)
{
    if (a->matcher_count != b->matcher_count)
        return false;
    for (size_t i = 0; i < a->matcher_count; i++)
        if (a->matchers[i].type != b->matchers[i].type ||
            !str_eq(a->matchers[i].name, b->matchers[i].name) ||
            !str_eq(a->matchers[i].value, b->matchers[i].value))
            return false;
    return true;
}

// Whether the change leaves what `old` has muted so far as it was.
static bool can_update(const struct silence *old, const struct silence_spec *spec, int64_t now_ms)
{
    if (!same_matchers(&old->spec, spec) || !str_eq(old->spec.recurrence, spec->recurrence) ||
        now_ms >= old->spec.ends_ms)
        return false;
    if (now_ms < old->spec.starts_ms)
        return spec->starts_ms >= now_ms;
    return spec->starts_ms / 1000 == old->spec.starts_ms / 1000 && spec->ends_ms >= now_ms;
}

static int check_size(const struct silences *s, const struct silence *silence, struct error *err)
{
    struct buf value = BUF_INIT;
    silence_encode(&value, silence);
    size_t size = value.len + SILENCE_ID_SIZE - 1;
    buf_release(&value);
    if (s->size_max == 0 || size <= s->size_max)
        return OK;
    return error_set(err, ERR_LIMIT, "silence exceeded maximum size: %zu bytes (limit: %zu bytes)",
                     size, s->size_max);
}

static int check_people(const struct silence_spec *spec, struct error *err)
{
    if (str_trim(spec->created_by).len == 0)
        return error_set(err, ERR_INVALID, "an author is required: createdBy is empty");
    if (str_trim(spec->comment).len == 0)
        return error_set(err, ERR_INVALID, "a comment is required: comment is empty");
    return OK;
}

static int update(struct silences *s, struct silence *old, struct silence *silence, int64_t now_ms,
                  struct error *err)
{
    set_id(silence, old->spec.id);
    // It began when it began: only whole seconds were compared.
    if (now_ms >= old->spec.starts_ms)
        silence->spec.starts_ms = old->spec.starts_ms;
    silence->has_muted = old->has_muted;
    silence->reminded_ms = old->reminded_ms;
    int rc = check_size(s, silence, err);
    if (rc == OK)
        store(s, silence, now_ms);
    return rc;
}

static int create(struct silences *s, struct silence *old, struct silence *silence, int64_t now_ms,
                  struct error *err)
{
    if (s->count_max && s->by_id.count + 1 > s->count_max)
        return error_set(err, ERR_LIMIT, "exceeded maximum number of silences: %zu (limit: %zu)",
                         s->by_id.count, s->count_max);
    make_id(s, silence);
    if (silence->spec.starts_ms < now_ms)
        silence->spec.starts_ms = now_ms;
    int rc = check_size(s, silence, err);
    if (rc)
        return rc;
    if (old)
        silence_expire(s, old, now_ms);
    store(s, silence, now_ms);
    return OK;
}

int silences_set(struct silences *s, const struct silence_spec *spec, int64_t now_ms,
                 struct silence **out, struct error *err)
{
    struct silence *silence;
    struct silence *old = spec->id.len ? silences_find(s, spec->id) : NULL;
    int rc = check_people(spec, err);
    if (rc == OK)
        rc = silence_new(&silence, spec, err);
    if (rc) {
        (void)error_prefix(err, "invalid silence: ");
        return rc;
    }
    if (spec->id.len && !old)
        rc = error_set(err, ERR_NOT_FOUND, "silence not found");
    else if (old && can_update(old, spec, now_ms))
        rc = update(s, old, silence, now_ms, err);
    else
        rc = create(s, old, silence, now_ms, err);
    if (rc)
        silence_free(silence);
    else
        *out = silence;
    return rc;
}

void silence_expire(struct silences *s, struct silence *silence, int64_t now_ms)
{
    if (now_ms >= silence->spec.ends_ms)
        return;
    if (now_ms < silence->spec.starts_ms)
        silence->spec.starts_ms = now_ms;
    silence->spec.ends_ms = now_ms;
    store(s, silence, now_ms);
}

void silence_has_muted(struct silences *s, struct silence *silence)
{
    if (silence->has_muted)
        return;
    silence->has_muted = true;
    silence_save(s, silence);
}

void silences_collect(struct silences *s, int64_t now_ms)
{
    for (size_t i = s->by_id.count; i-- > 0;) {
        struct silence *silence = silences_at(s, i);
        if (silence->spec.ends_ms + s->retention_ms > now_ms)
            continue;
        unsaved_delete(s->changes, META_SILENCES, silence->spec.id);
        strmap_remove(&s->by_id, silence->spec.id);
        silence_free(silence);
        s->version++;
    }
}

bool silence_matches(const struct silence *silence, struct labels labels)
{
    if (str_is(labels_get(labels, STR("alertname")), SILENCE_REMINDER) &&
        str_eq(labels_get(labels, STR(SILENCE_LABEL)), silence->spec.id))
        return false;
    return matchers_match(silence->matchers, silence->matcher_count, labels);
}

struct silence *const *silences_for(struct silences *s, struct stored_alert *alert, size_t *count)
{
    if (alert->silence_version != s->version) {
        alert->silence_count = 0;
        for (size_t i = 0; i < s->by_id.count; i++) {
            struct silence *silence = silences_at(s, i);
            if (!silence_matches(silence, alert->alert.labels))
                continue;
            MEM_GROW(alert->silences, alert->silence_count, alert->silence_capacity);
            alert->silences[alert->silence_count++] = silence;
        }
        alert->silence_version = s->version;
    }
    *count = alert->silence_count;
    return alert->silences;
}

const struct silence *silences_mute(struct silences *s, struct stored_alert *alert, int64_t now_ms)
{
    size_t count;
    struct silence *const *matching = silences_for(s, alert, &count);
    for (size_t i = 0; i < count; i++)
        if (silence_state(matching[i], now_ms) == SILENCE_ACTIVE)
            return matching[i];
    return NULL;
}
