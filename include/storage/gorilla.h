// Gorilla chunks: a run of samples of one series in as few bits as their regularity allows.
//
// Timestamps are delta-of-delta coded, values XORed with their predecessor (Pelkonen et al.,
// "Gorilla: A Fast, Scalable, In-Memory Time Series Database", VLDB 2015). Values are kept to the
// bit, NaN payloads and the staleness marker included. The byte layout is in storage/FORMAT.md.
//
// A chunk is appended to by one writer through `struct gorilla`, and read by `struct
// gorilla_reader` over the bytes written so far. Timestamps must increase strictly: asserted.
#ifndef STORAGE_GORILLA_H
#define STORAGE_GORILLA_H

#include "base/str.h"
#include "model/sample.h"

// Samples a chunk is closed at, and the most bytes it may take (a chunk of noise closes earlier).
#define GORILLA_SAMPLES_MAX 120
#define GORILLA_BYTES_MAX   2040

struct gorilla {
    unsigned char *bytes; // owned; grows as needed
    uint32_t bit_count;
    uint32_t byte_capacity;
    int64_t t_first_ms;
    int64_t t_last_ms;
    int64_t delta_ms; // between the last two
    double last;
    uint16_t sample_count;
    uint8_t leading;  // zero bits before and after the last stored XOR window
    uint8_t trailing; // leading + trailing == 64: none yet
};

void gorilla_init(struct gorilla *g);
void gorilla_release(struct gorilla *g);
// False, with nothing changed, when the chunk is full: at GORILLA_SAMPLES_MAX, or when one more
// sample might outgrow GORILLA_BYTES_MAX.
bool gorilla_append(struct gorilla *g, int64_t t_ms, double value);
// Starts over with an empty chunk, keeping the memory.
void gorilla_reset(struct gorilla *g);
// The encoded bytes so far; borrowed until the next append.
struct str gorilla_bytes(const struct gorilla *g);

struct gorilla_reader {
    const unsigned char *bytes; // borrowed
    uint64_t bit_count;
    uint64_t bit;
    int64_t t_ms;
    int64_t delta_ms;
    uint64_t value_bits;
    uint16_t index;
    uint16_t sample_count;
    uint8_t leading;
    uint8_t trailing;
};

void gorilla_reader_init(struct gorilla_reader *r, struct str bytes);
// 0 and the next sample, ERR_END after the last one, ERR_CORRUPT when the bytes end early or hold
// what no writer writes.
int gorilla_next(struct gorilla_reader *r, struct sample *out);
// Decodes everything into columns with room for GORILLA_SAMPLES_MAX; the number of samples, or
// ERR_CORRUPT. Faster than gorilla_next().
int gorilla_decode(struct str bytes, int64_t *times_ms, double *values);
uint16_t gorilla_sample_count(struct str bytes); // 0 when too short

#endif
