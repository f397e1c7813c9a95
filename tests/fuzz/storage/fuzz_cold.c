// The codecs of windows: arbitrary bytes never crash the decoders, parts decode as the whole does, and
// values made of the input come back to the bit.
#include <assert.h>
#include <stdlib.h>

#include "cold_times.h"
#include "cold_values.h"
#include "model/sample.h"

#define COUNT_MAX 1200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// The first half of the input are heads, the rest bits.
static void decode_values(struct str bytes, size_t total)
{
    static double whole[COUNT_MAX], part[COUNT_MAX];
    struct buf padded = BUF_INIT;
    buf_str(&padded, str_skip(bytes, bytes.len / 2));
    memset(buf_reserve(&padded, BITS_PADDING), 0xff, BITS_PADDING);
    struct cold_stream stream = {str_first(bytes, bytes.len / 2), buf_view(&padded)};
    int rc = cold_values_decode(stream, total, 0, total, whole);
    assert(rc == OK || rc == ERR_CORRUPT);
    size_t from = total / 3, count = total / 2;
    if (rc == OK && count) {
        assert(cold_values_decode(stream, total, from, count, part) == OK);
        assert(memcmp(part, whole + from, count * sizeof(*part)) == 0);
    }
    buf_release(&padded);
}

static void decode_times(struct str bytes, uint32_t slice_count)
{
    static int64_t out[COUNT_MAX];
    struct window_span span = {-1000, 100000, 1, false, slice_count};
    struct slice_times times;
    for (uint32_t slice = 0; slice < slice_count; slice++) {
        if (cold_times_find(&span, bytes, slice, &times) != OK || times.count > COUNT_MAX)
            continue;
        if (cold_times_decode(&times, out) != OK)
            continue;
        for (size_t i = 1; i < times.count; i++)
            assert(out[i] > out[i - 1]);
    }
}

static void round_trip(struct str bytes)
{
    static double values[COUNT_MAX], out[COUNT_MAX];
    struct buf heads = BUF_INIT, bits = BUF_INIT;
    size_t count = bytes.len / 8 < COUNT_MAX ? bytes.len / 8 : COUNT_MAX;
    memcpy(values, bytes.ptr, count * 8);
    cold_values_encode(values, count, &heads, &bits);
    memset(buf_reserve(&bits, BITS_PADDING), 0xff, BITS_PADDING);
    struct cold_stream stream = {buf_view(&heads), buf_view(&bits)};
    assert(cold_values_decode(stream, count, 0, count, out) == OK);
    assert(memcmp(values, out, count * 8) == 0);
    buf_release(&heads);
    buf_release(&bits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct str bytes = str_make((const char *)data + 3, size - 3);
    decode_values(bytes, 1 + (size_t)(data[0] << 8 | data[1]) % COUNT_MAX);
    decode_times(bytes, 1 + data[2] % 24);
    round_trip(bytes);
    return 0;
}
