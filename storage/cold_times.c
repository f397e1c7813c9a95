// Each time is written as the change of the distance to the one before; a run of unchanged
// distances, which is what a steady scrape gives, as a zero and the run's length.
#include "cold_times.h"

#include "base/coding.h"

static inline uint64_t distance_at(const int64_t *times_ms, size_t i)
{
    return i ? (uint64_t)times_ms[i] - (uint64_t)times_ms[i - 1] : 0;
}

static inline int64_t change_at(const int64_t *times_ms, size_t i)
{
    return (int64_t)(distance_at(times_ms, i) - distance_at(times_ms, i - 1));
}

int64_t slice_start_ms(const struct window_span *span, uint32_t slice)
{
    uint64_t whole = (uint64_t)span->max_ms - (uint64_t)span->min_ms;
    uint64_t each = whole / span->slice_count, rest = whole % span->slice_count;
    return (int64_t)((uint64_t)span->min_ms + each * slice + rest * slice / span->slice_count);
}

size_t times_before(const int64_t *times_ms, size_t count, int64_t t_ms)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (times_ms[middle] < t_ms)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t slice_end(const struct window_span *span, uint32_t slice, const int64_t *times_ms,
                 size_t count)
{
    return times_before(times_ms, count, slice_start_ms(span, slice + 1));
}

static void encode_slice(const int64_t *times_ms, size_t count, struct buf *out)
{
    for (size_t i = 1; i < count;) {
        int64_t change = change_at(times_ms, i);
        buf_svarint(out, change);
        size_t next = i + 1;
        if (change == 0) {
            while (next < count && change_at(times_ms, next) == 0)
                next++;
            buf_varint(out, next - i);
        }
        i = next;
    }
}

void cold_times_encode(const struct window_span *span, const int64_t *times_ms, size_t count,
                       struct buf *out)
{
    struct buf bodies = BUF_INIT;
    size_t from = 0;
    for (uint32_t slice = 0; slice < span->slice_count; slice++) {
        size_t end = slice_end(span, slice, times_ms, count), before = bodies.len;
        buf_varint(out, end - from);
        if (end > from) {
            encode_slice(times_ms + from, end - from, &bodies);
            buf_varint(out, (uint64_t)times_ms[from] - (uint64_t)slice_start_ms(span, slice));
            buf_varint(out, bodies.len - before);
        }
        from = end;
    }
    buf_str(out, buf_view(&bodies));
    buf_release(&bodies);
}

int cold_times_find(const struct window_span *span, struct str column, uint32_t slice,
                    struct slice_times *out)
{
    struct decoder d;
    uint64_t before = 0, size = 0;
    decoder_init(&d, column);
    for (uint32_t i = 0; i < span->slice_count; i++) {
        uint64_t count = decode_varint(&d), first = count ? decode_varint(&d) : 0;
        uint64_t bytes = count ? decode_varint(&d) : 0;
        if (bytes > column.len || count > UINT32_MAX)
            return ERR_CORRUPT;
        if (i < slice)
            before += bytes;
        if (i != slice)
            continue;
        size = bytes;
        out->count = (size_t)count;
        out->first_ms = (int64_t)((uint64_t)slice_start_ms(span, slice) + first);
    }
    decode_bytes(&d, (size_t)before);
    out->bytes = decode_bytes(&d, (size_t)size);
    return d.failed ? ERR_CORRUPT : OK;
}

int cold_times_decode(const struct slice_times *times, int64_t *out)
{
    struct decoder d;
    uint64_t distance = 0, t = (uint64_t)times->first_ms;
    decoder_init(&d, times->bytes);
    if (times->count)
        out[0] = times->first_ms;
    for (size_t i = 1; i < times->count;) {
        uint64_t change = (uint64_t)decode_svarint(&d);
        uint64_t run = change ? 1 : decode_varint(&d);
        distance += change;
        if (d.failed || run == 0 || run > times->count - i || (int64_t)distance <= 0)
            return ERR_CORRUPT;
        for (uint64_t end = i + run; i < end; i++) {
            t += distance;
            if ((int64_t)t <= out[i - 1])
                return ERR_CORRUPT;
            out[i] = (int64_t)t;
        }
    }
    return decoder_left(&d) ? ERR_CORRUPT : OK;
}
