// 64-bit hashes. hash64() is XXH3 with a seed: stable across runs and machines, so it may reach the
// disk (checksums, label hashes). hash_fnv1a() is the 64-bit FNV-1a that Alertmanager's
// fingerprints are made of.
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#define HASH_FNV1A_START UINT64_C(14695981039346656037)

uint64_t hash64(const void *ptr, size_t len, uint64_t seed);
// XXH64 with seed 0, where another program's hashes are to be met.
uint64_t hash_xxh64(const void *ptr, size_t len);
// Continues from `state` (HASH_FNV1A_START at first).
uint64_t hash_fnv1a(uint64_t state, const void *ptr, size_t len);

static inline uint64_t hash_str(struct str s)
{
    return hash64(s.ptr, s.len, 0);
}

#endif
