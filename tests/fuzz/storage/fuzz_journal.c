// A journal segment of arbitrary bytes never crashes the replay, and what it calls sound is sound
// again; arbitrary records inside sound frames neither, nor those with a damaged byte; and coded samples come back as they were.
#include <assert.h>

#include "base/mem.h"
#include "journal.h"
#include "journal_frame.h"
#include "journal_record.h"
#include "model/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
    uint32_t series_count;
    size_t sample_count;
};

static uint32_t take_series(void *context, struct labels labels)
{
    struct sink *sink = context;
    assert(labels.count > 0);
    return sink->series_count++;
}

static void take_sample(void *context, uint32_t series, int64_t t_ms, double value)
{
    struct sink *sink = context;
    (void)t_ms, (void)value;
    assert(series < sink->series_count);
    sink->sample_count++;
}

static struct segment_report replay(struct str file, struct sink *sink)
{
    struct journal_replay to = {sink, take_series, take_sample, take_sample};
    struct segment_report r;
    journal_replay_segment(file, &to, &r);
    assert(r.sound <= file.len && r.damage_bytes <= file.len);
    assert(!r.damages == !r.damage_bytes);
    return r;
}

static void replay_twice(struct str file)
{
    struct sink first = {0, 0}, again = {0, 0};
    struct segment_report r = replay(file, &first);
    struct segment_report cut = replay(str_first(file, r.sound), &again);
    assert(cut.sound == r.sound && !cut.torn && cut.damages <= r.damages);
    assert(again.series_count <= first.series_count);
}

// The input cut into records, in frames of up to four: a byte for the type, one for the length.
static void make_segment(const uint8_t *data, size_t size, struct buf *file)
{
    struct buf records = BUF_INIT;
    struct zstd_encoder *encoder = zstd_encoder_new(1);
    buf_cstr(file, SEGMENT_MAGIC);
    for (int n = 1; size >= 2; n++) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        size_t start = record_begin(&records, data[0] % 4 + 1);
        buf_append(&records, data + 2, len);
        record_end(&records, start);
        if (n % 4 == 0 || size - len < 4) {
            frame_put(file, encoder, file->len, data[0] / 4 % 8, buf_view(&records));
            buf_reset(&records);
        }
        data += 2 + len;
        size -= 2 + len;
    }
    zstd_encoder_free(encoder);
    buf_release(&records);
}

// Records of arbitrary payloads in sound frames; then with a byte of the file turned over.
static void replay_wrapped(const uint8_t *data, size_t size)
{
    struct buf file = BUF_INIT;
    make_segment(data, size, &file);
    replay_twice(buf_view(&file));
    if (size > 4) {
        file.ptr[(data[size / 2] * 256U + data[size / 3]) % file.len] ^= (char)(data[1] | 1);
        replay_twice(buf_view(&file));
    }
    buf_release(&file);
}

struct step {
    uint32_t id;
    int64_t t_ms;
    uint64_t before;
    uint64_t bits;
};

// Unchanged, an integer, a number of two decimals, or a few flipped bits.
static uint64_t make_value(uint64_t before, uint8_t choice)
{
    switch (choice % 4) {
    case 0:
        return before;
    case 1:
        return double_bits((double)choice * choice * 977 - 40000);
    case 2:
        return double_bits((double)choice * 77 / 100);
    default:
        return before ^ (uint64_t)choice << choice % 57;
    }
}

// Three bytes a sample: how id, time and value differ from what is foretold.
static size_t make_steps(const uint8_t *data, size_t size, struct step *steps)
{
    uint32_t id = 0;
    int64_t t_ms = 0;
    uint64_t bits = 0;
    size_t count = 0;
    for (; size >= 3; data += 3, size -= 3) {
        id = data[0] < 200 ? id + 1 : (uint32_t)data[0] * 1000;
        t_ms += data[1] < 200 ? 0 : (int64_t)data[1] - 228;
        uint64_t before = bits;
        bits = make_value(bits, data[2]);
        steps[count++] = (struct step){id, t_ms, before, bits};
    }
    return count;
}

static void round_trip(const uint8_t *data, size_t size)
{
    struct step *steps = mem_calloc(size / 3 + 1, sizeof(*steps));
    size_t count = make_steps(data, size, steps), at = 0;
    struct sample_coder coder = {0};
    struct buf bytes = BUF_INIT;
    struct decoder d;
    struct coded c;
    size_t start = record_begin(&bytes, RECORD_SAMPLES);
    for (size_t i = 0; i < count; i++)
        coder_put(&bytes, &coder, steps[i].id, steps[i].t_ms, steps[i].before, steps[i].bits);
    record_end(&bytes, start);
    struct str rest = buf_view(&bytes), payload;
    enum record_type type;
    assert(record_next(&rest, &type, &payload) && type == RECORD_SAMPLES && rest.len == 0);
    decoder_init(&d, payload);
    coder = (struct sample_coder){0};
    while (decoder_left(&d)) {
        assert(coder_get(&d, &coder, &c));
        for (uint32_t i = 0; i < c.run; i++, at++) {
            assert(at < count);
            assert(steps[at].id == c.id + i && steps[at].t_ms == c.t_ms);
            assert(steps[at].bits == coded_value(&c, steps[at].before));
        }
    }
    assert(at == count);
    buf_release(&bytes);
    mem_free(steps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    replay_twice(str_make((const char *)data, size));
    replay_wrapped(data, size);
    round_trip(data, size);
    return 0;
}
