#include "arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "mem.h"

#define ALIGNMENT ((size_t)16)

bool p2_arena_init(struct p2_arena *a, size_t capacity) {
    *a = (struct p2_arena){.capacity = capacity};
    a->base = p2_malloc(capacity ? capacity : 1);
    return a->base != NULL;
}

void p2_arena_deinit(struct p2_arena *a) {
    p2_free(a->base);
    *a = (struct p2_arena){0};
}

void *p2_arena_alloc(struct p2_arena *a, size_t size) {
    size_t padding = (ALIGNMENT - a->used % ALIGNMENT) % ALIGNMENT;
    size_t room = a->capacity - a->used;
    if (padding > room || size > room - padding) return NULL;
    void *p = a->base + a->used + padding;
    a->used += padding + size;
    return p;
}

void p2_arena_reset(struct p2_arena *a) { a->used = 0; }

const char *p2_arena_printf(struct p2_arena *a, const char *format, ...) {
    size_t room = a->capacity - a->used;
    if (room == 0) return "";
    char *text = (char *)a->base + a->used;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, room, format, args);
    va_end(args);
    if (wanted < 0) return "";
    a->used += (size_t)wanted < room ? (size_t)wanted + 1 : room;
    return text;
}
