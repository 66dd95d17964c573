// Keyed hash of 16 bytes: who chooses keys cannot choose collisions without the seed.
#ifndef P2_BASE_HASH_H
#define P2_BASE_HASH_H

#include "id.h"

uint64_t p2_hash_id(const struct p2_id *key, const uint64_t seed[static 2]); // SipHash-1-3

#endif
