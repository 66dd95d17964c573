// What tests share: counting and failing allocations, a folder of their own, bytes as hex, output caught.
#ifndef TESTS_LIB_TESTLIB_H
#define TESTS_LIB_TESTLIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Calls of malloc, calloc and realloc made by the code that is linked into the test (not by shared libraries), counted
// since the last t_alloc_reset, by all threads.
void t_alloc_reset(void); // also ends a failure that was asked for
uint64_t t_alloc_count(void);
void t_alloc_fail_at(uint64_t n); // the n-th from now returns NULL, once; 1 is the next
bool t_alloc_failed(void);        // has it, since it was asked for?

// A fresh folder under $TMPDIR (or /tmp) that is removed, with what is in it, when the test exits. Lends for good.
const char *t_dir(void);
const char *t_path(const char *name); // in it; lends until the 8th call from now
void t_write(const char *path, const void *bytes, size_t size);
char *t_read(const char *path, size_t *size_out); // gives malloc'd bytes and a NUL (free); size_out may be NULL

// Bytes for hex digits (spaces and newlines between are skipped); aborts when it is not hex or longer than capacity.
size_t t_unhex(const char *text, uint8_t *out, size_t capacity);
const char *t_hex(const void *bytes, size_t size); // at most 256 bytes; lends until the 4th call from now

// What is written to a descriptor (1, 2) between begin and end. C streams are flushed on both sides.
void t_capture_begin(int fd);
char *t_capture_end(int fd); // gives (free)

// Does fn(arg), in a process of its own with stderr silenced, end by abort()?
bool t_aborts(void (*fn)(void *arg), void *arg);

#endif
