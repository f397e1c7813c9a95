// What a notification says, by alert: the label fingerprints of the firing and the resolved ones.
#ifndef ALERTING_TOLD_H
#define ALERTING_TOLD_H

#include "base/buf.h"
#include "base/coding.h"

struct fingerprints {
    uint64_t *items; // owned, ascending once told_sort() was called
    size_t count;
    size_t capacity;
};

struct told {
    struct fingerprints firing;
    struct fingerprints resolved;
};

void told_add(struct told *t, uint64_t fingerprint, bool resolved);
void told_sort(struct told *t);
void told_release(struct told *t);
struct told told_copy(const struct told *t);
bool told_equal(const struct told *a, const struct told *b);
bool fingerprints_has(const struct fingerprints *all, uint64_t fingerprint);
bool fingerprints_contain(const struct fingerprints *all, const struct fingerprints *some);
void told_encode(struct buf *out, const struct told *t);
// False, and empty, on bad data.
bool told_decode(struct decoder *d, struct told *out);

#endif
