// Finds objects by a key that lies in them: a hash table of slots, at most three quarters full, so 5.4 bytes for each
// object there may be, and no key is kept twice. Keyed hash, as map.h. Capacity fixed; nothing is allocated after init.
//
// An entry is a slot and, in the bits above that no slot needs, how far it lies from its home and a few bits of its
// hash. Entries lie in order of their homes (Robin Hood hashing): a search ends at the first that lies nearer to its
// home than what is searched for would, looks into few objects that are not it, and removal closes the gap.
#ifndef P2_BASE_INDEX_H
#define P2_BASE_INDEX_H

#include "id.h"
#include "slots.h"

typedef void p2_index_key(const void *context, uint32_t slot, struct p2_id *out); // of an object that is in

struct p2_index {
    uint32_t *entries;
    uint32_t places, count, capacity;
    uint32_t slot_mask, far_max, mark_mask;
    uint8_t slot_bits, mark_at; // where in an entry the distance begins, and the bits of the hash
    uint64_t seed[2];
    p2_index_key *key;
    const void *context;
};

// Of `capacity` objects whose slots are below slots_end. The context is lent until deinit. False when memory is short.
bool p2_index_init(struct p2_index *ix, uint32_t capacity, uint32_t slots_end, const uint64_t seed[static 2],
                   p2_index_key *key, const void *context);
void p2_index_deinit(struct p2_index *ix);
size_t p2_index_bytes(const struct p2_index *ix);

// The object's key must be there already and stay as it is until it is removed.
bool p2_index_put(struct p2_index *ix, uint32_t slot);    // false: one with this key is in, or full
bool p2_index_remove(struct p2_index *ix, uint32_t slot); // false: not in
// What is in at slot `from` is at `to` from now on, with the same key. Both have it during the call. False: not in.
bool p2_index_replace(struct p2_index *ix, uint32_t from, uint32_t to);
uint32_t p2_index_get(const struct p2_index *ix, const struct p2_id *key); // P2_NO_SLOT when absent

// Has the processor fetch where this key would be looked for, so that a search a moment later need not wait.
void p2_index_prefetch(const struct p2_index *ix, const struct p2_id *key);

void p2_index_check(const struct p2_index *ix); // asserts that each is where it is looked for

#endif
