// Arbitrary bytes as a segment of a write-ahead log, and the same bytes as records in sound fragments:
// nothing crashes, and what was sound is sound again.
#include <assert.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "import_record.h"
#include "import_wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sink {
    struct arena scratch;
    size_t record_count;
    size_t event_count;
};

static void on_series(void *context, uint64_t ref, struct labels labels)
{
    (void)ref;
    assert(labels.count > 0);
    for (size_t i = 0; i < labels.count; i++)
        assert(labels.items[i].value.len > 0);
    ((struct sink *)context)->event_count++;
}

static void on_sample(void *context, uint64_t ref, int64_t t_ms, double value)
{
    (void)ref, (void)t_ms, (void)value;
    ((struct sink *)context)->event_count++;
}

static void on_deleted(void *context, uint64_t ref, int64_t min_ms, int64_t max_ms)
{
    (void)ref, (void)min_ms, (void)max_ms;
    ((struct sink *)context)->event_count++;
}

static void on_metadata(void *context, uint64_t ref)
{
    (void)ref;
    ((struct sink *)context)->event_count++;
}

static void on_other(void *context, unsigned type, uint64_t ref)
{
    (void)type, (void)ref;
    ((struct sink *)context)->event_count++;
}

static void take_record(void *context, struct str record)
{
    struct sink *sink = context;
    const struct prom_record_sink to = {context,    on_series,   on_sample,
                                        on_deleted, on_metadata, on_other};
    sink->record_count++;
    prom_record_decode(record, &sink->scratch, &to);
}

static void read_segment(struct str bytes)
{
    struct sink first = {.record_count = 0}, again = {.record_count = 0};
    const char *why;
    arena_init(&first.scratch, 0);
    arena_init(&again.scratch, 0);
    size_t sound = prom_wal_segment(bytes, take_record, &first, &why);
    assert(sound <= bytes.len && (why || sound == bytes.len));
    prom_wal_segment(str_first(bytes, sound), take_record, &again, &why);
    assert(!why && again.record_count == first.record_count);
    assert(again.event_count == first.event_count);
    arena_release(&first.scratch);
    arena_release(&again.scratch);
}

// The input cut into fragments: a byte for the type, one for the length.
static void read_wrapped(const uint8_t *data, size_t size)
{
    struct buf segment = BUF_INIT;
    while (size >= 2 && segment.len < 32000) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        char header[7] = {(char)(data[0] % 32), 0, (char)len};
        be32_put(header + 3, crc32c(0, str_make((const char *)data + 2, len)));
        buf_append(&segment, header, sizeof(header));
        buf_append(&segment, data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
    read_segment(buf_view(&segment));
    buf_release(&segment);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_segment(str_make((const char *)data, size));
    read_wrapped(data, size);
    return 0;
}
