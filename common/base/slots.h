// Objects of equal size side by side, each known by its slot: links between them are 32-bit slots instead of pointers.
// A link is slot + 1, so that zeroed storage links to nothing.
#ifndef P2_BASE_SLOTS_H
#define P2_BASE_SLOTS_H

#include <stdint.h>

#include "slab.h"

#define P2_NO_SLOT UINT32_MAX // the slot of the link 0

// Where each slot's node is, inside the object.
struct p2_slots {
    unsigned char *base; // lent by whoever has the objects
    size_t stride;
};

// The node at `offset` of each object in a slab.
static inline struct p2_slots p2_slots_of(const struct p2_slab *s, size_t offset) {
    return (struct p2_slots){s->objects + offset, s->object_size};
}

static inline void *p2_slots_at(const struct p2_slots *s, uint32_t slot) { return s->base + slot * s->stride; }

#endif
