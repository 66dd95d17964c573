// Where the memory of everything that a game links comes from: the C library, or functions of the game's own. The one
// door: base, msg, wire, net and the client's core and shell call no malloc (tests/tidy/bans.py).
#ifndef P2_BASE_MEM_H
#define P2_BASE_MEM_H

#include <stddef.h>

struct p2_mem_hooks { // as their namesakes of the C library; called from any thread that uses what is built on this
    void *context;
    void *(*allocate)(void *context, size_t size);
    void *(*allocate_zeroed)(void *context, size_t count, size_t size);
    void *(*reallocate)(void *context, void *old, size_t size);
    void (*release)(void *context, void *old); // never with NULL
};

// For the whole process, while nothing is allocated and no other thread uses it. Copied; NULL: the C library's again.
void p2_mem_hook(const struct p2_mem_hooks *hooks);

void *p2_malloc(size_t size);
void *p2_calloc(size_t count, size_t size);
void *p2_realloc(void *old, size_t size);
void p2_free(void *old);

#endif
