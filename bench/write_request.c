// The message by hand: WriteRequest { repeated TimeSeries timeseries = 1 }, TimeSeries { repeated
// Label labels = 1; repeated Sample samples = 2 }, Label { name = 1; value = 2 }, Sample { double
// value = 1; int64 timestamp = 2 }.
#include "write_request.h"

#include "base/coding.h"
#include "base/mem.h"

enum { KEY_FIRST_BYTES = 1 << 3 | 2, KEY_SECOND_BYTES = 2 << 3 | 2 };
enum { KEY_VALUE = 1 << 3 | 1, KEY_TIMESTAMP = 2 << 3 | 0 };

void write_request_init(struct write_request *r, size_t series_count)
{
    *r = (struct write_request){.series_count = series_count};
    r->labels = mem_calloc(series_count, sizeof(*r->labels));
    r->samples = mem_calloc(series_count, sizeof(*r->samples));
}

void write_request_release(struct write_request *r)
{
    for (size_t i = 0; i < r->series_count; i++) {
        buf_release(&r->labels[i]);
        buf_release(&r->samples[i]);
    }
    mem_free(r->labels);
    mem_free(r->samples);
    buf_release(&r->out);
}

void write_request_reset(struct write_request *r)
{
    for (size_t i = 0; i < r->series_count; i++) {
        buf_reset(&r->labels[i]);
        buf_reset(&r->samples[i]);
    }
    r->sample_count = 0;
}

static void add_labels(struct buf *out, struct labels labels)
{
    for (size_t i = 0; i < labels.count; i++) {
        struct label l = labels.items[i];
        size_t size =
            2 + varint_size(l.name.len) + l.name.len + varint_size(l.value.len) + l.value.len;
        buf_char(out, KEY_FIRST_BYTES);
        buf_varint(out, size);
        buf_char(out, KEY_FIRST_BYTES);
        buf_sized(out, l.name);
        buf_char(out, KEY_SECOND_BYTES);
        buf_sized(out, l.value);
    }
}

static void add_sample(struct buf *out, int64_t time_ms, double value)
{
    unsigned char bytes[2 + 2 + sizeof(value) + VARINT_SIZE_MAX];
    size_t n = 2;
    bytes[n++] = KEY_VALUE;
    memcpy(bytes + n, &value, sizeof(value));
    n += sizeof(value);
    bytes[n++] = KEY_TIMESTAMP;
    n += varint_put(bytes + n, (uint64_t)time_ms);
    bytes[0] = KEY_SECOND_BYTES;
    bytes[1] = (unsigned char)(n - 2);
    buf_append(out, bytes, n);
}

void write_request_add(struct write_request *r, const struct generator *g, size_t host,
                       const struct scrape *scrape)
{
    for (size_t i = 0; i < r->series_count; i++) {
        if (scrape->states[i] == SAMPLE_NONE)
            continue;
        if (r->samples[i].len == 0)
            add_labels(&r->labels[i], generator_labels(g, host, i));
        add_sample(&r->samples[i], scrape->time_ms, scrape->values[i]);
        r->sample_count++;
    }
    r->newest_ms = scrape->time_ms;
}

struct str write_request_bytes(struct write_request *r)
{
    buf_reset(&r->out);
    for (size_t i = 0; i < r->series_count; i++) {
        if (r->samples[i].len == 0)
            continue;
        buf_char(&r->out, KEY_FIRST_BYTES);
        buf_varint(&r->out, r->labels[i].len + r->samples[i].len);
        buf_str(&r->out, buf_view(&r->labels[i]));
        buf_str(&r->out, buf_view(&r->samples[i]));
    }
    return buf_view(&r->out);
}
