// The frames of a journal segment: what went to the kernel at once, with a checksum (storage/FORMAT.md,
// "Journal segment").
#ifndef STORAGE_JOURNAL_FRAME_H
#define STORAGE_JOURNAL_FRAME_H

#include "base/buf.h"
#include "base/compress.h"

// What a segment file begins with; the last two digits are the format's version.
#define SEGMENT_MAGIC      "LWJRNL03"
#define SEGMENT_MAGIC_SIZE 8

struct frame {
    size_t begin, end; // in the segment's file
    uint32_t declared; // series that the segment declares before this frame
    struct str bytes;  // its records, as they are or packed
    size_t size;       // of the records
    bool packed;
};

// Appends a frame that is to stand at this place of the file: the records packed, or as they are
// where that is smaller.
void frame_put(struct buf *out, struct zstd_encoder *encoder, uint64_t place, uint32_t declared,
               struct str records);
// The first sound frame of the file at or behind `from`. False when there is none.
bool frame_find(struct str file, size_t from, struct frame *out);
// Its records, unpacked into *buffer if they must be; borrowed from there or from the file. False
// when they can't be.
bool frame_records(const struct frame *f, struct zstd_decoder *decoder, struct buf *buffer,
                   struct str *out);

#endif
