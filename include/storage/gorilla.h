// Gorilla chunks: a run of samples of one series in as few bits as their regularity allows.
//
// After Pelkonen et al., "Gorilla: A Fast, Scalable, In-Memory Time Series Database" (VLDB 2015):
// times by the change of their distance, values by what they share with their predecessor. Two
// things are added: runs of samples that repeat what came before are counted, and values that are
// decimal numbers are written as differences of integers. Values are kept to the bit, NaN payloads
// and the staleness marker included. Chunks stay in memory; their bytes are described in
// storage/gorilla.c.
//
// The writer keeps no bytes: it hands out words of 32 bits as they fill, and its owner stores them.
// Times must increase strictly: asserted.
#ifndef STORAGE_GORILLA_H
#define STORAGE_GORILLA_H

#include "base/str.h"
#include "model/sample.h"

#define GORILLA_SAMPLES_MAX 120
#define GORILLA_HEADER_SIZE 18   // 16 bits: samples, 64: first time, 64: first value
#define GORILLA_BYTES_MAX   2040 // more than any chunk takes
#define GORILLA_WORDS_MAX   5    // that one sample may fill, or the end

// The state of a chunk being written; all zero is an empty one.
struct gorilla {
    int64_t t_last_ms; // valid from the first sample on, and kept when the next chunk begins
    double last;
    uint32_t delta_ms; // between the last two; 0 before the second
    uint32_t tail;     // bits that fill no word yet, from the highest on
    uint16_t bit_count;
    uint8_t sample_count;
    uint8_t run;      // newest samples that repeat what came before and are not written yet
    uint8_t leading;  // zero bits before and after the last XOR window
    uint8_t trailing; // both 0: none yet
    uint8_t width;    // bits of a difference; WIDTH_SIGNED
    uint8_t exponent; // of the decimals
};

_Static_assert(sizeof(struct gorilla) == 32, "one for each series in memory");

// Adds a sample and stores the words that it fills, in the order of their bytes in the chunk, at
// `words`. Returns how many, or -1, with nothing changed, when the chunk can take no more: it is
// full, or the sample comes more than 49 days after the last one.
int gorilla_append(struct gorilla *g, int64_t t_ms, double value, uint32_t *words);
// What is left for the end of the chunk's bytes: stored at `words`, zeros behind it. Returns the
// bits of the whole chunk without its header. The chunk may grow on.
unsigned gorilla_finish(const struct gorilla *g, uint32_t *words);
// Begins another chunk.
static inline void gorilla_reset(struct gorilla *g)
{
    *g = (struct gorilla){.t_last_ms = g->t_last_ms, .last = g->last};
}

void gorilla_header_put(unsigned char *out, unsigned sample_count, int64_t t_first_ms,
                        double first);
// Decodes a chunk, header and bits, into columns with room for GORILLA_SAMPLES_MAX; the number of
// samples, or ERR_CORRUPT when the bytes end early or hold what no writer writes.
int gorilla_decode(struct str bytes, int64_t *times_ms, double *values);

#endif
