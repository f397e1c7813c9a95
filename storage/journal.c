// Segment files are named by a number that only grows: 00000001, 00000002, ... The newest is open
// for appending from the first append on; those found at opening are only read, and wait to be
// dropped.
//
// Failures. Buffered bytes stay in the buffer until the kernel took them, so a full disk delays
// them; once BUFFER_MAX wait, batches are refused. A refused batch leaves the buffer as it was, and
// the series that it declared are declared again. Values are coded against the newest in the head,
// which is what the last batch that was accepted left there. After a sync that failed, what wasn't
// synced is written again (journal_unsynced.c).
#include "journal.h"

#include <assert.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/compress.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "journal_batch.h"
#include "journal_record.h"
#include "journal_unsynced.h"

#define SEGMENT_SIZE_MAX ((size_t)32 << 20)
#define ALLOCATE_SIZE    ((size_t)1 << 20)
#define PACK_LEVEL       1
#define FLUSH_SIZE       ((size_t)64 << 10)
#define BUFFER_MAX       ((size_t)8 << 20)
#define UNSYNCED_MAX     ((size_t)8 << 20)
#define BUFFER_KEPT      ((size_t)512 << 10)

struct segment {
    uint64_t number;
    uint64_t size;
    int64_t max_ms; // newest sample
};

struct journal {
    char *folder;
    struct segment *ended; // oldest first
    size_t ended_count;
    size_t ended_capacity;
    struct segment current; // valid while fd >= 0
    int fd;
    uint64_t allocated; // bytes reserved in the current file
    uint64_t next_number;
    struct unsynced unsynced;
    uint64_t sync_count; // begun
    uint64_t running;    // number of the sync that runs without the lock; 0: none
    struct buf buffer;
    struct batch_writer batches;
    struct buf packed;
    struct zstd_encoder *encoder;
    uint64_t cut_count;
    _Atomic uint64_t bytes;
};

static void segment_path(const struct journal *j, uint64_t number, struct buf *out)
{
    buf_reset(out);
    buf_printf(out, "%s/%08llu", j->folder, (unsigned long long)number);
}

// Series of the segment being replayed, in the order they were declared.
struct replay_map {
    const struct journal_replay *replay;
    uint32_t *ids; // the caller's numbers
    uint64_t *bits;
    size_t count;
    size_t capacity;
    int64_t max_ms;
    struct zstd_decoder *decoder;
};

static void map_add(struct replay_map *map, uint32_t id, uint64_t bits)
{
    if (map->count == map->capacity) {
        map->capacity = map->capacity ? map->capacity * 2 : 64;
        map->ids = mem_realloc(map->ids, map->capacity, sizeof(*map->ids));
        map->bits = mem_realloc(map->bits, map->capacity, sizeof(*map->bits));
    }
    map->ids[map->count] = id;
    map->bits[map->count++] = bits;
}

static bool replay_series(struct replay_map *map, struct str payload)
{
    struct decoder d;
    decoder_init(&d, payload);
    uint64_t bits = __builtin_bswap64(decode_varint(&d));
    uint64_t count = decode_varint(&d);
    if (d.failed || count > payload.len)
        return false;
    struct label *items = mem_calloc((size_t)count, sizeof(*items));
    for (uint64_t i = 0; i < count; i++) {
        items[i].name = decode_sized(&d);
        items[i].value = decode_sized(&d);
    }
    bool good = !d.failed && count > 0;
    if (good)
        map_add(map,
                map->replay->series(map->replay->context, (struct labels){items, (size_t)count}),
                bits);
    mem_free(items);
    return good;
}

// Late samples are coded against 0 each and leave the series' value alone.
static void replay_run(struct replay_map *map, const struct coded *c, bool late)
{
    const struct journal_replay *to = map->replay;
    for (uint32_t id = c->id; id < c->id + c->run; id++) {
        uint64_t bits = coded_value(c, late ? 0 : map->bits[id]);
        if (!late)
            map->bits[id] = bits;
        (late ? to->late : to->sample)(to->context, map->ids[id], c->t_ms, double_from_bits(bits));
    }
    if (c->t_ms > map->max_ms)
        map->max_ms = c->t_ms;
}

static bool replay_samples(struct replay_map *map, struct str payload, bool late)
{
    struct decoder d;
    struct sample_coder coder = {0};
    struct coded c;
    decoder_init(&d, payload);
    while (decoder_left(&d)) {
        if (!coder_get(&d, &coder, &c) || c.id + (uint64_t)c.run > map->count)
            return false;
        replay_run(map, &c, late);
    }
    return true;
}

static bool replay_record(struct replay_map *map, enum record_type type, struct str payload);

// A packed record is replayed only once all of it is known to be sound.
static bool replay_packed(struct replay_map *map, struct str payload)
{
    struct decoder d;
    decoder_init(&d, payload);
    uint64_t size = decode_varint(&d);
    if (d.failed || size == 0 || size > RECORD_SIZE_MAX)
        return false;
    char *bytes = mem_alloc((size_t)size);
    struct str frame = str_make((const char *)d.pos, decoder_left(&d));
    bool good = zstd_decoder_run(map->decoder, frame, bytes, (size_t)size) == OK;
    struct str rest = str_make(bytes, (size_t)size), inner;
    enum record_type type;
    while (good && rest.len)
        good = record_next(&rest, &type, &inner) && type != RECORD_PACKED &&
               replay_record(map, type, inner);
    mem_free(bytes);
    return good;
}

static bool replay_record(struct replay_map *map, enum record_type type, struct str payload)
{
    switch (type) {
    case RECORD_SERIES:
        return replay_series(map, payload);
    case RECORD_SAMPLES:
        return replay_samples(map, payload, false);
    case RECORD_LATE:
        return replay_samples(map, payload, true);
    case RECORD_PACKED:
        return replay_packed(map, payload);
    }
    return false;
}

size_t journal_replay_segment(struct str bytes, const struct journal_replay *replay,
                              int64_t *max_ms)
{
    struct replay_map map = {.replay = replay, .max_ms = INT64_MIN, .decoder = zstd_decoder_new()};
    struct str rest = bytes;
    size_t sound = 0;
    enum record_type type;
    struct str payload;
    while (record_next(&rest, &type, &payload) && replay_record(&map, type, payload))
        sound = bytes.len - rest.len;
    zstd_decoder_free(map.decoder);
    mem_free(map.ids);
    mem_free(map.bits);
    *max_ms = map.max_ms;
    return sound;
}

static bool is_zero(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i])
            return false;
    }
    return true;
}

struct opening {
    struct journal *journal;
    const struct journal_replay *replay;
    struct error *err;
};

// Replays the bytes of a segment file and returns how many were sound.
static int replay_bytes(struct journal *j, const struct opening *o, struct str bytes,
                        struct segment *s)
{
    struct str magic = STR(SEGMENT_MAGIC);
    size_t sound = 0;
    s->max_ms = INT64_MIN;
    if (str_has_prefix(bytes, magic))
        sound =
            magic.len + journal_replay_segment(str_skip(bytes, magic.len), o->replay, &s->max_ms);
    else if (bytes.len >= magic.len && str_has_prefix(bytes, str_first(magic, magic.len - 2)))
        return error_set(o->err, ERR_UNSUPPORTED,
                         "journal segment %s/%08llu is of another version, expected %s", j->folder,
                         (unsigned long long)s->number, SEGMENT_MAGIC);
    if (!is_zero(str_skip(bytes, sound))) {
        j->cut_count++;
        log_warn("the journal's tail was torn and is cut", LOG_INT("segment", (int64_t)s->number),
                 LOG_INT("sound_bytes", (int64_t)sound));
    }
    return OK;
}

static int replay_file(void *context, const char *name)
{
    const struct opening *o = context;
    struct journal *j = o->journal;
    uint64_t number;
    if (!str_to_u64(str_from(name), &number))
        return OK;
    struct buf path = BUF_INIT, bytes = BUF_INIT;
    segment_path(j, number, &path);
    int rc = file_read(buf_text(&path), SEGMENT_SIZE_MAX * 8, &bytes, o->err);
    struct segment s = {.number = number, .size = bytes.len};
    if (rc == OK)
        rc = replay_bytes(j, o, buf_view(&bytes), &s);
    if (rc == OK) {
        MEM_GROW(j->ended, j->ended_count, j->ended_capacity);
        j->ended[j->ended_count++] = s;
        if (number >= j->next_number)
            j->next_number = number + 1;
        atomic_fetch_add(&j->bytes, s.size);
    }
    buf_release(&path);
    buf_release(&bytes);
    return rc;
}

static void journal_free(struct journal *j)
{
    if (j->fd >= 0)
        close(j->fd);
    buf_release(&j->buffer);
    buf_release(&j->packed);
    unsynced_release(&j->unsynced);
    zstd_encoder_free(j->encoder);
    batch_writer_release(&j->batches);
    mem_free(j->ended);
    mem_free(j->folder);
    mem_free(j);
}

int journal_open(struct journal **out, const char *folder, const struct journal_replay *replay,
                 struct error *err)
{
    int rc = dir_create(folder, err);
    if (rc)
        return rc;
    struct journal *j = mem_calloc(1, sizeof(*j));
    j->folder = mem_copy_str(str_from(folder));
    j->fd = -1;
    j->next_number = 1;
    batch_writer_init(&j->batches);
    j->encoder = zstd_encoder_new(PACK_LEVEL);
    struct opening opening = {j, replay, err};
    rc = dir_each(folder, replay_file, &opening, err);
    if (rc) {
        journal_free(j);
        return rc;
    }
    *out = j;
    return OK;
}

void journal_close(struct journal *j)
{
    struct error err;
    if (!j)
        return;
    if (journal_rotate(j, &err))
        log_error("the journal could not be written at shutdown", LOG_ERR(&err));
    journal_free(j);
}

static int io_failed(const struct journal *j, int rc, const char *action, struct error *err)
{
    return error_set(err, rc, "%s journal segment %s/%08llu: %m", action, j->folder,
                     (unsigned long long)j->current.number);
}

static int start_segment(struct journal *j, struct error *err)
{
    struct buf path = BUF_INIT;
    j->current = (struct segment){.number = j->next_number, .max_ms = INT64_MIN};
    segment_path(j, j->current.number, &path);
    int fd = io_open(buf_text(&path), O_RDWR | O_CREAT | O_TRUNC, 0640);
    buf_release(&path);
    if (fd < 0)
        return io_failed(j, fd, "create", err);
    int rc = io_write_at(fd, SEGMENT_MAGIC, SEGMENT_MAGIC_SIZE, 0);
    rc = rc ? io_failed(j, rc, "begin", err) : dir_sync(j->folder, err);
    if (rc) {
        close(fd);
        return rc;
    }
    j->current.size = SEGMENT_MAGIC_SIZE;
    j->bytes += SEGMENT_MAGIC_SIZE;
    j->fd = fd;
    j->allocated = 0;
    j->running = 0;
    unsynced_restart(&j->unsynced, 0);
    unsynced_add(&j->unsynced, STR(SEGMENT_MAGIC));
    batch_writer_restart(&j->batches);
    j->next_number++;
    return OK;
}

// The records of the buffer as they go to the file: in one, packed, where that is smaller.
static struct str packed(struct journal *j)
{
    buf_reset(&j->packed);
    size_t start = record_begin(&j->packed, RECORD_PACKED);
    buf_varint(&j->packed, j->buffer.len);
    zstd_encoder_run(j->encoder, buf_view(&j->buffer), &j->packed);
    record_end(&j->packed, start);
    return j->packed.len < j->buffer.len ? buf_view(&j->packed) : buf_view(&j->buffer);
}

static int reserve(struct journal *j, uint64_t end, struct error *err)
{
    if (end <= j->allocated)
        return OK;
    uint64_t allocated = (end + ALLOCATE_SIZE - 1) / ALLOCATE_SIZE * ALLOCATE_SIZE;
    int rc = io_allocate(j->fd, (off_t)allocated);
    if (rc)
        return io_failed(j, rc, "reserve space for", err);
    j->allocated = allocated;
    return OK;
}

// Keeps the room that usual batches take; thousands of new series at once take more.
static void empty(struct buf *b)
{
    if (b->cap > BUFFER_KEPT)
        buf_release(b);
    else
        buf_reset(b);
}

// Writes j->buffer at the end of the current segment.
static int write_buffer(struct journal *j, struct error *err)
{
    int rc = OK;
    if (j->buffer.len == 0)
        return OK;
    if (j->fd < 0)
        rc = start_segment(j, err);
    if (rc)
        return rc;
    struct str bytes = packed(j);
    uint64_t end = j->current.size + bytes.len;
    rc = reserve(j, end, err);
    if (rc)
        return rc;
    rc = io_write_at(j->fd, bytes.ptr, bytes.len, (off_t)j->current.size);
    if (rc)
        return io_failed(j, rc, "write", err);
    atomic_fetch_add(&j->bytes, end - j->current.size);
    j->current.size = end;
    unsynced_add(&j->unsynced, bytes);
    empty(&j->buffer);
    empty(&j->packed);
    return OK;
}

int journal_flush(struct journal *j, struct error *err)
{
    return write_buffer(j, err);
}

// Before a sync is believed: what an earlier one may have lost, or one that runs may lose, must have
// been written anew.
static int write_lost(struct journal *j, struct error *err)
{
    if (!j->unsynced.lost && !j->running)
        return OK;
    int rc = unsynced_rewrite(&j->unsynced, j->fd);
    return rc ? io_failed(j, rc, "write again", err) : OK;
}

int journal_sync(struct journal *j, struct error *err)
{
    int rc = write_buffer(j, err);
    if (rc || !j->unsynced.bytes.len)
        return rc;
    rc = write_lost(j, err);
    if (rc)
        return rc;
    rc = io_sync(j->fd);
    if (rc) {
        j->unsynced.lost = true;
        return io_failed(j, rc, "sync", err);
    }
    j->running = 0; // whatever comes of it
    unsynced_done(&j->unsynced, j->current.size);
    return OK;
}

// A description of its own, since each is told of an error only once.
static int open_again(const struct journal *j)
{
    struct buf path = BUF_INIT;
    segment_path(j, j->current.number, &path);
    int fd = io_open(buf_text(&path), O_RDONLY, 0);
    buf_release(&path);
    return fd;
}

int journal_sync_begin(struct journal *j, struct journal_sync *sync, struct error *err)
{
    *sync = (struct journal_sync){.fd = -1};
    int rc = write_buffer(j, err);
    if (rc || !j->unsynced.bytes.len)
        return rc;
    if (j->running)
        return journal_sync(j, err);
    rc = write_lost(j, err);
    if (rc)
        return rc;
    sync->fd = open_again(j);
    if (sync->fd < 0)
        return journal_sync(j, err);
    sync->end = j->current.size;
    sync->number = j->running = ++j->sync_count;
    return OK;
}

int journal_sync_run(const struct journal_sync *sync, struct error *err)
{
    if (sync->fd < 0)
        return OK;
    int rc = io_sync(sync->fd);
    if (rc)
        error_set(err, rc, "sync the journal: %m");
    close(sync->fd);
    return rc;
}

void journal_sync_end(struct journal *j, const struct journal_sync *sync, int rc)
{
    if (!sync->number || j->running != sync->number)
        return;
    j->running = 0;
    if (rc)
        j->unsynced.lost = true;
    else
        unsynced_done(&j->unsynced, sync->end);
}

int journal_rotate(struct journal *j, struct error *err)
{
    int rc = journal_sync(j, err);
    if (rc || j->fd < 0)
        return rc;
    // The reserve is given back; that this fails harms nobody.
    if (io_truncate(j->fd, (off_t)j->current.size))
        log_debug("journal reserve not given back");
    close(j->fd);
    j->fd = -1;
    MEM_GROW(j->ended, j->ended_count, j->ended_capacity);
    j->ended[j->ended_count++] = j->current;
    return OK;
}

// Writes the buffer, whose last `batch_size` bytes are one batch, as far as asked. On failure the
// batch is cut off again, from the buffer or from the file, whose next write then overwrites it.
static int write_batch(struct journal *j, size_t batch_size, enum durability durability,
                       struct error *err)
{
    uint64_t before = j->current.size;
    int rc = write_buffer(j, err);
    if (rc) {
        // What only has to be written later stays in the buffer.
        if (durability == DURABLE_LATER)
            return OK;
        buf_truncate(&j->buffer, j->buffer.len - batch_size);
        return rc;
    }
    if (durability == DURABLE_DISK && (rc = journal_sync(j, err))) {
        atomic_fetch_sub(&j->bytes, j->current.size - before);
        j->current.size = before;
        unsynced_cut(&j->unsynced, before);
    }
    return rc;
}

// Makes the journal fit for one more batch.
static int prepare(struct journal *j, enum durability durability, struct error *err)
{
    int rc = OK;
    // A batch that is to be cut off when its sync fails is alone in its write.
    if (j->buffer.len > BUFFER_MAX || durability == DURABLE_DISK)
        rc = write_buffer(j, err);
    if (rc == OK && j->unsynced.bytes.len > UNSYNCED_MAX)
        rc = journal_sync(j, err);
    if (rc == OK && j->current.size > SEGMENT_SIZE_MAX)
        rc = journal_rotate(j, err);
    if (rc == OK && j->fd < 0)
        rc = start_segment(j, err);
    return rc;
}

int journal_append(struct journal *j, struct head *head, const struct entry *entries, size_t count,
                   enum durability durability, struct error *err)
{
    int rc = prepare(j, durability, err);
    if (rc)
        return rc;
    size_t before = j->buffer.len;
    uint32_t declared = j->batches.declared;
    batch_write(&j->batches, &j->buffer, head, entries, count, &j->current.max_ms);
    if (durability == DURABLE_LATER && j->buffer.len < FLUSH_SIZE)
        return OK;
    rc = write_batch(j, j->buffer.len - before, durability, err);
    if (rc)
        batch_forget(&j->batches, head, entries, count, declared);
    return rc;
}

int journal_drop(struct journal *j, int64_t before_ms, struct error *err)
{
    size_t kept = 0;
    int rc = OK;
    struct buf path = BUF_INIT;
    for (size_t i = 0; i < j->ended_count; i++) {
        const struct segment *s = &j->ended[i];
        int failed = ERR_END;
        if (s->max_ms < before_ms) {
            segment_path(j, s->number, &path);
            failed = io_unlink(buf_text(&path));
            if (failed)
                rc = error_set(err, failed, "remove %s: %m", buf_text(&path));
            else
                atomic_fetch_sub(&j->bytes, s->size);
        }
        if (failed)
            j->ended[kept++] = *s;
    }
    j->ended_count = kept;
    buf_release(&path);
    return rc;
}

uint64_t journal_bytes(const struct journal *j)
{
    return atomic_load(&j->bytes);
}

uint64_t journal_cut_count(const struct journal *j)
{
    return j->cut_count;
}
