// Objects of one slab in an order, the first of them at hand, 16 bytes per node. Those that come in order wait in a
// line, which costs next to nothing; one that goes before the last of the line waits in a heap (slot_meld.h), O(log n).
// The order is the owner's function; what it looks at must not change while a node is in.
#ifndef P2_BASE_SLOT_ORDER_H
#define P2_BASE_SLOT_ORDER_H

#include "slot_list.h"
#include "slot_meld.h"

// Zeroed storage is empty. Its nodes are p2_slot_meld_node; in the line their rank is P2_SLOT_IN_LINE, which no heap
// has.
struct p2_slot_order {
    struct p2_slot_list line;
    struct p2_slot_meld heap;
    uint32_t count;
};

#define P2_SLOT_IN_LINE 255u

static inline bool p2_slot_order_in(const struct p2_slot_meld_node *n) { return n->rank != 0; }

// P2_NO_SLOT when empty.
uint32_t p2_slot_order_first(const struct p2_slots *s, const struct p2_slot_order *o, p2_slot_meld_before *before);

// All of them, nearly in order: those of the heap, then the line. P2_NO_SLOT at the end, or when empty.
uint32_t p2_slot_order_walk(const struct p2_slot_order *o);
uint32_t p2_slot_order_next(const struct p2_slots *s, const struct p2_slot_order *o, uint32_t slot);

// Lends the node until removed. One already in is our bug.
void p2_slot_order_push(const struct p2_slots *s, struct p2_slot_order *o, uint32_t slot, p2_slot_meld_before *before);
// Harmless when not in.
void p2_slot_order_remove(const struct p2_slots *s, struct p2_slot_order *o, uint32_t slot,
                          p2_slot_meld_before *before);

// Asserts that one that is in stands where it should; a walk over all of them is the caller's.
void p2_slot_order_check(const struct p2_slots *s, const struct p2_slot_order *o, uint32_t slot,
                         p2_slot_meld_before *before);

#endif
