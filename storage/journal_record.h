// The bytes of journal records, of which frames are made (storage/FORMAT.md, "Journal segment").
#ifndef STORAGE_JOURNAL_RECORD_H
#define STORAGE_JOURNAL_RECORD_H

#include "base/buf.h"
#include "base/coding.h"
#include "model/labels.h"

enum record_type { RECORD_SERIES = 1, RECORD_SAMPLES = 2, RECORD_LATE = 3, RECORD_VALUES = 4 };

// Begins a record of this type; end it with record_end(), giving what this returned.
size_t record_begin(struct buf *out, enum record_type type);
void record_end(struct buf *out, size_t start);
// Takes the next record off *rest: false at the end, or at what is no record.
bool record_next(struct str *rest, enum record_type *type, struct str *payload);

// `bits` is the value that the series' first sample in the segment is coded against.
void record_put_series(struct buf *out, struct labels labels, uint64_t bits);

// How a changed value is written: as the distance between two integers, between two numbers of at
// most three decimals (times 1000), or as the XOR of any two, bytes swapped.
enum value_code { VALUE_XOR, VALUE_INTEGER, VALUE_MILLI };

// Codes samples: each step against the one before. Shared by writer and reader.
struct sample_coder {
    uint32_t id;
    int64_t t_ms;
    size_t run_at; // where the control byte of a growing run stands, 0: none
};

// Values are the bits of doubles; `before` is the series' previous one.
void coder_put(struct buf *out, struct sample_coder *c, uint32_t id, int64_t t_ms, uint64_t before,
               uint64_t bits);

// What one control byte stands for.
struct coded {
    uint32_t id;
    int64_t t_ms;
    unsigned run; // samples with ids id, id + 1, ... all unchanged when run > 1
    bool changed;
    enum value_code code;
    uint64_t value; // as coded
};
// False on bad input or at its end.
bool coder_get(struct decoder *d, struct sample_coder *c, struct coded *out);
// The bits of a sample's value, given those before.
uint64_t coded_value(const struct coded *c, uint64_t before);

#endif
