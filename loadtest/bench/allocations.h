// How often the program asked the C library for memory. Works where the linker sends malloc, calloc and realloc here.
#ifndef LOADTEST_BENCH_ALLOCATIONS_H
#define LOADTEST_BENCH_ALLOCATIONS_H

#include <stdint.h>

uint64_t allocations_so_far(void);

#endif
