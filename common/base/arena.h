// Bump allocator with a ceiling: everything is freed at once by reset. Used for one step's texts and one message's
// unpacking; too big a message fails, nothing leaks.
#ifndef P2_BASE_ARENA_H
#define P2_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct p2_arena {
    unsigned char *base;
    size_t used, capacity;
};

bool p2_arena_init(struct p2_arena *a, size_t capacity); // allocates now; false when memory is short
void p2_arena_deinit(struct p2_arena *a);
void *p2_arena_alloc(struct p2_arena *a, size_t size); // 16-byte aligned; NULL when full
void p2_arena_reset(struct p2_arena *a);

// Formats into the arena; a text that does not fit is cut; "" when nothing fits. Lends until reset.
const char *p2_arena_printf(struct p2_arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
