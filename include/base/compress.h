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

// The same with working memory that is kept between calls, for many small buffers.
struct zstd_encoder;
struct zstd_encoder *zstd_encoder_new(int level);
void zstd_encoder_free(struct zstd_encoder *e);
void zstd_encoder_run(struct zstd_encoder *e, struct str in, struct buf *out);

struct zstd_decoder;
struct zstd_decoder *zstd_decoder_new(void);
void zstd_decoder_free(struct zstd_decoder *d);
// Fills exactly `size` bytes: ERR_CORRUPT when the content is of another size.
int zstd_decoder_run(struct zstd_decoder *d, struct str in, char *out, size_t size);

#endif
