// A fixed number of equal objects with handles. A handle is slot + generation: after free it finds nothing, so a
// late message about a departed object is harmless. Objects do not move.
#ifndef P2_BASE_SLAB_H
#define P2_BASE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t p2_handle; // generation << 32 | slot; 0 is never a live handle
#define P2_NO_HANDLE ((p2_handle)0)

struct p2_slab {
    unsigned char *objects;
    uint32_t *generation; // odd while live
    uint32_t *next_free;
    size_t object_size;
    uint32_t capacity, live, free_head;
};

// Memory for `capacity` objects is taken now. False when memory is short.
bool p2_slab_init(struct p2_slab *s, size_t object_size, uint32_t capacity);
void p2_slab_deinit(struct p2_slab *s);

// A zeroed object and its handle, or NULL when full. Lends it until p2_slab_free.
void *p2_slab_alloc(struct p2_slab *s, p2_handle *handle_out);
void p2_slab_free(struct p2_slab *s, p2_handle h);       // a dead handle is our bug
void *p2_slab_get(const struct p2_slab *s, p2_handle h); // NULL when dead
// For walking all: the object in a slot and its handle, or NULL when the slot is free.
void *p2_slab_at(const struct p2_slab *s, uint32_t slot, p2_handle *handle_out);
p2_handle p2_slab_handle(const struct p2_slab *s, const void *object); // of a live one
size_t p2_slab_bytes(const struct p2_slab *s);

// The object in a slot that is known to be taken.
static inline void *p2_slab_in(const struct p2_slab *s, uint32_t slot) { return s->objects + slot * s->object_size; }

#endif
