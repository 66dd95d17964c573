#include "slab.h"

#include <string.h>

#include "check.h"
#include "mem.h"

#define NO_SLOT UINT32_MAX
#define ALIGNMENT ((size_t)16) // what malloc promises, kept for every object

static p2_handle handle_of(const struct p2_slab *s, uint32_t slot) {
    return (p2_handle)s->generation[slot] << 32 | slot;
}

bool p2_slab_init(struct p2_slab *s, size_t object_size, uint32_t capacity) {
    P2_CHECK(capacity < NO_SLOT);
    *s = (struct p2_slab){.capacity = capacity, .free_head = NO_SLOT};
    if (object_size > SIZE_MAX - ALIGNMENT) return false;
    s->object_size = (object_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t bytes, slots = capacity ? capacity : 1;
    if (__builtin_mul_overflow(s->object_size, slots, &bytes)) return false;
    s->inverse = UINT64_MAX / (s->object_size ? s->object_size : 1) + 1;
    s->objects = p2_malloc(bytes ? bytes : 1);
    s->generation = p2_calloc(slots, sizeof *s->generation);
    s->next_free = p2_calloc(slots, sizeof *s->next_free);
    if (!s->objects || !s->generation || !s->next_free) {
        p2_slab_deinit(s);
        return false;
    }
    for (uint32_t i = capacity; i-- > 0;) {
        s->next_free[i] = s->free_head;
        s->free_head = i;
    }
    return true;
}

void p2_slab_deinit(struct p2_slab *s) {
    p2_free(s->objects);
    p2_free(s->generation);
    p2_free(s->next_free);
    *s = (struct p2_slab){.free_head = NO_SLOT};
}

void *p2_slab_alloc(struct p2_slab *s, p2_handle *handle_out) {
    uint32_t slot = s->free_head;
    if (slot == NO_SLOT) {
        *handle_out = P2_NO_HANDLE;
        return NULL;
    }
    s->free_head = s->next_free[slot];
    s->generation[slot]++;
    s->live++;
    *handle_out = handle_of(s, slot);
    return memset(p2_slab_in(s, slot), 0, s->object_size);
}

void p2_slab_free(struct p2_slab *s, p2_handle h) {
    P2_CHECK(p2_slab_get(s, h) != NULL);
    uint32_t slot = (uint32_t)h;
    s->generation[slot]++;
    s->next_free[slot] = s->free_head;
    s->free_head = slot;
    s->live--;
}

size_t p2_slab_bytes(const struct p2_slab *s) {
    return s->capacity * (s->object_size + sizeof *s->generation + sizeof *s->next_free);
}
