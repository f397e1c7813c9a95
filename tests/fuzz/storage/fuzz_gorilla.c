// Two properties of the codec: arbitrary bytes never crash the decoder, whose times increase; and
// samples made of the input come back to the bit.
#include <assert.h>

#include "base/error.h"
#include "storage/plain_chunk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_garbage(struct str bytes)
{
    int64_t times[GORILLA_SAMPLES_MAX];
    double values[GORILLA_SAMPLES_MAX];
    int count = gorilla_decode(bytes, times, values);
    assert(count == ERR_CORRUPT || (count > 0 && count <= GORILLA_SAMPLES_MAX));
    for (int i = 1; i < count; i++)
        assert(times[i] > times[i - 1]);
}

// Nine bytes a sample: how far the time moves, then the value.
static void round_trip(const uint8_t *data, size_t size)
{
    struct plain_chunk g;
    struct sample in[GORILLA_SAMPLES_MAX];
    int64_t times[GORILLA_SAMPLES_MAX];
    double values[GORILLA_SAMPLES_MAX];
    int count = 0;
    int64_t t = 0;
    plain_chunk_init(&g);
    for (; size >= 9; data += 9, size -= 9) {
        double value;
        memcpy(&value, data + 1, sizeof(value));
        t += INT64_C(1) << (data[0] % 34);
        if (!plain_chunk_append(&g, t, value))
            break;
        in[count++] = (struct sample){t, value};
    }
    if (count > 0) {
        assert(gorilla_decode(plain_chunk_bytes(&g), times, values) == count);
        for (int i = 0; i < count; i++)
            assert(times[i] == in[i].t_ms && double_bits(values[i]) == double_bits(in[i].value));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    decode_garbage(str_make((const char *)data, size));
    round_trip(data, size);
    return 0;
}
