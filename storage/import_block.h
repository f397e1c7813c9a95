// One block of a Prometheus data folder: meta.json, index, chunks, tombstones.
#ifndef STORAGE_IMPORT_BLOCK_H
#define STORAGE_IMPORT_BLOCK_H

#include "import_chunk.h"
#include "import_index.h"
#include "import_stones.h"

#define ULID_SIZE 26

struct prom_block_meta {
    int64_t min_ms, max_ms; // [min, max)
    uint64_t sample_count;
    bool deletable;                 // it is empty and only waits to be removed
    bool late;                      // made of late samples: the log may hold others of its time
    char (*parents)[ULID_SIZE + 1]; // owned; blocks that this one replaces
    size_t parent_count;
};

// meta.json. ERR_CORRUPT, ERR_UNSUPPORTED; release in both cases.
int prom_block_meta_parse(struct prom_block_meta *meta, struct str text, struct error *err);
void prom_block_meta_release(struct prom_block_meta *meta);

struct prom_block {
    struct prom_index index;
    struct str index_bytes; // mapped
    struct str *segments;   // owned; mapped
    size_t segment_count;
    struct prom_stones stones;
};

// True when the name is a block's.
bool prom_block_name(struct str name);
int prom_block_open(struct prom_block *b, const char *path, struct error *err);
void prom_block_close(struct prom_block *b);

// The bytes of a chunk and its encoding, after checking its sum.
int prom_block_chunk(const struct prom_block *b, uint64_t ref, unsigned *encoding, struct str *data,
                     struct error *err);
// What was passed over; a chunk counts where it begins.
struct prom_block_counts {
    uint64_t deleted; // samples
    uint64_t histogram_chunks;
    uint64_t histogram_samples;
    uint64_t unknown_chunks;
};

// Appends the samples of a series with min_ms <= t <= max_ms, in order of time, without those that
// are deleted.
int prom_block_read(const struct prom_block *b, const struct prom_series *series, int64_t min_ms,
                    int64_t max_ms, struct columns *out, struct prom_block_counts *counts,
                    struct error *err);

#endif
