#include "rng.h"

#include "check.h"

static uint64_t rotl(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

void p2_rng_init(struct p2_rng *r, uint64_t seed) {
    for (int i = 0; i < 4; i++) { // splitmix64: never gives four zeros
        uint64_t z = (seed += UINT64_C(0x9e3779b97f4a7c15));
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        r->s[i] = z ^ (z >> 31);
    }
}

uint64_t p2_rng_next(struct p2_rng *r) {
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t p2_rng_below(struct p2_rng *r, uint64_t bound) {
    P2_CHECK(bound > 0);
    // Draws under 2^64 mod bound are thrown away, so every remainder is equally likely.
    uint64_t reject = (0 - bound) % bound;
    uint64_t draw;
    do draw = p2_rng_next(r);
    while (draw < reject);
    return draw % bound;
}

double p2_rng_unit(struct p2_rng *r) { return (double)(p2_rng_next(r) >> 11) * 0x1.0p-53; }
