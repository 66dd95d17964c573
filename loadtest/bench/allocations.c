#include "loadtest/bench/allocations.h"

#include <stdlib.h>

// The linker sends all calls of the program here (--wrap) and the calls here to the C library.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static uint64_t calls; // benches have one thread

uint64_t allocations_so_far(void) { return calls; }

void *__wrap_malloc(size_t size) {
    calls++;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
    calls++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *p, size_t size) {
    calls++;
    return __real_realloc(p, size);
}
