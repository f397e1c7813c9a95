// A segment is replayed frame by frame; behind damage it goes on with the next frame that is sound.
//
// What a sample means hangs on what came before it: its series on a declaration, its value on the
// series' previous one. So behind damage
// 1. a series that was declared in it has a number but no labels: each frame says how many series
//    were declared before it, so that later numbers are right all the same;
// 2. no series' value is known, until the segment says it anew (journal_batch.c).
// A sample of which one is missing is counted and left out, never guessed.
#include "journal_replay.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "journal_frame.h"
#include "journal_record.h"
#include "model/sample.h"

#define UNKNOWN          UINT32_MAX
#define READ_SIZE        ((size_t)4096)
#define SEGMENT_READ_MAX ((size_t)1 << 30)

// More series than this for each damaged byte were not declared there.
#define DECLARED_PER_BYTE 64

// A series of the segment being replayed, in the order they were declared.
struct numbered {
    uint32_t id;    // the caller's number, or UNKNOWN
    uint32_t known; // the value is: when it was said, in count of damages
    uint64_t bits;
};

struct replay_map {
    const struct journal_replay *replay;
    struct segment_report *report;
    struct numbered *series; // owned
    size_t count;
    size_t capacity;
    uint32_t damages; // so far, from 1 on
    struct zstd_decoder *decoder;
    struct buf records;
};

static void map_add(struct replay_map *map, uint32_t id, uint64_t bits)
{
    MEM_GROW(map->series, map->count, map->capacity);
    map->series[map->count++] = (struct numbered){id, id == UNKNOWN ? 0 : map->damages, bits};
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

static void replay_sample(struct replay_map *map, const struct coded *c, struct numbered *n)
{
    const struct journal_replay *to = map->replay;
    if (n->known != map->damages) {
        map->report->lost_samples++;
        return;
    }
    n->bits = coded_value(c, n->bits);
    to->sample(to->context, n->id, c->t_ms, double_from_bits(n->bits));
}

// Late samples are coded against 0 each and leave the series' value alone.
static void replay_late(struct replay_map *map, const struct coded *c, struct numbered *n)
{
    const struct journal_replay *to = map->replay;
    if (n->id == UNKNOWN)
        map->report->lost_samples++;
    else
        to->late(to->context, n->id, c->t_ms, double_from_bits(coded_value(c, 0)));
}

static void replay_value(struct replay_map *map, const struct coded *c, struct numbered *n)
{
    if (n->id == UNKNOWN)
        return;
    n->bits = coded_value(c, 0);
    n->known = map->damages;
}

static bool replay_coded(struct replay_map *map, struct str payload,
                         void (*replay)(struct replay_map *, const struct coded *,
                                        struct numbered *))
{
    struct decoder d;
    struct sample_coder coder = {0};
    struct coded c;
    decoder_init(&d, payload);
    while (decoder_left(&d)) {
        if (!coder_get(&d, &coder, &c) || c.id + (uint64_t)c.run > map->count)
            return false;
        for (unsigned i = 0; i < c.run; i++)
            replay(map, &c, &map->series[c.id + i]);
        if (replay != replay_value && c.t_ms > map->report->max_ms)
            map->report->max_ms = c.t_ms;
    }
    return true;
}

static bool replay_record(struct replay_map *map, enum record_type type, struct str payload)
{
    switch (type) {
    case RECORD_SERIES:
        return replay_series(map, payload);
    case RECORD_SAMPLES:
        return replay_coded(map, payload, replay_sample);
    case RECORD_LATE:
        return replay_coded(map, payload, replay_late);
    case RECORD_VALUES:
        return replay_coded(map, payload, replay_value);
    }
    return false;
}

// What lies before the frame can't be read.
static void note_damage(struct replay_map *map, size_t begin, size_t end)
{
    struct segment_report *r = map->report;
    if (!r->damages++)
        r->damage_first = begin;
    r->damage_bytes += end - begin;
    map->damages++;
}

// The numbers of series that were declared in damage of this size go to nobody.
static bool skip_numbers(struct replay_map *map, uint32_t declared, size_t damage_size)
{
    if (declared < map->count || (declared - map->count) / DECLARED_PER_BYTE > damage_size)
        return false;
    while (map->count < declared)
        map_add(map, UNKNOWN, 0);
    return true;
}

static bool replay_records(struct replay_map *map, struct str records)
{
    struct str payload;
    enum record_type type;
    while (records.len) {
        if (!record_next(&records, &type, &payload) || !replay_record(map, type, payload))
            return false;
    }
    return true;
}

static bool replay_frame(struct replay_map *map, const struct frame *f)
{
    struct str records;
    if (!skip_numbers(map, f->declared, f->begin - map->report->sound))
        return false;
    if (frame_records(f, map->decoder, &map->records, &records) && replay_records(map, records))
        return true;
    map->count = f->declared;
    return false;
}

static void replay_frames(struct replay_map *map, struct str file, size_t from)
{
    struct frame f;
    while (frame_find(file, from, &f)) {
        if (f.begin > from)
            note_damage(map, from, f.begin);
        if (replay_frame(map, &f))
            map->report->sound = f.end;
        else
            note_damage(map, f.begin, f.end);
        from = f.end;
    }
}

static bool is_zero(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i])
            return false;
    }
    return true;
}

static int open_segment(const char *path, size_t *size, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st)) {
        int code = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
        return error_set(err, code, "open %s: %m", path);
    }
    *size = (size_t)st.st_size;
    int rc = OK;
    if (!S_ISREG(st.st_mode))
        rc = error_set(err, ERR_CORRUPT, "%s: it is no file", path);
    else if (*size > SEGMENT_READ_MAX)
        rc = error_set(err, ERR_LIMIT, "%s: larger than %zu bytes", path, SEGMENT_READ_MAX);
    if (rc == OK)
        return fd;
    close(fd);
    return rc;
}

// A sector that can't be read costs its page; what that means to the samples is found by their checksums.
static size_t read_page(int fd, char *to, size_t size, size_t at, size_t *bad)
{
    ssize_t got = pread(fd, to, size, (off_t)at);
    if (got > 0)
        return (size_t)got;
    if (got < 0 && errno == EINTR)
        return 0;
    *bad += got < 0 ? size : 0;
    memset(to, 0, size);
    return size;
}

int journal_read_segment(const char *path, struct buf *out, struct error *err)
{
    size_t size = 0, bad = 0;
    int fd = open_segment(path, &size, err);
    if (fd < 0)
        return fd;
    char *to = buf_reserve(out, size);
    for (size_t at = 0; at < size;) {
        size_t page = READ_SIZE - at % READ_SIZE, left = size - at;
        at += read_page(fd, to + at, page < left ? page : left, at, &bad);
    }
    buf_advance(out, size);
    close(fd);
    if (bad)
        log_error("a part of the journal can't be read", LOG_CSTR("file", path),
                  LOG_INT("bytes", (int64_t)bad));
    return OK;
}

void journal_replay_segment(struct str file, const struct journal_replay *replay,
                            struct segment_report *out)
{
    struct replay_map map = {.replay = replay, .report = out, .damages = 1};
    size_t begin = str_has_prefix(file, STR(SEGMENT_MAGIC)) ? SEGMENT_MAGIC_SIZE : 0;
    *out = (struct segment_report){.max_ms = INT64_MIN, .sound = begin};
    map.decoder = zstd_decoder_new();
    replay_frames(&map, file, begin);
    out->torn = !is_zero(str_skip(file, out->sound));
    zstd_decoder_free(map.decoder);
    buf_release(&map.records);
    mem_free(map.series);
}
