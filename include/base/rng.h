// Seeded random numbers (xoshiro256**, Blackman and Vigna 2018): not for secrets.
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state[4];
};

void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_u64(struct rng *r);
// 0 <= result < bound; bound > 0.
uint64_t rng_below(struct rng *r, uint64_t bound);
// 0 <= result < 1, 53 bits.
double rng_double(struct rng *r);

#endif
