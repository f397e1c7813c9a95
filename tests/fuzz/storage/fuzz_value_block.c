// A block whose sum is right and whose contents are anything: streams that can be decoded, or a
// refusal.
#include <assert.h>

#include "value_block.h"

#define COUNT_MAX 600

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode_all(const struct block_values *v, size_t total)
{
    double out[COUNT_MAX];
    for (uint32_t i = 0; i < v->count; i++) {
        int rc = cold_values_decode(v->streams[i], total, 0, total, out);
        assert(rc == OK || rc == ERR_CORRUPT);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct zstd_encoder *encoder;
    static struct zstd_decoder *decoder;
    encoder = encoder ? encoder : zstd_encoder_new(1);
    decoder = decoder ? decoder : zstd_decoder_new();
    if (size < 2)
        return 0;
    struct str bytes = str_make((const char *)data + 2, size - 2);
    size_t head_size = bytes.len * data[0] / 255;
    struct buf stored = BUF_INIT;
    zstd_encoder_run(encoder, str_first(bytes, head_size), &stored);
    buf_str(&stored, str_skip(bytes, head_size));
    struct index_block entry = {.head_size = (uint32_t)head_size,
                                .bit_size = (uint32_t)(bytes.len - head_size),
                                .sum = hash64(stored.ptr, stored.len, 0)};
    struct block_values values = {.count = 0};
    if (block_values_read(&values, buf_view(&stored), &entry, decoder) == OK)
        decode_all(&values, 1 + data[1] * 2U);
    block_values_release(&values);
    buf_release(&stored);
    return 0;
}
