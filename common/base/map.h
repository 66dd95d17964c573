// Hash map from a 128-bit key to a handle: open addressing, fixed capacity, keyed hash (a remote who chooses keys
// cannot choose collisions).
#ifndef P2_BASE_MAP_H
#define P2_BASE_MAP_H

#include "id.h"
#include "slab.h"

struct p2_map_entry {
    struct p2_id key;
    p2_handle value; // P2_NO_HANDLE: empty
};

struct p2_map {
    struct p2_map_entry *entries;
    uint32_t mask, count, capacity;
    uint64_t seed[2];
};

// Room for `capacity` entries at a load of at most one half. False when memory is short.
bool p2_map_init(struct p2_map *m, uint32_t capacity, const uint64_t seed[static 2]);
void p2_map_deinit(struct p2_map *m);

bool p2_map_put(struct p2_map *m, const struct p2_id *key, p2_handle value); // false: present already, or full
p2_handle p2_map_get(const struct p2_map *m, const struct p2_id *key);       // P2_NO_HANDLE when absent
bool p2_map_remove(struct p2_map *m, const struct p2_id *key);               // false when absent

#endif
