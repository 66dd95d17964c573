// Keyed hash of 16 bytes: who chooses keys cannot choose collisions without the seed.
#ifndef P2_BASE_HASH_H
#define P2_BASE_HASH_H

#include <stdint.h>
#include <string.h>

#include "id.h"
#include "wide.h"

// Both halves of a product of 64 by 64 bits, folded: each bit of the result depends on nearly all bits of both.
static inline uint64_t p2_hash_fold(uint64_t a, uint64_t b) {
    p2_wide product = (p2_wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

// Two rounds of folded multiplication, as in wyhash (Wang Yi, 2019), keyed throughout: the first takes in the key, the
// second spreads it, so that keys that differ in chosen bits do not fall together for most seeds.
static inline uint64_t p2_hash_id(const struct p2_id *key, const uint64_t seed[static 2]) {
    const uint64_t odd[2] = {UINT64_C(0x9e3779b97f4a7c15), UINT64_C(0xd6e8feb86659fd93)};
    uint64_t low, high;
    memcpy(&low, key->b, sizeof low);
    memcpy(&high, key->b + sizeof low, sizeof high);
    uint64_t taken = p2_hash_fold(low ^ seed[0], high ^ seed[1]);
    // A half that equals its seed would hide the other from the product.
    taken += p2_hash_fold(low ^ seed[1] ^ odd[0], odd[1]) ^ high;
    return p2_hash_fold(taken ^ seed[0] ^ odd[1], odd[0] ^ seed[1]);
}

#endif
