#include <stdatomic.h>
#include <stdlib.h>

#include "testlib.h"

// The linker sends the test's calls here (--wrap) and the calls here to the C library.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static atomic_uint_fast64_t calls;
static atomic_uint_fast64_t fail_at; // the value of calls that fails; 0: none
static atomic_bool failed;

void t_alloc_reset(void) {
    atomic_store(&fail_at, 0);
    atomic_store(&failed, false);
    atomic_store(&calls, 0);
}

uint64_t t_alloc_count(void) { return atomic_load(&calls); }

void t_alloc_fail_at(uint64_t n) {
    atomic_store(&failed, false);
    atomic_store(&fail_at, atomic_load(&calls) + n);
}

bool t_alloc_failed(void) { return atomic_load(&failed); }

static bool fails(void) {
    if (atomic_fetch_add(&calls, 1) + 1 != atomic_load(&fail_at)) return false;
    atomic_store(&failed, true);
    return true;
}

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *p, size_t size) { return fails() ? NULL : __real_realloc(p, size); }
