//     8 bytes "LWTOMB01" | be64 hash64 of the rest | varint count | for each:
//         varint sequence | svarint min | svarint max | varint matcher count (> 0) | for each:
//             1 byte type (0 =, 1 !=, 2 =~, 3 !~) | sized name | sized value
//
// The file is replaced as a whole and synced before a deletion is said to be done.
#include "tombstones.h"

#include <stdatomic.h>

#include "base/coding.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"

#define MAGIC         "LWTOMB01"
#define MAGIC_SIZE    8
#define HEADER_SIZE   16
#define FILE_SIZE_MAX ((size_t)64 << 20)

struct tombstones {
    atomic_size_t references;
    struct tombstone *items; // owned
    size_t count;
    size_t capacity;
};

size_t tombstones_count(const struct tombstones *t)
{
    return t ? t->count : 0;
}

const struct tombstone *tombstones_at(const struct tombstones *t, size_t index)
{
    return &t->items[index];
}

struct tombstones *tombstones_ref(struct tombstones *t)
{
    if (t)
        atomic_fetch_add(&t->references, 1);
    return t;
}

void tombstones_unref(struct tombstones *t)
{
    if (!t || atomic_fetch_sub(&t->references, 1) != 1)
        return;
    for (size_t i = 0; i < t->count; i++) {
        for (size_t m = 0; m < t->items[i].matcher_count; m++)
            matcher_release(&t->items[i].matchers[m]);
        mem_free(t->items[i].matchers);
    }
    mem_free(t->items);
    mem_free(t);
}

static struct tombstones *list_new(void)
{
    struct tombstones *t = mem_calloc(1, sizeof(*t));
    atomic_init(&t->references, 1);
    return t;
}

static struct tombstone *list_add(struct tombstones *t)
{
    MEM_GROW(t->items, t->count, t->capacity);
    t->items[t->count] = (struct tombstone){.matchers = NULL};
    return &t->items[t->count++];
}

static int add_matcher(struct tombstone *to, enum matcher_type type, struct str name,
                       struct str value, struct error *err)
{
    struct matcher m;
    int rc = matcher_init(&m, type, name, value, err);
    if (rc)
        return rc;
    to->matchers = mem_realloc(to->matchers, to->matcher_count + 1, sizeof(m));
    to->matchers[to->matcher_count++] = m;
    return OK;
}

static void list_copy(struct tombstones *t, const struct tombstone *from)
{
    struct tombstone *to = list_add(t);
    struct error err;
    to->min_ms = from->min_ms;
    to->max_ms = from->max_ms;
    to->sequence = from->sequence;
    // Patterns that compiled once compile again.
    for (size_t m = 0; m < from->matcher_count; m++)
        add_matcher(to, from->matchers[m].type, from->matchers[m].name, from->matchers[m].value,
                    &err);
}

struct tombstones *tombstones_with(const struct tombstones *t,
                                   bool (*keep)(void *context, const struct tombstone *t),
                                   void *context, const struct tombstone *added)
{
    struct tombstones *list = list_new();
    for (size_t i = 0; i < tombstones_count(t); i++) {
        if (!keep || keep(context, &t->items[i]))
            list_copy(list, &t->items[i]);
    }
    if (added)
        list_copy(list, added);
    return list;
}

static void encode_one(const struct tombstone *t, struct buf *out)
{
    buf_varint(out, t->sequence);
    buf_svarint(out, t->min_ms);
    buf_svarint(out, t->max_ms);
    buf_varint(out, t->matcher_count);
    for (size_t m = 0; m < t->matcher_count; m++) {
        buf_char(out, (char)t->matchers[m].type);
        buf_sized(out, t->matchers[m].name);
        buf_sized(out, t->matchers[m].value);
    }
}

void tombstones_encode(const struct tombstones *t, struct buf *out)
{
    size_t start = out->len;
    buf_append(out, MAGIC, MAGIC_SIZE);
    buf_be64(out, 0);
    buf_varint(out, tombstones_count(t));
    for (size_t i = 0; i < tombstones_count(t); i++)
        encode_one(&t->items[i], out);
    char *head = out->ptr + start;
    be64_put(head + MAGIC_SIZE, hash64(head + HEADER_SIZE, out->len - start - HEADER_SIZE, 0));
}

static bool decode_one(struct decoder *d, struct tombstone *t)
{
    struct error err;
    t->sequence = decode_varint(d);
    t->min_ms = decode_svarint(d);
    t->max_ms = decode_svarint(d);
    uint64_t count = decode_varint(d);
    if (d->failed || count == 0 || count > decoder_left(d))
        return false;
    for (uint64_t m = 0; m < count; m++) {
        unsigned type = decode_u8(d);
        struct str name = decode_sized(d), value = decode_sized(d);
        if (d->failed || type > MATCH_NOT_REGEX ||
            add_matcher(t, (enum matcher_type)type, name, value, &err))
            return false;
    }
    return true;
}

static bool decode_all(struct decoder *d, struct tombstones *t)
{
    uint64_t count = decode_varint(d);
    for (uint64_t i = 0; i < count && !d->failed; i++) {
        if (!decode_one(d, list_add(t)))
            return false;
    }
    return !d->failed && decoder_left(d) == 0;
}

int tombstones_decode(struct tombstones **out, struct str bytes, struct error *err)
{
    struct decoder d;
    if (bytes.len < HEADER_SIZE || memcmp(bytes.ptr, MAGIC, MAGIC_SIZE) != 0)
        return error_set(err, ERR_CORRUPT, "tombstones: the file does not begin with " MAGIC);
    struct str rest = str_skip(bytes, HEADER_SIZE);
    if (hash64(rest.ptr, rest.len, 0) != be64_get(bytes.ptr + MAGIC_SIZE))
        return error_set(err, ERR_CORRUPT, "tombstones: the checksum is wrong");
    struct tombstones *t = list_new();
    decoder_init(&d, rest);
    if (!decode_all(&d, t)) {
        tombstones_unref(t);
        return error_set(err, ERR_CORRUPT, "tombstones: one is cut or damaged");
    }
    *out = t;
    return OK;
}

static char *file_of(const char *folder)
{
    struct buf path = BUF_INIT;
    buf_printf(&path, "%s/tombstones", folder);
    return buf_steal(&path);
}

int tombstones_load(struct tombstones **out, const char *folder, struct error *err)
{
    char *path = file_of(folder);
    struct buf bytes = BUF_INIT;
    int rc = OK;
    *out = NULL;
    if (file_exists(path)) {
        rc = file_read(path, FILE_SIZE_MAX, &bytes, err);
        if (rc == OK)
            rc = tombstones_decode(out, buf_view(&bytes), err);
    }
    buf_release(&bytes);
    mem_free(path);
    return rc;
}

int tombstones_store(const struct tombstones *t, const char *folder, struct error *err)
{
    char *path = file_of(folder);
    struct buf bytes = BUF_INIT;
    tombstones_encode(t, &bytes);
    int rc = file_write_atomic(path, buf_view(&bytes), err);
    buf_release(&bytes);
    mem_free(path);
    return rc;
}

struct deletions tombstones_match(const struct tombstones *t, struct labels labels,
                                  struct arena *arena)
{
    struct deleted *items = NULL;
    size_t count = 0, capacity = 0;
    for (size_t i = 0; i < tombstones_count(t); i++) {
        const struct tombstone *stone = &t->items[i];
        if (!matchers_match(stone->matchers, stone->matcher_count, labels))
            continue;
        ARENA_GROW(arena, items, count, capacity);
        items[count++] = (struct deleted){stone->min_ms, stone->max_ms, stone->sequence};
    }
    return (struct deletions){items, count};
}

static bool is_deleted(struct deletions d, uint64_t sequence, int64_t t_ms)
{
    for (size_t i = 0; i < d.count; i++) {
        if (d.items[i].sequence > sequence && t_ms >= d.items[i].min_ms &&
            t_ms <= d.items[i].max_ms)
            return true;
    }
    return false;
}

void deletions_apply(struct deletions d, uint64_t sequence, struct columns *c, size_t from)
{
    if (d.count == 0)
        return;
    size_t kept = from;
    for (size_t i = from; i < c->count; i++) {
        if (is_deleted(d, sequence, c->times_ms[i]))
            continue;
        c->times_ms[kept] = c->times_ms[i];
        c->values[kept++] = c->values[i];
    }
    if (kept < c->count)
        c->count = kept;
}

bool deletions_cover(struct deletions d, uint64_t sequence, int64_t min_ms, int64_t max_ms)
{
    // Each round begins behind the longest tombstone over the first time that is not covered yet.
    while (min_ms <= max_ms) {
        int64_t covered_ms = INT64_MIN;
        for (size_t i = 0; i < d.count; i++) {
            if (d.items[i].sequence > sequence && d.items[i].min_ms <= min_ms &&
                d.items[i].max_ms >= min_ms && d.items[i].max_ms > covered_ms)
                covered_ms = d.items[i].max_ms;
        }
        if (covered_ms == INT64_MIN)
            return false;
        if (covered_ms >= max_ms)
            return true;
        min_ms = covered_ms + 1;
    }
    return true;
}

bool deletions_touch(struct deletions d, uint64_t sequence, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; i < d.count; i++) {
        if (d.items[i].sequence > sequence && d.items[i].min_ms <= max_ms &&
            d.items[i].max_ms >= min_ms)
            return true;
    }
    return false;
}
