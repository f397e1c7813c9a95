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

void cold_times_encode(const int64_t *times_ms, size_t count, struct buf *out)
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

int cold_times_decode(struct str bytes, int64_t first_ms, size_t count, int64_t *out)
{
    struct decoder d;
    uint64_t distance = 0, t = (uint64_t)first_ms;
    decoder_init(&d, bytes);
    if (count)
        out[0] = first_ms;
    for (size_t i = 1; i < count;) {
        uint64_t change = (uint64_t)decode_svarint(&d);
        uint64_t run = change ? 1 : decode_varint(&d);
        distance += change;
        if (d.failed || run == 0 || run > count - i || (int64_t)distance <= 0)
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
