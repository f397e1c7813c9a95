// The tombstones file of a Prometheus block: which samples of which series are deleted.
#ifndef STORAGE_IMPORT_STONES_H
#define STORAGE_IMPORT_STONES_H

#include "base/error.h"
#include "storage/querier.h"

struct prom_stone {
    uint64_t ref; // of a series
    int64_t min_ms, max_ms;
};

struct prom_stones {
    struct prom_stone *items; // owned; by ref
    size_t count;
    size_t capacity;
};

void prom_stones_add(struct prom_stones *s, struct prom_stone stone);
void prom_stones_sort(struct prom_stones *s);
void prom_stones_release(struct prom_stones *s);
// Reads a file's bytes; sorted. ERR_CORRUPT; release in both cases.
int prom_stones_parse(struct prom_stones *s, struct str bytes, struct error *err);
// Removes from *c, behind its first `from` samples, what is deleted of a series; returns how many.
size_t prom_stones_apply(const struct prom_stones *s, uint64_t ref, struct columns *c, size_t from);

#endif
