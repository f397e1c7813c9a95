// Whole-buffer compression. Each function appends to *out; the decompressing ones never write more
// than `size_max` bytes in all: ERR_LIMIT past it, ERR_CORRUPT on bad input.
#ifndef BASE_COMPRESS_H
#define BASE_COMPRESS_H

#include "base/buf.h"
#include "base/error.h"

void gzip_compress(struct str in, struct buf *out);
int gzip_decompress(struct str in, size_t size_max, struct buf *out); // gzip or zlib wrapping
void snappy_encode(struct str in, struct buf *out);                   // block format
int snappy_decode(struct str in, size_t size_max, struct buf *out);
void zstd_encode(struct str in, int level, struct buf *out);
int zstd_decode(struct str in, size_t size_max, struct buf *out);

#endif
