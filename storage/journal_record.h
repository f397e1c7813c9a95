// The bytes of journal records (storage/FORMAT.md, "Journal").
#ifndef STORAGE_JOURNAL_RECORD_H
#define STORAGE_JOURNAL_RECORD_H

#include "base/buf.h"
#include "base/coding.h"
#include "model/labels.h"

// What a segment file begins with; the last two digits are the format's version.
#define SEGMENT_MAGIC      "LWJRNL01"
#define SEGMENT_MAGIC_SIZE 8

#define RECORD_HEADER_SIZE 12 // be32 size of what follows, be64 checksum of it
#define RECORD_SIZE_MAX    ((uint32_t)64 << 20)

enum record_type { RECORD_SERIES = 1, RECORD_SAMPLES = 2 };

// Begins a record of this type; end it with record_end(), giving what this returned.
size_t record_begin(struct buf *out, enum record_type type);
void record_end(struct buf *out, size_t start);
// Takes the next sound record off *rest: false at the end, at zeros, or at what is no sound record.
bool record_next(struct str *rest, enum record_type *type, struct str *payload);

void record_put_series(struct buf *out, struct labels labels);

// Codes samples: each step against the one before. Shared by writer and reader.
struct sample_coder {
    uint32_t id;
    int64_t t_ms;
    size_t run_at; // where the control byte of a growing run stands, 0: none
};

void coder_put(struct buf *out, struct sample_coder *c, uint32_t id, int64_t t_ms, uint64_t xored);
// What one control byte stands for.
struct coded {
    uint32_t id;
    int64_t t_ms;
    uint64_t xored;
    unsigned run; // samples with ids id, id + 1, ... all unchanged when run > 1
};
// False on bad input or at its end.
bool coder_get(struct decoder *d, struct sample_coder *c, struct coded *out);

#endif
