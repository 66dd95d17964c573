// Min-heap of slots by a 64-bit key: 12 bytes per place and 4 in each object (heap.h: 8 and 24). Four children to a
// node lie side by side with their keys, so that going down looks at no object. Push and remove are O(log n). Equal
// keys leave in the order of the owner's function, so in that of arrival if it says so.
#ifndef P2_BASE_SLOT_HEAP_H
#define P2_BASE_SLOT_HEAP_H

#include "slots.h"

// Zeroed storage is a node in no heap. The key is in the heap: the object need not have it too.
struct p2_slot_heap_node {
    uint32_t at; // place in the heap + 1
};

// Of two with the same key: does a leave first? Never both ways.
typedef bool p2_slot_heap_tie(const struct p2_slot_heap_node *a, const struct p2_slot_heap_node *b);

struct p2_slot_heap {
    int64_t *keys;
    uint32_t *slots;
    uint32_t count, capacity;
    struct p2_slots nodes;
    p2_slot_heap_tie *tie;
};

// Fixed capacity, allocated here. False when memory is short.
bool p2_slot_heap_init(struct p2_slot_heap *h, uint32_t capacity, struct p2_slots nodes, p2_slot_heap_tie *tie);
void p2_slot_heap_deinit(struct p2_slot_heap *h);
size_t p2_slot_heap_bytes(const struct p2_slot_heap *h);

static inline bool p2_slot_heap_in(const struct p2_slot_heap_node *n) { return n->at != 0; }

// Lends the object to the heap until removed. A full heap or an object already in one is our bug.
void p2_slot_heap_push(struct p2_slot_heap *h, uint32_t slot, int64_t key);
uint32_t p2_slot_heap_peek(const struct p2_slot_heap *h);              // P2_NO_SLOT when empty
int64_t p2_slot_heap_key(const struct p2_slot_heap *h, uint32_t slot); // of one that is in
void p2_slot_heap_remove(struct p2_slot_heap *h, uint32_t slot);       // harmless when not in

void p2_slot_heap_check(const struct p2_slot_heap *h); // asserts order and places

#endif
