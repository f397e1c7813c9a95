#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(const void *ptr, size_t len, uint64_t seed)
{
    return XXH3_64bits_withSeed(ptr, len, seed);
}

uint64_t hash_xxh64(const void *ptr, size_t len)
{
    return XXH64(ptr, len, 0);
}

uint64_t hash_fnv1a(uint64_t state, const void *ptr, size_t len)
{
    const unsigned char *bytes = ptr;
    for (size_t i = 0; i < len; i++)
        state = (state ^ bytes[i]) * UINT64_C(1099511628211);
    return state;
}
