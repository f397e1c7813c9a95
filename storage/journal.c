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
#include "journal_frame.h"
#include "journal_unsynced.h"

#define SEGMENT_SIZE_MAX ((size_t)32 << 20)
#define ALLOCATE_SIZE    ((size_t)1 << 20)
#define PACK_LEVEL       1
// Bytes of the segment between the values of its series, each of which takes some four.
#define VALUES_PER_SERIES 32
#define VALUES_SIZE_MIN   ((size_t)256)
#define FLUSH_SIZE        ((size_t)64 << 10)
#define BUFFER_MAX        ((size_t)8 << 20)
#define UNSYNCED_MAX      ((size_t)8 << 20)
#define BUFFER_KEPT       ((size_t)512 << 10)

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
    uint32_t declared; // series of the segment before those of the buffer
    struct batch_writer batches;
    uint64_t values_at; // size of the segment when the series' values began to be said anew
    struct buf frame;
    struct zstd_encoder *encoder;
    struct journal_damage damage;
    _Atomic uint64_t bytes;
};

static void segment_path(const struct journal *j, uint64_t number, struct buf *out)
{
    buf_reset(out);
    buf_printf(out, "%s/%08llu", j->folder, (unsigned long long)number);
}

struct opening {
    struct journal *journal;
    const struct journal_replay *replay;
    struct error *err;
};

static void report(struct journal *j, uint64_t number, const struct segment_report *r)
{
    j->damage.torn += r->torn;
    j->damage.bytes += r->damage_bytes;
    j->damage.samples += r->lost_samples;
    if (r->damages)
        log_error("the journal is damaged; what is sound behind the damage is read all the same",
                  LOG_INT("segment", (int64_t)number), LOG_INT("places", (int64_t)r->damages),
                  LOG_INT("first_at", (int64_t)r->damage_first),
                  LOG_INT("bytes", (int64_t)r->damage_bytes),
                  LOG_INT("lost_samples_behind", (int64_t)r->lost_samples));
    if (r->torn)
        log_warn("the journal's tail was torn and is cut", LOG_INT("segment", (int64_t)number),
                 LOG_INT("sound_bytes", (int64_t)r->sound));
}

static int replay_bytes(struct journal *j, const struct opening *o, struct str bytes,
                        struct segment *s)
{
    struct segment_report r;
    struct str magic = STR(SEGMENT_MAGIC);
    if (!str_has_prefix(bytes, magic) && bytes.len >= magic.len &&
        str_has_prefix(bytes, str_first(magic, magic.len - 2)))
        return error_set(o->err, ERR_UNSUPPORTED,
                         "journal segment %s/%08llu is of another version, expected %s", j->folder,
                         (unsigned long long)s->number, SEGMENT_MAGIC);
    journal_replay_segment(bytes, o->replay, &r);
    s->max_ms = r.max_ms;
    report(j, s->number, &r);
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
    int rc = journal_read_segment(buf_text(&path), &bytes, o->err);
    struct segment s = {.number = number, .size = bytes.len};
    if (rc == OK)
        rc = replay_bytes(j, o, buf_view(&bytes), &s);
    if (number >= j->next_number)
        j->next_number = number + 1;
    if (rc == ERR_CORRUPT) {
        log_error("what is named as a segment of the journal is left out", LOG_ERR(o->err));
        rc = OK;
    } else if (rc == OK) {
        MEM_GROW(j->ended, j->ended_count, j->ended_capacity);
        j->ended[j->ended_count++] = s;
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
    buf_release(&j->frame);
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
    j->values_at = SEGMENT_MAGIC_SIZE;
    j->next_number++;
    return OK;
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
    if (j->buffer.len == 0)
        return OK;
    assert(j->fd >= 0);
    buf_reset(&j->frame);
    frame_put(&j->frame, j->encoder, j->current.size, j->declared, buf_view(&j->buffer));
    struct str bytes = buf_view(&j->frame);
    uint64_t end = j->current.size + bytes.len;
    int rc = reserve(j, end, err);
    if (rc)
        return rc;
    rc = io_write_at(j->fd, bytes.ptr, bytes.len, (off_t)j->current.size);
    if (rc)
        return io_failed(j, rc, "write", err);
    atomic_fetch_add(&j->bytes, end - j->current.size);
    j->current.size = end;
    unsynced_add(&j->unsynced, bytes);
    empty(&j->buffer);
    empty(&j->frame);
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

// So that damage costs a part of the segment only: now and then the series say their values anew.
static void say_values(struct journal *j)
{
    uint64_t due = j->values_at + (uint64_t)j->batches.declared * VALUES_PER_SERIES;
    if (j->current.size < due + VALUES_SIZE_MIN)
        return;
    batch_writer_repeat(&j->batches);
    j->values_at = j->current.size;
}

int journal_append(struct journal *j, struct head *head, const struct entry *entries, size_t count,
                   enum durability durability, struct error *err)
{
    int rc = prepare(j, durability, err);
    if (rc)
        return rc;
    size_t before = j->buffer.len;
    uint32_t declared = j->batches.declared;
    if (before == 0)
        j->declared = declared;
    say_values(j);
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

struct journal_damage journal_damage(const struct journal *j)
{
    return j->damage;
}
