// A fixed number of equal objects with handles. A handle is slot + generation: after free it finds nothing, so a
// late message about a departed object is harmless. Objects do not move.
#ifndef P2_BASE_SLAB_H
#define P2_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "wide.h"

typedef uint64_t p2_handle; // generation << 32 | slot; 0 is never a live handle
#define P2_NO_HANDLE ((p2_handle)0)

struct p2_slab {
    unsigned char *objects;
    uint32_t *generation; // odd while live
    uint32_t *next_free;
    size_t object_size;
    uint64_t inverse; // 2^64 / object_size, rounded up
    uint32_t capacity, live, free_head;
};

// Memory for `capacity` objects is taken now. False when memory is short.
bool p2_slab_init(struct p2_slab *s, size_t object_size, uint32_t capacity);
void p2_slab_deinit(struct p2_slab *s);

// A zeroed object and its handle, or NULL when full. Lends it until p2_slab_free.
void *p2_slab_alloc(struct p2_slab *s, p2_handle *handle_out);
void p2_slab_free(struct p2_slab *s, p2_handle h); // a dead handle is our bug
size_t p2_slab_bytes(const struct p2_slab *s);

// The object in a slot that is known to be taken.
static inline void *p2_slab_in(const struct p2_slab *s, uint32_t slot) { return s->objects + slot * s->object_size; }

// NULL when dead.
static inline void *p2_slab_get(const struct p2_slab *s, p2_handle h) {
    uint32_t slot = (uint32_t)h;
    uint32_t generation = (uint32_t)(h >> 32);
    if (slot >= s->capacity || generation % 2 == 0 || s->generation[slot] != generation) return NULL;
    return p2_slab_in(s, slot);
}

// For walking all: the object in a slot and its handle, or NULL when the slot is free.
static inline void *p2_slab_at(const struct p2_slab *s, uint32_t slot, p2_handle *handle_out) {
    bool live = slot < s->capacity && s->generation[slot] % 2 == 1;
    *handle_out = live ? (p2_handle)s->generation[slot] << 32 | slot : P2_NO_HANDLE;
    return live ? p2_slab_in(s, slot) : NULL;
}

// Of a live object.
static inline p2_handle p2_slab_handle(const struct p2_slab *s, const void *object) {
    uint64_t offset = (uint64_t)((const unsigned char *)object - s->objects);
    // Exact: it is a multiple of the size, and 2^64 is further off than their product.
    uint32_t slot = (uint32_t)((p2_wide)offset * s->inverse >> 64);
    P2_CHECK(slot < s->capacity && s->generation[slot] % 2 == 1);
    return (p2_handle)s->generation[slot] << 32 | slot;
}

#endif
