#include "mem.h"

#include <stdlib.h>

// The only writable data of the pure archives (tests/tidy/purity.py): it is set once, before anything is built on it.
static struct p2_mem_hooks p2_mem_hooks; // no functions: the C library's

void p2_mem_hook(const struct p2_mem_hooks *hooks) { p2_mem_hooks = hooks ? *hooks : (struct p2_mem_hooks){0}; }

void *p2_malloc(size_t size) {
    return p2_mem_hooks.allocate ? p2_mem_hooks.allocate(p2_mem_hooks.context, size) : malloc(size);
}

void *p2_calloc(size_t count, size_t size) {
    return p2_mem_hooks.allocate_zeroed ? p2_mem_hooks.allocate_zeroed(p2_mem_hooks.context, count, size)
                                        : calloc(count, size);
}

void *p2_realloc(void *old, size_t size) {
    return p2_mem_hooks.reallocate ? p2_mem_hooks.reallocate(p2_mem_hooks.context, old, size) : realloc(old, size);
}

void p2_free(void *old) {
    if (!p2_mem_hooks.release)
        free(old);
    else if (old)
        p2_mem_hooks.release(p2_mem_hooks.context, old);
}
