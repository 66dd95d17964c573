// Results of deterministic tasks, kept to answer the same task again: least recently used go first, none is older than
// its time to live, entries and bytes are bounded. What is kept are the very pieces that were relayed, by reference.
#ifndef COORDINATOR_CORE_CACHE_H
#define COORDINATOR_CORE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/list.h"
#include "base/map.h"
#include "base/ns.h"
#include "base/slab.h"
#include "coordinator/core/spool.h"

struct cache_entry {
    p2_handle self;
    struct p2_digest key;
    p2_ns expires_ns;
    struct p2_list used, age; // in cache.used, most recently used last; in cache.age, oldest first
    struct spool result;
    uint64_t size, bytes; // raw size of the result; memory its pieces hold
};

struct cache {
    struct p2_slab entries;
    struct p2_map by_key; // first half of the key -> entry; the whole key is compared
    struct p2_list used, age;
    uint64_t bytes, bytes_max;
    p2_ns ttl_ns;
    uint64_t evicted;
};

// False when memory is short. No entries: a cache that keeps nothing.
bool cache_init(struct cache *k, uint32_t entries, uint64_t bytes_max, p2_ns ttl_ns, const uint64_t seed[static 2]);
void cache_deinit(struct cache *k);

// NULL when unknown or too old. A hit makes it the most recently used. Lends it until the next cache_put or cache_tick.
const struct cache_entry *cache_find(struct cache *k, const struct p2_digest *key, p2_ns now);

// Takes the pieces of a whole result of `size` raw bytes, in place of an older one of that key; *result is empty
// afterwards. Others are evicted to make room. False, and nothing taken, when it is larger than the whole cache.
bool cache_put(struct cache *k, const struct p2_digest *key, struct spool *result, uint64_t size, p2_ns now);

void cache_forget(struct cache *k, const struct p2_digest *key); // harmless when unknown
void cache_tick(struct cache *k, p2_ns now);                     // drops what is too old
uint64_t cache_piece_bytes(const struct piece *p);               // memory a piece holds
void cache_check(const struct cache *k, uint32_t entries);       // asserts its invariants

#endif
