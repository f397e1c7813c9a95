// Arbitrary bytes as an XOR chunk: times that come out increase, and a narrower range gives a part of
// what the whole gives. The same bytes as a block's meta.json never crash.
#include <assert.h>

#include "import_block.h"
#include "import_chunk.h"
#include "model/sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_part(struct str bytes, const struct columns *all)
{
    struct columns part;
    columns_init(&part);
    int64_t from_ms = all->times_ms[all->count / 3], to_ms = all->times_ms[all->count / 2];
    assert(xor_chunk_decode(bytes, from_ms, to_ms, &part) == OK);
    assert(part.count == all->count / 2 - all->count / 3 + 1);
    for (size_t i = 0; i < part.count; i++) {
        assert(part.times_ms[i] == all->times_ms[all->count / 3 + i]);
        assert(double_bits(part.values[i]) == double_bits(all->values[all->count / 3 + i]));
    }
    columns_release(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str bytes = str_make((const char *)data, size);
    struct prom_block_meta meta;
    struct columns all;
    struct error err;
    columns_init(&all);
    int rc = xor_chunk_decode(bytes, INT64_MIN, INT64_MAX, &all);
    assert(rc == OK ? all.count == prom_chunk_sample_count(bytes) : all.count == 0);
    for (size_t i = 1; i < all.count; i++)
        assert(all.times_ms[i - 1] < all.times_ms[i]);
    if (all.count)
        check_part(bytes, &all);
    columns_release(&all);
    prom_block_meta_parse(&meta, bytes, &err);
    prom_block_meta_release(&meta);
    return 0;
}
