// Chunks of Prometheus' blocks: the bytes behind a chunk's encoding byte, decoded into columns.
#ifndef STORAGE_IMPORT_CHUNK_H
#define STORAGE_IMPORT_CHUNK_H

#include "base/error.h"
#include "storage/querier.h"

enum prom_encoding {
    PROM_ENCODING_XOR = 1,
    PROM_ENCODING_HISTOGRAM = 2,
    PROM_ENCODING_FLOAT_HISTOGRAM = 3,
};

// Appends the samples of an XOR chunk with min_ms <= t <= max_ms. ERR_CORRUPT when the bytes end
// early or times don't increase; *out then keeps what it held.
int xor_chunk_decode(struct str data, int64_t min_ms, int64_t max_ms, struct columns *out);
// The number of samples that any chunk begins with; 0 when too short.
uint16_t prom_chunk_sample_count(struct str data);

#endif
