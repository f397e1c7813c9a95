//     note     varint size of what follows the hash | be64 hash64 of it
//              | 17 bytes key | be64 id | svarint time | svarint repeat interval | told | sized memo
//
// One write() a note, at the end that `size` says: a note that a kill or a full disk cut short is
// overwritten by the next, or fails its hash.
#include "arrivals.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"

// Notes go on while other threads commit, and a moment without any may not come for long. With so
// much in the file nothing more is noted until it is empty.
#define SIZE_MAX_BYTES ((off_t)8 << 20)

void arrivals_init(struct arrivals *a, const char *path)
{
    *a = (struct arrivals){.fd = -1};
    pthread_mutex_init(&a->lock, NULL);
    if (!path)
        return;
    a->fd = io_open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (a->fd < 0)
        log_error("arrivals of notifications cannot be noted: a kill may repeat one",
                  LOG_CSTR("path", path), LOG_CSTR("err", err_text(a->fd)));
    else
        a->size = lseek(a->fd, 0, SEEK_END);
}

void arrivals_release(struct arrivals *a)
{
    if (a->fd >= 0)
        close(a->fd);
    pthread_mutex_destroy(&a->lock);
}

static void encode(struct buf *out, const struct arrival *arrival)
{
    struct buf body = BUF_INIT;
    buf_str(&body, unsaved_key_str(&arrival->key));
    buf_be64(&body, arrival->id);
    buf_svarint(&body, arrival->at_ms);
    buf_svarint(&body, arrival->repeat_interval_ms);
    told_encode(&body, &arrival->told);
    buf_sized(&body, arrival->memo);
    buf_varint(out, body.len);
    buf_be64(out, hash64(body.ptr, body.len, 0));
    buf_str(out, buf_view(&body));
    buf_release(&body);
}

static bool append(struct arrivals *a, struct str bytes)
{
    if (a->fd < 0 || a->size >= SIZE_MAX_BYTES)
        return false;
    int rc = io_write_at(a->fd, bytes.ptr, bytes.len, a->size);
    if (rc && !a->failing)
        log_error("arrivals of notifications cannot be noted: a kill may repeat one",
                  LOG_CSTR("err", err_text(rc)));
    a->failing = rc != 0;
    if (rc)
        return false;
    a->size += (off_t)bytes.len;
    a->noted_count++;
    return true;
}

bool arrivals_note(struct arrivals *a, const struct arrival *arrival)
{
    struct buf bytes = BUF_INIT;
    encode(&bytes, arrival);
    pthread_mutex_lock(&a->lock);
    bool noted = append(a, buf_view(&bytes));
    pthread_mutex_unlock(&a->lock);
    buf_release(&bytes);
    return noted;
}

void arrivals_settle(struct arrivals *a)
{
    pthread_mutex_lock(&a->lock);
    a->settled_count++;
    pthread_mutex_unlock(&a->lock);
}

void arrivals_committed(struct arrivals *a)
{
    pthread_mutex_lock(&a->lock);
    if (a->size > 0 && a->settled_count == a->noted_count && io_truncate(a->fd, 0) == 0)
        a->size = 0;
    pthread_mutex_unlock(&a->lock);
}

// False at the end, or where it is damaged. On success arrival->told is the caller's.
static bool decode(struct decoder *d, struct arrival *arrival)
{
    uint64_t size = decode_varint(d);
    uint64_t hash = decode_be64(d);
    struct str body = decode_bytes(d, size);
    struct decoder in;
    if (d->failed || hash64(body.ptr, body.len, 0) != hash)
        return false;
    decoder_init(&in, body);
    struct str key = decode_bytes(&in, sizeof(arrival->key.bytes));
    if (in.failed)
        return false;
    memcpy(arrival->key.bytes, key.ptr, key.len);
    arrival->id = decode_be64(&in);
    arrival->at_ms = decode_svarint(&in);
    arrival->repeat_interval_ms = decode_svarint(&in);
    if (!told_decode(&in, &arrival->told))
        return false;
    arrival->memo = decode_sized(&in);
    if (in.failed)
        told_release(&arrival->told);
    return !in.failed;
}

static void read_all(struct arrivals *a, struct buf *out)
{
    ssize_t count = 0;
    if (a->size > 0 && a->size <= 2 * SIZE_MAX_BYTES)
        count = pread(a->fd, buf_reserve(out, (size_t)a->size), (size_t)a->size, 0);
    if (count > 0)
        buf_advance(out, (size_t)count);
}

void arrivals_each(struct arrivals *a, void (*each)(void *context, const struct arrival *arrival),
                   void *context)
{
    struct buf bytes = BUF_INIT;
    struct decoder d;
    struct arrival arrival;
    off_t whole = 0;
    pthread_mutex_lock(&a->lock);
    read_all(a, &bytes);
    decoder_init(&d, buf_view(&bytes));
    while (decoder_left(&d) && decode(&d, &arrival)) {
        whole = (off_t)(bytes.len - decoder_left(&d));
        each(context, &arrival);
        told_release(&arrival.told);
    }
    a->size = a->size > whole ? whole : a->size;
    pthread_mutex_unlock(&a->lock);
    buf_release(&bytes);
}
