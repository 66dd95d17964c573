// Meldable min-heap of slots, 16 bytes per node: meld.h (a leftist heap; push and remove in O(log n), worst case) for
// objects of one slab. The order is the owner's function; what it looks at must not change while a node is in a heap.
#ifndef P2_BASE_SLOT_MELD_H
#define P2_BASE_SLOT_MELD_H

#include "slots.h"

struct p2_slot_meld_node {
    uint32_t left, right, up; // links
    uint8_t rank;             // nodes down to the nearest gap, along the right; 0: in no heap
};

// Zeroed storage is an empty heap, and a node that is in none.
struct p2_slot_meld {
    uint32_t root; // link
};

typedef bool p2_slot_meld_before(const struct p2_slot_meld_node *a,
                                 const struct p2_slot_meld_node *b); // never both ways

static inline bool p2_slot_meld_in(const struct p2_slot_meld_node *n) { return n->rank != 0; }
static inline uint32_t p2_slot_meld_peek(const struct p2_slot_meld *m) { return m->root - 1; } // P2_NO_SLOT when empty

// Lends the node to the heap until removed. A node already in one is our bug.
void p2_slot_meld_push(const struct p2_slots *s, struct p2_slot_meld *m, uint32_t slot, p2_slot_meld_before *before);
// Harmless when in none.
void p2_slot_meld_remove(const struct p2_slots *s, struct p2_slot_meld *m, uint32_t slot, p2_slot_meld_before *before);

// Asserts links, ranks and order below one node; a walk over all of them is the caller's.
void p2_slot_meld_check(const struct p2_slots *s, const struct p2_slot_meld *m, uint32_t slot,
                        p2_slot_meld_before *before);

#endif
