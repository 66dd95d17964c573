// xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64. For schedules, jitter and tests; not for secrets.
#ifndef P2_BASE_RNG_H
#define P2_BASE_RNG_H

#include <stdint.h>

struct p2_rng {
    uint64_t s[4];
};

void p2_rng_init(struct p2_rng *r, uint64_t seed);
uint64_t p2_rng_next(struct p2_rng *r);
uint64_t p2_rng_below(struct p2_rng *r, uint64_t bound); // unbiased in [0, bound); bound > 0
double p2_rng_unit(struct p2_rng *r);                    // [0, 1)

#endif
